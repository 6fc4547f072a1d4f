package match

import (
	"omsinit/capture/source"
	"omsinit/internal/pack"
)

// Vocabulary is what the values of config.yaml look like in the files of one or two installations.
type Vocabulary struct {
	From    *source.Installation
	Second  *source.Installation // of the same release with another configuration; nil when there is none
	Release string

	alone       *Vocabulary        // of the second installation, once it was asked for
	expressions []Value            // without what they stand for
	filled      map[string][]Value // by format and spelling
	// Unset are the keys that have no value, so that nothing can be learnt of where they go.
	Unset []Value
}

// NewVocabulary returns the vocabulary of an installation, and of a second one where second is not nil.
func NewVocabulary(from, second *source.Installation, release string) *Vocabulary {
	installations := []*source.Installation{from}
	if second != nil {
		installations = append(installations, second)
	}
	v := &Vocabulary{From: from, Second: second, Release: release, filled: map[string][]Value{},
		expressions: expressions(installations)}
	v.Known(pack.Plain, pack.Standard)
	return v
}

// secondAlone is the vocabulary of the second installation.
func (w *Vocabulary) secondAlone() *Vocabulary {
	if w.alone == nil {
		w.alone = NewVocabulary(w.Second, nil, w.Release)
	}
	return w.alone
}
