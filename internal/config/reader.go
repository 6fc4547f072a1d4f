package config

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// reader reads one file.
type reader struct {
	name     string
	text     []string // lines
	config   Config
	findings findings
	entries  map[string]entry      // keys of OMS that are in the file
	files    map[string]entry      // secrets of which the file names the files
	taken    map[string]*yaml.Node // of these, the ones with a good value
	unknowns map[string]*yaml.Node // keys that are none of OMS
	others   []entry               // the same, in their order
	reported map[string]bool       // keys with an error; their value is not used
	shift    map[int]int           // columns by which a line grew when it was mended
	judging  bool                  // the structure was read, and now values are looked at
}

func newReader(name string) *reader {
	return &reader{name: name, entries: map[string]entry{}, files: map[string]entry{}, taken: map[string]*yaml.Node{},
		unknowns: map[string]*yaml.Node{}, reported: map[string]bool{}, shift: map[int]int{}}
}

// all reads the text of a file, and keeps the values and what is wrong with them.
func (r *reader) all(data []byte) {
	lines, ok := r.lines(data)
	r.text = slices.Clone(lines)
	if !ok || !r.document(lines) {
		return
	}
	r.judging = true
	for i := range keys {
		k := &keys[i]
		if k.Default != "" {
			k.set(&r.config, k.Default)
		}
		if !r.reported[k.Name] && !r.take(k) {
			r.reported[k.Name] = true
		}
	}
	if r.config.CMRegionCN == "" {
		r.config.CMRegionCN = r.config.CMRegion
	}
	r.rules()
}

// add keeps a finding. A wrong value of a key that is switched off is a warning; a line that is no YAML remains an
// error, for others read the file too.
func (r *reader) add(severity finding.Severity, place finding.Place, rule, fix msg.Message) {
	place.File = r.name
	k, ok := find(place.Key)
	if !ok {
		k, ok = findFileKey(place.Key)
	}
	if ok && r.judging && k.With != "" && !r.switchedOn(k) {
		severity = finding.Warning
	}
	r.findings.add(finding.Finding{Severity: severity, Place: place, Source: r.source(place), Message: rule, Fix: fix})
}

// longestSource is the longest line, in bytes, that is shown: more would fill the screen.
const longestSource = 400

// source returns the line of a place, without its comment, when nothing is in it but the key and a value that may be
// seen: what else is there may be a password.
func (r *reader) source(p finding.Place) string {
	if p.Line < 1 || p.Line > len(r.text) || p.Key == "" || len(r.text[p.Line-1]) > longestSource {
		return ""
	}
	line := withoutComment(r.text[p.Line-1])
	value, isItem := strings.CutPrefix(strings.TrimLeft(line, " \t"), "- ")
	if !isItem {
		e, ok := splitEntry(line)
		if !ok || e.name != p.Key {
			return ""
		}
		value = line[e.after:]
	}
	if strings.Trim(strings.TrimSpace(value), `'"`) != p.Value {
		return ""
	}
	return line
}

func (r *reader) error(place finding.Place, rule, fix msg.Message) {
	r.add(finding.Error, place, rule, fix)
}

// at reports an error at a node, warn a warning; an empty value is not shown.
func (r *reader) at(n *yaml.Node, key, value string, rule, fix msg.Message) {
	r.error(r.place(n, key, value), rule, fix)
}

func (r *reader) warn(n *yaml.Node, key, value string, rule, fix msg.Message) {
	r.add(finding.Warning, r.place(n, key, value), rule, fix)
}

func (r *reader) place(n *yaml.Node, key, value string) finding.Place {
	return finding.Place{Line: n.Line, Column: r.column(n), Key: key, Value: display(key, value)}
}

func (r *reader) column(n *yaml.Node) int { return max(n.Column-r.shift[n.Line], 1) }

// display returns a value as it may be seen.
func display(key, value string) string {
	k, ok := find(key)
	if value == "" || !ok {
		return ""
	}
	if k.Secret {
		return Masked
	}
	// A password may stand in an address: http://user:password@host.
	if at := strings.LastIndexByte(value, '@'); at >= 0 && (k.Form == Address || k.Form == HostPort || k.Form == Host) {
		return Masked + value[at:]
	}
	return value
}
