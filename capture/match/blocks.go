package match

import (
	"slices"
	"strings"

	"omsinit/capture/source"
	"omsinit/internal/config"
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
		s.item.when = b.condition(n)
		switch {
		case s.item.when != "":
			out.take(s.item, s.segments, 0)
		case s.has[0]:
			out.Differs = append(out.Differs, len(out.Lines))
			out.take(s.item, s.segments, 0)
		default:
			out.Extra++
		}
	}
	left := b.left(rest) + len(out.Differs) + out.Extra
	out.Extra += b.left(rest)
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
			for i := range e.Lines {
				if e.Items[i].Text != "" {
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

// switches are what a block may depend on.
func switches() (out []string) {
	for _, k := range config.Keys() {
		if k.Form == config.Boolean {
			out = append(out, "."+k.Name)
		}
	}
	return append(out, ".https", "(gt (len .cm_nodes) 1)")
}

// condition is the switch that is on in those installations that have a line, or off; empty where none is. Where the
// line is not named like it, it must be the only one, and three installations must agree.
func (b *blocks) condition(n int) string {
	s := &b.slots[n]
	type candidate struct {
		text  string
		alike int
	}
	var found []candidate
	around := Words(s.item.Text)
	for _, name := range switches() {
		for _, text := range []string{name, "(not " + name + ")"} {
			fits := true
			for k := range b.installations {
				on, err := b.fillings[k].Fill("{{if "+text+"}}1{{end}}", pack.Plain, pack.Standard)
				fits = fits && err == nil && (on == "1") == s.has[k]
			}
			if fits {
				alike := Similarity(&Value{Keys: []string{strings.Trim(name, ".()")}}, around)
				found = append(found, candidate{text, alike})
			}
		}
	}
	slices.SortStableFunc(found, func(x, y candidate) int { return y.alike - x.alike })
	switch {
	case len(found) == 0:
	case found[0].alike > 0 && (len(found) == 1 || found[0].alike > found[1].alike):
		return found[0].text
	case len(found) == 1 && b.agreed(n):
		return found[0].text
	}
	return ""
}

// agreed reports whether at least two installations say the same at the place of a line, and nobody a third thing: what
// is another in each of them depends on no switch.
func (b *blocks) agreed(n int) bool {
	if len(b.installations) < 3 {
		return false
	}
	own := b.slots[n].has
	within := func(k int) bool {
		return k >= 0 && k < len(b.slots) && slices.Contains(b.slots[k].has, false)
	}
	from, to := n, n
	for within(from - 1) {
		from--
	}
	for within(to + 1) {
		to++
	}
	for _, s := range b.slots[from : to+1] {
		same, other := true, true
		for k := range own {
			same, other = same && s.has[k] == own[k], other && s.has[k] != own[k]
		}
		if !same && !other {
			return false
		}
	}
	return true
}
