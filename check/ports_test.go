package check

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"omsinit/internal/layout"
)

// listenVariable is set in the process that TestPortsWithoutPtrace starts: the port to check, and the process that is a
// component of the node.
const listenVariable = "CHECK_TEST_PORT"

// TestPortsWithoutPtrace: with Docker's default capabilities, a component of another user is known to hold its own
// port, and a stranger of another user is named.
func TestPortsWithoutPtrace(t *testing.T) {
	if given := os.Getenv(listenVariable); given != "" {
		var port, pid int
		if _, err := fmt.Sscan(given, &port, &pid); err != nil {
			t.Fatal(err)
		}
		cfg := load(t, valid+"cm_server_port: "+strconv.Itoa(port)+"\n")
		in := Input{Layout: layout.New(t.TempDir()),
			OwnPrograms: func(context.Context) map[string]int { return map[string]int{"oms_drc_cm": pid} }}
		for _, f := range outcome(t, in, cfg, portsFree).Findings {
			fmt.Printf("found %s: %s\n", f.ID, f.Message)
		}
		return
	}
	component, own := listenAsNobody(t)
	_, foreign := listenAsNobody(t)
	for _, tc := range []struct {
		port int
		want string // "" for nothing
	}{
		{own, ""}, {foreign, "(python3)"},
	} {
		cmd := exec.Command("setpriv", "--bounding-set", "-sys_ptrace", os.Args[0], "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d", listenVariable, tc.port, component))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		about := ""
		for line := range bytes.Lines(out) {
			if bytes.HasPrefix(line, []byte("found ")) && bytes.Contains(line, fmt.Appendf(nil, "port %d ", tc.port)) {
				about += string(line)
			}
		}
		if (about == "") != (tc.want == "") || !strings.Contains(about, tc.want) {
			t.Errorf("port %d: found %q, want %q\n%s", tc.port, about, tc.want, out)
		}
	}
}

// listenAsNobody starts a process of another user: a script, as of a component, and its child that listens.
func listenAsNobody(t *testing.T) (pid, port int) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `/usr/bin/python3 -c '
import socket, sys
s = socket.socket(); s.bind(("", 0)); s.listen()
print(s.getsockname()[1], flush=True)
sys.stdin.read()'; true`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	if _, err := fmt.Fscan(stdout, &port); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, port
}
