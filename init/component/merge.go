package component

import (
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// Side is whose value wins when a person and config.yaml have both changed a
// key to different values.
type Side string

// The sides. Without one such a conflict is an error.
const (
	Undecided Side = ""
	Ours      Side = "ours"   // what config.yaml and the pack say
	Theirs    Side = "theirs" // what people wrote into the file
)

// Conflict is a key that a person changed in a file, and that config.yaml or
// the pack have changed since to something else.
type Conflict struct {
	Path string
	Key  string
	// Theirs and Ours are the values, masked when secret; "-" where the key is
	// missing.
	Theirs, Ours string
}

// ConflictError lists all conflicts of a run. Nothing was changed.
type ConflictError struct{ Conflicts []Conflict }

func (e *ConflictError) message() msg.Message {
	m := msg.Message{Args: []any{}}
	for _, c := range e.Conflicts {
		m.Args = append(m.Args, msg.M("%s: %s is %s there, edited by hand, and would become %s", c.Path, c.Key,
			c.Theirs, c.Ours))
	}
	m.Args = append(m.Args, msg.M("nothing was changed; run this again with --prefer ours (what config.yaml says) or --prefer theirs (what stands in the file), such as `omsinit init --prefer ours`"))
	m.Format = strings.TrimSuffix(strings.Repeat("%v\n", len(m.Args)), "\n")
	return m
}

// Error returns the English words.
func (e *ConflictError) Error() string { return e.In(msg.English) }

// In returns the words in a language.
func (e *ConflictError) In(lang msg.Lang) string { return e.message().In(lang) }

// Kept is what stays in a file because people wrote it.
type Kept struct {
	Path string
	// Keys are the keys; empty means the whole file.
	Keys []string
}

// merging is the three-way merge of one key-value file by key: what was
// rendered last, what is on disk, and what is rendered now.
type merging struct {
	path   string
	before versions
	prefer Side
	secret func(key string) bool
	hides  func(value string) bool // whether a secret is in it

	kept      []string
	conflicts []Conflict
}

// documents merges disk and fresh.
func (m *merging) documents(disk, fresh document) document {
	out := document{format: fresh.format, tail: fresh.tail}
	own := ownLines(fresh)
	var added []entry
	seen := map[string]bool{}
	for _, f := range fresh.entries {
		if seen[f.key] {
			continue
		}
		seen[f.key] = true
		f, _ = fresh.find(f.key)
		d, onDisk := disk.find(f.key)
		if !m.theirs(f.key, onDisk, d.value, true, f.value) {
			out.entries = append(out.entries, f)
			continue
		}
		m.kept = append(m.kept, f.key)
		if onDisk {
			d.lead = f.lead + without(d.lead, own)
			out.entries = append(out.entries, d)
		}
	}
	for _, d := range disk.entries {
		if seen[d.key] {
			continue
		}
		seen[d.key] = true
		d, _ = disk.find(d.key)
		if m.theirs(d.key, true, d.value, false, "") {
			m.kept = append(m.kept, d.key)
			d.lead = without(d.lead, own)
			added = append(added, d)
		}
	}
	out.entries = append(out.entries, added...)
	return out
}

// theirs decides one key.
func (m *merging) theirs(key string, onDisk bool, disk string, inFresh bool, fresh string) bool {
	if onDisk == inFresh && disk == fresh {
		return false
	}
	if !m.before.exists() {
		// Nobody knows who wrote what: config.yaml decides on the keys of the
		// pack, and other keys may well be needed.
		return !inFresh
	}
	switch {
	case !m.before.has(key, disk, onDisk): // a person's
	default:
		return false
	}
	if m.before.has(key, fresh, inFresh) || m.prefer == Theirs {
		return true
	}
	if m.prefer == Ours {
		return false
	}
	m.conflicts = append(m.conflicts, Conflict{Path: m.path, Key: key,
		Theirs: m.shown(key, onDisk, disk), Ours: m.shown(key, inFresh, fresh)})
	return true
}

func (m *merging) shown(key string, exists bool, value string) string {
	switch {
	case !exists:
		return "-"
	case m.secret(key) || m.hides(value):
		return config.Masked
	}
	return value
}

// ownLines are the comments of the template, which need not be kept twice.
func ownLines(d document) []string {
	var lines []string
	for _, e := range d.entries {
		lines = append(lines, strings.Split(e.lead, "\n")...)
	}
	return append(lines, strings.Split(d.tail, "\n")...)
}

// without leaves out the comments of the template.
func without(lead string, own []string) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(lead, "\n") {
		if !slices.Contains(own, strings.TrimRight(line, "\r\n")) {
			b.WriteString(line)
		}
	}
	return b.String()
}
