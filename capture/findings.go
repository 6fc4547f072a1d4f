package capture

import (
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// fileFindings notes what is not certain in a file, and what must not be in it.
func (j *Job) fileFindings(f *match.File) {
	report := FileReport{Path: f.Path, Format: string(f.Format), Compared: f.Second != nil}
	if j.Second != nil && f.Second == nil {
		j.note(Finding{Kind: "alone", Path: f.Path, Text: msg.M("the second installation does not have this file, so nothing could be compared")})
	}
	for n, segments := range f.Lines {
		at := 0
		for _, s := range segments {
			finding := Finding{Path: f.Path, Line: f.Items[n].Line, Key: s.Key}
			switch {
			case s.Value != nil:
				report.Expressions++
				if others := relevant(s); len(others) > 0 {
					finding.Kind, finding.Chosen, finding.Candidates = "likely", s.Value.Expression, others
					finding.Text = msg.M("%s is taken; %s would fit as well", s.Value.Expression, strings.Join(others, ", "))
					j.note(finding)
				}
			case len(s.Unsure) > 0:
				finding.Kind, finding.Candidates = "text", expressionsOf(s.Unsure)
				finding.Text = msg.M("%s may come from %s", shownValue(s.Unsure[0]), strings.Join(finding.Candidates, ", "))
				j.note(finding)
			}
			at += len(s.Text)
		}
		if !slices.Contains(f.Differs, n) {
			j.leftAsText(f, n, f.Items[n].Text)
		}
	}
	for _, n := range f.Differs {
		j.secretsIn(f, n)
		j.note(Finding{Kind: "differs", Path: f.Path, Line: f.Items[n].Line, Text: msg.M("the line is kept as it is in the first installation")})
	}
	for range f.Extra {
		j.note(Finding{Kind: "differs", Path: f.Path, Text: msg.M("the second installation has a line more, which is left out")})
	}
	if f.Spelling == pack.Raw && f.Format != pack.Nginx && f.Format != pack.SSHD {
		j.note(Finding{Kind: "raw", Path: f.Path, Text: msg.M("values are written without any escaping, as the old scripts did; a value with a special character may be read as another one")})
	}
	j.report.Files = append(j.report.Files, report)
}

// relevant are the other expressions worth a look: keys as they are, and forms
// that are no further away than the one that was taken.
func relevant(s match.Segment) []string {
	var out []*match.Value
	for _, o := range s.Others {
		if o.Tier <= s.Value.Tier && o.Keys[0] != s.Value.Keys[0] {
			out = append(out, o)
		}
	}
	return expressionsOf(out)
}

func expressionsOf(values []*match.Value) []string {
	var out []string
	for _, v := range values {
		if !slices.Contains(out, v.Expression) {
			out = append(out, v.Expression)
		}
	}
	return out
}

func shownValue(v *match.Value) string {
	if v.Secret {
		return "******"
	}
	return `"` + v.A + `"`
}

// leftAsText notes whole values that were left as text although a key of
// config.yaml has the same value: a 1, a root. With a second installation only
// those where that key does not differ, because nothing was learnt about it.
func (j *Job) leftAsText(f *match.File, n int, text string) {
	for _, sp := range match.Spans(f.Format, text) {
		if sp.Start == sp.End {
			j.leftEmpty(f, n, sp)
			continue
		}
		at, whole := 0, false
		for _, s := range f.Lines[n] {
			end := at + len(s.Text)
			if s.Value == nil && len(s.Unsure) == 0 && at <= sp.Start && sp.End <= end {
				whole = true
			}
			at = end
		}
		if !whole {
			continue
		}
		value := text[sp.Start:sp.End]
		var candidates []string
		shown := `"` + value + `"`
		near := append(match.Words(sp.Key), match.Words(f.Path)...)
		for _, v := range j.words.Known(f.Format, f.Spelling) {
			common := len(value) < 3 || match.Usual(value) && value != "root" && value != "127.0.0.1" || v.Tier > 0
			if v.A != value || v.Tier > 1 || f.Second != nil && v.A != v.B || match.Similarity(&v, near) == 0 &&
				common {
				continue
			}
			if v.Secret {
				shown = shownValue(&v)
			}
			if !slices.Contains(candidates, v.Expression) {
				candidates = append(candidates, v.Expression)
			}
		}
		if len(candidates) == 0 {
			continue
		}
		candidates = candidates[:min(len(candidates), 6)]
		j.note(Finding{Kind: "text", Path: f.Path, Line: f.Items[n].Line, Key: sp.Key, Candidates: candidates,
			Text: msg.M("%s of %s may come from %s", shown, sp.Key, strings.Join(candidates, ", "))})
	}
}

// leftEmpty notes a key without a value that is named like one of config.yaml
// without a value: with a value there, the file would have one.
func (j *Job) leftEmpty(f *match.File, n int, sp match.Span) {
	var candidates []string
	for i := range j.words.Unset {
		if v := &j.words.Unset[i]; match.NamedLike(v, sp.Key) {
			candidates = append(candidates, v.Expression)
		}
	}
	if len(candidates) > 0 {
		j.note(Finding{Kind: "text", Path: f.Path, Line: f.Items[n].Line, Key: sp.Key, Candidates: candidates,
			Text: msg.M("%s is empty, as is what it may come from: %s; compare with an installation where that has a value", sp.Key, strings.Join(candidates, ", "))})
	}
}
