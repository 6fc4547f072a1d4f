package supervise

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// withoutPtrace is what Docker's default capabilities lack.
var withoutPtrace = []string{"setpriv", "--bounding-set", "-sys_ptrace"}

// newAgent makes a house with a program as OMS's agent is one: of another user, a bash that does not exec, and its
// child that listens; the stop signal is SIGQUIT, which a bash ignores, and goes to the bash alone.
func newAgent(t *testing.T, port int, more string) *house {
	t.Helper()
	h := newHouse(t, fmt.Sprintf(`
[program:agent]
command=/bin/bash %%(here)s/service.sh
user=nobody
startsecs=0
stopsignal=QUIT
stopwaitsecs=1
[omsinit:agent]
ready_tcp=127.0.0.1:%d
ready_timeout=10
`, port)+more)
	if err := os.Chmod(h.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	h.write("server.py", fmt.Sprintf(`
import os, socket, subprocess, time
if not os.path.exists(%[1]q):
    work = subprocess.Popen(["sleep", "1000"])
    open(%[1]q, "w").write(str(work.pid))
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", %[2]d))
s.listen()
while True:
    s.accept()[0].close()
`, h.path("work"), port))
	h.write("service.sh", "/usr/bin/python3 "+h.path("server.py")+"\ntrue\n")
	h.under = withoutPtrace
	return h
}

// A restart of the agent, with Docker's default capabilities: the old listener is gone, the new one proves readiness,
// and what the old one had started goes on, as under Supervisor.
func TestRestartOfAScriptThatDoesNotExec(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	h := newAgent(t, port, "").start()
	h.until("it is ready", func() bool { return h.program("agent").Ready })
	var work int
	fmt.Sscan(h.read("work"), &work)
	t.Cleanup(func() { _ = syscall.Kill(work, syscall.SIGKILL) })
	for range 2 {
		before := h.program("agent").PID
		var events []api.Event
		began := time.Now()
		err := h.client.Restart(background, []string{"agent"}, client.OperationOptions{},
			func(e api.Event) { events = append(events, e) })
		if err != nil {
			t.Fatal(err)
		}
		if p := h.program("agent"); !p.Ready || p.PID == before || time.Since(began) < time.Second {
			t.Errorf("after %v: %+v", time.Since(began), p)
		}
		reasons := ""
		for _, e := range events {
			if e.State == api.Stopping.String() {
				reasons += e.Reason.English + "\n"
			}
		}
		if !strings.Contains(reasons, "ignores SIGQUIT") || !strings.Contains(reasons, "killed") {
			t.Errorf("the stop does not say why it takes long: %q", reasons)
		}
	}
	if err := h.client.Stop(background, []string{"agent"}, client.OperationOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	h.until("the listener has ended", func() bool { // it was killed, which may take its time
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if work == 0 || syscall.Kill(work, 0) != nil {
		t.Error("what the agent had started was ended with it")
	}
}

// A script that does exec is the agent itself: what that had started goes on.
func TestRestartOfAScriptThatExecs(t *testing.T) {
	t.Parallel()
	h := newAgent(t, freePort(t), "")
	h.write("service.sh", "exec /usr/bin/python3 "+h.path("server.py")+"\n")
	h.start()
	h.until("it is ready", func() bool { return h.program("agent").Ready })
	if err := h.restart("agent"); err != nil {
		t.Fatal(err)
	}
	var work int
	if fmt.Sscan(h.read("work"), &work); work == 0 || syscall.Kill(work, 0) != nil {
		t.Error("what the agent had started was ended with it")
	}
	_ = syscall.Kill(work, syscall.SIGKILL)
}

// A restart after the script alone was killed.
func TestCrashOfAScriptThatDoesNotExec(t *testing.T) {
	t.Parallel()
	h := newAgent(t, freePort(t), "").start()
	h.until("it is ready", func() bool { return h.program("agent").Ready })
	before := h.program("agent").PID
	_ = syscall.Kill(before, syscall.SIGKILL)
	h.until("its successor is ready", func() bool { p := h.program("agent"); return p.Ready && p.PID != before })
	h.stop(syscall.SIGTERM)
}

// A stranger of another user that answers proves nothing, and is named.
func TestStrangersProveNothing(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	stranger := exec.Command("/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", fmt.Sprint(port))
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1, Gid: 1}}
	stranger.Dir = "/"
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	})
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	h := newAgent(t, port, fmt.Sprintf(`
[program:proxied]
command=sleep 1000
startsecs=0
[omsinit:proxied]
ready_tcp=127.0.0.1:%d
ready_any_process=true
`, port)).start()
	h.until("whoever answers is good enough", func() bool { return h.program("proxied").Ready })
	h.write("service.sh", "sleep 1000\ntrue\n")
	err := h.client.Restart(background, []string{"agent"}, client.OperationOptions{Timeout: 5 * time.Second}, nil)
	if err == nil {
		t.Error("it counts as ready")
	}
	h.until("the stranger is named", func() bool {
		return strings.Contains(h.program("agent").ProbeAnswer.English,
			fmt.Sprintf("answered by process %d", stranger.Process.Pid))
	})
}

// A daemon leaves the session of its script. It counts, but not for the run after its own.
func TestDaemonProvesItsOwnRun(t *testing.T) {
	t.Parallel()
	h := newAgent(t, freePort(t), "")
	h.write("service.sh", "[ -e "+h.path("work")+" ] || setsid /usr/bin/python3 "+h.path("server.py")+
		" & exec sleep 1000\n")
	h.start()
	h.until("it is ready", func() bool { return h.program("agent").Ready })
	err := h.client.Restart(background, []string{"agent"}, client.OperationOptions{Timeout: 5 * time.Second}, nil)
	if err == nil {
		t.Error("it counts as ready")
	}
	h.until("the daemon of the run before is told apart", func() bool {
		return strings.Contains(h.program("agent").ProbeAnswer.English, "does not belong to the program")
	})
	h.stop(syscall.SIGTERM) // which ends the daemon
}
