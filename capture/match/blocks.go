package match

import (
	"maps"
	"slices"
	"strings"

	"omsinit/capture/source"
	"omsinit/internal/pack"
)

// slot is a line of the template that several installations teach, with those that have it.
type slot struct {
	segments []Segment
	item     item
	text     string // as a template
	has      []bool // by installation
}

// Blocks returns a file as a template in which lines that some of the installations have depend on a switch that says
// which. words have the first installation and one further each, explained is what each of them teaches. ok is false
// where that teaches nothing more.
func Blocks(f *File, words []*Vocabulary, explained []Explained) (out Explained, ok bool) {
	b := blocks{format: f.Format, spelling: f.Explained.Spelling, path: f.Path}
	b.add(words[0].From, f.Data)
	for _, w := range words {
		data := w.Second.Text(f.Path)
		if data == nil {
			return out, false
		}
		b.add(w.Second, data)
	}
	for n := range b.installations {
		filling, err := pack.NewFilling(words[0].Release, b.installations[n].Data())
		if err != nil {
			return out, false
		}
		b.fillings = append(b.fillings, filling)
	}
	b.slots = b.first(f, explained)
	before := b.left(b.align())
	b.insert(words[0].Release)
	rest := b.align()
	out = Explained{Spelling: b.spelling}
	for n := range b.slots {
		s := &b.slots[n]
		if !slices.Contains(s.has, false) {
			out.take(s.item, s.segments, 0)
			continue
		}
		var fit []choice
		s.item.when, fit = b.condition(n)
		out.choose(b.choice(n, fit))
		switch {
		case s.item.when != "":
			out.take(s.item, s.segments, 0)
		case s.has[0]:
			out.Differs = append(out.Differs, len(out.Lines))
			out.take(s.item, s.segments, 0)
		default:
			out.Extra = append(out.Extra, keyOf(b.format, s.item.Text))
		}
	}
	left := b.left(rest) + len(out.Differs) + len(out.Extra)
	for _, of := range rest {
		for _, n := range slices.Sorted(maps.Keys(of)) {
			for _, piece := range of[n] {
				out.Extra = append(out.Extra, keyOf(b.format, piece))
			}
		}
	}
	return out, left < before+b.partial()
}

// blocks are the installations whose file becomes one template.
type blocks struct {
	format        pack.Format
	spelling      pack.Spelling
	path          string
	installations []*source.Installation
	pieces        [][]string
	fillings      []*pack.Filling
	slots         []slot
	firstPartial  int
	up            []string // what each slot is in, once it was asked for
}

func (b *blocks) add(i *source.Installation, data []byte) {
	lines := strings.SplitAfter(string(data), "\n")
	if b.format == pack.JSON {
		lines = members(lines)
	}
	b.installations, b.pieces = append(b.installations, i), append(b.pieces, lines)
}

// first are the lines of the first installation, each as it is explained best: so that most of the others have it.
func (b *blocks) first(f *File, explained []Explained) (out []slot) {
	for n := range f.Explained.Lines {
		var best slot
		most := -1
		for _, e := range append([]Explained{f.Explained}, explained...) {
			if e.Spelling != b.spelling || len(e.Lines) != len(f.Explained.Lines) {
				continue
			}
			s := newSlot(e.Lines[n], e.Items[n])
			count := 0
			for k := range b.installations {
				if text, ok := b.made(s, k); ok && strings.Contains(strings.Join(b.pieces[k], ""), text) {
					count++
				}
			}
			if count > most {
				best, most = s, count
			}
		}
		out = append(out, best)
	}
	return out
}

func newSlot(segments []Segment, x item) slot {
	one := Explained{Lines: [][]Segment{segments}, Items: []item{x}}
	return slot{segments: segments, item: x, text: string(one.Template())}
}

// made is the text of a slot in an installation.
func (b *blocks) made(s slot, k int) (string, bool) {
	text, err := b.fillings[k].Fill(s.text, b.format, b.spelling)
	return text, err == nil
}

// align finds the slots in each installation, and returns what of it is in none, by the slot that it stands before.
func (b *blocks) align() (rest []map[int][]string) {
	for n := range b.slots {
		b.slots[n].has = make([]bool, len(b.installations))
	}
	for k, pieces := range b.pieces {
		// How many pieces a slot takes from a piece on; 0: it is not there.
		takes := func(n, from int) int {
			text, ok := b.made(b.slots[n], k)
			for i := from; ok && i < len(pieces); i++ {
				switch piece := Dated(pieces[i], text); {
				case text == piece:
					return i + 1 - from
				case piece == "" || !strings.HasPrefix(text, piece):
					return 0
				default:
					text = text[len(piece):]
				}
			}
			return 0
		}
		best := make([][]int, len(b.slots)+1)
		step := make([][]int, len(b.slots)+1)
		for n := range best {
			best[n], step[n] = make([]int, len(pieces)+1), make([]int, len(pieces)+1)
		}
		for n := len(b.slots) - 1; n >= 0; n-- {
			for i := len(pieces); i >= 0; i-- {
				best[n][i], step[n][i] = best[n+1][i], 0
				if i < len(pieces) && best[n][i+1] > best[n][i] {
					best[n][i], step[n][i] = best[n][i+1], -1
				}
				if t := takes(n, i); t > 0 && best[n+1][i+t]+t > best[n][i] {
					best[n][i], step[n][i] = best[n+1][i+t]+t, t
				}
			}
		}
		left := map[int][]string{}
		n, i := 0, 0
		for n < len(b.slots) {
			switch t := step[n][i]; {
			case t > 0:
				b.slots[n].has[k] = true
				n, i = n+1, i+t
			case t < 0:
				left[n] = append(left[n], pieces[i])
				i++
			default:
				n++
			}
		}
		if i < len(pieces) {
			left[n] = append(left[n], pieces[i:]...)
		}
		rest = append(rest, left)
	}
	return rest
}

// left counts what is in no slot.
func (b *blocks) left(rest []map[int][]string) (count int) {
	for _, of := range rest {
		for _, pieces := range of {
			count += len(pieces)
		}
	}
	if b.firstPartial == 0 {
		for _, s := range b.slots {
			if slices.Contains(s.has, false) {
				b.firstPartial++
			}
		}
	}
	return count
}

// partial is how many lines of the first installation were not in all of them.
func (b *blocks) partial() int { return b.firstPartial }

// insert makes slots of what only others than the first installation have.
func (b *blocks) insert(release string) {
	rest := b.align()
	var out []slot
	for n := 0; n <= len(b.slots); n++ {
		base := -1
		for k := 1; k < len(rest) && base < 0; k++ {
			if len(rest[k][n]) > 0 {
				base = k
			}
		}
		if base > 0 {
			f := &File{Path: b.path, Format: b.format, Data: []byte(strings.Join(rest[base][n], ""))}
			var second *source.Installation
			for k := base + 1; k < len(rest) && second == nil; k++ {
				if len(rest[k][n]) > 0 {
					second, f.Second = b.installations[k], []byte(strings.Join(rest[k][n], ""))
				}
			}
			w := NewVocabulary(b.installations[base], second, release)
			e := w.explainIn(f, b.spelling)
			w.sameEncoding(f, &e)
			w.escapeValues(f, &e)
			w.usualValues(f, &e)
			for i := range e.Lines {
				if e.Items[i].Line = 0; e.Items[i].Text != "" { // it is of another file
					out = append(out, newSlot(e.Lines[i], e.Items[i]))
				}
			}
		}
		if n < len(b.slots) {
			out = append(out, b.slots[n])
		}
	}
	b.slots = out
}

// usualValues marks whole values that are too usual to be taken for a key, and whose names are like that of one with
// this value.
func (w *Vocabulary) usualValues(f *File, e *Explained) {
	known := w.Known(f.Format, e.Spelling)
	for n, l := range e.Lines {
		spans := Spans(f.Format, e.Items[n].Text)
		if len(l) != 1 || l[0].Value != nil || len(spans) != 1 || spans[0].Start == spans[0].End {
			continue
		}
		s, text := spans[0], l[0].Text
		value := Segment{Text: text[s.Start:s.End], Key: s.Key}
		for i := range known {
			v := &known[i]
			is := v.Tier == 0 && v.A == value.Text && (f.Second == nil || v.B == v.A)
			if is && Similarity(v, Words(s.Key)) > 0 {
				value.Unsure = append(value.Unsure, v)
			}
		}
		if len(value.Unsure) > 0 {
			e.Lines[n] = []Segment{{Text: text[:s.Start]}, value, {Text: text[s.End:]}}
		}
	}
}

// agreed reports whether at least two installations have a line, or else at least two that lack it have the same at its
// place: what is another in each of them depends on no switch.
func (b *blocks) agreed(n int) bool {
	own := b.slots[n]
	count := 0
	for _, has := range own.has {
		if has {
			count++
		}
	}
	if len(b.installations) < 3 || count > 1 {
		return count > 1
	}
	key := keyOf(b.format, own.item.Text)
	for _, step := range []int{-1, 1} {
		for k := n + step; k >= 0 && k < len(b.slots) && slices.Contains(b.slots[k].has, false); k += step {
			other := b.slots[k]
			beside := 0 // of those that lack the line, how many have this one
			for i, has := range other.has {
				if has && !own.has[i] {
					beside++
				}
			}
			same := key == "" || key == keyOf(b.format, other.item.Text)
			if same && beside > 0 && beside < len(own.has)-count {
				return false
			}
		}
	}
	return true
}
