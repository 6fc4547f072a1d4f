package engine

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"omsinit/supervise/api"
)

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
	children map[int]func(api.Exit)

	oomKills oomKills
	exits    chan struct{} // has a token for each exit that is being handled
	orphaned func(n int)   // called after n orphans were reaped
}

func newReaper(orphaned func(n int)) *reaper {
	r := &reaper{
		signals: make(chan os.Signal, 1), // one is enough: each wakes a loop that reaps all
		stop:    make(chan struct{}), done: make(chan struct{}),
		children: map[int]func(api.Exit){}, orphaned: orphaned, exits: make(chan struct{}, api.MostExits),
	}
	r.oomKills = oomKills{root: "/"}
	r.oomKills.just()
	r.oomKills.at = time.Time{} // what was before us
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

func (r *reaper) Close() {
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
			go func() {
				r.exits <- struct{}{}
				defer func() { <-r.exits }()
				owner(exit)
			}()
		}
	}
}

func (r *reaper) reapOne() (pid int, exit api.Exit, owner func(api.Exit)) {
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
		return pid, api.Exit{}, nil
	}
	owner = r.children[pid]
	delete(r.children, pid)
	exit = api.Exit{Code: status.ExitStatus()}
	if status.Signaled() {
		exit = api.Exit{Code: -1, Signal: status.Signal()}
		exit.OutOfMemory = status.Signal() == syscall.SIGKILL && r.oomKills.just()
	}
	return pid, exit, owner
}

// start forks with fork and registers who is told of the exit. owner is
// called in its own goroutine.
func (r *reaper) start(fork func() (pid int, err error), owner func(pid int, e api.Exit)) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := fork()
	if err != nil {
		return 0, err
	}
	r.children[pid] = func(e api.Exit) { owner(pid, e) }
	return pid, nil
}

// Signal sends a signal to a child that has not been reaped, or to its whole
// process group.
func (r *reaper) Signal(pid int, sig syscall.Signal, group bool) error {
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
