package msg

import (
	"errors"
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

// Text renders an error in the language. Errors that were not made here keep
// their own words: a server's or the system's answer is quoted as it is.
func (l Lang) Text(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := err.(localized); ok {
		return e.In(l)
	}
	var e localized
	if !errors.As(err, &e) {
		return err.Error()
	}
	// Something wrapped ours: keep its words around the translated part.
	return strings.Replace(err.Error(), e.Error(), e.In(l), 1)
}

// localized is an error that knows its words in both languages.
type localized interface {
	error
	In(Lang) string
}
