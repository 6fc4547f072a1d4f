package msg

import (
	"fmt"
	"strings"
)

// Error is an error whose words exist in both languages.
type Error struct {
	Message
	wrapped error
}

// Errorf is fmt.Errorf for people: each %w wraps its error as there, and the
// format has its Chinese in the catalogue.
func Errorf(format string, args ...any) error {
	e := &Error{Message: M(format, args...)}
	switch w := fmt.Errorf(format, args...).(type) {
	case interface{ Unwrap() error }:
		e.wrapped = w.Unwrap()
	case interface {
		error
		Unwrap() []error
	}:
		e.wrapped = w // several: errors.Is and errors.As look into all of them
	}
	return e
}

// Error returns the English words.
func (e *Error) Error() string { return e.In(English) }

// Unwrap returns the error at %w, nil without one. Behind several %w it is one
// error that wraps them all.
func (e *Error) Unwrap() error { return e.wrapped }

// Text renders an error in the language: those that were made here, what is known of the system and the libraries
// (Foreign), and what wraps them. The answer of a server is quoted as it is.
func (l Lang) Text(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := err.(localized); ok {
		return e.In(l)
	}
	rest, causes := err.Error(), causesOf(err)
	if len(causes) == 0 {
		return Foreign(rest).In(l)
	}
	find, text := strings.LastIndex, ""
	if len(causes) > 1 { // one after the other
		find = strings.Index
	}
	for _, cause := range causes {
		was, is := cause.Error(), l.Text(cause)
		at := find(rest, was)
		if at < 0 {
			continue
		}
		before := rest[:at]
		if head, ok := strings.CutSuffix(before, ": "); ok && was != is && l == Chinese {
			before = Foreign(head).In(l) + "："
		}
		text, rest = text+before+is, rest[at+len(was):]
	}
	return text + rest
}

// causesOf returns what an error wraps.
func causesOf(err error) []error {
	switch w := err.(type) {
	case interface{ Unwrap() error }:
		if cause := w.Unwrap(); cause != nil {
			return []error{cause}
		}
	case interface{ Unwrap() []error }:
		return w.Unwrap()
	}
	return nil
}

// localized is an error that knows its words in both languages.
type localized interface {
	error
	In(Lang) string
}
