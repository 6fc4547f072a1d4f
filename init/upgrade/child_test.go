package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// childEnv makes the test binary upgrade and end.
const childEnv = "UPGRADE_TEST_CHILD"

// order is what a child is told.
type order struct {
	Host, User, Password, RM, CM, HB, Pack, Root, Node string
	Port                                               int
	DieAt, FailAt                                      string // points of stages
	// a file that children wait for, so that they start together
	Start    string
	RollBack bool
}

func orderFor(c *config.Config, pack, root, node string) order {
	return order{Host: c.MetaHost, Port: c.MetaPort, User: c.MetaUser, Password: c.MetaPassword.Reveal(),
		RM: c.RMDatabase, CM: c.CMDatabase, HB: c.HeartbeatDatabase, Pack: pack, Root: root, Node: node}
}

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
	}
	goleak.VerifyTestMain(m)
}

func child() {
	var o order
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &o); err != nil {
		panic(err)
	}
	p, err := pack.Open(o.Pack)
	if err != nil {
		panic(err)
	}
	u := upgradeIn(o.Root, &config.Config{MetaHost: o.Host, MetaPort: o.Port, MetaUser: o.User,
		MetaPassword: config.Secret(o.Password),
		RMDatabase:   o.RM, CMDatabase: o.CM, HeartbeatDatabase: o.HB, CMLocation: 1, CMNodes: []string{"10.0.0.1"}}, p,
		o.Node)
	u.Log = func(m msg.Message) { fmt.Println(m) }
	u.fault = func(at string) error {
		if at == o.DieAt {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		if at == o.FailAt {
			return errors.New("an error of the test")
		}
		return nil
	}
	for o.Start != "" && !exists(o.Start) {
		time.Sleep(time.Millisecond)
	}
	due := false
	if o.RollBack {
		_, err = u.RollBack(context.Background(), Rollback{})
	} else {
		due, err = drive(context.Background(), u)
	}
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("due:", due)
	os.Exit(0)
}

func command(o order) *exec.Cmd {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	return cmd
}

func killed(err error) bool {
	var status *exec.ExitError
	return errors.As(err, &status) && status.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}
