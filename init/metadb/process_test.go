package metadb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// childEnv makes the test binary apply the step and end.
const childEnv = "METADB_TEST_CHILD"

// order is what a child is told.
type order struct {
	Host, User, Password, RM, CM, HB string
	Port                             int
	// DieAfter kills the child with SIGKILL after that many statements; below
	// 0 it lives.
	DieAfter int
	// Start is a file that children wait for, so that they start together.
	Start string
	// Pack is a pack directory.
	Pack string
}

func orderFor(c *config.Config) order {
	return order{Host: c.MetaHost, Port: c.MetaPort, User: c.MetaUser, Password: c.MetaPassword.Reveal(),
		RM: c.RMDatabase, CM: c.CMDatabase, HB: c.HeartbeatDatabase, DieAfter: -1}
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
	var mu sync.Mutex
	sent := 0
	die := func(more int) {
		mu.Lock()
		defer mu.Unlock()
		sent += more
		if o.DieAfter >= 0 && sent == o.DieAfter {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	step := &Step{
		Config: &config.Config{MetaHost: o.Host, MetaPort: o.Port, MetaUser: o.User,
			MetaPassword: config.Secret(o.Password),
			RMDatabase:   o.RM, CMDatabase: o.CM, HeartbeatDatabase: o.HB},
		Pack: p, Node: fmt.Sprint("process ", os.Getpid()),
		run: func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
			die(0)
			n, err := runStatement(ctx, conn, text, args...)
			die(1)
			return n, err
		},
		inTurn: o.DieAfter >= 0,
	}
	for o.Start != "" {
		if _, err := os.Stat(o.Start); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	r, err := step.Apply(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("changed=%v sent=%d\n", r.Changed(), sent)
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

// Killed after each statement in turn, and run again, the databases end up as
// after an unbroken run.
func TestKilled(t *testing.T) {
	s := testmaria.Start(t)
	dir := packDir(t, richFiles)
	full := configFor(s, "full")
	whole := orderFor(full)
	whole.Pack = dir
	out, err := command(whole).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var statements int
	if _, err := fmt.Sscanf(string(out), "changed=true sent=%d", &statements); err != nil || statements < 60 {
		t.Fatalf("%v: %q", err, out)
	}
	want := snapshot(t, s, full)
	for n := range statements + 1 {
		t.Run(fmt.Sprint("after ", n), func(t *testing.T) {
			t.Parallel()
			c := configFor(s, fmt.Sprintf("kill%d", n))
			o := orderFor(c)
			o.DieAfter, o.Pack = n, dir
			err := command(o).Run()
			if status, ok := err.(*exec.ExitError); !ok ||
				status.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("%v, want it killed", err)
			}
			r := apply(t, &Step{Config: c, Pack: packWith(t, richFiles), LockTimeout: 10 * time.Second})
			if done := n == statements; r.Changed() == done {
				t.Errorf("the next run changed %+v", r)
			}
			if d := cmp.Diff(want, snapshot(t, s, c)); d != "" {
				t.Error(d)
			}
			s.Exec("DROP DATABASE "+c.RMDatabase, "DROP DATABASE "+c.CMDatabase, "DROP DATABASE "+c.HeartbeatDatabase)
		})
	}
}

// Killed at any moment, also while the server works on a statement, with the
// databases side by side.
func TestKilledAnywhere(t *testing.T) {
	s := testmaria.Start(t)
	full := configFor(s, "full")
	p := packWith(t, richFiles)
	apply(t, &Step{Config: full, Pack: p})
	want := snapshot(t, s, full)
	for n := range 16 {
		c := configFor(s, fmt.Sprintf("any%d", n))
		o := orderFor(c)
		o.Start, o.Pack = t.TempDir()+"/go", packDir(t, richFiles)
		cmd := command(o)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(o.Start, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(n) * 10 * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		apply(t, &Step{Config: c, Pack: p, LockTimeout: 10 * time.Second})
		if d := cmp.Diff(want, snapshot(t, s, c)); d != "" {
			t.Errorf("killed after %d ms:\n%s", n*10, d)
		}
	}
}

// Of nodes that start together one does the work and all succeed.
func TestManyAtOnce(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	o := orderFor(c)
	o.Start = t.TempDir() + "/go"
	type outcome struct {
		text string
		err  error
	}
	const nodes = 16
	outcomes := make(chan outcome, nodes)
	for range nodes {
		go func() {
			out, err := command(o).CombinedOutput()
			outcomes <- outcome{string(out), err}
		}()
	}
	time.Sleep(200 * time.Millisecond)
	if err := os.WriteFile(o.Start, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for range nodes {
		r := <-outcomes
		if r.err != nil {
			t.Errorf("%v: %s", r.err, r.text)
		}
		if strings.HasPrefix(r.text, "changed=true") {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("%d of %d nodes did the work, want 1", changed, nodes)
	}
	alone := configFor(s, "alone")
	apply(t, &Step{Config: alone, Pack: packWith(t, nil)})
	if d := cmp.Diff(snapshot(t, s, alone), snapshot(t, s, c)); d != "" {
		t.Error(d)
	}
}
