package engine

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"omsinit/supervise/api"
	"omsinit/supervise/operation"
)

const (
	// setupGrace is how long the setup task may take to end before the
	// programs it works with are stopped.
	setupGrace = 2 * time.Second
	// killGrace is how long to wait for what was killed to disappear.
	killGrace = 2 * time.Second
)

// oneSignal is how long a signal may come again and still be the same one:
// timeout(1) and some terminals send it to the process and to its group.
const oneSignal = 200 * time.Millisecond

// Wait handles signals until the supervisor is told to stop, and stops
// everything. A second signal hurries.
func (s *Supervisor) Wait(ctx context.Context, signals <-chan os.Signal) {
	stopped := make(chan struct{})
	stopping := false
	var since time.Time
	begin := func(why string) {
		if stopping {
			if time.Since(since) > oneSignal {
				s.hurryUp()
			}
			return
		}
		stopping, since = true, time.Now()
		s.log.Info("stopping", "reason", why)
		if s.options.OnStop != nil {
			go s.options.OnStop() // a terminal that takes nothing (Ctrl-S) holds nobody up
		}
		go func() {
			defer close(stopped)
			s.shutdown()
		}()
	}
	callerEnded, asked := ctx.Done(), s.ctx.Done()
	for {
		select {
		case sig := <-signals:
			switch sig {
			case syscall.SIGHUP:
				go func() {
					if _, err := s.Reload(s.ctx); err != nil {
						s.log.Error("cannot update the programs", "error", err)
					}
				}()
			case syscall.SIGUSR2:
				s.logs.Reopen()
				s.ownLog.Reopen()
			case syscall.SIGPIPE:
			default:
				begin(sig.String())
			}
		case <-callerEnded:
			callerEnded = nil
			begin("the caller ended")
		case <-asked:
			asked = nil
			if !stopping {
				begin("a client asked")
			}
		case <-stopped:
			return
		}
	}
}

func (s *Supervisor) hurryUp() {
	select {
	case s.hurry <- struct{}{}:
	default:
	}
}

// shutdown stops everything in order, and kills what is left when the budget
// is spent.
func (s *Supervisor) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), s.options.StopTimeout)
	defer cancel()
	go func() {
		select {
		case <-s.hurry:
			cancel()
		case <-ctx.Done():
		}
	}()
	s.mu.Lock()
	s.closing = true // nothing is started any more
	s.mu.Unlock()
	s.cancel()
	s.stopSetup(ctx)
	o := s.Quietly(api.Stop, s.All()...)
	_ = o.Stop(ctx) // what is left is killed
	if ctx.Err() != nil {
		s.log.Warn("not everything stopped in time, killing the rest")
		s.killPrograms(o)
	}
	s.killLeft()
}

func (s *Supervisor) stopSetup(ctx context.Context) {
	if s.setup == nil {
		return
	}
	timer := time.NewTimer(min(setupGrace, s.options.StopTimeout/4))
	defer timer.Stop()
	gone := s.setup.stop(syscall.SIGTERM)
	select {
	case <-gone:
	case <-timer.C:
		s.setup.stop(syscall.SIGKILL)
	case <-ctx.Done():
		s.setup.stop(syscall.SIGKILL)
	}
}

func (s *Supervisor) killPrograms(o *operation.Operation) {
	ctx, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	o.Each(func(p operation.Program) {
		_ = p.Stop(ctx, false)
		p.(*Process).kill()
		o.AwaitDown(ctx, p)
	})
}

// killLeft ends what no program owns any more: as PID 1 everything, else the
// orphans that came to us.
func (s *Supervisor) killLeft() {
	if os.Getpid() == 1 {
		_ = syscall.Kill(-1, syscall.SIGKILL)
		return
	}
	deadline := time.Now().Add(killGrace)
	for hasChildren() && time.Now().Before(deadline) {
		children := childrenOf(os.Getpid())
		if len(children) == 0 {
			return
		}
		for _, pid := range children {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		// Their own children come to us next, with a SIGCHLD for each.
		select {
		case <-s.reaped:
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// hasChildren reports whether any child is left, a zombie included: most often there is none, and no need to look
// through all processes.
func hasChildren() bool {
	return !errors.Is(unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil), unix.ECHILD)
}

// childrenOf returns the children of a process, without zombies: every one of them, unlike listener.Children.
func childrenOf(parent int) (children []int) {
	all, _ := procfs.AllProcs() // none without /proc
	for _, p := range all {
		if stat, err := p.Stat(); err == nil && stat.PPID == parent && stat.State != "Z" {
			children = append(children, p.PID)
		}
	}
	return children
}
