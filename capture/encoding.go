package capture

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
func (j *Job) sameEncoding(f *file, e *explained) {
	seen := map[edges]string{}
	each(e, func(s *segment, at edges) {
		name, _, _ := strings.Cut(strings.TrimPrefix(s.value.expression, "{{"), " ")
		if slices.Contains([]string{"xml", "shell", "doubled"}, name) {
			seen[at] = name
		}
	})
	each(e, func(s *segment, at edges) {
		name := seen[at]
		key, plain := strings.CutPrefix(s.value.expression, "{{.")
		key = strings.TrimSuffix(key, "}}")
		if name == "" || !plain || !freeText(key) {
			return
		}
		expression := "{{" + name + " ." + key + "}}"
		a, err := pack.Fill(expression, j.Release, f.format, e.spelling, j.From.data())
		if err != nil || a != s.value.a {
			return
		}
		if f.second != nil {
			if b, err := pack.Fill(expression, j.Release, f.format, e.spelling, j.Second.data()); err != nil || b != s.value.b {
				return
			}
		}
		v := *s.value
		v.expression, v.tier = expression, 1
		s.value = &v
	})
}

// each goes through the expressions of a file.
func each(e *explained, do func(s *segment, at edges)) {
	for _, l := range e.lines {
		for i := range l {
			if l[i].value == nil {
				continue
			}
			var at edges
			if i > 0 && l[i-1].value == nil && l[i-1].text != "" {
				at[0] = l[i-1].text[len(l[i-1].text)-1]
			}
			if i+1 < len(l) && l[i+1].value == nil && l[i+1].text != "" {
				at[1] = l[i+1].text[0]
			}
			do(&l[i], at)
		}
	}
}
