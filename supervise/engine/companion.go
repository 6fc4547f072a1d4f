package engine

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// Companion runs in the process of PID 1 beside the programs. It may look at
// them and has no say: whatever it does, a panic included, the programs are
// supervised as before, and nobody waits for it at the end.
type Companion struct {
	// Run is called in a goroutine of its own, until ctx ends.
	Run func(ctx context.Context, look func() Observation, log *slog.Logger)
	// Handlers answer on the control socket, by pattern of http.ServeMux. They
	// may be called before Run.
	Handlers map[string]http.Handler
	// Warnings are added to the status; nil for none.
	Warnings func() []msg.Message
}

// Observation is what a companion sees. It is cheap to make: no file is read.
type Observation struct {
	StartedAt time.Time // of PID 1
	// SetupState is one of the states of the setup task, "" without one.
	SetupState string
	Programs   []ObservedProgram // by group and name
}

// ObservedProgram is one program.
type ObservedProgram struct {
	Name      string // as supervisorctl prints it
	State     api.State
	PID       int // 0 when no process is there
	StartedAt time.Time
	Ready     bool
	Starts    int // since PID 1 started
	LostBytes int64
}

// observe looks at everything without side effects.
func (s *Supervisor) observe() Observation {
	o := Observation{StartedAt: s.startedAt}
	if s.setup != nil {
		o.SetupState = s.setup.status().State
	}
	for _, p := range s.All() {
		snap := p.Snapshot()
		o.Programs = append(o.Programs, ObservedProgram{
			Name: snap.Def.FullName(), State: snap.State, PID: snap.PID, StartedAt: snap.StartedAt, Ready: snap.Ready,
			Starts: snap.Starts, LostBytes: s.logs.Lost(snap.Def.Stdout) + s.logs.Lost(snap.Def.Stderr),
		})
	}
	return o
}

// Accompany runs the companion, and keeps its panic from ending PID 1.
func (s *Supervisor) Accompany() {
	c := s.options.Companion
	if c == nil || c.Run == nil {
		return
	}
	go func() {
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("what runs beside the supervisor has ended", "panic", p, "stack", string(debug.Stack()))
			}
		}()
		c.Run(s.ctx, s.observe, s.log)
	}()
}

// warnings are what the companion has to say in the status. Its panic is its
// own.
func (c *Companion) warnings() (out []msg.Text) {
	if c == nil || c.Warnings == nil {
		return nil
	}
	defer func() { _ = recover() }()
	for _, m := range c.Warnings() {
		out = append(out, msg.NewText(m))
	}
	return out
}
