package program

import (
	"strings"

	"omsinit/internal/msg"
)

// Trouble is what helps to understand why a program does not run or does not become ready.
type Trouble struct {
	State    msg.Message // and why
	Probe    string      // of readiness, "" for none
	Answer   any         // last one of the probe, nil for none
	LastExit any         // nil for none
	Logs     []LogFile   // the last lines of the first one that has any are quoted
}

// Explain adds to a sentence about a program all that is known of its trouble, a line for each thing.
func (t Trouble) Explain(m msg.Message) msg.Message {
	m = msg.M("%v: %v", m, t.State)
	switch {
	case t.Answer != nil:
		m = msg.M("%v\n  readiness probe %s, last answer: %v", m, t.Probe, t.Answer)
	case t.Probe != "":
		m = msg.M("%v\n  readiness probe %s: not answered yet", m, t.Probe)
	}
	if t.LastExit != nil {
		m = msg.M("%v\n  last exit: %v", m, t.LastExit)
	}
	if file, lines := LastWords(t.Logs...); lines != "" {
		return msg.M("%v\n  last lines of %s:\n%s", m, file, "    "+strings.ReplaceAll(lines, "\n", "\n    "))
	}
	return m
}

// LastWords returns the last lines of the first log file that has any, and its path; "" for none.
func LastWords(logs ...LogFile) (file, lines string) {
	for _, f := range logs {
		if lines := LastLines(f.Path); lines != "" {
			return f.Path, lines
		}
	}
	return "", ""
}
