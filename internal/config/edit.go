package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// Assignment is a key of config.yaml with the text it is to have. A list is written with commas.
type Assignment struct {
	Key   string
	Value Secret
}

// Changed is a key that Edit changed, with its values as they may be seen: Masked when secret, empty when the key was
// not in the file.
type Changed struct{ Key, Old, New string }

// Edited is the text of a config.yaml in which keys have changed.
type Edited struct {
	Text    []byte
	Changed []Changed

	from origin
}

// Before returns findings about the text with the places that they have in the file as it was before the edit.
func (e Edited) Before(list []finding.Finding) []finding.Finding {
	if e.from == nil {
		return list
	}
	list = e.from.before(list)
	for i, f := range list {
		if slices.ContainsFunc(e.Changed, func(c Changed) bool { return c.Key == f.Place.Key }) {
			list[i].Source = "" // the file has another value in that line
		}
	}
	return list
}

// origin holds, for each line of an edited text, its number in the text before; 0 when it is new. A nil origin is a
// text that was not edited here.
type origin []int

// before returns findings with the lines of the text before the edit. What is about a new line has a file and a key.
func (o origin) before(list []finding.Finding) []finding.Finding {
	list = slices.Clone(list)
	for i := range list {
		if p := &list[i].Place; p.Line > 0 && p.Line <= len(o) {
			if p.Line = o[p.Line-1]; p.Line == 0 {
				p.Column, list[i].Source = 0, ""
			}
		}
	}
	inOrder(list)
	return list
}

// Edit sets keys in the text of a config.yaml and leaves everything else as it is: comments, order, quotes, line ends.
// A key that is not in the file is added at its end. The result is read back as YAML: an edit that would change
// anything else is refused. What the values mean is for Parse.
func Edit(name string, data []byte, settings []Assignment) (Edited, error) {
	text, bom := strings.CutPrefix(string(data), "\ufeff")
	e := editor{name: name, eol: "\n"}
	if strings.Contains(text, "\r\n") {
		e.eol = "\r\n"
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	e.lines = strings.Split(text, "\n")
	for i := range e.lines {
		e.from = append(e.from, i+1)
	}
	if isFlow(e.lines) {
		return Edited{}, msg.Errorf(
			"%s is written within braces, and cannot be edited key by key; edit it by hand", name)
	}
	before, err := e.entries()
	if err != nil {
		return Edited{}, err
	}
	want := map[string][]string{}
	for _, s := range settings {
		if want[s.Key], err = e.set(s); err != nil {
			return Edited{}, err
		}
	}
	after, err := e.entries()
	if err != nil {
		return Edited{}, err
	}
	var changed []Changed
	for key, entry := range after {
		texts, edited := want[key]
		switch old := before[key].value; {
		case !edited && flat(old) != flat(entry.value), edited && !slices.Equal(leaves(entry.value), texts):
			return Edited{}, e.cannotSet(key)
		case edited && (old == nil || !slices.Equal(leaves(old), texts)):
			changed = append(changed, Changed{Key: key, Old: shownValue(key, old), New: shownValue(key, entry.value)})
		}
	}
	if len(after) < len(before) {
		return Edited{}, msg.Errorf("cannot set a key in %s without touching other lines; edit it by hand", name)
	}
	sort.Slice(changed, func(i, j int) bool { return changed[i].Key < changed[j].Key })
	if len(changed) == 0 {
		return Edited{Text: data}, nil
	}
	out := strings.Join(e.lines, e.eol)
	if bom {
		out = "\ufeff" + out
	}
	return Edited{Text: []byte(out), Changed: changed, from: e.from}, nil
}

// Compare returns the keys that differ between two texts of a config.yaml, of which the second must be right: its
// *Error is the error. Of a text that cannot be read every key of the other one differs.
func Compare(name string, before, after []byte) ([]Changed, error) {
	if _, _, err := Parse(name, after); err != nil {
		return nil, err
	}
	read := func(data []byte) map[string]entry {
		text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
		entries, _ := (&editor{name: name, lines: strings.Split(text, "\n")}).entries()
		return entries
	}
	old, current := read(before), read(after)
	all := map[string]entry{}
	maps.Copy(all, current)
	maps.Copy(all, old)
	var changed []Changed
	for _, key := range slices.Sorted(maps.Keys(all)) {
		was, is := old[key].value, current[key].value
		if was == nil || is == nil || flat(was) != flat(is) {
			changed = append(changed, Changed{Key: key, Old: shownValue(key, was), New: shownValue(key, is)})
		}
	}
	return changed, nil
}

// Hide returns the text of a config.yaml line by line with every value masked that may be secret, to be compared or
// shown. A file within braces is not shown.
func Hide(data []byte) string {
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	if isFlow(lines) {
		return Masked + "\n"
	}
	for i, line := range lines {
		found, ok := splitEntry(line)
		secret := SoundsSecret(line) || ok && found.key != nil && found.key.Secret
		switch {
		case !secret || isComment(line) && !SoundsSecret(line):
		case ok && found.after < len(line):
			lines[i] = line[:found.after] + " " + Masked
		case !ok:
			lines[i] = Masked
		}
	}
	return strings.Join(lines, "\n")
}

// editor holds the lines of a file while keys are set.
type editor struct {
	name  string
	lines []string
	from  origin
	eol   string
}

func (e *editor) cannotSet(key string) error {
	return msg.Errorf("cannot set %s in %s without touching other lines; edit it by hand", key, e.name)
}

// entries returns the keys of the file with their values.
func (e *editor) entries() (map[string]entry, error) {
	root, second, err := parseYAML(e.lines)
	if err != nil || second != nil || root != nil && root.Kind != yaml.MappingNode {
		_, _, err := Parse(e.name, []byte(strings.Join(e.lines, "\n")))
		if wrong, ok := errors.AsType[*Error](err); ok {
			wrong.Findings = e.from.before(wrong.Findings)
		}
		if err != nil {
			return nil, err
		}
		return nil, msg.Errorf("%s cannot be edited key by key; edit it by hand", e.name)
	}
	out := map[string]entry{}
	if root == nil {
		return out, nil
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i].Value
		if out[key].key != nil {
			return nil, e.cannotSet(key)
		}
		out[key] = entry{root.Content[i], root.Content[i+1]}
	}
	return out, nil
}

// set writes one key, and returns the texts that a reader must find as its value.
func (e *editor) set(s Assignment) (texts []string, err error) {
	text := s.Value.Reveal()
	if !word().MatchString(s.Key) {
		return nil, msg.Errorf("%q is not the name of a key", s.Key)
	}
	if strings.ContainsFunc(text, isControl) || strings.Contains(text, "\t") {
		return nil, msg.Errorf("the value of %s holds a line end, a tab or another control character", s.Key)
	}
	texts = []string{text}
	k, ok := find(s.Key)
	isList := ok && k.Form == IPList
	if isList {
		texts = strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' })
	}
	entries, err := e.entries()
	if err != nil {
		return nil, err
	}
	old, ok := entries[s.Key]
	if !ok {
		e.add(s.Key + ": " + spell(texts, isList, 0))
		return texts, nil
	}
	at := old.key.Line - 1
	if at >= len(e.lines) { // YAML has more line ends than this
		return nil, e.cannotSet(s.Key)
	}
	line := e.lines[at]
	found, ok := splitEntry(line)
	if !ok || found.name != s.Key || line[found.sep] != ':' {
		return nil, e.cannotSet(s.Key)
	}
	start := found.after + leadingBlanks(line[found.after:])
	end, quote := valueEnd(line, start)
	head := line[:start]
	if start == end {
		head = strings.TrimRight(head, " \t") + " "
	}
	tail := line[end:]
	if tail != "" && start == end {
		tail = " " + tail
	}
	e.lines[at] = head + spell(texts, isList, quote) + tail
	if items := old.value.Content; old.value.Kind == yaml.SequenceNode && len(items) > 0 {
		end := min(items[len(items)-1].Line, len(e.lines))
		e.lines, e.from = slices.Delete(e.lines, at+1, end), slices.Delete(e.from, at+1, end)
	}
	return texts, nil
}

// add puts a line at the end of the file, above the empty lines there.
func (e *editor) add(line string) {
	last := len(e.lines)
	for last > 0 && strings.TrimSpace(e.lines[last-1]) == "" {
		last--
	}
	e.lines, e.from = slices.Insert(e.lines, last, line), slices.Insert(e.from, last, 0)
	if last == len(e.lines)-1 {
		e.lines, e.from = append(e.lines, ""), append(e.from, 0)
	}
}

// valueEnd returns the byte after the value that starts at a byte of the line, and its quote.
func valueEnd(line string, start int) (end int, quote byte) {
	value := line[start:]
	if value == "" || value[0] == '#' {
		return start, 0
	}
	at := 0
	if strings.HasPrefix(value, "!!") {
		if at = strings.IndexByte(value, ' '); at < 0 {
			return len(line), 0
		}
		at += leadingBlanks(value[at:])
	}
	if rest := value[at:]; rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		if n := closing(rest); n > 0 {
			return start + at + n, rest[0]
		}
	}
	return start + len(withoutComment(value)), 0
}

// spell writes a value as YAML, in the quotes it had.
func spell(texts []string, isList bool, quote byte) string {
	if isList {
		return "[" + strings.Join(texts, ", ") + "]"
	}
	text := texts[0]
	switch {
	case quote == '"':
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	case quote == 0 && plain().MatchString(text):
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// word is the name of a key that needs no quotes, plain a value that needs none for any reader.
var (
	word  = pattern.New(`^[\w.-]+$`)
	plain = pattern.New(`^[\w.](?:[\w.,/:@#-]*[\w.-])?$`)
)

// leaves returns the texts of a value or of a list.
func leaves(n *yaml.Node) []string {
	if n.Kind == yaml.SequenceNode {
		out := []string{}
		for _, item := range n.Content {
			out = append(out, item.Value)
		}
		return out
	}
	return []string{n.Value}
}

// flat returns all that a value means as one text.
func flat(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %q", n.Kind, n.Tag, n.Value)
	for _, c := range n.Content {
		fmt.Fprintf(&b, "(%s)", flat(c))
	}
	return b.String()
}

func shownValue(key string, n *yaml.Node) string {
	k, ok := find(key)
	switch {
	case n == nil:
		return ""
	case ok && k.Secret, !ok && SoundsSecret(key):
		return Masked
	case ok && k.Form != IPList:
		return display(key, n.Value)
	}
	return strings.Join(leaves(n), ", ")
}
