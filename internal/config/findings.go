package config

import (
	"cmp"
	"math"
	"sort"
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
func (e *Error) In(l msg.Lang) string {
	var texts []string
	for _, f := range e.Findings {
		texts = append(texts, f.In(l))
	}
	if e.More > 0 {
		texts = append(texts, l.Sprintf("… and %d more problems", e.More))
	}
	return strings.Join(texts, "\n")
}

// Error returns the English words.
func (e *Error) Error() string { return e.In(msg.English) }

// mostFindings bounds what is kept of each severity: a file that is not a configuration at all would have one finding
// for each of its lines.
const mostFindings = 100

// findings collects what is found in one file.
type findings struct {
	errors, warnings []finding.Finding
	more             int // errors that are not kept
}

func (fs *findings) add(f finding.Finding) {
	f.ID = FindingID
	list := &fs.errors
	if f.Severity == finding.Warning {
		list = &fs.warnings
	}
	switch {
	case len(*list) < mostFindings:
		*list = append(*list, f)
	case f.Severity == finding.Error:
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
	line := func(f finding.Finding) int { return cmp.Or(f.Place.Line, math.MaxInt) } // without a place it is later
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return cmp.Or(cmp.Compare(line(a), line(b)), cmp.Compare(a.Place.Column, b.Place.Column)) < 0
	})
}
