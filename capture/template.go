package capture

import (
	"bytes"
	"slices"
	"strings"

	"omsinit/internal/pack"
)

// explained is a file as a template.
type explained struct {
	spelling pack.Spelling
	lines    [][]segment
	items    []item // of the same indexes
	cost     float64
	// differs are the lines, as indexes, that nothing explains.
	differs []int
	// extra are lines that only the second installation has.
	extra []string
}

// explainFile turns a file into a template, in the spelling that explains most.
func (j *Job) explainFile(f *file) explained {
	var best explained
	for n, spelling := range pack.Spellings(f.format) {
		if n > 0 && !j.spelledOtherwise(f.format, spelling) {
			continue
		}
		e := j.explainIn(f, spelling)
		if n == 0 || len(e.differs) < len(best.differs) || len(e.differs) == len(best.differs) && e.cost < best.cost {
			best = e
		}
	}
	j.sameEncoding(f, &best)
	return best
}

// spelledOtherwise reports whether a spelling makes any difference here.
func (j *Job) spelledOtherwise(format pack.Format, spelling pack.Spelling) bool {
	a, b := j.known(format, pack.Standard), j.known(format, spelling)
	return !slices.EqualFunc(a, b, func(x, y value) bool { return x.a == y.a && x.b == y.b })
}

func (j *Job) explainIn(f *file, spelling pack.Spelling) explained {
	two := f.second != nil
	m := newMatcher(j.known(f.format, spelling), two, f.path)
	single := m
	if two {
		single = newMatcher(j.known(f.format, spelling), false, f.path)
	}
	e := explained{spelling: spelling}
	a := f.linesOf(f.data, j.From, spelling)
	var texts []string
	for _, x := range a {
		texts = append(texts, x.text)
	}
	up := parents(f.format, texts)
	of := func(x item, i int) line { return line{a: x.text, spans: spans(f.format, x.text), parent: up[i]} }
	if !two {
		for i, x := range a {
			e.add(single, x, of(x, i))
		}
		return e
	}
	b := f.linesOf(f.second, j.Second, spelling)
	ways := map[[2]int]*way{}
	try := func(i, k int) *way {
		if w, ok := ways[[2]int{i, k}]; ok {
			return w
		}
		w := &way{}
		w.x, w.y = sameKind(a[i], b[k])
		l := of(w.x, i)
		l.b = w.y.text
		w.segments, w.cost, w.ok = m.explain(l)
		ways[[2]int{i, k}] = w
		return w
	}
	pairs, extra := align(len(a), len(b), func(i, k int) bool { return try(i, k).ok })
	for i, k := range pairs {
		if k >= 0 {
			w := try(i, k)
			e.take(w.x, w.segments, w.cost)
			continue
		}
		e.differs = append(e.differs, len(e.lines))
		e.add(single, a[i], of(a[i], i))
	}
	for _, k := range extra {
		e.extra = append(e.extra, b[k].text)
		e.cost += float64(len(b[k].text))
	}
	return e
}

// way is how a pair of lines is explained.
type way struct {
	x, y     item
	segments []segment
	cost     float64
	ok       bool
}

// add explains a line by one installation alone, which always works.
func (e *explained) add(m *matcher, x item, l line) {
	segments, cost, _ := m.explain(l)
	e.take(x, segments, cost)
}

func (e *explained) take(x item, segments []segment, cost float64) {
	e.lines = append(e.lines, segments)
	e.items = append(e.items, x)
	e.cost += cost
}

// mostPairs bounds the work of aligning files whose lines do not correspond one
// by one.
const mostPairs = 400_000

// align gives for each line of the first file the one of the second that it
// corresponds to, or -1, and the lines of the second that are left over.
func align(n, m int, fits func(i, k int) bool) (pairs []int, extra []int) {
	pairs = make([]int, n)
	for i := range pairs {
		pairs[i] = -1
	}
	from := 0
	for from < min(n, m) && fits(from, from) {
		pairs[from] = from
		from++
	}
	toA, toB := n, m
	for toA > from && toB > from && fits(toA-1, toB-1) {
		toA, toB = toA-1, toB-1
		pairs[toA] = toB
	}
	width, height := toB-from, toA-from
	if width*height > mostPairs {
		width, height = 0, 0
	}
	// The longest common subsequence of what is left in the middle.
	best := make([][]int, height+1)
	for i := range best {
		best[i] = make([]int, width+1)
	}
	for i := height - 1; i >= 0; i-- {
		for k := width - 1; k >= 0; k-- {
			best[i][k] = max(best[i+1][k], best[i][k+1])
			if fits(from+i, from+k) {
				best[i][k] = max(best[i][k], best[i+1][k+1]+1)
			}
		}
	}
	taken := map[int]bool{}
	for i, k := 0, 0; i < height && k < width; {
		switch {
		case fits(from+i, from+k) && best[i][k] == best[i+1][k+1]+1:
			pairs[from+i] = from + k
			taken[from+k] = true
			i, k = i+1, k+1
		case best[i+1][k] >= best[i][k+1]:
			i++
		default:
			k++
		}
	}
	for k := from; k < toB; k++ {
		if !taken[k] {
			extra = append(extra, k)
		}
	}
	return pairs, extra
}

// template writes the lines down. What looks like the start of an expression in
// the text is written as one that stands for it.
func (e explained) template() []byte {
	var b bytes.Buffer
	var text strings.Builder
	flush := func(beforeExpression bool) {
		b.WriteString(literal(text.String(), beforeExpression))
		text.Reset()
	}
	for i, l := range e.lines {
		if i < len(e.items) && e.items[i].repeated {
			flush(true)
			b.WriteString(repeat(l, e.items[i]))
			continue
		}
		for _, s := range l {
			if s.value == nil {
				text.WriteString(s.text)
				continue
			}
			flush(true)
			b.WriteString(s.value.expression)
		}
	}
	flush(false)
	return b.Bytes()
}

// literal writes text so that no expression begins in it.
func literal(text string, beforeExpression bool) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '{' {
			next := strings.IndexByte(text[i:], '{')
			if next < 0 {
				next = len(text) - i
			}
			b.WriteString(text[i : i+next])
			i += next
			continue
		}
		end := i
		for end < len(text) && text[end] == '{' {
			end++
		}
		if end-i > 1 || beforeExpression && end == len(text) {
			b.WriteString(`{{"` + text[i:end] + `"}}`)
		} else {
			b.WriteByte('{')
		}
		i = end
	}
	return b.String()
}
