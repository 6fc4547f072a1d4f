package config

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// entry is one key of the file with its value.
type entry struct {
	key, value *yaml.Node
}

// document reads the lines as one YAML mapping and reports everything that has nothing to do with what the keys mean.
// ok is false when there are no keys to look at.
func (r *reader) document(lines []string) (ok bool) {
	lines = r.mendTraps(lines)
	root, second, err := parseYAML(lines)
	if err != nil {
		if mended := r.mendIndents(lines); mended != nil {
			lines = mended
			root, second, err = parseYAML(lines)
		}
	}
	if err != nil {
		r.notYAML(lines, err)
		return false
	}
	if second != nil {
		r.error(finding.Place{Line: second.Line}, msg.M("a second document begins here; OMS reads only one"),
			msg.M("delete it, or the line --- before it"))
	}
	if root == nil || root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		r.error(finding.Place{}, msg.M("the file holds comments only"), emptyFix())
		return false
	}
	if root.Kind != yaml.MappingNode {
		r.error(finding.Place{Line: root.Line, Column: root.Column},
			msg.M("the file is not a list of \"key: value\" lines"), oneKeyPerLine())
		return false
	}
	r.collect(root)
	return true
}

func oneKeyPerLine() msg.Message {
	return msg.M("write each key in a line of its own, with a colon and a space after it")
}

// parseYAML returns the root of the first document, and of the second if there is one. Aliases are not followed, so
// that they cannot grow.
func parseYAML(lines []string) (root, second *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			// yaml.v3 panics on some broken files instead of refusing them.
			err = fmt.Errorf("the structure cannot be made out")
		}
	}()
	var docs [2]yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(strings.Join(lines, "\n")))
	for i := range docs {
		if err := decoder.Decode(&docs[i]); err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return nil, nil, err
		}
	}
	root = content(&docs[0])
	if second = content(&docs[1]); second != nil && second.Kind == yaml.ScalarNode && second.Tag == "!!null" {
		second = nil // a file that ends in ---
	}
	return root, second, nil
}

func content(document *yaml.Node) *yaml.Node {
	if len(document.Content) == 0 {
		return nil
	}
	return document.Content[0]
}

// notYAML reports an error of the YAML reader that none of the traps explains.
func (r *reader) notYAML(lines []string, err error) {
	reason := strings.TrimPrefix(err.Error(), "yaml: ")
	if _, rest, ok := strings.Cut(reason, ": "); ok && strings.HasPrefix(reason, "line ") {
		reason = rest
	}
	rule := msg.M("this entry is not valid YAML: %s", msg.Foreign(reason))
	if strings.Contains(reason, "unknown anchor") { // its words would show the value
		rule = msg.M("a value begins with * and is not in quotes, so YAML takes it for a reference")
	}
	line := failingLine(lines)
	name := ""
	if e, ok := splitEntry(lines[line-1]); ok && e.key != nil {
		name = e.key.Name
	}
	r.error(finding.Place{Line: line, Key: name}, rule,
		msg.M("see this line and those that belong to it: one \"key: value\" per line, and single quotes around values with special characters"))
}

// failingLine finds the line where the entry begins that the YAML reader cannot take. The line which that reader names
// is often another one: where it noticed, or where the surrounding block began.
func failingLine(lines []string) int {
	var starts []int
	for i, line := range lines {
		if line != "" && !strings.ContainsRune(" \t#-}]", rune(line[0])) {
			starts = append(starts, i)
		}
	}
	// The shortest run of entries from the top that cannot be read ends in it.
	n := sort.Search(len(starts), func(i int) bool {
		end := len(lines)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		_, _, err := parseYAML(lines[:end])
		return err != nil
	})
	if n == len(starts) {
		return 1
	}
	return starts[n] + 1
}

// collect takes the entries out of the root mapping: keys of OMS into r.entries, others into Extra.
func (r *reader) collect(root *yaml.Node) {
	seen := map[string]*yaml.Node{}
	var others []entry
	for i := 0; i+1 < len(root.Content); i += 2 {
		e := entry{root.Content[i], root.Content[i+1]}
		name := e.key.Value
		if e.key.Kind != yaml.ScalarNode {
			r.at(e.key, "", "", msg.M("a key must be a single word"), oneKeyPerLine())
			continue
		}
		if first := seen[name]; first != nil {
			r.at(e.key, safeName(name), "", msg.M("the key is given twice, the first time in line %d", first.Line),
				msg.M("keep one of the two lines"))
			continue
		}
		seen[name] = e.key
		if e.key.Tag == "!!merge" { // OMS would read the keys below it as if they stood here
			r.at(e.key, "", "", msg.M("YAML's merge key (<<) is not taken here"), oneKeyPerLine())
			continue
		}
		if node := anchored(e.key, e.value); node != nil {
			r.at(node, safeName(name), "", msg.M("YAML anchors and references (& and *) are not taken here"),
				msg.M("write the value out; if it really begins with & or *, put it in single quotes"))
			r.reported[name] = true
		}
		if k, ok := find(name); ok {
			r.entries[k.Name] = e
		} else if k, ok := findFileKey(name); ok {
			r.files[k.Name] = e
			r.reported[k.Name] = r.reported[k.Name] || r.reported[name]
		} else {
			others = append(others, e)
		}
	}
	for _, e := range others {
		r.unknown(e)
	}
}

// anchored finds an anchor or a reference in any of the trees.
func anchored(nodes ...*yaml.Node) *yaml.Node {
	for _, n := range nodes {
		if n.Kind == yaml.AliasNode || n.Anchor != "" {
			return n
		}
		if found := anchored(n.Content...); found != nil {
			return found
		}
	}
	return nil
}

// unknown keeps a key that is in no documentation, and warns: OMS's own tools ignore such a key in silence, and it may
// be a slip.
func (r *reader) unknown(e entry) {
	name := e.key.Value
	if word, _, colon := strings.Cut(name, ":"); colon {
		if k, ok := find(word); ok { // {cm_location:1}, as in JSON but without quotes
			r.at(e.key, k.Name, "", msg.M("there is no space after the colon"), colonFix(k.Name))
			r.reported[k.Name] = true
			return
		}
	}
	if r.config.Extra == nil {
		r.config.Extra = map[string]any{}
	}
	secret := SoundsSecret(name)
	fix := msg.M("delete the line if nothing of yours needs it; it is handed on as it is")
	if !r.findings.full() { // else nobody sees it, and it takes time
		if k, ok := suggest(name); ok {
			secret = secret || k.Secret
			if _, ok := r.entries[k.Name]; !ok {
				fix = msg.M("did you mean %s?", k.Name)
			}
		}
	}
	r.config.Extra[name] = extra(e.value, secret)
	r.unknowns[name] = e.key
	r.others = append(r.others, e)
	r.warn(e.key, safeName(name), "", msg.M("OMS knows no such key"), fix)
}

var notWord = pattern.New(`[^\w.\x{80}-\x{10ffff}-]`)

// safeName returns as much of a key as is a word: what stands in the place of a key by mistake may be a password.
func safeName(name string) string {
	at := notWord().FindStringIndex(name)
	switch {
	case at == nil:
		return name
	case at[0] == 0:
		return ""
	}
	return name[:at[0]] + "…"
}

// extra returns the value of an unknown key: texts, whole numbers, true, false and nil, lists and maps of these. What
// YAML would change on the way, such as 0123 or a date, stays the text it is. Values that sound secret are Secrets.
func extra(n *yaml.Node, secret bool) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			m[name] = extra(n.Content[i+1], secret || SoundsSecret(name))
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = extra(item, secret)
		}
		return list
	}
	switch {
	case secret:
		return Secret(n.Value)
	case n.Style != 0:
	case n.Tag == "!!null":
		return nil
	case n.Tag == "!!bool":
		return n.Value[0] == 't' || n.Value[0] == 'T'
	case n.Tag == "!!int":
		if number, ok := decimal(n.Value); ok {
			return number
		}
	}
	return n.Value
}
