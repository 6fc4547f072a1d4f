package config

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/msg"
)

// Assignment is a key of config.yaml with the text it is to have. A list is
// written with commas.
type Assignment struct {
	Key   string
	Value Secret
}

// Changed is a key that Edit changed, with its values as they may be seen:
// Masked when secret, empty when the key was not there.
type Changed struct{ Key, Old, New string }

// Edit sets keys in the text of a config.yaml and leaves everything else as it
// is: comments, order, quotes, line ends. A key that is not there is added at
// the end. The result is read back: an edit that would change anything else is
// refused, as is a file that is wrong afterwards, with its *Error.
func Edit(name string, data []byte, settings []Assignment) (edited []byte, changed []Changed, err error) {
	text, bom := strings.CutPrefix(string(data), "\ufeff")
	e := editor{name: name, eol: "\n"}
	if strings.Contains(text, "\r\n") {
		e.eol = "\r\n"
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	e.lines = strings.Split(text, "\n")
	if isFlow(e.lines) {
		return nil, nil, msg.Errorf("%s is written within braces, and cannot be edited key by key; edit it by hand", name)
	}
	before, err := e.values()
	if err != nil {
		return nil, nil, err
	}
	want := map[string][]string{}
	for _, s := range settings {
		texts, err := e.set(s)
		if err != nil {
			return nil, nil, err
		}
		want[s.Key] = texts
	}
	after, err := e.values()
	if err != nil {
		return nil, nil, err
	}
	for key, node := range after {
		texts, ours := want[key]
		switch old := before[key]; {
		case !ours && flat(old) != flat(node), ours && !slices.Equal(leaves(node), texts):
			return nil, nil, msg.Errorf("cannot set %s in %s without touching other lines; edit it by hand", key, name)
		case ours && (old == nil || !slices.Equal(leaves(old), texts)):
			changed = append(changed, Changed{Key: key, Old: shownValue(key, old), New: shownValue(key, node)})
		}
	}
	if len(after) < len(before) {
		return nil, nil, msg.Errorf("cannot set a key in %s without touching other lines; edit it by hand", name)
	}
	slices.SortFunc(changed, func(a, b Changed) int { return strings.Compare(a.Key, b.Key) })
	if len(changed) == 0 {
		return data, nil, nil
	}
	out := strings.Join(e.lines, e.eol)
	if bom {
		out = "\ufeff" + out
	}
	return []byte(out), changed, nil
}

// Hide gives the text of a config.yaml line by line with every value masked that
// may be secret, to be compared or shown. A file within braces is not shown.
func Hide(data []byte) string {
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	if isFlow(lines) {
		return Masked + "\n"
	}
	for i, line := range lines {
		found, ok := splitEntry(line)
		secret := SoundsSecret(line) || ok && found.known != nil && found.known.Secret
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
	eol   string
}

// values gives the node of each key.
func (e *editor) values() (map[string]*yaml.Node, error) {
	root, second, err := parseYAML(e.lines)
	if err != nil || second != nil || root != nil && root.Kind != yaml.MappingNode {
		if _, _, problems := Parse(e.name, []byte(strings.Join(e.lines, "\n"))); problems != nil {
			return nil, problems
		}
		return nil, msg.Errorf("%s cannot be edited key by key; edit it by hand", e.name)
	}
	out := map[string]*yaml.Node{}
	if root == nil {
		return out, nil
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		out[root.Content[i].Value] = root.Content[i+1]
	}
	return out, nil
}

// set writes one key, and gives the texts that a reader must find there.
func (e *editor) set(s Assignment) (texts []string, err error) {
	text := s.Value.Reveal()
	if s.Key == "" || strings.ContainsFunc(s.Key, func(c rune) bool { return c >= 0x80 || !isWordByte(byte(c)) }) {
		return nil, msg.Errorf("%q is not the name of a key", s.Key)
	}
	if strings.ContainsFunc(text, isControl) || strings.Contains(text, "\t") {
		return nil, msg.Errorf("the value of %s holds a line end, a tab or another control character", s.Key)
	}
	texts = []string{text}
	k, known := find(s.Key)
	isList := known && k.Form == IPList
	if isList {
		texts = strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' })
	}
	at := slices.IndexFunc(e.lines, func(line string) bool {
		found, ok := splitEntry(line)
		return ok && found.name == s.Key && line[found.sep] == ':' && (found.known != nil || found.indent == 0) && !isComment(line)
	})
	if at < 0 {
		e.add(s.Key + ": " + spell(texts, isList, 0))
		return texts, nil
	}
	line := e.lines[at]
	found, _ := splitEntry(line)
	start := found.after + len(line[found.after:]) - len(strings.TrimLeft(line[found.after:], " \t"))
	end, quote := valueEnd(line, start)
	head := strings.TrimRight(line[:start], " \t") + " "
	if start < end {
		head = line[:start]
	}
	items := e.items(at)
	written := spell(texts, isList, quote)
	if tail := line[end:]; tail != "" {
		if start == end {
			written += " "
		}
		written += tail
	}
	e.lines[at] = head + written
	e.lines = slices.Delete(e.lines, at+1, at+1+items)
	return texts, nil
}

// add puts a line at the end of the file, above its last line end.
func (e *editor) add(line string) {
	last := len(e.lines) - 1
	for last > 0 && strings.TrimSpace(e.lines[last]) == "" {
		last--
	}
	if strings.TrimSpace(e.lines[last]) == "" {
		e.lines = []string{line, ""}
		return
	}
	e.lines = append(slices.Insert(e.lines, last+1, line), "")
	if n := len(e.lines); n > last+3 {
		e.lines = e.lines[:n-1]
	}
}

// items counts the lines of a list below its key.
func (e *editor) items(at int) int {
	count := 0
	for i := at + 1; i < len(e.lines); i++ {
		trimmed := strings.TrimLeft(e.lines[i], " \t")
		if trimmed == "-" || strings.HasPrefix(trimmed, "- ") {
			count = i - at
		} else if !isComment(e.lines[i]) {
			break
		}
	}
	return count
}

// valueEnd gives the byte after the value that starts at a byte of the line,
// and its quote.
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
		at += len(value[at:]) - len(strings.TrimLeft(value[at:], " \t"))
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
	case quote == 0 && isPlain(text):
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// isPlain reports whether a text needs no quotes for any reader.
func isPlain(text string) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case isWordByte(c) && (c != '-' || i > 0):
		case i > 0 && strings.IndexByte("/:@#,", c) >= 0 && i+1 < len(text) && text[i+1] != ' ':
		default:
			return false
		}
	}
	return text != ""
}

// leaves are the texts of a value or of a list.
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

// flat is all that a value means.
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
	k, known := find(key)
	switch {
	case n == nil:
		return ""
	case known && k.Secret, !known && SoundsSecret(key):
		return Masked
	case known && k.Form != IPList:
		return display(key, n.Value)
	}
	return strings.Join(leaves(n), ", ")
}
