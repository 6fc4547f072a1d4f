package engine

import (
	"strings"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// explain adds to a sentence about a program all that helps at 3 a.m.: its
// state, the last answer of its probe, its last exit, and the end of its log.
func (s *Supervisor) explain(m msg.Message, snap Snapshot) msg.Message {
	m = msg.M("%v: %v", m, snap.message())
	if snap.Def.Probe != nil {
		if !snap.answer.IsZero() {
			m = msg.M("%v\n  readiness probe %s, last answer: %v", m, snap.Def.Probe.String(), snap.answer)
		} else {
			m = msg.M("%v\n  readiness probe %s: not answered yet", m, snap.Def.Probe.String())
		}
	}
	if snap.LastExit != nil {
		m = msg.M("%v\n  last exit: %v", m, snap.LastExit.Message())
	}
	if file, lines := s.lastWords(snap.Def); lines != "" {
		return msg.M("%v\n  last lines of %s:\n%s", m, file, "    "+strings.ReplaceAll(lines, "\n", "\n    "))
	}
	return m
}

// lastWords are the last lines of the error log, or of the output when there
// are none.
func (s *Supervisor) lastWords(p program.Program) (file, lines string) {
	for _, f := range []program.LogFile{p.Stderr, p.Stdout} {
		s.logs.Drain(f)
		if lines := program.LastLines(f.Path); lines != "" {
			return f.Path, lines
		}
	}
	return "", ""
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
