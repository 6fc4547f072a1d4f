// Package finding holds the one type for something that is wrong: what a check, a gate, a file or a part of a step
// has to say to a person. Each room makes findings and decides what comes of them; how they are printed is decided
// where they are printed.
package finding

import (
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Severity is how much a finding weighs, as JSON spells it.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // nothing can go on with it
	Warning Severity = "warning" // it should be looked at
	Note    Severity = "note"    // nothing is wrong, but a person should know it
)

// Style returns how a person sees it.
func (s Severity) Style() style.Style {
	return map[Severity]style.Style{Error: style.Error, Warning: style.Warning}[s]
}

// Finding is one thing that is not as it should be.
type Finding struct {
	// ID is stable and dotted, for example "port.in-use".
	ID       string
	Severity Severity
	// Place is where it is in a file; the zero Place is none.
	Place Place
	// Source is the line of the file, for a caret under Place.Column; "" where it may not be shown.
	Source string
	// Message is one sentence with the value that is wrong. It does not repeat the place.
	Message msg.Message
	// Cause is what is behind it, or what comes of it.
	Cause msg.Message
	// Fix is what to do about it. It may be empty where the message is enough.
	Fix msg.Message
	// Facts are the measured and configured values behind it.
	Facts []Fact
	// Transient: it may go away by itself.
	Transient bool
	// Ignored: it was an error until a person chose to ignore it.
	Ignored bool
}

// Fact is one value behind a finding: a number, a text, a boolean or a list of texts, never a secret.
type Fact struct {
	Name  string // stable, as JSON spells it
	Value any
}

// Headline returns the place and the message.
func (f Finding) Headline() msg.Message {
	if f.Place.IsZero() {
		return f.Message
	}
	return msg.M("%s: %v", f.Place, f.Message)
}

// In renders the finding in two lines: its headline, and below it what to do.
func (f Finding) In(lang msg.Lang) string {
	text := f.Headline()
	switch {
	case f.Severity == Warning && f.Place.IsZero():
		text = msg.M("warning: %v", f.Message)
	case f.Severity == Warning:
		text = msg.M("%s: warning: %v", f.Place, f.Message)
	}
	if f.Fix.IsZero() {
		return text.In(lang)
	}
	return lang.Sprintf("%v\n    fix: %v", text, f.Fix)
}

// Err returns the finding as an error of one line, its headline and what to do. It is transient when the finding is.
func (f Finding) Err() error {
	err := msg.Errorf("%v", f.Headline())
	if !f.Fix.IsZero() {
		err = msg.Errorf("%v: %v", f.Headline(), f.Fix)
	}
	if f.Transient {
		return Transient(err)
	}
	return err
}

// Facts returns the values by their names, the form that they have in JSON.
func Facts(list []Fact) map[string]any {
	m := map[string]any{}
	for _, f := range list {
		m[f.Name] = f.Value
	}
	return m
}
