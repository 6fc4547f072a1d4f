package match

import (
	"bytes"
	"slices"
	"strings"

	"omsinit/internal/pack"
)

// Explained is a file as a template.
type Explained struct {
	Spelling pack.Spelling
	Lines    [][]Segment
	Items    []item // of the same indexes
	cost     float64
	// Differs are the lines, as indexes, that nothing explains.
	Differs []int
	// Extra are the lines that only another installation has, by their keys; one without a key is empty.
	Extra []string
	// Choices are lines that some installations have and for which several switches fit.
	Choices []Choice
}

// ExplainFile turns a file into a template, in the spelling that explains most.
func (w *Vocabulary) ExplainFile(f *File) Explained {
	var best Explained
	for n, spelling := range pack.Spellings(f.Format) {
		if n > 0 && !w.spelledOtherwise(f.Format, spelling) {
			continue
		}
		e := w.explainIn(f, spelling)
		if n == 0 || len(e.Differs) < len(best.Differs) || len(e.Differs) == len(best.Differs) && e.cost < best.cost {
			best = e
		}
	}
	w.sameEncoding(f, &best)
	w.escapeValues(f, &best)
	return best
}

// spelledOtherwise reports whether a spelling makes any difference here.
func (w *Vocabulary) spelledOtherwise(format pack.Format, spelling pack.Spelling) bool {
	a, b := w.Known(format, pack.Standard), w.Known(format, spelling)
	return !slices.EqualFunc(a, b, func(x, y Value) bool { return x.A == y.A && x.B == y.B })
}

func (w *Vocabulary) explainIn(f *File, spelling pack.Spelling) Explained {
	two := f.Second != nil
	m := NewMatcher(w.Known(f.Format, spelling), two, f.Path)
	single := m
	if two {
		single = NewMatcher(w.Known(f.Format, spelling), false, f.Path)
	}
	e := Explained{Spelling: spelling}
	a := linesOf(f, f.Data, w.From, spelling)
	var texts []string
	for _, x := range a {
		texts = append(texts, x.Text)
	}
	up := parents(f.Format, texts)
	of := func(x item, i int) Line { return Line{A: x.Text, Spans: Spans(f.Format, x.Text), Parent: up[i]} }
	if !two {
		for i, x := range a {
			e.add(single, x, of(x, i))
		}
		return e
	}
	b := linesOf(f, f.Second, w.Second, spelling)
	ways := map[[2]int]*way{}
	try := func(i, k int) *way {
		if w, ok := ways[[2]int{i, k}]; ok {
			return w
		}
		w := &way{}
		w.x, w.y = sameKind(a[i], b[k])
		l := of(w.x, i)
		l.B = Dated(w.y.Text, w.x.Text)
		w.segments, w.cost, w.ok = m.Explain(l)
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
		e.Differs = append(e.Differs, len(e.Lines))
		e.add(single, a[i], of(a[i], i))
	}
	for _, k := range extra {
		e.Extra = append(e.Extra, keyOf(f.Format, b[k].Text))
		// The second installation alone explains what they say, for the spelling that explains most of them, too.
		alone := NewMatcher(w.secondAlone().Known(f.Format, spelling), false, f.Path)
		_, cost, _ := alone.Explain(Line{A: b[k].Text, Spans: Spans(f.Format, b[k].Text)})
		e.cost += cost
	}
	return e
}

// keyOf names a line by its first key; empty where it has none.
func keyOf(format pack.Format, text string) string {
	if spans := Spans(format, text); len(spans) > 0 {
		return spans[0].Key
	}
	return ""
}

// way is how a pair of lines is explained.
type way struct {
	x, y     item
	segments []Segment
	cost     float64
	ok       bool
}

// add explains a line by one installation alone, which always works.
func (e *Explained) add(m *matcher, x item, l Line) {
	segments, cost, _ := m.Explain(l)
	e.take(x, segments, cost)
}

func (e *Explained) take(x item, segments []Segment, cost float64) {
	e.Lines = append(e.Lines, segments)
	e.Items = append(e.Items, x)
	e.cost += cost
}

// mostPairs bounds the work of aligning files whose lines do not correspond one
// by one.
const mostPairs = 400_000

// align returns for each line of the first file the one of the second that it
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

// Template writes the lines down. What looks like the start of an expression in
// the text is written as one that stands for it.
func (e Explained) Template() []byte {
	var b bytes.Buffer
	var text strings.Builder
	flush := func(beforeExpression bool) {
		b.WriteString(Literal(text.String(), beforeExpression))
		text.Reset()
	}
	when := ""
	depends := func(on string) {
		if on == when {
			return
		}
		flush(true)
		if when != "" {
			b.WriteString("{{end}}")
		}
		if when = on; on != "" {
			b.WriteString("{{if " + on + "}}")
		}
	}
	for i, l := range e.Lines {
		if i < len(e.Items) {
			depends(e.Items[i].when)
		}
		if i < len(e.Items) && e.Items[i].repeated {
			flush(true)
			b.WriteString(repeat(l, e.Items[i]))
			continue
		}
		for _, s := range l {
			if s.Value == nil {
				text.WriteString(s.Text)
				continue
			}
			flush(true)
			b.WriteString(s.Value.Expression)
		}
	}
	depends("")
	flush(false)
	return b.Bytes()
}

// Literal writes text so that no expression begins in it.
func Literal(text string, beforeExpression bool) string {
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
