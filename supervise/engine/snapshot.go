package engine

import (
	"cmp"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/operation"
)

// Snapshot is a process at one moment.
type Snapshot struct {
	operation.View
	SpawnErr  error     // why the last start failed, or the last run was no good one
	StartedAt time.Time // zero for never
	StoppedAt time.Time // zero for never
	Starts    int       // since PID 1 started
	since     time.Time // of the state
	retryAt   time.Time
	digest    string // of the configuration files at the start
}

// Snapshot returns the process at this moment.
func (p *Process) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Snapshot{SpawnErr: p.spawnErr, StartedAt: p.startedAt, StoppedAt: p.stoppedAt, Starts: p.starts,
		since: p.since, retryAt: p.retryAt, digest: p.digest,
		View: operation.View{Def: p.def, State: p.state.outside(), Wanted: p.goal.up() || p.goal == goalRestart,
			Pending: p.cancelPending != nil, WaitsFor: p.waitsFor, PID: p.pid, LastExit: p.lastExit, Ready: p.ready,
			Answer: msg.NewText(p.answer), Changed: p.changed}}
	if p.state.groupOnly() {
		s.PID = 0 // the process itself is gone
	}
	switch s.State {
	case api.Starting, api.Running:
	case api.Stopping, api.Stopped:
		s.Reason = msg.ErrorText(cmp.Or(s.SpawnErr, p.stopErr))
	default:
		s.Reason = msg.ErrorText(s.SpawnErr)
	}
	return s
}

// View returns the process as operations see it.
func (p *Process) View() operation.View { return p.Snapshot().View }

// ExitedTooQuickly reports whether the last start failed because the process ended within startsecs.
func (s Snapshot) ExitedTooQuickly() bool { return exitedTooQuickly(s.SpawnErr) }

// stale reports whether a configuration file changed since the start.
func (s *Snapshot) stale() bool {
	return s.PID != 0 && len(s.Def.Files) > 0 && s.digest != digestFiles(s.Def.Files)
}

// status returns the process as GET /v1/status shows it.
func (s *Snapshot) status(now time.Time) api.ProgramStatus {
	st := api.ProgramStatus{
		Name: s.Def.FullName(), State: s.State.String(), StateCode: int(s.State), PID: s.PID, Since: s.since,
		Ready: s.Ready, Probe: s.Def.Probe.String(), ProbeAnswer: s.Answer, WaitsFor: s.WaitsFor, Reason: s.Reason,
		DependsOn: s.Def.DependsOn, Stale: s.stale(), Starts: s.Starts, Autostart: s.Def.Autostart,
		Early: s.Def.Early, Essential: s.Def.Essential, Alive: s.Def.Alive.String(),
		StdoutLog: s.Def.Stdout.Path, StderrLog: s.Def.Stderr.Path,
	}
	if !s.StartedAt.IsZero() {
		st.StartedAt = &s.StartedAt
	}
	if s.PID != 0 {
		st.UptimeSeconds = int64(now.Sub(s.StartedAt) / time.Second)
	}
	if s.LastExit != nil {
		st.ExitStatus = &s.LastExit.Code
		if s.LastExit.Signal != 0 {
			st.ExitSignal = api.SignalName(s.LastExit.Signal)
		}
	}
	if s.State == api.Backoff {
		st.RetryAt = &s.retryAt
	}
	return st
}
