package finding

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Masked is what a person sees in the place of a secret.
const Masked = "******"

// Place is where a finding is in a file.
type Place struct {
	File   string // as the person named it
	Line   int    // from 1; 0 when the whole file is meant, or a key is missing
	Column int    // from 1, in characters; 0 when the whole line is meant
	Key    string // empty when it is not about a key
	Value  string // Masked for a secret; empty when the value is not the point
}

// IsZero reports whether there is no place.
func (p Place) IsZero() bool { return p == Place{} }

// String returns the place in the same form in every language: config.yaml:9:14: cm_location = "200".
func (p Place) String() string {
	var b strings.Builder
	b.WriteString(printable(p.File))
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	if p.Key != "" {
		b.WriteString(": " + OneLine(p.Key))
	}
	if p.Value != "" {
		b.WriteString(" = " + quote(p.Value))
	}
	return b.String()
}

// quote quotes a value so that it stays on one line and every invisible character is seen.
func quote(value string) string {
	if value == Masked {
		return value
	}
	return strconv.Quote(shorten(value))
}

// OneLine returns a name as a text may hold it: not too long, and in quotes where it would break the line.
func OneLine(name string) string { return printable(shorten(name)) }

func printable(name string) string {
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
