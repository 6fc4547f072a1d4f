package supervise

import (
	"strings"

	"omsinit/internal/msg"
)

// explain adds to a sentence about a program all that helps at 3 a.m.: its
// state, the last answer of its probe, its last exit, and the end of its log.
func (s *Supervisor) explain(m msg.Message, snap snapshot) msg.Message {
	m = msg.M("%v: %v", m, snap.message())
	if snap.def.Probe != nil {
		if !snap.answer.IsZero() {
			m = msg.M("%v\n  readiness probe %s, last answer: %v", m, snap.def.Probe.String(), snap.answer)
		} else {
			m = msg.M("%v\n  readiness probe %s: not answered yet", m, snap.def.Probe.String())
		}
	}
	if snap.lastExit != nil {
		m = msg.M("%v\n  last exit: %v", m, snap.lastExit.Message())
	}
	if file, lines := s.lastWords(snap.def); lines != "" {
		return msg.M("%v\n  last lines of %s:\n%s", m, file, "    "+strings.ReplaceAll(lines, "\n", "\n    "))
	}
	return m
}

// lastWords are the last lines of the error log, or of the output when there
// are none.
func (s *Supervisor) lastWords(p Program) (file, lines string) {
	for _, f := range []LogFile{p.Stderr, p.Stdout} {
		s.logs.drain(f)
		if lines := lastLines(f.Path); lines != "" {
			return f.Path, lines
		}
	}
	return "", ""
}

// message is the state and, when it is not running, why.
func (s snapshot) message() msg.Message {
	switch {
	case s.spawnErr != nil && s.state != Running && s.state != Starting:
		return msg.M("state %s, %v", s.state.String(), s.spawnErr)
	case s.pid != 0:
		return msg.M("state %s, pid %d", s.state.String(), s.pid)
	}
	return msg.M("state %s", s.state.String())
}
