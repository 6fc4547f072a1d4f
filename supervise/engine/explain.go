package engine

import (
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// explain adds to a sentence about a program all that helps at 3 a.m.: its
// state, the last answer of its probe, its last exit, and the end of its log.
func (s *Supervisor) explain(m msg.Message, snap Snapshot) msg.Message {
	t := program.Trouble{State: snap.message(), Probe: snap.Def.Probe.String(), Logs: s.drained(snap.Def)}
	if snap.Def.Probe != nil && !snap.answer.IsZero() {
		t.Answer = snap.answer
	}
	if snap.LastExit != nil {
		t.LastExit = snap.LastExit.Message()
	}
	return t.Explain(m)
}

// drained returns the error log and the output log of a program, with all that it has said so far.
func (s *Supervisor) drained(p program.Program) []program.LogFile {
	s.Drain(p)
	return []program.LogFile{p.Stderr, p.Stdout}
}

// message is the state and, when it is not running, why.
func (s Snapshot) message() msg.Message {
	switch {
	case s.SpawnErr != nil && s.State != api.Running && s.State != api.Starting:
		return msg.M("state %s, %v", s.State.String(), s.SpawnErr)
	case s.Pid != 0:
		return msg.M("state %s, pid %d", s.State.String(), s.Pid)
	}
	return msg.M("state %s", s.State.String())
}
