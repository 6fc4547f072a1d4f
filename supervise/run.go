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
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

// ErrAlreadyRunning says that another supervisor holds the lock file.
var ErrAlreadyRunning = msg.Errorf("another omsinit run is already there")

// DefaultStopTimeout leaves room below the 10 seconds that docker stop waits.
const DefaultStopTimeout = 8 * time.Second

// Options are what Run needs to know.
type Options struct {
	ConfPath   string // supervisord.conf
	SocketPath string // used when the program file names no control socket
	LockFile   string // locked while Run runs; holds the pid
	LogFile    string // PID 1's own log, JSON lines, mode 0640; "" for none

	Env         []string      // KEY=value, set for every child beside our own environment
	IgnoreUsers bool          // ignore the user option: everything runs as whoever we are
	StopTimeout time.Duration // budget of an ordered stop; 0 is DefaultStopTimeout
	// ExitOnFatal stops everything when an essential program is FATAL, with
	// the exit status of that program, 128 and the signal's number, or 1.
	ExitOnFatal bool

	// Hold keeps the programs that start by themselves, except early ones,
	// waiting until the setup task has succeeded. It is asked whenever such a
	// program would start. Without Setup nothing is held.
	Hold  func() bool
	Setup *Setup // nil for none
	// SetupHint tells a person what to do when the setup task needs one.
	SetupHint msg.Message
	Lang      msg.Lang // of the few lines that PID 1 prints
	Companion *Companion
}

// Run is PID 1: it supervises until it is told to stop by a signal, a client
// or ctx, and then stops everything in order. The exit status is 0 after an
// ordered stop, or see ExitOnFatal. The error is ErrAlreadyRunning, or says why it could not
// start; broken or missing program files are no such reason.
func Run(ctx context.Context, o Options) (exit int, err error) {
	if o.StopTimeout <= 0 {
		o.StopTimeout = DefaultStopTimeout
	}
	unlock, err := lockRun(o.LockFile)
	if err != nil {
		return 1, err
	}
	defer unlock()
	o.SocketPath = SocketPath(o.ConfPath, o.SocketPath, o.Env...)
	log, own := openOwnLog(o.LogFile)
	defer own.close()

	// Notify, and not Ignore, for SIGPIPE: an ignored signal stays ignored in
	// the children, and without either a closed output would end PID 1.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGPIPE)
	defer signal.Stop(signals)
	if os.Getpid() != 1 {
		// Orphans come to us as they would to PID 1.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			log.Warn("cannot become the subreaper, orphans go to PID 1", "error", err)
		}
	}

	keepFilesPrivate()

	s := newSupervisor(o, log)
	s.ownLog = own
	defer s.release()
	server, err := listen(s)
	if err != nil {
		return 1, err
	}
	log.Info("supervisor started", "pid", os.Getpid(), "socket", o.SocketPath, "file", o.ConfPath)
	s.load()
	go server.serve()
	s.openTCP(s.inUse())
	defer s.ownPIDFile()()
	s.autostart(s.all())
	s.accompany()
	if s.setup != nil {
		go s.startSetup()
	}
	s.wait(ctx, signals)
	server.close()
	s.mu.Lock()
	exit = s.exit
	s.mu.Unlock()
	log.Info("supervisor stopped", "exit_status", exit)
	return exit, nil
}

// startSetup starts the setup task once the early programs, which it may need,
// are ready or have failed. Without such programs that is at once.
func (s *Supervisor) startSetup() {
	o := &operation{s: s, verb: verbStart, untilReady: true, emit: func(Event) {}, began: time.Now()}
	for _, p := range s.all() {
		if def := p.definition(); def.Early && def.Autostart {
			o.programs = append(o.programs, p)
		}
	}
	o.each(func(p *managed) { o.awaitStarted(s.ctx, p) })
	if err := o.failed(); err != nil {
		s.log.Error("starting the setup task although an early program is not ready", "error", err)
	}
	s.setup.start()
}

func newSupervisor(o Options, log *slog.Logger) *Supervisor {
	s := &Supervisor{options: o, log: log, logs: newLogFiles(log), startedAt: time.Now(),
		hurry: make(chan struct{}, 1), reaped: make(chan struct{}, 1), processes: map[string]*managed{},
		environ: environMap(append(os.Environ(), o.Env...))}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.reaper = newReaper(s.orphansReaped)
	s.spawner = newSpawner(s.reaper)
	if o.Setup != nil {
		s.setup = &setup{task: *o.Setup, hint: o.SetupHint, lang: o.Lang, log: log, hold: o.Hold,
			spawn: s.spawnSetup, kill: s.kill, after: s.after, since: time.Now(),
			finished: func() { s.autostart(s.neverStarted()) }}
	}
	return s
}

// release gives back what newSupervisor took.
func (s *Supervisor) release() {
	s.cancel()
	s.logs.close()
	s.spawner.close()
	s.reaper.close()
}

// load reads the program files for the first time. PID 1 starts without
// programs when it cannot: people must be able to look inside, and the setup
// task may write the files.
func (s *Supervisor) load() {
	d, err := Load(s.options.ConfPath, s.options.Env...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.definitionsErr = err
		s.log.Error("starting without programs", "error", err)
		return
	}
	s.use(d)
}

// neverStarted are the programs that were held for the setup task and that
// nobody has started or stopped since.
func (s *Supervisor) neverStarted() []*managed {
	return slices.DeleteFunc(s.all(), func(p *managed) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.touched || p.held != nil
	})
}

func (s *Supervisor) spawnSetup(task Setup, quiet bool, exited func(pid int, e Exit)) (int, error) {
	c := childSpec{path: task.Argv[0], argv: task.Argv, env: childEnv(s.environ, environMap(task.Env)), umask: 0o022,
		files: [3]*os.File{nil, task.Stdout, task.Stderr}}
	if quiet {
		c.files = [3]*os.File{}
	}
	pid, err := s.spawner.start(c, exited)
	if err != nil {
		return 0, msg.Errorf("cannot run %s: %w", task.Argv[0], err)
	}
	return pid, nil
}

// lockRun takes the lock file and writes our pid into it.
func lockRun(path string) (unlock func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, msg.Errorf("cannot create the folder of the lock file: %w", err)
	}
	lock := flock.New(path, flock.SetPermissions(0o644))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, msg.Errorf("cannot lock %s: %w", path, err)
	}
	if !ok {
		holder, _ := os.ReadFile(path)
		return nil, msg.Errorf("pid %s holds %s: %w", strings.TrimSpace(string(holder)), path, ErrAlreadyRunning)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644); err != nil {
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
