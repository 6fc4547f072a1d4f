package supervise

import (
	"fmt"
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
	h.write("start",
		"#!/bin/sh\nsetsid sh -c 'sleep 0.5; echo late; exec sleep 1000' &\necho parent\nexec sleep 1000\n")
	h.start()
	h.until("the parent speaks", func() bool { return strings.Contains(h.read("p-stdout.log"), "parent") })
	syscall.Kill(h.program("p").PID, syscall.SIGKILL)
	h.until("it was restarted", func() bool { p := h.program("p"); return p.Starts == 2 && p.State == "RUNNING" })
	if err := h.restart("p"); err != nil {
		t.Fatal(err)
	}
	h.until("the grandchild speaks", func() bool { return strings.Contains(h.read("p-stdout.log"), "late") })
	began := time.Now()
	if code := h.stop(syscall.SIGTERM); code != 0 || time.Since(began) > 60*time.Second {
		t.Errorf("exit status %d after %v", code, time.Since(began))
	}
}

// Whoever runs or is ready has log files, and so has who ended at once; none said anything.
func TestSilentProgramsHaveLogFiles(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:runs]\ncommand=/bin/sleep 1000\nstartsecs=1\n"+
		"[program:ready]\ncommand=/bin/sleep 1000\nstartsecs=1000\n[omsinit:ready]\nready_command=/bin/true\n"+
		"[program:ends]\ncommand=/bin/true\nstartsecs=0\nautorestart=false\n").start()
	for _, name := range []string{"runs-stdout.log", "runs-stderr.log", "ready-stdout.log", "ready-stderr.log",
		"ends-stdout.log", "ends-stderr.log"} {
		h.until(name+" is there", func() bool { _, err := os.Stat(h.path(name)); return err == nil })
	}
}

func TestLogsAreReopened(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=/bin/sh -c 'while :; do echo line; sleep 0.05; done'\nstartsecs=0\n").start()
	h.until("it speaks", func() bool { return h.read("p-stdout.log") != "" })
	os.Rename(h.path("p-stdout.log"), h.path("moved"))
	os.Rename(h.path("omsinit.log"), h.path("moved.own"))
	h.cmd.Process.Signal(syscall.SIGUSR2)
	h.until("there is a new file", func() bool { return h.read("p-stdout.log") != "" })
	if h.program("p").State == "RUNNING" {
		h.restart("p")
	}
	h.until("there is a new log of PID 1",
		func() bool { return strings.Contains(h.read("omsinit.log"), "program started") })
}

// A log path that changes takes its files and pipes with it: PID 1 has as many open files after each update as before.
func TestUpdatesLeakNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[include]\nfiles=%(here)s/p.ini\n")
	define := func(n int) {
		h.write("p.ini", fmt.Sprintf("[program:p]\ncommand=/bin/sh -c 'echo line %d; exec sleep 1000'\nstartsecs=0\n"+
			"stdout_logfile=%%(here)s/out%d.log\nstderr_logfile=%%(here)s/err%d.log\n", n, n, n))
	}
	define(0)
	h.start()
	open := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.status().PID))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	update := func(n int) {
		define(n)
		if _, err := h.client.Update(background); err != nil {
			t.Fatal(err)
		}
		h.until("it writes to the new file",
			func() bool { return strings.Contains(h.read(fmt.Sprintf("out%d.log", n)), "line") })
	}
	update(1)
	h.until("the first files are closed", func() bool { return open() > 0 })
	before := open()
	for n := range 5 {
		update(2 + n)
	}
	h.until(fmt.Sprintf("no more than %d files are open", before), func() bool { return open() <= before })
	if text := h.read("out1.log"); text != "line 1\n" {
		t.Errorf("the log of before an update is %q", text)
	}
}
