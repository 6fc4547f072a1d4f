package config

import (
	"cmp"
	"slices"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// FindingID is the id of every finding about what is in config.yaml.
const FindingID = "config.value"

// Error is every error of one file, in the order of their places; errors without a place, such as missing keys, come
// last. Warnings are not in it.
type Error struct {
	Findings []finding.Finding
	// More counts the errors beyond the first hundred, which are not kept.
	More int
}

// In renders all findings, each on lines of its own.
func (e *Error) In(l msg.Lang) string { return e.message().In(l) }

// Error returns the English words.
func (e *Error) Error() string { return e.In(msg.English) }

// Unwrap lets msg render the error in other languages.
func (e *Error) Unwrap() error { return &msg.Error{Message: e.message()} }

func (e *Error) message() msg.Message {
	var m msg.Message
	for _, f := range e.Findings {
		m.Args = append(m.Args, f)
	}
	if e.More > 0 {
		m.Args = append(m.Args, msg.M("… and %d more problems", e.More))
	}
	m.Format = strings.TrimSuffix(strings.Repeat("%v\n", len(m.Args)), "\n")
	return m
}

// mostFindings bounds what is kept of each severity: a file that is not a configuration at all would have one finding
// for each of its lines.
const mostFindings = 100

// findings collects what is found in one file.
type findings struct {
	errors, warnings []finding.Finding
	more             int // errors that are not kept
}

func (fs *findings) add(f finding.Finding) {
	switch f.ID = FindingID; {
	case f.Severity == finding.Warning && !fs.full():
		fs.warnings = append(fs.warnings, f)
	case f.Severity == finding.Warning:
	case len(fs.errors) < mostFindings:
		fs.errors = append(fs.errors, f)
	default:
		fs.more++
	}
}

// full reports whether more warnings would not be kept.
func (fs *findings) full() bool { return len(fs.warnings) == mostFindings }

// result returns the warnings in the order of their places, and the errors as one *Error, or nil.
func (fs *findings) result() (warnings []finding.Finding, err error) {
	inOrder(fs.warnings)
	if len(fs.errors) == 0 {
		return fs.warnings, nil
	}
	inOrder(fs.errors)
	return fs.warnings, &Error{Findings: fs.errors, More: fs.more}
}

func inOrder(list []finding.Finding) {
	slices.SortStableFunc(list, func(a, b finding.Finding) int {
		if (a.Place.Line == 0) != (b.Place.Line == 0) {
			return cmp.Compare(b.Place.Line, a.Place.Line) // the one without a place is later
		}
		return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column))
	})
}
