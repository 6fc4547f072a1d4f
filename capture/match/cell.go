package match

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"omsinit/capture/source"
	"omsinit/internal/pack"
)

// Cell is one value of a row, as each installation has it.
type Cell struct {
	Place  string // its table
	Key    string // its column
	Parent string // what else is known about where it is
	Text   string // of the first installation
	Seen   []Seen
}

// Seen is the same value in a further installation.
type Seen struct {
	Words *Vocabulary // with that installation as the second
	Text  string
}

// CellPart is a part of a value as a template: all of it, or one member of JSON.
type CellPart struct {
	// Path is where it is in the JSON, as a.b[0]; empty for all of it.
	Path     string
	Key      string // of the member, or the column
	Segments []Segment
	Differs  bool // the installations differ, and nothing explains how
}

// Template is the part as a template.
func (p CellPart) Template() string {
	return string(Explained{Lines: [][]Segment{p.Segments}}.Template())
}

// ExplainCell turns a value of a row into a template. JSON is compared by the paths of its members: one that nothing
// explains does not discard the others. extra are the paths that only further installations have.
func (w *Vocabulary) ExplainCell(format pack.Format, c Cell) (parts []CellPart, extra []string) {
	whole := CellPart{Key: c.Key}
	var fits bool
	whole.Segments, fits = w.explainPart(format, c, c.Text, c.Text)
	whole.Differs = !fits
	pieces := jsonMembers(c.Text)
	if pieces == nil {
		return []CellPart{whole}, nil
	}
	others := make([]map[string]string, len(c.Seen))
	for n, seen := range c.Seen {
		theirs := jsonMembers(seen.Text)
		if theirs == nil {
			return []CellPart{whole}, nil
		}
		others[n] = map[string]string{}
		for _, p := range theirs {
			if p.path == "" {
				continue
			}
			others[n][p.path] = p.text
			same := func(o jsonMember) bool { return o.path == p.path }
			if !slices.ContainsFunc(pieces, same) && !slices.Contains(extra, p.path) {
				extra = append(extra, p.path)
			}
		}
	}
	open := len(extra) > 0
	for _, p := range pieces {
		if p.path == "" {
			text, _ := pack.EscapeAs(format, pack.Standard, p.text)
			parts = append(parts, CellPart{Segments: []Segment{{Text: text}}})
			continue
		}
		one := Cell{Place: c.Place, Key: p.key, Parent: c.Parent + " " + c.Key + " " + p.path, Text: p.text}
		missing := false
		for n, seen := range c.Seen {
			if text, ok := others[n][p.path]; ok {
				one.Seen = append(one.Seen, Seen{seen.Words, text})
			} else {
				missing = true
			}
		}
		part := CellPart{Path: p.path, Key: p.key}
		part.Segments, fits = w.explainPart(format, one, p.text, strings.Trim(p.text, `"`))
		if p.text[0] == '"' {
			w.escapeMember(format, one, part.Segments)
		}
		part.Differs = !fits || missing
		open = open || part.Differs
		parts = append(parts, part)
	}
	if open && !whole.Differs {
		return []CellPart{whole}, nil
	}
	return parts, extra
}

// explainPart explains a text by that further installation which teaches most: by what fits most of them, and leaves
// least open. inner is the value within it, without quotes. fits reports whether it fits all of them.
func (w *Vocabulary) explainPart(format pack.Format, c Cell, text, inner string) (best []Segment, fits bool) {
	line := func(text, inner string) (string, Span) {
		before, _, _ := strings.Cut(text, inner)
		escaped, _ := pack.EscapeAs(format, pack.Standard, text)
		start, _ := pack.EscapeAs(format, pack.Standard, before)
		value, _ := pack.EscapeAs(format, pack.Standard, inner)
		return escaped, Span{Key: c.Key, Start: len(start), End: len(start) + len(value)}
	}
	a, span := line(text, inner)
	if len(c.Seen) == 0 {
		best, _ = w.ExplainValue(format, c.Place, Line{A: a, Parent: c.Parent, Spans: []Span{span}}, false)
		return best, true
	}
	most, least := -1, 0
	for _, seen := range c.Seen {
		b, _ := pack.EscapeAs(format, pack.Standard, seen.Text)
		segments, differs := seen.Words.ExplainValue(format, c.Place,
			Line{A: a, B: b, Parent: c.Parent, Spans: []Span{span}}, true)
		count, open := c.made(format, segments), unsure(segments)
		if len(c.Seen) == 1 && !differs {
			count = 1
		}
		if count > most || count == most && open < least {
			best, most, least = segments, count, open
		}
	}
	return best, most == len(c.Seen)
}

// made counts the further installations whose value a template makes.
func (c Cell) made(format pack.Format, segments []Segment) (count int) {
	template := CellPart{Segments: segments}.Template()
	for _, seen := range c.Seen {
		want, _ := pack.EscapeAs(format, pack.Standard, seen.Text)
		made, err := pack.Fill(template, seen.Words.Release, format, pack.Standard, seen.Words.Second.Data())
		if err == nil && made == want {
			count++
		}
	}
	return count
}

// escapeMember sees to it that a text of config.yaml is escaped within the quotes of JSON, where that makes the same of
// what was seen.
func (w *Vocabulary) escapeMember(format pack.Format, c Cell, segments []Segment) {
	all := append([]Seen{{w, c.Text}}, c.Seen...)
	fill := func(expression string) (out []string) {
		for n, seen := range all {
			from := w.From
			if n > 0 {
				from = seen.Words.Second
			}
			text, err := pack.Fill(expression, w.Release, format, pack.Standard, from.Data())
			if err != nil {
				return nil
			}
			out = append(out, text)
		}
		return out
	}
	for i := range segments {
		if segments[i].Value == nil {
			continue
		}
		v := *segments[i].Value
		if bare := bareText(&v) || bareSecret(&v); !bare && !strings.HasPrefix(v.Expression, "{{dquoted ") {
			continue
		}
		inner := strings.TrimPrefix(strings.TrimSuffix(v.Expression[len("{{"):], "}}"), "dquoted ")
		if !strings.HasPrefix(inner, ".") && !strings.HasPrefix(inner, "(") {
			inner = "(" + inner + ")"
		}
		have := fill(v.Expression)
		for _, encoder := range []string{"json", "jsonascii"} {
			expression := "{{" + encoder + " " + inner + "}}"
			if made := fill(expression); have != nil && slices.Equal(made, have) {
				v.Expression, v.Tier = expression, 1
				segments[i].Value = &v
				break
			}
		}
	}
}

func unsure(segments []Segment) (count int) {
	for _, s := range segments {
		count += len(s.Unsure)
	}
	return count
}

// jsonMember is a value of a JSON text, or what stands between values, which has no path.
type jsonMember struct{ path, key, text string }

// jsonMembers takes a JSON object, or a list of objects, apart; nil where a text is none. A list of texts or numbers is
// one value: it may be the list of nodes.
func jsonMembers(text string) (out []jsonMember) {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") || !json.Valid([]byte(text)) {
		return nil
	}
	type frame struct {
		list  bool
		index int
		key   string
	}
	var stack []frame
	path := func() (path, key string) {
		for _, f := range stack {
			switch {
			case f.list:
				path += "[" + strconv.Itoa(f.index) + "]"
			case path != "":
				path += "." + f.key
			default:
				path = f.key
			}
			if !f.list {
				key = f.key
			}
		}
		return path, key
	}
	start := 0 // of what stands between values
	value := func(from, to int) {
		if start < from {
			out = append(out, jsonMember{text: text[start:from]})
		}
		p, key := path()
		if p == "" {
			p = "[]"
		}
		out, start = append(out, jsonMember{p, key, text[from:to]}), to
	}
	isKey := false // what comes next in an object
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{':
			stack, isKey = append(stack, frame{}), true
		case '[':
			if next := strings.TrimLeft(text[i+1:], " \t\r\n"); next[0] != '{' && next[0] != '[' {
				end := jsonEnd(text, i)
				value(i, end)
				i = end - 1
				continue
			}
			stack, isKey = append(stack, frame{list: true}), false
		case '}', ']':
			stack = stack[:len(stack)-1]
			isKey = false
		case ',':
			top := &stack[len(stack)-1]
			top.index++
			isKey = !top.list
		case ':':
			isKey = false
		case ' ', '\t', '\r', '\n':
		default:
			end := jsonEnd(text, i)
			if isKey {
				_ = json.Unmarshal([]byte(text[i:end]), &stack[len(stack)-1].key) // all of the text is valid
			} else {
				value(i, end)
			}
			i = end - 1
		}
	}
	if start < len(text) {
		out = append(out, jsonMember{text: text[start:]})
	}
	return out
}

// jsonEnd returns where a text, a number, a word or a list of those ends that begins at a place.
func jsonEnd(text string, from int) int {
	quoted, depth := false, 0
	for i := from; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			if quoted = !quoted; !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '[':
			depth++
		case c == ']' && depth > 0:
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && strings.IndexByte(",:]} \t\r\n", c) >= 0:
			return i
		}
	}
	return len(text)
}

// Switch returns the condition, as templates have it, that holds in exactly those installations that have something;
// empty where there is none, or it cannot be told. Where the thing is not named like the switch, it must be the only
// one that fits, and three installations must say so.
func Switch(release string, installations []*source.Installation, has []bool, around string) string {
	b := blocks{installations: installations}
	for _, i := range installations {
		filling, err := pack.NewFilling(release, i.Data())
		if err != nil {
			return ""
		}
		b.fillings = append(b.fillings, filling)
	}
	fit, named := b.fitting(has, Words(around))
	switch {
	case len(named) == 1:
		return named[0]
	case len(fit) == 1 && len(installations) > 2:
		return fit[0].text
	}
	return ""
}
