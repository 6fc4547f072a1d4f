// Package match explains the lines of an installation's generated files by the values of config.yaml: it turns a file
// into a template, and knows how sure each expression is.
package match

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"omsinit/capture/source"
	"omsinit/internal/pack"
)

// Segment is a piece of a line: text, or an expression.
type Segment struct {
	Text   string // of the installation
	Value  *Value // nil: it is text
	Others []*Value
	// Unsure are the expressions that a text may come from, when it cannot be
	// told.
	Unsure []*Value
	Key    string // of the file, for people
	// Unescaped is the syntax for which a secret should be escaped and is not; empty where nothing is wrong.
	Unescaped string
}

// Rivals are the other expressions worth a look: keys as they are, and forms that are no further away than the one that
// was taken.
func (s Segment) Rivals() []string {
	var out []*Value
	for _, o := range s.Others {
		if o.Tier <= s.Value.Tier && o.Keys[0] != s.Value.Keys[0] {
			out = append(out, o)
		}
	}
	return Expressions(out)
}

// matcher explains the lines of one file by the values of the configuration.
//
// A line is read from left to right, in one installation or in two at once.
// Each step is a character that both share, or an expression that stands for
// the text that is next in each. Among all ways through the cheapest is taken:
// characters cost one each, expressions a little more when they are involved or
// begin in the middle of a word. So the longest value wins over its parts, and
// with two installations what differs must be an expression.
type matcher struct {
	values []Value
	two    bool
	first  map[byte][]int // values by the first byte of their text
	empty  []int          // values without a text in the first installation
	file   []string       // words of the file's path
	near   map[place][]string
}

// place is one in a line, whose words are asked for once for each value that may stand there.
type place struct {
	at int
	in *Span
}

func NewMatcher(values []Value, two bool, path string) *matcher {
	m := &matcher{values: values, two: two, first: map[byte][]int{}}
	for i, v := range values {
		if v.A == "" {
			m.empty = append(m.empty, i)
		} else {
			m.first[v.A[0]] = append(m.first[v.A[0]], i)
		}
	}
	parts := strings.Split(path, "/")
	m.file = Words(strings.Join(parts[max(0, len(parts)-3):], " "))
	return m
}

// Line is one line with what is around it.
type Line struct {
	A, B   string
	Spans  []Span
	Parent string
}

// step is how a place was reached.
type step struct {
	cost  float64
	i     int // where it came from
	fromJ int // in the second installation
	value int // -1: a character
}

// longestLine is the length up to which a line is explained. A longer one is
// left as text; a secret in it is found all the same, and refused.
const longestLine = 64 << 10

// Explain returns the segments of a line; ok is false when nothing explains how
// the two installations differ.
func (m *matcher) Explain(l Line) (segments []Segment, cost float64, ok bool) {
	m.near = map[place][]string{}
	if !m.two {
		l.B = l.A
	}
	if len(l.A) > longestLine {
		return []Segment{{Text: l.A}}, float64(len(l.A)), l.A == l.B
	}
	reached := make([]map[int]step, len(l.A)+1)
	reached[0] = map[int]step{0: {value: -1}}
	visit := func(i, j int, s step) {
		if reached[i] == nil {
			reached[i] = map[int]step{}
		}
		if have, ok := reached[i][j]; !ok || s.cost < have.cost {
			reached[i][j] = s
		}
	}
	for i := range reached {
		todo := slices.Sorted(maps.Keys(reached[i]))
		for n := 0; n < len(todo); n++ {
			j := todo[n]
			from := reached[i][j]
			if i < len(l.A) && j < len(l.B) && l.A[i] == l.B[j] {
				visit(i+1, j+1, step{cost: from.cost + 1, i: i, fromJ: j, value: -1})
			}
			try := m.empty
			if i < len(l.A) {
				try = append(slices.Clone(m.empty), m.first[l.A[i]]...)
			}
			for _, k := range try {
				v := &m.values[k]
				vb := m.second(v)
				if !strings.HasPrefix(l.A[i:], v.A) || !strings.HasPrefix(l.B[j:], vb) {
					continue
				}
				price, allowed := m.price(v, l, i, j)
				if !allowed {
					continue
				}
				visit(i+len(v.A), j+len(vb), step{cost: from.cost + price, i: i, fromJ: j, value: k})
				if v.A == "" && !slices.Contains(todo, j+len(vb)) {
					todo = append(todo, j+len(vb))
					slices.Sort(todo[n+1:])
				}
			}
		}
	}
	end, ok := reached[len(l.A)][len(l.B)]
	if !ok {
		return nil, 0, false
	}
	return m.segments(l, reached), end.cost, true
}

// ExplainValue explains a value that stands by itself; two reports whether the line has that of the second
// installation. Where nothing explains how they differ, differs is set, and the value is explained as the first
// installation has it.
func (w *Vocabulary) ExplainValue(format pack.Format, place string, l Line, two bool) (out []Segment, differs bool) {
	known := w.Known(format, pack.Standard)
	segments, _, ok := NewMatcher(known, two, place).Explain(l)
	if !ok {
		segments, _, _ = NewMatcher(known, false, place).Explain(l)
	}
	return segments, !ok
}

func (m *matcher) second(v *Value) string {
	if m.two {
		return v.B
	}
	return v.A
}

// price returns what an expression costs at a place, and whether it may stand
// there at all.
func (m *matcher) price(v *Value, l Line, i, j int) (cost float64, allowed bool) {
	s := spanAt(l.Spans, i, i+len(v.A))
	near := m.around(l, i, s)
	alike := Similarity(v, near)
	named := s != nil && s.Start == i && s.End == i+len(v.A) && NamedLike(v, s.Key)
	cost = 2 + 3*float64(v.Tier) - float64(min(alike, 16))/16
	if v.Expression == metaAddress {
		cost = 3.5 // less than its two parts: it knows how an IPv6 address is written
	}
	if named {
		cost = max(cost-1.5, 0.1)
	}
	edges := edgeCost(l.A, i, i+len(v.A))
	vb := m.second(v)
	if m.two {
		edges = max(edges, edgeCost(l.B, j, j+len(vb)))
	}
	if m.two && v.A != vb {
		return cost + edges, true
	}
	return cost + edges, distinctive(v, l, i, s, alike, edges, named)
}

// around are the words near a place: the file, the section, the key.
func (m *matcher) around(l Line, at int, s *Span) []string {
	if words, ok := m.near[place{at, s}]; ok {
		return words
	}
	const far = 200 // of what is before it in a long line
	before := l.A[max(0, at-far):at]
	if s != nil {
		before = s.Key + " " + l.A[max(min(s.Start, at), at-far):at]
	}
	m.near[place{at, s}] = append(Words(l.Parent+" "+before), m.file...)
	return m.near[place{at, s}]
}

func spanAt(spans []Span, start, end int) *Span {
	for i := range spans {
		if spans[i].Start <= start && end <= spans[i].End {
			return &spans[i]
		}
	}
	return nil
}

// edgeCost is what it costs to begin or end in the middle of a word or number.
func edgeCost(text string, start, end int) float64 {
	cost := 0.0
	if start == end {
		return 0
	}
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	first, _ := utf8.DecodeRuneInString(text[start:end])
	last, _ := utf8.DecodeLastRuneInString(text[start:end])
	after, _ := utf8.DecodeRuneInString(text[end:])
	for _, pair := range [][2]rune{{before, first}, {after, last}} {
		switch out, in := pair[0], pair[1]; {
		case out == utf8.RuneError || !isWord(in):
		case unicode.IsDigit(out) && unicode.IsDigit(in):
			cost += 12
		case isWord(out):
			cost += 6
		case out == '_' || out == '-':
			cost += 0.5
		}
	}
	// 10.0.0.1 is no part of 10.0.0.1.5 or 1.10.0.0.1.
	if unicode.IsDigit(last) && after == '.' && end+1 < len(text) && unicode.IsDigit(rune(text[end+1])) {
		cost += 12
	}
	if unicode.IsDigit(first) && before == '.' && start > 1 && unicode.IsDigit(rune(text[start-2])) {
		cost += 12
	}
	return cost
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// Usual are texts that stand in files for reasons of their own.
func Usual(text string) bool { return source.Usual(text) }

// distinctive decides whether a text that nothing but the configuration of one
// installation speaks for is taken for an expression: long and unusual texts
// are, others when they are the whole value of a key whose name says the same.
func distinctive(v *Value, l Line, at int, s *Span, alike int, edges float64, named bool) bool {
	text, end := v.A, at+len(v.A)
	whole := s != nil && s.Start == at && s.End == end
	number, err := strconv.Atoi(text)
	isNumber := err == nil
	switch {
	case v.Secret && len(text) >= 8 && edges < 12:
		return true
	case edges >= 0.5:
		return edges < 6 && len(text) >= 8 && !Usual(text)
	case v.Secret && len(text) >= 4:
		return true
	case v.Secret && text != "":
		return whole && alike >= 1
	case text == "":
		return false
	case isNumber && number >= 1000:
		before := strings.ToLower(l.A[:at])
		return whole && alike >= 1 || strings.HasSuffix(before, ":") || strings.Contains(before, "port") ||
			strings.Contains(before, "listen")
	case isNumber, Usual(text), len(text) < 3:
		return named
	}
	return len(text) >= 6 || whole && alike >= 1
}

// segments goes the way back.
func (m *matcher) segments(l Line, reached []map[int]step) []Segment {
	var out []Segment
	i, j := len(l.A), len(l.B)
	for i > 0 || j > 0 {
		s := reached[i][j]
		if s.value < 0 {
			if len(out) > 0 && out[len(out)-1].Value == nil {
				out[len(out)-1].Text = l.A[s.i:i] + out[len(out)-1].Text
			} else {
				out = append(out, Segment{Text: l.A[s.i:i]})
			}
		} else {
			out = append(out, m.expression(l, s, &m.values[s.value]))
		}
		i, j = s.i, s.fromJ
	}
	slices.Reverse(out)
	return out
}

// expression is a segment with what else it may be. Without a second
// installation that tells them apart, two keys that share a value leave it a
// text, unless the file's own key says which it is.
func (m *matcher) expression(l Line, s step, v *Value) Segment {
	sp := spanAt(l.Spans, s.i, s.i+len(v.A))
	near := m.around(l, s.i, sp)
	seg := Segment{Text: v.A, Value: v}
	if sp != nil {
		seg.Key = sp.Key
	}
	rival := false
	for k := range m.values {
		o := &m.values[k]
		if o == v || o.A != v.A || m.second(o) != m.second(v) {
			continue
		}
		seg.Others = append(seg.Others, o)
		rival = rival || o.Tier <= v.Tier && Similarity(o, near) >= Similarity(v, near)
	}
	if rival && v.A == m.second(v) {
		return Segment{Text: v.A, Key: seg.Key, Unsure: append([]*Value{v}, seg.Others...)}
	}
	return seg
}
