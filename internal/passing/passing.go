// Package passing marks errors that may go away by themselves: a MetaDB or a
// CM that does not answer yet. Whoever sees one tries again; every other error
// waits for a person.
package passing

import "errors"

type passing struct{ err error }

func (p *passing) Error() string { return p.err.Error() }
func (p *passing) Unwrap() error { return p.err }

// Mark says that err may go away by itself. A nil error stays nil.
func Mark(err error) error {
	if err == nil {
		return nil
	}
	return &passing{err}
}

// Is reports whether err, or anything it wraps, was marked.
func Is(err error) bool {
	var p *passing
	return errors.As(err, &p)
}
