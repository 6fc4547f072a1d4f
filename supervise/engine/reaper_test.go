package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"omsinit/supervise/api"
)

// reapForTest starts 1,000 children and 10,000 orphans at the same time, and
// fails when an exit status is lost or mixed up, or a child is left.
func reapForTest() error {
	const children, orphans, parents = 1000, 10000, 20
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	var reaped atomic.Int64
	r := newReaper(func(n int) { reaped.Add(int64(n)) })
	s := newSpawner(r)
	defer r.Close()
	defer s.Close()
	var mu sync.Mutex
	got := map[int]int{} // child -> exit status
	var all sync.WaitGroup
	start := func(child int, argv ...string) error {
		all.Add(1)
		_, err := s.start(childSpec{path: argv[0], argv: argv, umask: 0o22}, func(_ int, e api.Exit) {
			mu.Lock()
			if _, twice := got[child]; twice {
				e.Code = -2
			}
			got[child] = e.Code
			mu.Unlock()
			all.Done()
		})
		return err
	}
	leave := fmt.Sprintf("import os, time\nfor i in range(%d):\n if os.fork() == 0:\n  time.sleep(0.001 * (i %% 100)); os._exit(9)\nos._exit(250)", orphans/parents)
	for i := range children {
		// Some end before their start has returned, some later.
		if err := start(i, "/bin/sh", "-c", fmt.Sprintf("[ $(( %d %% 2 )) = 0 ] || sleep 0.1; exit %d", i,
			i%250)); err != nil {
			return err
		}
		if i%(children/parents) == 0 {
			if err := start(children+i, "/usr/bin/python3", "-c", leave); err != nil {
				return err
			}
		}
	}
	all.Wait()
	for child, code := range got {
		if want := child % 250; child < children && code != want || child >= children && code != 250 {
			return fmt.Errorf("child %d ended with status %d", child, code)
		}
	}
	if len(got) != children+parents {
		return fmt.Errorf("%d exits were seen", len(got))
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := childrenIncludingZombies()
		if len(left) == 0 && reaped.Load() == orphans {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d orphans were reaped; %d children are left: %v", reaped.Load(), len(left), left)
		}
	}
}

func childrenIncludingZombies() (pids []string) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		data, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		if len(fields) > 1 && fields[1] == fmt.Sprint(os.Getpid()) {
			pids = append(pids, e.Name())
		}
	}
	return pids
}

func TestReaperLosesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		pid1 bool
	}{{"as a subreaper", false}, {"as PID 1", true}} {
		t.Run(test.name, func(t *testing.T) {
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe)
			if test.pid1 {
				cmd = asPID1(exe)
			}
			cmd.Env = append(os.Environ(), reaperVariable+"=1")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestSignalsGoToOurOwnChildrenOnly(t *testing.T) {
	r := &reaper{children: map[int]func(api.Exit){}}
	if err := r.Signal(os.Getpid(), 0, false); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("a process that is not a child: %v", err)
	}
}

// asPID1 runs a command as the first process of a PID namespace with its own
// /proc, also for an ordinary user.
func asPID1(exe string) *exec.Cmd {
	args := []string{"--pid", "--fork", "--mount-proc", "--kill-child", exe}
	if os.Getuid() != 0 {
		args = append([]string{"--user", "--map-root-user"}, args...)
	}
	return exec.Command("unshare", args...)
}
