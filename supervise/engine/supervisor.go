// Package engine starts, watches and stops programs: a state machine for each, operations on several in the order of
// their dependencies, the reaper, and the setup task.
package engine

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/logs"
	"omsinit/supervise/program"
)

// Supervisor starts and watches the programs. Run makes one; everything else
// reaches it over its control socket.
type Supervisor struct {
	options   Options
	log       *slog.Logger
	reaper    *reaper
	spawner   *spawner
	logs      *logs.Files
	setup     *setup // nil without a setup task
	startedAt time.Time
	ctx       context.Context // ends when everything is to stop
	cancel    context.CancelFunc
	hurry     chan struct{} // asks the shutdown not to wait any longer
	reaped    chan struct{} // holds a token when orphans were reaped
	quiet     *time.Timer   // calls becameQuiet
	restless  atomic.Bool   // it is going to
	collect   func()        // see collectLater

	inputs inputs
	ownLog *logs.OwnLog

	update sync.Mutex // one change of the definitions at a time

	mu             sync.Mutex
	processes      map[string]*Process  // by full name
	definitions    *program.Definitions // in use
	latest         *program.Definitions // as read last, for reread and add
	definitionsErr error
	port           Port  // nil before the socket answers
	front          Front // nil for none
	tcpProblem     error // why the TCP port is not open
	closing        bool
	exit           int      // status of Run, of an essential program that is FATAL
	environ        []string // of all programs, KEY=value
	path           string   // PATH in it
}

// All returns the programs, sorted by group and name.
func (s *Supervisor) All() []*Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Collect(maps.Values(s.processes))
	slices.SortFunc(list, func(a, b *Process) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Find looks a program up by its full name, or by its own name when that is
// not ambiguous. nil when there is none.
func (s *Supervisor) Find(name string) *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.processes[name]; p != nil {
		return p
	}
	var found *Process
	for _, p := range s.processes {
		if p.Name == name {
			if found != nil {
				return nil
			}
			found = p
		}
	}
	return found
}

// named returns the programs with these names, as far as there are any.
func (s *Supervisor) named(names []string) (programs []*Process) {
	for _, name := range names {
		if p := s.Find(name); p != nil {
			programs = append(programs, p)
		}
	}
	return programs
}

// Status describes the programs and the setup task.
func (s *Supervisor) Status() api.Status {
	st := api.Status{Version: 1, PID: os.Getpid(), StartedAt: s.startedAt, File: s.options.ConfPath,
		Programs: []api.ProgramStatus{}}
	now := time.Now()
	for _, p := range s.All() {
		snap := p.Snapshot()
		status := snap.status(now)
		if snap.State == api.Fatal {
			p.FlushLogs()
			status.LastLog, status.LastLines = program.LastWords(snap.Def.Stderr, snap.Def.Stdout)
		}
		status.LostBytes = s.logs.Lost(snap.Def.Stdout) + s.logs.Lost(snap.Def.Stderr)
		st.Programs = append(st.Programs, status)
	}
	st.Waiting = s.Holds()
	if s.setup != nil {
		setup := s.setup.status()
		st.Setup = &setup
	}
	if front := s.fronted(); front != nil {
		st.PagePort = front.Port()
	}
	st.Warnings = s.options.Companion.warnings()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Stopping = s.closing
	// Before the first setup there are none, and it is about to write them.
	expected := errors.Is(s.definitionsErr, program.ErrNoDefinitions) && st.Setup != nil &&
		st.Setup.State != api.SetupDone
	if s.definitionsErr != nil && !expected {
		st.Definitions = msg.ErrorText(s.definitionsErr)
	}
	if s.definitions != nil {
		for _, w := range s.definitions.Warnings() {
			st.Warnings = append(st.Warnings, msg.ErrorText(w.Err()))
		}
	}
	if s.tcpProblem != nil {
		st.Warnings = append(st.Warnings, msg.ErrorText(s.tcpProblem))
	}
	return st
}

// IsClosing reports whether everything is being stopped.
func (s *Supervisor) IsClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// Holds reports whether programs wait for the setup task.
func (s *Supervisor) Holds() bool {
	return s.setup != nil && s.setup.holds()
}

// bootPatience is how long programs that start by themselves wait for those
// they depend on. What is away, such as a database, must not keep a restarted
// node down: its programs know best how to wait for it.
const bootPatience = 10 * time.Second

// Autostart starts the programs that are to start by themselves.
func (s *Supervisor) Autostart(programs []*Process) {
	holds := s.Holds()
	s.start(slices.DeleteFunc(slices.Clone(programs), func(p *Process) bool {
		def := p.Definition()
		return !def.Autostart || holds && !def.Early
	}), true)
}

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
	// SetupHint is what a person does when the setup task needs one.
	SetupHint msg.Message
	Lang      msg.Lang // of the few lines that PID 1 prints
	Companion *Companion
	// OnStop, if set, is called once, when everything begins to stop.
	OnStop func()
}

// DefaultStopTimeout leaves room below the 10 seconds that docker stop waits.
const DefaultStopTimeout = 8 * time.Second

// New makes a supervisor that supervises nothing yet. log is PID 1's own, and own the file behind it, nil for
// none.
func New(o Options, log *slog.Logger, own *logs.OwnLog) *Supervisor {
	environ := program.ParseEnviron(append(os.Environ(), o.Env...))
	s := &Supervisor{options: o, log: log, ownLog: own, logs: logs.NewFiles(log), startedAt: time.Now(),
		hurry: make(chan struct{}, 1), reaped: make(chan struct{}, 1), processes: map[string]*Process{},
		environ: program.Environ(nil, environ), path: environ["PATH"], collect: collectLater()}
	s.quiet = time.AfterFunc(quietTime, s.becameQuiet)
	s.restless.Store(true)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.reaper = newReaper(s.orphansReaped)
	s.spawner = newSpawner(s.reaper)
	if o.Setup != nil {
		s.setup = &setup{task: *o.Setup, hint: o.SetupHint, lang: o.Lang, log: log, hold: o.Hold,
			spawn: s.spawnSetup, kill: s.kill, after: s.after, since: time.Now(),
			finished: func() { s.Autostart(s.neverStarted()) }, changed: s.changed}
	}
	return s
}

// Release frees what New took.
func (s *Supervisor) Release() {
	s.quiet.Stop()
	s.collect()
	s.cancel()
	s.logs.Close()
	s.spawner.Close()
	s.reaper.Close()
}

// Load reads the program files for the first time. PID 1 starts without
// programs when it cannot: people must be able to look inside, and the setup
// task may write the files.
func (s *Supervisor) Load() {
	d, err := program.Load(s.options.ConfPath, s.options.Env...)
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
func (s *Supervisor) neverStarted() []*Process {
	return slices.DeleteFunc(s.All(), func(p *Process) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.goal != goalNone || p.cancelPending != nil
	})
}
