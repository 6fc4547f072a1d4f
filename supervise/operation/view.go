package operation

import (
	"context"
	"slices"
	"strings"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// Program is one program of a supervisor, as far as an operation needs it. It is comparable: the same program is
// always the same value.
type Program interface {
	// View returns the program at this moment.
	View() View
	// Hold announces a start that waits for dependencies. Whatever comes after it, a stop or another start, ends the
	// context that it returns, as ctx does.
	Hold(ctx context.Context) context.Context
	// WaitFor sets what a start that was announced with Hold still waits for.
	WaitFor(ctx context.Context, dependencies []string)
	// Start starts the program unless ctx, which Hold has returned, has ended.
	Start(ctx context.Context)
	// Stop asks the program to end, and does not wait for that. again announces that a start will follow.
	Stop(ctx context.Context, again bool) error
	// FlushLogs makes sure that all that the program has said is in its log files.
	FlushLogs()
}

// View is a program at one moment.
type View struct {
	Def      program.Program
	State    api.State
	Wanted   bool     // to run, now or after it has stopped for a restart
	Pending  bool     // its start waits for dependencies
	WaitsFor []string // those
	PID      int      // 0 when no process is there
	Reason   msg.Text // why it is not running
	LastExit *api.Exit
	Ready    bool
	Answer   msg.Text // of the last readiness probe
	// Refused is why the supervisor did not do what it was asked for last.
	Refused error
	Changed <-chan struct{} // closed at the next change
}

func (v View) name() string { return v.Def.FullName() }

// down reports whether the program is down and nothing is about to start it.
func (v View) down() bool { return v.State.Down() && !v.Pending }

// finished reports whether the program has run and ended as expected.
func (v View) finished() bool {
	return v.State == api.Exited && v.Def.Probe == nil && v.LastExit != nil &&
		slices.Contains(v.Def.ExitCodes, v.LastExit.Code)
}

// blocks reports whether programs that depend on this one must still wait: not when it is ready, has done its work and
// ended well, or was not asked for at all.
func (v View) blocks() bool {
	switch {
	case v.Ready, v.finished():
		return false
	case !v.down(), v.State == api.Fatal, v.Refused != nil:
		return true
	}
	return v.Wanted
}

// state is the state and, when it is not running, why.
func (v View) state() msg.Message {
	switch {
	case !v.Reason.IsZero():
		return msg.M("state %s, %v", v.State.String(), v.Reason)
	case v.PID != 0:
		return msg.M("state %s, pid %d", v.State.String(), v.PID)
	}
	return msg.M("state %s", v.State.String())
}

// explain adds to a sentence about a program all that helps at 3 a.m., a line for each thing: its state, the last
// answer of its probe, its last exit, and the end of its log.
func explain(m msg.Message, p Program) msg.Message {
	p.FlushLogs()
	v := p.View()
	m = msg.M("%v: %v", m, v.state())
	switch probe := v.Def.Probe; {
	case probe != nil && !v.Answer.IsZero():
		m = msg.M("%v\n  readiness probe %s, last answer: %v", m, probe.String(), v.Answer)
	case probe != nil:
		m = msg.M("%v\n  readiness probe %s: not answered yet", m, probe.String())
	}
	if v.LastExit != nil {
		m = msg.M("%v\n  last exit: %v", m, v.LastExit.Message())
	}
	if file, lines := program.LastWords(v.Def.Stderr, v.Def.Stdout); lines != "" {
		m = msg.M("%v\n  last lines of %s:\n%s", m, file, "    "+strings.ReplaceAll(lines, "\n", "\n    "))
	}
	return m
}
