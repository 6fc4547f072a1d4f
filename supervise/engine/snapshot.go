package engine

import (
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// Snapshot is a process at one moment.
type Snapshot struct {
	process *process // for identity only
	Def     program.Program
	State   api.State
	Wanted  bool // to run, now or after it has stopped for a restart
	Held    bool

	waitsFor  []string
	Pid       int
	starts    int
	SpawnErr  error
	LastExit  *api.Exit
	digest    string
	StartedAt time.Time
	StoppedAt time.Time
	since     time.Time
	retryAt   time.Time
	ready     bool
	answer    msg.Message     // of the last probe
	Changed   <-chan struct{} // closed at the next change
}

func (p *process) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Snapshot{process: p, Def: p.def, State: p.state.outside(), Wanted: p.goal.up() || p.goal == goalRestart, Held: p.held != nil,
		waitsFor: p.waitsFor, Pid: p.pid, starts: p.starts, SpawnErr: p.spawnErr,
		LastExit: p.lastExit, digest: p.digest, StartedAt: p.startedAt, StoppedAt: p.stoppedAt,
		since: p.since, retryAt: p.retryAt, ready: p.ready, answer: p.answer, Changed: p.changed}
	if p.state.groupOnly() {
		s.Pid = 0 // the process itself is gone
	}
	return s
}

// ExitedTooQuickly reports whether the last start failed because the process ended within startsecs.
func (s Snapshot) ExitedTooQuickly() bool { return exitedTooQuickly(s.SpawnErr) }

// stale reports whether a configuration file changed since the start.
func (s *Snapshot) stale() bool {
	return s.Pid != 0 && len(s.Def.Files) > 0 && s.digest != digestFiles(s.Def.Files)
}

func (s *Snapshot) Status(now time.Time) api.ProgramStatus {
	st := api.ProgramStatus{
		Name: s.Def.FullName(), State: s.State.String(), StateCode: int(s.State), PID: s.Pid, Since: s.since,
		Ready: s.ready, Probe: s.Def.Probe.String(), ProbeAnswer: msg.NewText(s.answer), WaitsFor: s.waitsFor,
		DependsOn: s.Def.DependsOn, Stale: s.stale(), Starts: s.starts, Autostart: s.Def.Autostart,
		Early: s.Def.Early, Essential: s.Def.Essential, Alive: s.Def.Alive.String(),
		StdoutLog: s.Def.Stdout.Path, StderrLog: s.Def.Stderr.Path,
	}
	if !s.StartedAt.IsZero() {
		st.StartedAt = &s.StartedAt
	}
	if s.Pid != 0 {
		st.UptimeSeconds = int64(now.Sub(s.StartedAt) / time.Second)
	}
	if s.LastExit != nil {
		st.ExitStatus = &s.LastExit.Code
		if s.LastExit.Signal != 0 {
			st.ExitSignal = api.SignalName(s.LastExit.Signal)
		}
	}
	if s.SpawnErr != nil && s.State != api.Running && s.State != api.Starting {
		st.Reason = msg.ErrorText(s.SpawnErr)
	}
	if s.State == api.Backoff {
		st.RetryAt = &s.retryAt
	}
	return st
}
