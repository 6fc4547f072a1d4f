package match

import (
	"fmt"
	"slices"
	"strings"

	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/pack"
)

// Choice are lines in a row that some installations have, and the switches that are on, or off, in those.
type Choice struct {
	Line int // of the file, from 1; 0: only others than the first installation have them
	Keys []string
	// Taken is the condition that their names speak for; empty where none is taken.
	Taken  string
	Others []string // that fit as well
	// Decides is what an installation has in which they are not alike.
	Decides []string
}

// choice is a condition of a template that fits a line.
type choice struct {
	name, text string // of the switch, and as a condition
}

// theSwitch is what a block may depend on, with the words by which files speak of it.
type theSwitch struct {
	name  string
	words []string
}

// switchWords are words of the names of switches that say which one it is, and what means the same.
var switchWords = map[string][]string{
	"cm_is_default":       {"default"},
	"tsdb_enabled":        {"tsdb", "influx", "influxdb", "ceresdb", "metric", "metrics"},
	"apsara_audit_enable": {"apsara", "audit", "sls"},
}

func switches() (out []theSwitch) {
	for _, k := range config.Keys() {
		if k.Form == config.Boolean {
			out = append(out, theSwitch{"." + k.Name, switchWords[k.Name]})
		}
	}
	return append(out, theSwitch{HTTPS, []string{"https", "ssl", "tls", "cert", "certificate"}},
		theSwitch{SeveralNodes, []string{"nodes", "peers"}})
}

// The switches that are no keys of config.yaml.
const (
	HTTPS        = ".https"
	SeveralNodes = "(gt (len .cm_nodes) 1)"
)

// Deciding returns how the switches are in a further installation that tells those apart that are alike in the ones
// there are; with one installation, all are the other way.
func Deciding(have []*source.Installation) map[string]bool {
	out, seen := map[string]bool{}, map[string]int{}
	for _, x := range switches() {
		first, same := false, ""
		for k, i := range have {
			filling, err := pack.NewFilling("", i.Data())
			on := err == nil && holds(filling, x.name)
			if k == 0 {
				first = on
			}
			same += fmt.Sprint(on != first)
		}
		keep := len(have) > 1 && seen[same]%2 == 0
		seen[same]++
		out[x.name] = first == keep
	}
	return out
}

func holds(f *pack.Filling, condition string) bool {
	text, err := f.Fill("{{if "+condition+"}}1{{end}}", pack.Plain, pack.Standard)
	return err == nil && text == "1"
}

// on reports whether a condition holds in an installation.
func (b *blocks) on(condition string, k int) bool { return holds(b.fillings[k], condition) }

// condition returns the switch that is on in those installations that have a line, or off, with all that fit; it is
// empty where none is, or where it is not told which. A name tells, or else three installations that agree.
func (b *blocks) condition(n int) (taken string, fit []choice) {
	fit, named := b.fitting(b.slots[n].has, b.around(n))
	switch {
	case len(named) == 1:
		return named[0], fit
	case len(fit) == 1 && b.agreed(n):
		return fit[0].text, fit
	}
	return "", fit
}

// fitting returns the conditions that hold in exactly those installations that have something, and those of them that
// the words around it name.
func (b *blocks) fitting(has []bool, around []string) (fit []choice, named []string) {
	for _, x := range switches() {
		for _, text := range []string{x.name, "(not " + x.name + ")"} {
			fits := true
			for k := range b.installations {
				fits = fits && b.on(text, k) == has[k]
			}
			if !fits {
				continue
			}
			fit = append(fit, choice{x.name, text})
			if slices.ContainsFunc(x.words, func(w string) bool { return slices.Contains(around, w) }) {
				named = append(named, text)
			}
		}
	}
	return fit, named
}

// around are the words of the names in a line, of what it is in, and of the lines beside it that are in the same
// installations and whose names begin alike.
func (b *blocks) around(n int) []string {
	if b.up == nil {
		var texts []string
		for _, s := range b.slots {
			texts = append(texts, s.item.Text)
		}
		b.up = parents(b.format, texts)
	}
	out := append(b.names(n), Words(b.up[n])...)
	stem := stemOf(keyOf(b.format, b.slots[n].item.Text))
	for _, step := range []int{-1, 1} {
		for k := n + step; stem != "" && k >= 0 && k < len(b.slots); k += step {
			if stemOf(keyOf(b.format, b.slots[k].item.Text)) != stem || !slices.Equal(b.slots[k].has, b.slots[n].has) {
				break
			}
			out = append(out, b.names(k)...)
		}
	}
	return out
}

// names are the words of the keys of a line, or of all of it where it is of a syntax without keys.
func (b *blocks) names(n int) []string {
	text := b.slots[n].item.Text
	spans := Spans(b.format, text)
	if len(spans) == 0 || b.format == pack.Nginx || strings.HasPrefix(strings.TrimSpace(text), "<") {
		return Words(text)
	}
	var out []string
	for _, s := range spans {
		out = append(out, Words(s.Key)...)
	}
	return out
}

// stemOf is a key up to its last dot.
func stemOf(key string) string { return key[:max(0, strings.LastIndexByte(key, '.'))] }

// choice is what there is to say of a line for which conditions fit; nil where nothing is open. A line whose key is in
// the other installations, too, is another value and no block.
func (b *blocks) choice(n int, fit []choice) *Choice {
	s := &b.slots[n]
	c := Choice{Taken: s.item.when, Keys: []string{keyOf(b.format, s.item.Text)}}
	if len(fit) == 0 || c.Taken != "" && len(fit) == 1 {
		return nil
	}
	other := func(o slot) bool {
		return !slices.Equal(o.has, s.has) && slices.Contains(o.has, false) && keyOf(b.format, o.item.Text) == c.Keys[0]
	}
	if c.Taken == "" && slices.ContainsFunc(b.slots, other) {
		return nil
	}
	if s.has[0] {
		c.Line = s.item.Line
	}
	for i, x := range fit {
		if x.text != c.Taken {
			c.Others = append(c.Others, x.text)
		}
		on := b.on(x.name, 0) != (i >= (len(fit)+1)/2)
		c.Decides = append(c.Decides, setting(x.name, on))
	}
	return &c
}

// setting is a switch as a person sets it.
func setting(name string, on bool) string {
	key, plain := strings.CutPrefix(name, ".")
	switch {
	case plain && on:
		return key + ": true"
	case plain:
		return key + ": false"
	case on:
		return "cm_nodes: 2"
	}
	return "cm_nodes: 1"
}

// choose adds a choice, to the one of the line before where it is the same.
func (e *Explained) choose(c *Choice) {
	if c == nil {
		return
	}
	if last := len(e.Choices) - 1; last >= 0 {
		before := &e.Choices[last]
		next := before.Line > 0 && c.Line == before.Line+len(before.Keys) || before.Line == 0 && c.Line == 0
		if next && before.Taken == c.Taken && slices.Equal(before.Others, c.Others) {
			before.Keys = append(before.Keys, c.Keys...)
			return
		}
	}
	e.Choices = append(e.Choices, *c)
}
