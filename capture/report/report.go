// Package report is what a capture has to say: what it made, and everything that a person should look at.
package report

import (
	"slices"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Report is what a capture found. No part of it ever holds a secret.
type Report struct {
	Release string
	// Out is the folder of the pack; empty when none was written.
	Out   string
	Files []File
	// Tables are how many of them the schema has, over all databases, and Rows the settings.
	Tables, Rows, Calls int
	// Findings are what a person should look at; their facts are Chosen and Candidates.
	Findings []finding.Finding
	// Verified reports whether the pack makes everything again as it was captured, and Differences are where not.
	Verified    bool
	Differences []finding.Finding
}

// File is one captured file.
type File struct {
	Path        string `json:"path"`
	Format      string `json:"format"`
	Expressions int    `json:"expressions"`
	Compared    bool   `json:"compared"` // with the second installation
}

// Kind is what a finding is about. Its ID is "capture." and the kind.
type Kind string

// The kinds that the report has a heading for. Others say in their text what they are about.
const (
	Text    Kind = "text"    // left as text although it may come from config.yaml
	Likely  Kind = "likely"  // an expression beside which others fit
	Differs Kind = "differs" // the installations differ and nothing explains it
	Secret  Kind = "secret"  // refused
	Left    Kind = "left"    // left out, although it holds or may hold something from config.yaml
	Call    Kind = "call"    // a call to the CM that cannot be sent again
)

const idPrefix = "capture."

// The facts of a finding.
const (
	chosen     = "chosen"     // the expression that was taken
	candidates = "candidates" // the others
)

// Note adds a finding.
func (r *Report) Note(kind Kind, at finding.Place, m msg.Message) { r.note(kind, at, m) }

// NoteCandidates adds a finding about what a place may come from. taken is the expression that was written; empty when
// it was left as text.
func (r *Report) NoteCandidates(kind Kind, at finding.Place, m msg.Message, taken string, others []string) {
	facts := []finding.Fact{{Name: candidates, Value: others}}
	if taken != "" {
		facts = append(facts, finding.Fact{Name: chosen, Value: taken})
	}
	r.note(kind, at, m, facts...)
}

func (r *Report) note(kind Kind, at finding.Place, m msg.Message, facts ...finding.Fact) {
	severity := finding.Warning
	if kind == Secret {
		severity = finding.Error
	}
	r.Findings = append(r.Findings, finding.Finding{ID: idPrefix + string(kind), Severity: severity, Place: at,
		Message: m, Facts: facts})
}

// Has reports whether there is a finding of a kind about a place.
func (r *Report) Has(kind Kind, at finding.Place) bool {
	return slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return isOf(f, kind) && f.Place == at })
}

// IsCall reports whether a finding says that a call cannot be sent again.
func IsCall(f finding.Finding) bool { return isOf(f, Call) }

// Refuses reports whether a line is refused already, whatever for.
func (r *Report) Refuses(at finding.Place) bool {
	return slices.ContainsFunc(r.Findings, func(f finding.Finding) bool {
		return isOf(f, Secret) && f.Place.File == at.File && f.Place.Line == at.Line
	})
}

// isOf reports whether a finding is of a kind.
func isOf(f finding.Finding, kind Kind) bool { return f.ID == idPrefix+string(kind) }

// Refused returns the error of a capture that would keep secrets as text; nil when it would not.
func (r *Report) Refused() error {
	secrets := slices.DeleteFunc(slices.Clone(r.Findings), func(f finding.Finding) bool { return !isOf(f, Secret) })
	if len(secrets) == 0 {
		return nil
	}
	return &SecretError{secrets}
}

// Missing are the calls to the CM that cannot be sent again.
func (r *Report) Missing() (out []string) {
	for _, f := range r.Findings {
		if isOf(f, Call) && !slices.Contains(out, f.Place.File) {
			out = append(out, f.Place.File)
		}
	}
	return out
}

// MissingCalls returns the error of a capture whose pack would not send all that the old step 5 sends; nil where
// nothing is missing.
func (r *Report) MissingCalls() error {
	m := msg.M("nothing was written: these calls to the CM cannot be sent again, so that step 5 would do less than the old one")
	missing := false
	for _, f := range r.Findings {
		if isOf(f, Call) {
			m, missing = msg.M("%v\n  %s: %v", m, position(f), f.Message), true
		}
	}
	if !missing {
		return nil
	}
	return msg.Errorf("%v\n--allow-missing-calls leaves them out", m)
}

// SecretError is returned when a capture would keep secrets as text. Nothing was written.
type SecretError struct{ Findings []finding.Finding }

func (e *SecretError) message() msg.Message {
	m := msg.M("nothing was written: these secrets would stand in the pack as text")
	for _, f := range e.Findings {
		m = msg.M("%v\n  %s: %v", m, position(f), f.Message)
	}
	return msg.M("%v\ncompare with an installation that has other secrets (--compare FILE); where a spelling or an escaping is in the way, give both installations passwords of letters and digits and capture again, or leave the file out (--leave PATH); and where the value is no secret, say so with --text PATH:KEY", m)
}

// Error returns the English words.
func (e *SecretError) Error() string { return e.In(msg.English) }

// In returns the words in a language.
func (e *SecretError) In(lang msg.Lang) string { return e.message().In(lang) }

// position is file:line.
func position(f finding.Finding) string {
	return finding.Place{File: f.Place.File, Line: f.Place.Line}.String()
}
