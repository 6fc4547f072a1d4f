package capture

import (
	"slices"
	"strings"

	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// fileFindings notes what is not certain in a file, and what must not be in it.
func (j *Job) fileFindings(f *file) {
	report := FileReport{Path: f.path, Format: string(f.format), Compared: f.second != nil}
	if j.Second != nil && f.second == nil {
		j.note(Finding{Kind: "alone", Path: f.path, Text: msg.M("the second installation does not have this file, so nothing could be compared")})
	}
	for n, segments := range f.lines {
		at := 0
		for _, s := range segments {
			finding := Finding{Path: f.path, Line: f.items[n].line, Key: s.key}
			switch {
			case s.value != nil:
				report.Expressions++
				if others := relevant(s); len(others) > 0 {
					finding.Kind, finding.Chosen, finding.Candidates = "likely", s.value.expression, others
					finding.Text = msg.M("%s is taken; %s would fit as well", s.value.expression, strings.Join(others, ", "))
					j.note(finding)
				}
			case len(s.unsure) > 0:
				finding.Kind, finding.Candidates = "text", expressionsOf(s.unsure)
				finding.Text = msg.M("%s may come from %s", shownValue(s.unsure[0]), strings.Join(finding.Candidates, ", "))
				j.note(finding)
			}
			at += len(s.text)
		}
		if !slices.Contains(f.differs, n) {
			j.leftAsText(f, n, f.items[n].text)
		}
	}
	for _, n := range f.differs {
		j.secretsIn(f, n)
		j.note(Finding{Kind: "differs", Path: f.path, Line: f.items[n].line, Text: msg.M("the line is kept as it is in the first installation")})
	}
	for range f.extra {
		j.note(Finding{Kind: "differs", Path: f.path, Text: msg.M("the second installation has a line more, which is left out")})
	}
	if f.spelling == pack.Raw && f.format != pack.Nginx && f.format != pack.SSHD {
		j.note(Finding{Kind: "raw", Path: f.path, Text: msg.M("values are written without any escaping, as the old scripts did; a value with a special character may be read as another one")})
	}
	j.report.Files = append(j.report.Files, report)
}

// relevant are the other expressions worth a look: keys as they are, and forms
// that are no further away than the one that was taken.
func relevant(s segment) []string {
	var out []*value
	for _, o := range s.others {
		if o.tier <= s.value.tier && o.keys[0] != s.value.keys[0] {
			out = append(out, o)
		}
	}
	return expressionsOf(out)
}

func expressionsOf(values []*value) []string {
	var out []string
	for _, v := range values {
		if !slices.Contains(out, v.expression) {
			out = append(out, v.expression)
		}
	}
	return out
}

func shownValue(v *value) string {
	if v.secret {
		return "******"
	}
	return `"` + v.a + `"`
}

// leftAsText notes whole values that were left as text although a key of
// config.yaml has the same value: a 1, a root. With a second installation only
// those where that key does not differ, because nothing was learnt about it.
func (j *Job) leftAsText(f *file, n int, text string) {
	for _, sp := range spans(f.format, text) {
		if sp.start == sp.end {
			j.leftEmpty(f, n, sp)
			continue
		}
		at, whole := 0, false
		for _, s := range f.lines[n] {
			end := at + len(s.text)
			if s.value == nil && len(s.unsure) == 0 && at <= sp.start && sp.end <= end {
				whole = true
			}
			at = end
		}
		if !whole {
			continue
		}
		value := text[sp.start:sp.end]
		var candidates []string
		shown := `"` + value + `"`
		near := append(words(sp.key), words(f.path)...)
		for _, v := range j.known(f.format, f.spelling) {
			common := len(value) < 3 || usual(value) && value != "root" && value != "127.0.0.1" || v.tier > 0
			if v.a != value || v.tier > 1 || f.second != nil && v.a != v.b || similarity(&v, near) == 0 && common {
				continue
			}
			if v.secret {
				shown = shownValue(&v)
			}
			if !slices.Contains(candidates, v.expression) {
				candidates = append(candidates, v.expression)
			}
		}
		if len(candidates) == 0 {
			continue
		}
		candidates = candidates[:min(len(candidates), 6)]
		j.note(Finding{Kind: "text", Path: f.path, Line: f.items[n].line, Key: sp.key, Candidates: candidates,
			Text: msg.M("%s of %s may come from %s", shown, sp.key, strings.Join(candidates, ", "))})
	}
}

// leftEmpty notes a key without a value that is named like one of config.yaml
// without a value: with a value there, the file would have one.
func (j *Job) leftEmpty(f *file, n int, sp span) {
	var candidates []string
	for i := range j.unset {
		if v := &j.unset[i]; namedLike(v, sp.key) {
			candidates = append(candidates, v.expression)
		}
	}
	if len(candidates) > 0 {
		j.note(Finding{Kind: "text", Path: f.path, Line: f.items[n].line, Key: sp.key, Candidates: candidates,
			Text: msg.M("%s is empty, as is what it may come from: %s; compare with an installation where that has a value", sp.key, strings.Join(candidates, ", "))})
	}
}
