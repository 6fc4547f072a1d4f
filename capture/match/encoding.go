package match

import (
	"slices"
	"strings"

	"omsinit/internal/pack"
)

// edges are the characters before and after an expression.
type edges [2]byte

// sameEncoding writes a value as its neighbours are: where another value of the
// file, between the same characters, shows how the old scripts escape there, a
// value in which there was nothing to escape is escaped too.
func (w *Vocabulary) sameEncoding(f *File, e *Explained) {
	seen := map[edges]string{}
	each(e, func(s *Segment, at edges) {
		name, _, _ := strings.Cut(strings.TrimPrefix(s.Value.Expression, "{{"), " ")
		if slices.Contains([]string{"xml", "shell", "doubled"}, name) {
			seen[at] = name
		}
	})
	each(e, func(s *Segment, at edges) {
		name := seen[at]
		key, plain := strings.CutPrefix(s.Value.Expression, "{{.")
		key = strings.TrimSuffix(key, "}}")
		if name == "" || !plain || !FreeText(key) {
			return
		}
		expression := "{{" + name + " ." + key + "}}"
		a, err := pack.Fill(expression, w.release, f.Format, e.Spelling, w.from.Data())
		if err != nil || a != s.Value.A {
			return
		}
		if f.Second != nil {
			if b, err := pack.Fill(expression, w.release, f.Format, e.Spelling, w.second.Data()); err != nil ||
				b != s.Value.B {
				return
			}
		}
		v := *s.Value
		v.Expression, v.Tier = expression, 1
		s.Value = &v
	})
}

// each goes through the expressions of a file.
func each(e *Explained, do func(s *Segment, at edges)) {
	for _, l := range e.Lines {
		for i := range l {
			if l[i].Value == nil {
				continue
			}
			var at edges
			if i > 0 && l[i-1].Value == nil && l[i-1].Text != "" {
				at[0] = l[i-1].Text[len(l[i-1].Text)-1]
			}
			if i+1 < len(l) && l[i+1].Value == nil && l[i+1].Text != "" {
				at[1] = l[i+1].Text[0]
			}
			do(&l[i], at)
		}
	}
}
