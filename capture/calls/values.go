package calls

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
)

// path turns the parts of a path into templates, the one before being the name of each.
func (r *Reader) path(e, second source.Exchange) string {
	parts, others := strings.Split(e.Path, "/"), strings.Split(second.Path, "/")
	for i, part := range parts {
		at := finding.Place{File: e.Method + " " + e.Path, Key: parts[max(0, i-1)]}
		var other *string
		if len(others) == len(parts) {
			other = &others[i]
		}
		parts[i] = freeValue().ReplaceAllStringFunc(r.value(at, part, other), func(s string) string {
			if key := freeValue().FindStringSubmatch(s)[1]; match.FreeText(key) {
				return "{{urlpath ." + key + "}}"
			}
			return s
		})
	}
	return strings.Join(parts, "/")
}

// freeValue is a value as it is in config.yaml.
var freeValue = pattern.New(`\{\{\.(\w+)\}\}`)

// fields turns the fields of a query or a form into templates. Those that are sent several times, such as once for each
// node, are not among them: listed is the part of the query or form that they are.
func (r *Reader) fields(e source.Exchange, values, second url.Values) (out map[string]string, listed string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		at := finding.Place{File: e.Path, Key: key}
		if len(values[key]) > 1 || len(second[key]) > 1 {
			if listed != "" {
				listed += "&"
			}
			listed += r.several(at, values[key], second[key])
			continue
		}
		var other *string
		if len(second[key]) > 0 {
			other = &second[key][0]
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = r.value(at, values.Get(key), other)
	}
	return out, listed
}

// several is a field that is sent several times: once for each node, or as often as in the installation.
func (r *Reader) several(at finding.Place, values, second []string) string {
	name := match.Literal(url.QueryEscape(at.Key), true) + "="
	perNode := slices.Equal(values, r.Words.From.Config.CMNodes)
	if perNode && (second == nil || slices.Equal(second, r.Words.Second.Config.CMNodes)) {
		return "{{range $i, $n := .cm_nodes}}{{if $i}}&{{end}}" + name + "{{urlquery $n}}{{end}}"
	}
	if second != nil && len(values) != len(second) {
		r.differs(at)
	}
	var parts []string
	for i, text := range values {
		var other *string
		if len(values) == len(second) {
			other = &second[i]
		}
		parts = append(parts, name+escaped(r.value(at, text, other)))
	}
	return strings.Join(parts, "&")
}

// joined is a form of fields that are sent several times, and of others.
func joined(listed string, fields map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		listed += "&" + match.Literal(url.QueryEscape(key), true) + "=" + escaped(fields[key])
	}
	return listed
}

// escaped is a template of a value as one of a value within a query.
func escaped(template string) string {
	var b strings.Builder
	for len(template) > 0 {
		before, rest, found := strings.Cut(template, "{{")
		b.WriteString(url.QueryEscape(before))
		if !found {
			break
		}
		inner, after, _ := strings.Cut(rest, "}}")
		switch {
		case freeValue().MatchString("{{" + inner + "}}"):
			b.WriteString("{{urlquery " + inner + "}}")
		case strings.HasPrefix(inner, `"`):
			b.WriteString(url.QueryEscape(strings.Trim(inner, `"`)))
		default:
			b.WriteString("{{" + inner + "}}")
		}
		template = after
	}
	return b.String()
}

// differs notes a value that is another in the second installation and that nothing explains: sent as the first one has
// it, it would be wrong in every other. Keep lets it through.
func (r *Reader) differs(at finding.Place) {
	if slices.Contains(r.Secrets.Keep, at.File+":"+at.Key) {
		r.Report.Note(report.Differs, at, msg.M("the value is kept as it is in the first installation"))
		return
	}
	r.Report.Note(report.Call, at, msg.M("%s is another in the second installation, and nothing in config.yaml explains it; --text %s:%s sends it as the first one does", at.Key, at.File, at.Key))
}

// body turns a body that is no form into a template, as a file of its format.
func (r *Reader) body(e, second source.Exchange) string {
	f := &match.File{Path: e.Path, Data: e.Body, Second: second.Body, Format: pack.Plain}
	if strings.Contains(e.ContentType, "json") {
		f.Format = pack.JSON
	}
	f.Explained = r.Words.ExplainFile(f)
	for n, line := range f.Lines {
		for _, s := range line {
			at := finding.Place{File: e.Path, Line: f.Items[n].Line, Key: s.Key}
			switch {
			case len(s.Unsure) > 0:
				r.may(report.Text, at, match.Expressions(s.Unsure))
			case s.Value != nil:
				r.may(report.Likely, at, s.Rivals())
			}
		}
	}
	for _, n := range f.Differs {
		r.differs(finding.Place{File: e.Path, Key: keyOf(f, n)})
	}
	if len(f.Extra) > 0 {
		r.differs(finding.Place{File: e.Path, Key: "body"})
	}
	template := string(f.Explained.Template())
	for _, line := range strings.Split(template, "\n") {
		for _, sp := range match.Spans(f.Format, line) {
			if match.NamesSecret(sp.Key) && match.LooksLikeSecret(line[sp.Start:sp.End]) {
				r.Secrets.Sounds(finding.Place{File: e.Path, Key: sp.Key}, second.Body != nil, len(f.Differs) > 0)
			}
		}
	}
	return template
}

// may notes what a value of a call may come from, if anything.
func (r *Reader) may(kind report.Kind, at finding.Place, others []string) {
	if len(others) > 0 {
		r.Report.NoteCandidates(kind, at, msg.M("%s of the call may come from %s", at.Key, msg.List(others)),
			"", others)
	}
}

// value turns one value of a form into a template.
func (r *Reader) value(at finding.Place, text string, second *string) string {
	l := match.Line{A: text, Parent: strings.ReplaceAll(at.File, "/", " "),
		Spans: []match.Span{{Key: at.Key, Start: 0, End: len(text)}}}
	if second != nil {
		l.B = *second
	}
	segments, differs := r.Words.ExplainValue(pack.Plain, "", l, second != nil)
	if differs {
		r.differs(at)
	}
	out := string(match.Explained{Lines: [][]match.Segment{segments}}.Template())
	for _, s := range segments {
		switch {
		case len(s.Unsure) > 0:
			r.may(report.Text, at, match.Expressions(s.Unsure))
		case s.Value != nil:
			r.may(report.Likely, at, s.Rivals())
		case second == nil && s.Text == text:
			r.may(report.Text, at, wholeValues(r.Words.Known(pack.Plain, pack.Standard), text))
		}
	}
	if config.SoundsSecret(at.Key) && match.LooksLikeSecret(out) {
		r.Secrets.Sounds(at, second != nil, differs)
	}
	return out
}

// keyOf names the place of a line in a body.
func keyOf(f *match.File, n int) string {
	if spans := match.Spans(f.Format, f.Items[n].Text); len(spans) > 0 && spans[0].Key != "" {
		return spans[0].Key
	}
	return "body"
}

// wholeValues are the keys whose value a text is.
func wholeValues(values []match.Value, text string) []string {
	var out []*match.Value
	for i := range values {
		if v := &values[i]; v.A == text && v.Tier == 0 && !v.Secret {
			out = append(out, v)
		}
	}
	return match.Expressions(out)
}
