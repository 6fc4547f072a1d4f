package supervise

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A grandchild keeps the output open: the program still ends, restarts and
// stops, and what the grandchild says is still logged.
func TestGrandchildHoldsTheOutput(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=%(here)s/start\nstartsecs=0\n")
	h.write("start", "#!/bin/sh\nsetsid sh -c 'sleep 0.5; echo late; exec sleep 1000' &\necho parent\nexec sleep 1000\n")
	h.start()
	h.until("the parent speaks", func() bool { return strings.Contains(h.Read("p-stdout.log"), "parent") })
	syscall.Kill(h.program("p").PID, syscall.SIGKILL)
	h.until("it was restarted", func() bool { p := h.program("p"); return p.Starts == 2 && p.State == "RUNNING" })
	if err := h.restart("p"); err != nil {
		t.Fatal(err)
	}
	h.until("the grandchild speaks", func() bool { return strings.Contains(h.Read("p-stdout.log"), "late") })
	began := time.Now()
	if code := h.Stop(syscall.SIGTERM); code != 0 || time.Since(began) > 60*time.Second {
		t.Errorf("exit status %d after %v", code, time.Since(began))
	}
}

func TestLogsAreReopened(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=/bin/sh -c 'while :; do echo line; sleep 0.05; done'\nstartsecs=0\n").start()
	h.until("it speaks", func() bool { return h.Read("p-stdout.log") != "" })
	os.Rename(h.path("p-stdout.log"), h.path("moved"))
	os.Rename(h.path("omsinit.log"), h.path("moved.own"))
	h.cmd.Process.Signal(syscall.SIGUSR2)
	h.until("there is a new file", func() bool { return h.Read("p-stdout.log") != "" })
	if h.program("p").State == "RUNNING" {
		h.restart("p")
	}
	h.until("there is a new log of PID 1", func() bool { return strings.Contains(h.Read("omsinit.log"), "program started") })
}
