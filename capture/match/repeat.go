package match

import (
	"strings"

	"omsinit/capture/source"
	"omsinit/internal/pack"
)

// item is a line of a file, or a run of lines that says the same of each node.
type item struct {
	Text string
	Line int // of the file, from 1
	// repeated reports whether it stands for a line per node, with nodeMark where the
	// node is; separator is what all but the last end with.
	repeated  bool
	separator string
	// node is what stands for the only node in a line that may be such a run.
	node string
	// when is the switch that the line depends on; empty: none.
	when string
}

// nodeMark stands for a node in a repeated line.
const nodeMark = "\x02"

// linesOf are the lines of a file, with runs of a line per node taken together. A
// run can be seen with two nodes or more; with one it shows when the second
// installation has a run there.
func linesOf(f *File, data []byte, i *source.Installation, spelling pack.Spelling) []item {
	lines := strings.SplitAfter(string(data), "\n")
	if f.Format == pack.JSON {
		lines = members(lines)
	}
	number := 1
	at := make([]int, len(lines)) // numbers in the file: a line of JSON may be several here
	for k, l := range lines {
		at[k] = number
		number += strings.Count(l, "\n")
	}
	var nodes []string
	for _, n := range i.Config.CMNodes {
		text, ok := pack.EscapeAs(f.Format, spelling, n)
		if !ok {
			return plain(lines, at)
		}
		nodes = append(nodes, text)
	}
	if len(nodes) == 1 {
		out := plain(lines, at)
		for k := range out {
			out[k].node = nodes[0]
		}
		return out
	}
	var out []item
	for k := 0; k < len(lines); {
		if x, ok := run(lines[k:], nodes); ok {
			x.Line = at[k]
			out = append(out, x)
			k += len(nodes)
			continue
		}
		out = append(out, item{Text: lines[k], Line: at[k]})
		k++
	}
	return out
}

func plain(lines []string, at []int) []item {
	var out []item
	for i, l := range lines {
		out = append(out, item{Text: l, Line: at[i]})
	}
	return out
}

// members takes lines of JSON apart, so that each member of an object is compared by itself. Lists of texts and numbers
// stay in one piece: they may be the list of nodes.
func members(lines []string) (out []string) {
	for _, line := range lines {
		start, quoted := 0, false
		cut := func(end int) {
			if strings.TrimSpace(line[start:end]) != "" && strings.TrimSpace(line[end:]) != "" {
				out, start = append(out, line[start:end]), end
			}
		}
		lists := 0 // that hold no object
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case quoted && c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '[' && !strings.HasPrefix(strings.TrimLeft(line[i+1:], " \t"), "{"):
				lists++
			case c == ']':
				lists = max(0, lists-1)
			case c == '{', c == ',' && lists == 0:
				cut(i + 1)
			case c == '}':
				cut(i)
			}
		}
		if start < len(line) {
			out = append(out, line[start:])
		} else if line == "" {
			out = append(out, "")
		}
	}
	return out
}

// run takes the first lines for a run of all nodes, in order.
func run(lines, nodes []string) (item, bool) {
	if len(lines) < len(nodes) {
		return item{}, false
	}
	var x item
	for i, n := range nodes {
		text, ok := marked(lines[i], n)
		if !ok {
			return item{}, false
		}
		last := i == len(nodes)-1
		switch {
		case i == 0:
			x = item{Text: text, repeated: true}
			if cut := strings.TrimSuffix(strings.TrimRight(text, "\r\n"), ","); !last &&
				cut != strings.TrimRight(text, "\r\n") {
				x.Text, x.separator = cut+text[len(cut)+1:], ","
			}
		case last && text == x.Text:
		case !last && text == withSeparator(x.Text, x.separator):
		case last && x.separator != "" && text == withSeparator(x.Text, x.separator):
			x.Text, x.separator = text, ""
		default:
			return item{}, false
		}
	}
	return x, true
}

// withSeparator puts the separator before the end of the line.
func withSeparator(text, separator string) string {
	body := strings.TrimRight(text, "\r\n")
	return body + separator + text[len(body):]
}

// marked replaces the one node of a line.
func marked(text, node string) (string, bool) {
	at := strings.Index(text, node)
	if at < 0 || edgeCost(text, at, at+len(node)) >= 6 {
		return "", false
	}
	return text[:at] + nodeMark + text[at+len(node):], true
}

// sameKind makes a run of a line with the only node, when the line of the other
// installation is a run.
func sameKind(a, b item) (x, y item) {
	single := func(one, other item) item {
		if text, ok := marked(one.Text, one.node); ok && one.node != "" {
			return item{Text: text, Line: one.Line, repeated: true, separator: other.separator}
		}
		return one
	}
	switch {
	case a.repeated && !b.repeated:
		return a, single(b, a)
	case b.repeated && !a.repeated:
		return single(a, b), b
	}
	return a, b
}

// repeat writes a run down as a loop over the nodes, in which the values of
// config.yaml are reached from the outside.
func repeat(segments []Segment, x item) string {
	var body strings.Builder
	end := ""
	for i, s := range segments {
		if s.Value != nil {
			body.WriteString(strings.NewReplacer("{{.", "{{$.", " .", " $.").Replace(s.Value.Expression))
			continue
		}
		text := s.Text
		if i == len(segments)-1 {
			trimmed := strings.TrimRight(text, "\r\n")
			text, end = trimmed, text[len(trimmed):]
		}
		for k, piece := range strings.Split(text, nodeMark) {
			if k > 0 {
				body.WriteString("{{$n}}")
			}
			body.WriteString(Literal(piece, true))
		}
	}
	return "{{range $i, $n := .cm_nodes}}{{if $i}}" + x.separator + end + "{{end}}" + body.String() + "{{end}}" + end
}
