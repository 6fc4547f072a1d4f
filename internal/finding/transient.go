package finding

import "errors"

type transient struct{ err error }

func (t *transient) Error() string { return t.err.Error() }
func (t *transient) Unwrap() error { return t.err }

// Transient marks an error that may go away by itself: a MetaDB or a CM that does not answer yet. Whoever sees one
// tries again; every other error waits for a person. A nil error stays nil.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return &transient{err}
}

// IsTransient reports whether err, or anything it wraps, was marked by Transient.
func IsTransient(err error) bool {
	var t *transient
	return errors.As(err, &t)
}
