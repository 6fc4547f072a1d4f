package supervise

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// stranger is a user whom nobody else in a test run is, so that a limit on its processes is the test's own.
const stranger = 54017

// asStranger lets the supervisor run as a user whom a limit on processes binds: root is exempt from it. The test binary
// is where only root can look for it, so it is handed over open.
func (h *house) asStranger() *house {
	if os.Getuid() == 0 {
		if err := os.Chown(h.dir, stranger, stranger); err != nil {
			h.t.Fatal(err)
		}
	}
	h.stranger = true
	return h
}

// room sets how much of a resource the supervisor may have from now on, in the words of prlimit(1).
func (h *house) room(what string, most int) {
	h.t.Helper()
	cmd := exec.Command("prlimit", "--pid", strconv.Itoa(h.cmd.Process.Pid), fmt.Sprintf("--%s=%d:", what, most))
	cmd.SysProcAttr = h.command().SysProcAttr // it must be the same user
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// TestNoProcessLeft: not one process or thread can be made any more, and clients keep coming. Everything is answered,
// what cannot start waits, and starts when there is room again.
func TestNoProcessLeft(t *testing.T) {
	h := newHouse(t, "[program:steady]\ncommand=sleep 1000\nstartsecs=0\n[program:falls]\ncommand=sleep 1000\nstartsecs=0\nstartretries=1\n").
		asStranger().start()
	h.awaitState("steady", api.Running)
	falls := h.awaitState("falls", api.Running)
	h.room("nproc", 1)
	if err := syscall.Kill(falls.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	soak, err := time.ParseDuration(cmp.Or(os.Getenv("OMSINIT_SOAK"), "1s")) // make soak: an hour
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(soak)
	for range 100 {
		clients.Go(func() {
			c := client.Dial(h.path("s.sock"))
			for time.Now().Before(until) {
				_, _ = c.Status(context.Background()) // it may be told that there are too many
			}
		})
	}
	clients.Wait()
	p := h.awaitState("falls", api.Backoff) // startretries are for programs that fail
	if !strings.Contains(p.Reason.English, "processes") {
		t.Errorf("the status does not say what is missing: %s", p.Reason.English)
	}
	h.room("nproc", 4096)
	h.awaitState("falls", api.Running)
	if steady := h.program("steady"); steady.Starts != 1 {
		t.Errorf("steady was started %d times", steady.Starts)
	}
	if status := h.stop(syscall.SIGTERM); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestFullDiskAtStart: who starts on a full disk has the lock, though its number cannot be written down.
func TestFullDiskAtStart(t *testing.T) {
	const full = "/dev/full"
	unlock, err := lockRun(full)
	if err != nil {
		t.Fatal(err)
	}
	other := flock.New(full)
	if locked, err := other.TryLock(); locked || err != nil {
		t.Errorf("another one has the lock: %t, %v", locked, err)
	}
	unlock()
	if locked, err := other.TryLock(); !locked || err != nil {
		t.Errorf("the lock was not given back: %t, %v", locked, err)
	}
	if err := other.Unlock(); err != nil {
		t.Error(err)
	}
}

// The kernel, out of memory, ends programs before their supervisor, also those that are smaller.
func TestProgramsAreEndedFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=/bin/sleep 1000\nstartsecs=0\n").start()
	score := func(pid int) (n int) {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Sscan(string(data), &n)
		return n
	}
	own := score(h.status().PID)
	h.until("the program runs", func() bool { return h.program("p").PID != 0 })
	if program := score(h.program("p").PID); program <= own {
		t.Errorf("the program has %d, its supervisor %d", program, own)
	}
}
