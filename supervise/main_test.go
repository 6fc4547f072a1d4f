package supervise

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/engine"
	"omsinit/testdata/testtidy"
)

// The supervisor owns wait4, so it runs in a process of its own: the test
// binary again, with this variable naming its options.
const roleVariable = "SUPERVISE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(testtidy.Run(m))
	case "run":
		os.Unsetenv(roleVariable)
		os.Exit(runForTest())
	}
	fmt.Fprintln(os.Stderr, "unknown test role")
	os.Exit(2)
}

// testRun is what a test passes to the supervisor's process.
type testRun struct {
	Conf, Socket, Lock, Log string
	StopTimeout             time.Duration
	ExitOnFatal             bool
	SetupArgv               []string
	ReadyLine               string
	Hold                    string // programs are held while this file exists
}

func runForTest() int {
	var r testRun
	if err := json.Unmarshal([]byte(os.Getenv("SUPERVISE_TEST_RUN")), &r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	o := engine.Options{ConfPath: r.Conf, SocketPath: r.Socket, LockFile: r.Lock, LogFile: r.Log,
		StopTimeout: r.StopTimeout, ExitOnFatal: r.ExitOnFatal,
		Lang: msg.English, SetupHint: msg.M("%s", "run the setup by hand")}
	if len(r.SetupArgv) > 0 {
		o.Setup = &engine.Setup{Argv: r.SetupArgv, Stdout: os.Stdout, Stderr: os.Stderr, ReadyLine: r.ReadyLine}
		o.Hold = func() bool { _, err := os.Stat(r.Hold); return r.Hold != "" && err == nil }
	}
	exit, err := Run(context.Background(), o, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return exit
}
