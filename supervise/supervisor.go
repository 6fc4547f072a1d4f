package supervise

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"omsinit/internal/msg"
)

// Supervisor starts and watches the programs. Run makes one; everything else
// reaches it over its control socket.
type Supervisor struct {
	options   Options
	log       *slog.Logger
	reaper    *reaper
	spawner   *spawner
	logs      *logFiles
	setup     *setup // nil without a setup task
	startedAt time.Time
	ctx       context.Context // ends when everything is to stop
	cancel    context.CancelFunc
	hurry     chan struct{} // asks the shutdown not to wait any longer
	reaped    chan struct{} // holds a token when orphans were reaped

	inputs inputs
	ownLog *ownLog

	update sync.Mutex // one change of the definitions at a time

	tcpLock    sync.Mutex
	tcp        *tcpPort     // nil when it is not open
	tcpHandler http.Handler // nil before the socket answers

	mu             sync.Mutex
	processes      map[string]*managed // by full name
	definitions    *Definitions        // in use
	latest         *Definitions        // as read last, for reread and add
	definitionsErr error
	tcpProblem     error // why the TCP port is not open
	closing        bool
	exit           int // status of Run, of an essential program that is FATAL
	environ        map[string]string
}

// managed is a process and the lock of the operations on it.
type managed struct {
	*process
	operation chan struct{} // holds one token while an operation changes it
}

func (s *Supervisor) manage(def Program) *managed {
	return &managed{process: newProcess(def, s, s.log), operation: make(chan struct{}, 1)}
}

// all lists the programs by group and name.
func (s *Supervisor) all() []*managed {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Collect(maps.Values(s.processes))
	slices.SortFunc(list, func(a, b *managed) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.name, b.name))
	})
	return list
}

func (p *process) definition() Program {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.def
}

// find looks a program up by its full name, or by its own name when that is
// not ambiguous. nil when there is none.
func (s *Supervisor) find(name string) *managed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.processes[name]; p != nil {
		return p
	}
	var found *managed
	for _, p := range s.processes {
		if p.name == name {
			if found != nil {
				return nil
			}
			found = p
		}
	}
	return found
}

// resolve turns names into programs: NAME, GROUP:NAME, GROUP:* and all. Each
// program comes once, in the order of the names.
func (s *Supervisor) resolve(names []string) ([]*managed, error) {
	var out []*managed
	var unknown []string
	add := func(p *managed) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, name := range names {
		if p := s.find(name); p != nil {
			add(p)
			continue
		}
		group, rest, ok := strings.Cut(name, ":")
		found := false
		for _, p := range s.all() {
			if name == "all" || ok && (rest == "" || rest == "*") && p.group == group {
				add(p)
				found = true
			}
		}
		if !found && name != "all" {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		var known []string
		for _, p := range s.all() {
			known = append(known, p.fullName)
		}
		if len(known) == 0 {
			return nil, msg.Errorf("there is no program %s: no programs are defined", strings.Join(unknown, ", "))
		}
		return nil, msg.Errorf("there is no program %s; there are %s", strings.Join(unknown, ", "), strings.Join(known, ", "))
	}
	return out, nil
}

// Status describes the programs and the setup task.
func (s *Supervisor) status() Status {
	st := Status{Version: 1, PID: os.Getpid(), StartedAt: s.startedAt, File: s.options.ConfPath, Programs: []ProgramStatus{}}
	now := time.Now()
	for _, p := range s.all() {
		snap := p.snapshot()
		program := snap.status(now)
		if snap.state == Fatal {
			program.LastLog, program.LastLines = s.lastWords(snap.def)
		}
		program.LostBytes = s.logs.lost(snap.def.Stdout) + s.logs.lost(snap.def.Stderr)
		st.Programs = append(st.Programs, program)
	}
	st.Held = s.holds()
	if s.setup != nil {
		setup := s.setup.status()
		st.Setup = &setup
	}
	st.Warnings = s.options.Companion.warnings()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Stopping = s.closing
	// Before the first setup there are none, and it is about to write them.
	expected := errors.Is(s.definitionsErr, ErrNoDefinitions) && st.Setup != nil && st.Setup.State != SetupDone
	if s.definitionsErr != nil && !expected {
		st.Definitions = msg.ErrorText(s.definitionsErr)
	}
	if s.definitions != nil {
		for _, w := range s.definitions.Warnings {
			st.Warnings = append(st.Warnings, msg.NewText(w.Message()))
		}
	}
	if s.tcpProblem != nil {
		st.Warnings = append(st.Warnings, msg.ErrorText(s.tcpProblem))
	}
	return st
}

func (s *Supervisor) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// holds reports whether programs wait for the setup task.
func (s *Supervisor) holds() bool {
	return s.setup != nil && s.setup.holds()
}

// bootPatience is how long programs that start by themselves wait for those
// they depend on. What is away, such as a database, must not keep a restarted
// node down: its programs know best how to wait for it.
const bootPatience = 10 * time.Second

// autostart starts the programs that are to start by themselves.
func (s *Supervisor) autostart(programs []*managed) {
	held := s.holds()
	var start []*managed
	for _, p := range programs {
		def := p.definition()
		if def.Autostart && (!held || def.Early) {
			start = append(start, p)
		}
	}
	// Hold all before starting any, so that none sees another not asked for.
	for _, f := range s.request(start, bootPatience) {
		f()
	}
}
