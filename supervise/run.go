// Package supervise is PID 1 of the container and the client of its control
// socket. It starts, watches, restarts and stops the programs that
// supervisord.conf and its includes define, reaps every orphan, and runs one
// setup task. It knows nothing of what the programs are.
//
// States, options, defaults and the XML-RPC interface are those of Supervisor
// 4.2, so that its documentation and its supervisorctl keep working. Beyond
// Supervisor, programs wait for the readiness of those they depend on.
//
// The process that calls Run must not start children in any other way, os/exec
// included: the reaper waits for all of them.
package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/control"
	"omsinit/supervise/engine"
	"omsinit/supervise/logs"
	"omsinit/supervise/page"
	"omsinit/supervise/program"
)

// ErrAlreadyRunning is returned when another supervisor holds the lock file.
var ErrAlreadyRunning = msg.Errorf("another omsinit run is already there")

// predecessorTime is how long the predecessor may take to be gone.
const predecessorTime = 2 * time.Second

// Run is PID 1: it supervises until it is told to stop by a signal, a client
// or ctx, and then stops everything in order. The exit status is 0 after an
// ordered stop, or see ExitOnFatal. The error is ErrAlreadyRunning, or says why it could not
// start; broken or missing program files are no such reason.
// A page is shown where there is one.
func Run(ctx context.Context, o engine.Options, shown *page.Options) (exit int, err error) {
	if o.StopTimeout <= 0 {
		o.StopTimeout = engine.DefaultStopTimeout
	}
	unlock, err := lockRun(o.LockFile)
	if err != nil {
		return 1, err
	}
	defer unlock()
	go reserveDescriptors() // it waits, and we need not
	reserveThreads(spareThreads())
	o.SocketPath = cmp.Or(program.ReadAddresses(o.ConfPath, o.Env...).Socket, o.SocketPath)
	log, own := logs.OpenOwnLog(o.LogFile)
	defer own.Close()

	// Notify, and not Ignore, for SIGPIPE: an ignored signal stays ignored in
	// the children, and without either a closed output would end PID 1.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR2,
		syscall.SIGPIPE)
	defer signal.Stop(signals)
	if os.Getpid() != 1 {
		// Orphans come to us as they would to PID 1.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			log.Warn("cannot become the subreaper, orphans go to PID 1", "error", err)
		}
	}

	keepFilesPrivate()

	s := engine.New(o, log, own)
	defer s.Release()
	server, err := control.Listen(s)
	if err != nil {
		return 1, err
	}
	log.Info("supervisor started", "pid", os.Getpid(), "socket", o.SocketPath, "file", o.ConfPath)
	s.Load()
	server.Serve()
	defer s.OwnPIDFile()()
	if shown != nil {
		with := *shown
		with.Hint, with.Lang, with.Status, with.Warn, with.Log = o.SetupHint, o.Lang, s.Status, s.Warn, log
		p := page.Open(s.Lifetime(), with)
		defer p.Close()
		s.Give(p)
	}
	s.Autostart(s.All())
	s.Accompany()
	s.StartSetup()
	s.Wait(ctx, signals)
	server.Close()
	exit = s.ExitStatus()
	log.Info("supervisor stopped", "exit_status", exit)
	return exit, nil
}

// lockRun takes the lock file and writes our pid into it.
func lockRun(path string) (unlock func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		err = finding.ExplainShortage(err)
		switch {
		case errors.Is(err, unix.EROFS):
			err = msg.Errorf("%w; start the container without --read-only", err)
		case errors.Is(err, fs.ErrPermission):
			err = msg.Errorf("%w; start the container without --user: omsinit run is root", err)
		}
		return nil, msg.Errorf("cannot create the folder of the lock file: %w", err)
	}
	lock := flock.New(path, flock.SetPermissions(0o644))
	// A predecessor that was killed keeps it until the kernel has done away with it.
	ctx, cancel := context.WithTimeout(context.Background(), predecessorTime)
	defer cancel()
	ok, err := lock.TryLockContext(ctx, 20*time.Millisecond)
	if err != nil && ctx.Err() == nil {
		return nil, msg.Errorf("cannot lock %s: %w", path, finding.ExplainShortage(err))
	}
	if !ok {
		holder, _ := os.ReadFile(path)
		return nil, msg.Errorf("pid %s holds %s: %w", strings.TrimSpace(string(holder)), path, ErrAlreadyRunning)
	}
	// On a full disk the number, which people read, is left out, and the lock is ours all the same.
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644); err != nil && !finding.IsShortage(err) {
		lock.Unlock()
		return nil, msg.Errorf("cannot write the lock file: %w", err)
	}
	return func() { lock.Unlock() }, nil
}

// keepFilesPrivate makes sure that files which whoever started us left open
// do not reach the programs. Ours never do.
func keepFilesPrivate() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// ParseStopTimeout reads how long the programs together have to stop: a duration, or a number of seconds; "" is 0. The
// error names the variable that the text is from.
func ParseStopTimeout(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	timeout, err := time.ParseDuration(text)
	if seconds, number := strconv.ParseFloat(text, 64); number == nil {
		timeout, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || timeout < 100*time.Millisecond || timeout > time.Hour {
		return 0, msg.Errorf("OMSINIT_STOP_TIMEOUT is %q; give a time from 100ms to 1h such as 8s", text)
	}
	return timeout, nil
}
