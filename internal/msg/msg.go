// Package msg holds what a person reads in two languages.
//
// The English text is the key: zh.po holds the Chinese of every text, in the
// format of gettext, and a text that is missing there stays English. The tests
// of this package hold the catalogue against the source of the whole module.
//
// A Message is rendered where it is printed, in the language of who reads it.
// An error of Errorf is an ordinary wrapped error whose Error is English;
// Lang.Text renders the same chain in another language. A Text holds both
// languages, for readers who are not known yet.
//
// golang.org/x/text/message is not used: its %d groups digits, so that a port
// would be printed as 8,089.
package msg

import (
	"fmt"
	"strings"

	"omsinit/internal/pattern"
)

// Message is a text that is rendered where it is printed.
type Message struct {
	Format string // English; the key of the catalogue
	Args   []any
}

// M returns the Message of a format and its arguments.
func M(format string, args ...any) Message { return Message{Format: format, Args: args} }

// In renders the message in a language.
func (m Message) In(l Lang) string { return l.Sprintf(m.Format, m.Args...) }

// String renders the message in English.
func (m Message) String() string { return m.In(English) }

// MarshalText returns the English words: the form that a message has in JSON
// for scripts. Where a person reads the JSON later, in a language of their own,
// it holds a Text.
func (m Message) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// IsZero reports whether there is no message.
func (m Message) IsZero() bool { return m.Format == "" }

// Sprintf formats in the language. Arguments that are errors, or have a method
// In(Lang) string, are rendered in it as well. %w is taken for %v.
func (l Lang) Sprintf(format string, args ...any) string {
	return fmt.Sprintf(withoutWrapping(l.lookup(format)), l.render(args)...)
}

var wrapVerb = pattern.New(`%(?:%|[-+# 0-9.*\[\]]*w)`)

// withoutWrapping writes %v for each %w, which only fmt.Errorf knows.
func withoutWrapping(format string) string {
	if !strings.Contains(format, "%") { // as most texts of help pages, of which each command words hundreds
		return format
	}
	return wrapVerb().ReplaceAllStringFunc(format, func(verb string) string {
		if flags, ok := strings.CutSuffix(verb, "w"); ok {
			return flags + "v"
		}
		return verb
	})
}

// lookup returns the format in the language, the English one where the
// catalogue has no other.
func (l Lang) lookup(format string) string {
	if l == Chinese {
		if zh, ok := chinese()[format]; ok {
			return zh
		}
	}
	return format
}

// render returns the arguments of a format with their words in the language.
func (l Lang) render(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case error:
			out[i] = l.Text(v)
		case interface{ In(Lang) string }:
			out[i] = v.In(l)
		default:
			out[i] = a
		}
	}
	return out
}
