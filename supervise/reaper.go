package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

// Exit is how a process ended.
type Exit struct {
	Code   int            // exit status, -1 when a signal ended it
	Signal syscall.Signal // 0 when it exited by itself
}

// Message says it in words.
func (e Exit) Message() msg.Message {
	if e.Signal != 0 {
		return msg.M("killed by %s", signalName(e.Signal))
	}
	return msg.M("exit status %d", e.Code)
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}

// reaper owns wait4 in this process: it reaps every child, ours and the
// orphans that the kernel hands to PID 1 or a subreaper, and passes each exit
// on to whoever started that process. Nothing else in the process may wait for
// children, so os/exec must not be used beside it.
type reaper struct {
	signals chan os.Signal
	stop    chan struct{}
	done    chan struct{}

	// mu is held from before a fork until the child is registered, and around
	// each wait4. So an exit is never seen before its registration, and a
	// signal is never sent to a pid that was already given back to the kernel.
	mu       sync.Mutex
	children map[int]func(Exit)

	orphaned func(n int) // called after n orphans were reaped
}

func newReaper(orphaned func(n int)) *reaper {
	r := &reaper{
		signals: make(chan os.Signal, 1), // one is enough: each wakes a loop that reaps all
		stop:    make(chan struct{}), done: make(chan struct{}),
		children: map[int]func(Exit){}, orphaned: orphaned,
	}
	signal.Notify(r.signals, syscall.SIGCHLD)
	go r.run()
	return r
}

func (r *reaper) run() {
	defer close(r.done)
	r.reapAll() // what died before we listened
	for {
		select {
		case <-r.signals:
			r.reapAll()
		case <-r.stop:
			return
		}
	}
}

func (r *reaper) close() {
	signal.Stop(r.signals)
	close(r.stop)
	<-r.done
}

// reapAll reaps until no child is left that has exited.
func (r *reaper) reapAll() {
	orphans := 0
	for {
		pid, exit, owner := r.reapOne()
		switch {
		case pid <= 0:
			if orphans > 0 {
				r.orphaned(orphans)
			}
			return
		case owner == nil:
			orphans++
		default:
			// Not here: what follows an exit may start a process, and the
			// other exits must not wait for that.
			go owner(exit)
		}
	}
}

func (r *reaper) reapOne() (pid int, exit Exit, owner func(Exit)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var status syscall.WaitStatus
	for {
		var err error
		pid, err = syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if pid <= 0 {
		return pid, Exit{}, nil
	}
	owner = r.children[pid]
	delete(r.children, pid)
	exit = Exit{Code: status.ExitStatus()}
	if status.Signaled() {
		exit = Exit{Code: -1, Signal: status.Signal()}
	}
	return pid, exit, owner
}

// start forks with fork and registers who is told of the exit. owner is
// called in its own goroutine.
func (r *reaper) start(fork func() (pid int, err error), owner func(pid int, e Exit)) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := fork()
	if err != nil {
		return 0, err
	}
	r.children[pid] = func(e Exit) { owner(pid, e) }
	return pid, nil
}

// signal sends a signal to a child that has not been reaped, or to its whole
// process group.
func (r *reaper) signal(pid int, sig syscall.Signal, group bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ours := r.children[pid]; !ours {
		return syscall.ESRCH
	}
	if group {
		pid = -pid
	}
	return syscall.Kill(pid, sig)
}

// groupAlive reports whether a process group still has members.
func groupAlive(pgid int) bool {
	return !errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH)
}
