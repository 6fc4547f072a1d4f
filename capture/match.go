package capture

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// segment is a piece of a line: text, or an expression.
type segment struct {
	text   string // of the installation
	value  *value // nil: it is text
	others []*value
	// unsure are the expressions that a text may come from, when it cannot be
	// told.
	unsure []*value
	key    string // of the file, for people
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
	values []value
	two    bool
	first  map[byte][]int // values by the first byte of their text
	empty  []int          // values without a text in the first installation
	file   []string       // words of the file's path
}

func newMatcher(values []value, two bool, path string) *matcher {
	m := &matcher{values: values, two: two, first: map[byte][]int{}}
	for i, v := range values {
		if v.a == "" {
			m.empty = append(m.empty, i)
		} else {
			m.first[v.a[0]] = append(m.first[v.a[0]], i)
		}
	}
	parts := strings.Split(path, "/")
	m.file = words(strings.Join(parts[max(0, len(parts)-3):], " "))
	return m
}

// line is one line with what is around it.
type line struct {
	a, b   string
	spans  []span
	parent string
}

// step is how a place was reached.
type step struct {
	cost  float64
	i     int // where it came from
	fromJ int // in the second installation
	value int // -1: a character
}

// explain gives the segments of a line; ok is false when nothing explains how
// the two installations differ.
func (m *matcher) explain(l line) (segments []segment, cost float64, ok bool) {
	if !m.two {
		l.b = l.a
	}
	reached := make([]map[int]step, len(l.a)+1)
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
			if i < len(l.a) && j < len(l.b) && l.a[i] == l.b[j] {
				visit(i+1, j+1, step{cost: from.cost + 1, i: i, fromJ: j, value: -1})
			}
			try := m.empty
			if i < len(l.a) {
				try = append(slices.Clone(m.empty), m.first[l.a[i]]...)
			}
			for _, k := range try {
				v := &m.values[k]
				vb := m.second(v)
				if !strings.HasPrefix(l.a[i:], v.a) || !strings.HasPrefix(l.b[j:], vb) {
					continue
				}
				price, allowed := m.price(v, l, i, j)
				if !allowed {
					continue
				}
				visit(i+len(v.a), j+len(vb), step{cost: from.cost + price, i: i, fromJ: j, value: k})
				if v.a == "" && !slices.Contains(todo, j+len(vb)) {
					todo = append(todo, j+len(vb))
					slices.Sort(todo[n+1:])
				}
			}
		}
	}
	end, ok := reached[len(l.a)][len(l.b)]
	if !ok {
		return nil, 0, false
	}
	return m.segments(l, reached), end.cost, true
}

func (m *matcher) second(v *value) string {
	if m.two {
		return v.b
	}
	return v.a
}

// price says what an expression costs at a place, and whether it may stand
// there at all.
func (m *matcher) price(v *value, l line, i, j int) (cost float64, allowed bool) {
	s := spanAt(l.spans, i, i+len(v.a))
	near := m.around(l, i, s)
	alike := similarity(v, near)
	named := s != nil && s.start == i && s.end == i+len(v.a) && namedLike(v, s.key)
	cost = 2 + 3*float64(v.tier) - float64(min(alike, 16))/16
	if named {
		cost = max(cost-1.5, 0.1)
	}
	edges := edgeCost(l.a, i, i+len(v.a))
	vb := m.second(v)
	if m.two {
		edges = max(edges, edgeCost(l.b, j, j+len(vb)))
	}
	if m.two && v.a != vb {
		return cost + edges, true
	}
	return cost + edges, distinctive(v, l, i, s, alike, edges, named)
}

// around are the words near a place: the file, the section, the key.
func (m *matcher) around(l line, at int, s *span) []string {
	const far = 200 // of what is before it in a long line
	before := l.a[max(0, at-far):at]
	if s != nil {
		before = s.key + " " + l.a[max(min(s.start, at), at-far):at]
	}
	return append(words(l.parent+" "+before), m.file...)
}

func spanAt(spans []span, start, end int) *span {
	for i := range spans {
		if spans[i].start <= start && end <= spans[i].end {
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

// usual are texts that stand in files for reasons of their own.
func usual(text string) bool {
	switch strings.ToLower(text) {
	case "127.0.0.1", "localhost", "0.0.0.0", "::1", "root", "admin", "administrator", "oms", "test", "drc", "ceresdb", "influxdb", "default", "password", "true", "false":
		return true
	}
	return false
}

// distinctive decides whether a text that nothing but the configuration of one
// installation speaks for is taken for an expression: long and unusual texts
// are, others when they are the whole value of a key whose name says the same.
func distinctive(v *value, l line, at int, s *span, alike int, edges float64, named bool) bool {
	text, end := v.a, at+len(v.a)
	whole := s != nil && s.start == at && s.end == end
	number, err := strconv.Atoi(text)
	isNumber := err == nil
	switch {
	case v.secret && len(text) >= 8 && edges < 12:
		return true
	case edges >= 0.5:
		return edges < 6 && len(text) >= 8 && !usual(text)
	case v.secret && len(text) >= 4:
		return true
	case v.secret && text != "":
		return whole && alike >= 1
	case text == "":
		return false
	case isNumber && number >= 1000:
		before := strings.ToLower(l.a[:at])
		return whole && alike >= 1 || strings.HasSuffix(before, ":") || strings.Contains(before, "port") || strings.Contains(before, "listen")
	case isNumber, usual(text), len(text) < 3:
		return named
	}
	return len(text) >= 6 || whole && alike >= 1
}

// segments goes the way back.
func (m *matcher) segments(l line, reached []map[int]step) []segment {
	var out []segment
	i, j := len(l.a), len(l.b)
	for i > 0 || j > 0 {
		s := reached[i][j]
		if s.value < 0 {
			if len(out) > 0 && out[len(out)-1].value == nil {
				out[len(out)-1].text = l.a[s.i:i] + out[len(out)-1].text
			} else {
				out = append(out, segment{text: l.a[s.i:i]})
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
func (m *matcher) expression(l line, s step, v *value) segment {
	sp := spanAt(l.spans, s.i, s.i+len(v.a))
	near := m.around(l, s.i, sp)
	seg := segment{text: v.a, value: v}
	if sp != nil {
		seg.key = sp.key
	}
	rival := false
	for k := range m.values {
		o := &m.values[k]
		if o == v || o.a != v.a || m.second(o) != m.second(v) {
			continue
		}
		seg.others = append(seg.others, o)
		rival = rival || o.tier <= v.tier && similarity(o, near) >= similarity(v, near)
	}
	if rival && v.a == m.second(v) {
		return segment{text: v.a, key: seg.key, unsure: append([]*value{v}, seg.others...)}
	}
	return seg
}
