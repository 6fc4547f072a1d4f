package msg

import (
	"slices"
	"strings"
)

// List is an enumeration in a text for people: commas in English, 、 in Chinese.
type List []string

// In returns the list in a language.
func (l List) In(lang Lang) string { return strings.Join(l, lang.lookup(", ")) }

// String returns the list in English.
func (l List) String() string { return l.In(English) }

// AtMost returns the first most items, with an ellipsis where more follow.
func (l List) AtMost(most int) List {
	if len(l) <= most {
		return l
	}
	return append(slices.Clone(l[:most]), "…")
}

// Clauses is a row of texts in one sentence.
type Clauses []Message

// In returns the clauses in a language.
func (c Clauses) In(lang Lang) string {
	words := make([]string, len(c))
	for i, m := range c {
		words[i] = m.In(lang)
	}
	return strings.Join(words, lang.lookup("; "))
}

// String returns the clauses in English.
func (c Clauses) String() string { return c.In(English) }
