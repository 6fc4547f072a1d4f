package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"omsinit/internal/msg"
)

// Severity says whether a problem stops the initialisation.
type Severity int

// A file with a SeverityError problem gives no Config.
const (
	SeverityError Severity = iota
	SeverityWarning
)

// String is the severity as it is spelled in JSON output.
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// Problem is one thing that is wrong, or odd, in config.yaml.
type Problem struct {
	File   string // as it was given to Load or Parse
	Line   int    // from 1; 0 when the problem has no place, such as a missing key
	Column int    // from 1, in characters; 0 when the problem is about the whole line
	Key    string // empty when the problem is about the file
	Value  string // Masked for secrets; empty when the value is not the point
	Rule   msg.Message
	Fix    msg.Message

	Severity Severity
}

// In renders the problem in two lines: where, which key and value and what is
// wrong; below it, what to do.
func (p Problem) In(l msg.Lang) string { return p.Message().In(l) }

// Message is the problem as a text that is rendered where it is printed.
func (p Problem) Message() msg.Message {
	if p.Severity == SeverityWarning {
		return msg.M("%s: warning: %v\n    fix: %v", p.subject(), p.Rule, p.Fix)
	}
	return msg.M("%s: %v\n    fix: %v", p.subject(), p.Rule, p.Fix)
}

// What is the problem without its severity and fix, for those that print
// these in a form of their own.
func (p Problem) What() msg.Message { return msg.M("%s: %v", p.subject(), p.Rule) }

// Error makes a Problem an error; its words are English.
func (p Problem) Error() string { return p.In(msg.English) }

// Unwrap lets msg render the problem in other languages.
func (p Problem) Unwrap() error { return &msg.Error{Message: p.Message()} }

// subject is the language-free head: config.yaml:9:14: cm_location = "200".
func (p Problem) subject() string {
	var b strings.Builder
	b.WriteString(oneLine(p.File))
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	if p.Key != "" {
		b.WriteString(": " + oneLine(shorten(p.Key)))
	}
	if p.Value != "" {
		b.WriteString(" = " + shown(p.Value))
	}
	return b.String()
}

// shown quotes a value so that it stays on one line and every invisible
// character is seen.
func shown(value string) string {
	if value == Masked {
		return value
	}
	return strconv.Quote(shorten(value))
}

// oneLine gives a name as it is, unless it would break the line.
func oneLine(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// shorten keeps a text that somebody pasted by mistake from filling the screen.
func shorten(text string) string {
	const most = 80
	count := 0
	for i := range text {
		if count == most {
			return text[:i] + "…"
		}
		count++
	}
	return text
}

// Error is every error of one file, in the order of their places; errors
// without a place, such as missing keys, come last. Warnings are not in it.
type Error struct {
	Problems []Problem
	// More counts the errors beyond the first hundred, which are not kept.
	More int
}

// In renders all problems, each on lines of its own.
func (e *Error) In(l msg.Lang) string { return e.message().In(l) }

// Error gives the English words.
func (e *Error) Error() string { return e.In(msg.English) }

// Unwrap lets msg render the error in other languages.
func (e *Error) Unwrap() error { return &msg.Error{Message: e.message()} }

func (e *Error) message() msg.Message {
	var m msg.Message
	for _, p := range e.Problems {
		m.Args = append(m.Args, p.Message())
	}
	if e.More > 0 {
		m.Args = append(m.Args, msg.M("… and %d more problems", e.More))
	}
	m.Format = strings.TrimSuffix(strings.Repeat("%v\n", len(m.Args)), "\n")
	return m
}

// mostProblems bounds what is kept of each severity: a file that is not a
// configuration at all would give one problem for each of its lines.
const mostProblems = 100

// problems collects what is found.
type problems struct {
	kept  [2][]Problem // by Severity
	count [2]int
}

func (ps *problems) add(p Problem) {
	ps.count[p.Severity]++
	if len(ps.kept[p.Severity]) < mostProblems {
		ps.kept[p.Severity] = append(ps.kept[p.Severity], p)
	}
}

// full reports whether more problems of the severity would not be kept.
func (ps *problems) full(s Severity) bool { return len(ps.kept[s]) == mostProblems }

// warnings gives the warnings in the order of their places.
func (ps *problems) warnings() []Problem { return inOrder(ps.kept[SeverityWarning]) }

// err gives the errors as one *Error, or nil.
func (ps *problems) err() error {
	kept := inOrder(ps.kept[SeverityError])
	if len(kept) == 0 {
		return nil
	}
	return &Error{Problems: kept, More: ps.count[SeverityError] - len(kept)}
}

func inOrder(list []Problem) []Problem {
	slices.SortStableFunc(list, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line) // the one without a place is later
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}
