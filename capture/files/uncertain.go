package files

import (
	"slices"
	"unicode/utf8"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// uncertain notes what is not certain in a file.
func (e *Explainer) uncertain(f *match.File) {
	at := finding.Place{File: f.Path}
	expressions := 0
	if f.Words.Second != nil && f.Second == nil {
		e.Report.Note("alone", at, msg.M(
			"the second installation does not have this file, so nothing could be compared"))
	}
	for n, segments := range f.Lines {
		for _, s := range segments {
			at := finding.Place{File: f.Path, Line: f.Items[n].Line, Key: s.Key}
			if s.Unescaped != "" {
				e.Report.Note(report.Secret, at, msg.M("%s is written without the escaping of %s, so that a special character in it would be read as something else, or run; compare with an installation whose value has none",
					s.Value.Expression, s.Unescaped))
			}
			switch {
			case s.Value != nil:
				expressions++
				if others := s.Rivals(); len(others) > 0 {
					e.Report.NoteCandidates(report.Likely, at, msg.M("%s is taken; %s would fit as well",
						s.Value.Expression, msg.List(others)), s.Value.Expression, others)
				}
			case len(s.Unsure) > 0:
				may := match.Expressions(s.Unsure)
				e.Report.NoteCandidates(report.Text, at,
					msg.M("%s may come from %s", s.Unsure[0].Shown(), msg.List(may)), "", may)
			}
		}
		if !slices.Contains(f.Differs, n) {
			e.leftAsText(f, n, f.Items[n].Text)
		}
	}
	for _, n := range f.Differs {
		at := finding.Place{File: f.Path, Line: f.Items[n].Line}
		e.Secrets.Line(f, n)
		if !utf8.ValidString(f.Items[n].Text) {
			e.Report.Note(report.Differs, at, msg.M("the line is in another character set than UTF-8, which no template makes: it is kept as it is in the first installation; --leave %s leaves the file out", f.Path))
			continue
		}
		if at.Key = keyOf(f, n); e.open(f, at.Line, "") {
			continue
		}
		e.Report.Note(report.Differs, at, msg.M("the line of %s is kept as it is in the first installation", at.Key))
	}
	e.extra(f)
	e.choices(f)
	if f.Spelling == pack.Raw && f.Format != pack.Nginx && f.Format != pack.SSHD {
		e.Report.Note("raw", at, msg.M("values are written without any escaping, as the old scripts did; a value with a special character may be read as another one"))
	}
	e.Report.Files = append(e.Report.Files,
		report.File{Path: f.Path, Format: string(f.Format), Expressions: expressions, Compared: f.Second != nil})
}

// keyOf names a line by its key: its value may be a secret.
func keyOf(f *match.File, n int) string {
	if spans := match.Spans(f.Format, f.Items[n].Text); len(spans) > 0 && spans[0].Key != "" {
		return `"` + spans[0].Key + `"`
	}
	return f.Path
}

// extra notes the lines that only other installations have.
func (e *Explainer) extra(f *match.File) {
	for i, key := range f.Extra {
		if e.open(f, 0, key) || slices.Contains(f.Extra[:i], key) {
			continue
		}
		at := finding.Place{File: f.Path, Key: key}
		if key == "" {
			e.Report.Note(report.Differs, at, msg.M("another installation has a line more, which is left out"))
			continue
		}
		e.Report.Note(report.Differs, at, msg.M("another installation has a line more, of %s, which is left out", key))
	}
}

// open reports whether choices will say what there is to say of a line: one of the first installation by its number,
// and one of others by its key.
func (e *Explainer) open(f *match.File, line int, key string) bool {
	return slices.ContainsFunc(f.Choices, func(c match.Choice) bool {
		if line == 0 {
			return c.Line == 0 && c.Taken == "" && slices.Contains(c.Keys, key)
		}
		return c.Line > 0 && c.Taken == "" && c.Line <= line && line < c.Line+len(c.Keys)
	})
}

// choices notes lines that several switches fit, with what decides it.
func (e *Explainer) choices(f *match.File) {
	for _, c := range f.Choices {
		at := finding.Place{File: f.Path, Line: c.Line, Key: c.Keys[0]}
		names := slices.DeleteFunc(slices.Clone(c.Keys), func(k string) bool { return k == "" })
		what, fit, decides := msg.List(names[:min(len(names), 4)]), msg.List(c.Others), msg.List(c.Decides)
		switch {
		case c.Taken != "":
			e.Report.NoteCandidates(report.Likely, at, msg.M("lines: %d (%s) are there {{if %s}}, by their names; %s would fit as well; a further installation with %s decides",
				len(c.Keys), what, c.Taken, fit, decides), c.Taken, c.Others)
		case c.Line > 0:
			e.Report.NoteCandidates(report.Differs, at, msg.M("lines: %d (%s) are kept as in the first installation; they may depend on %s; a further installation with %s decides",
				len(c.Keys), what, fit, decides), "", c.Others)
		default:
			e.Report.NoteCandidates(report.Differs, at, msg.M("lines: %d (%s) are in another installation only, and left out; they may depend on %s; a further installation with %s decides",
				len(c.Keys), what, fit, decides), "", c.Others)
		}
	}
}

// leftAsText notes whole values that were left as text although a key of
// config.yaml has the same value: a 1, a root. With a second installation only
// those where that key does not differ, because nothing was learnt about it.
func (e *Explainer) leftAsText(f *match.File, n int, text string) {
	for _, sp := range match.Spans(f.Format, text) {
		if sp.Start == sp.End {
			e.leftEmpty(f, n, sp)
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
		for _, v := range f.Words.Known(f.Format, f.Spelling) {
			common := len(value) < 3 || match.Usual(value) && value != "root" && value != "127.0.0.1" || v.Tier > 0
			if v.A != value || v.Tier > 1 || f.Second != nil && v.A != v.B || match.Similarity(&v, near) == 0 &&
				common {
				continue
			}
			if v.Secret {
				shown = v.Shown()
			}
			if !slices.Contains(candidates, v.Expression) {
				candidates = append(candidates, v.Expression)
			}
		}
		if len(candidates) == 0 {
			continue
		}
		candidates = candidates[:min(len(candidates), 6)]
		place := finding.Place{File: f.Path, Line: f.Items[n].Line, Key: sp.Key}
		e.Report.NoteCandidates(report.Text, place, msg.M("%s of %s may come from %s",
			shown, sp.Key, msg.List(candidates)), "", candidates)
	}
}

// leftEmpty notes a key without a value that is named like one of config.yaml
// without a value: with a value there, the file would have one.
func (e *Explainer) leftEmpty(f *match.File, n int, sp match.Span) {
	var candidates []string
	for i := range f.Words.Unset {
		if v := &f.Words.Unset[i]; match.NamedLike(v, sp.Key) {
			candidates = append(candidates, v.Expression)
		}
	}
	if len(candidates) > 0 {
		at := finding.Place{File: f.Path, Line: f.Items[n].Line, Key: sp.Key}
		e.Report.NoteCandidates(report.Text, at,
			msg.M("%s is empty, as is what it may come from: %s; compare with an installation where that has a value",
				sp.Key, msg.List(candidates)), "", candidates)
	}
}
