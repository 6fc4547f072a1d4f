package match

import (
	"slices"
	"strings"

	"omsinit/internal/pack"
	"omsinit/internal/pattern"
)

// Span is one value of a line, as its format has values.
type Span struct {
	Key        string
	Start, End int
}

// Spans finds the values of a line: what follows the key of a property, the strings and numbers of JSON, the attributes
// and texts of XML, the parameters of an nginx directive.
func Spans(format pack.Format, line string) []Span {
	line = strings.TrimRight(line, "\r\n")
	trimmed := strings.TrimLeft(line, " \t")
	at := strings.IndexAny(line, "=:")
	switch {
	case format == pack.JSON:
		return jsonSpans(line)
	case format == pack.Nginx, format == pack.SSHD:
		return wordSpans(line)
	case format == pack.Plain && strings.HasPrefix(trimmed, "<") && strings.Contains(line, ">"):
		return xmlSpans(line)
	case trimmed == "" || strings.ContainsRune("#;!", rune(trimmed[0])):
		return nil
	case at < 0 && format == pack.Plain:
		return wordSpans(line)
	case at < 0:
		return nil
	}
	value := strings.TrimLeft(line[at+1:], " \t")
	s := Span{Key: strings.TrimSpace(line[:at]), Start: len(line) - len(value), End: len(line)}
	if last := len(value) - 1; format == pack.Plain && last > 0 && (value[0] == '"' || value[0] == '\'') &&
		value[last] == value[0] {
		s.Start, s.End = s.Start+1, s.End-1
	}
	return []Span{s}
}

const attributeForm = `([\w:.-]+)="([^"]*)"`

// An element counts with the text in it, when that is all that is in it.
var (
	xmlAttribute = pattern.New(attributeForm)
	xmlPiece     = pattern.New(attributeForm + `|<([\w:.-]+)((?:\s[^<>]*)?)>([^<>]*)</`)
	jsonPiece    = pattern.New(`"((?:\\.?|[^"\\])*)"?[ \t]*(:?)|([-0-9A-Za-z][^,\]} \t]*)`)
	word         = pattern.New(`#.*|"((?:\\.?|[^"\\])*)|'((?:\\.?|[^'\\])*)|([^ \t;{}"'][^ \t;]*)`)
)

func xmlSpans(line string) []Span {
	var out []Span
	attributes := func(from, to int) {
		for _, m := range xmlAttribute().FindAllStringSubmatchIndex(line[from:to], -1) {
			out = append(out, Span{line[from+m[2] : from+m[3]], from + m[4], from + m[5]})
		}
	}
	for _, m := range xmlPiece().FindAllStringSubmatchIndex(line, -1) {
		if m[2] >= 0 {
			attributes(m[0], m[1])
			continue
		}
		out = append(out, Span{line[m[6]:m[7]], m[10], m[11]})
		attributes(m[8], m[9])
	}
	return out
}

func jsonSpans(line string) []Span {
	var out []Span
	key := ""
	for _, m := range jsonPiece().FindAllStringSubmatchIndex(line, -1) {
		switch {
		case m[2] < 0:
			out = append(out, Span{key, m[6], m[7]})
		case m[4] < m[5]:
			key = line[m[2]:m[3]]
		default:
			out = append(out, Span{key, m[2], m[3]})
		}
	}
	return out
}

// wordSpans takes the first word for the key, and the others for its values.
func wordSpans(line string) []Span {
	var out []Span
	key := ""
	for at := 0; at < len(line); at++ { // past the blank or the quote at the end
		m := word().FindStringSubmatchIndex(line[at:])
		if m == nil || line[at+m[0]] == '#' {
			break
		}
		start, end := max(m[2], m[4], m[6])+at, max(m[3], m[5], m[7])+at
		if key == "" {
			key = line[start:end]
		} else {
			out = append(out, Span{key, start, end})
		}
		at = end
	}
	return out
}

// parents returns for each line the section or the key of the object that it is
// in, for telling the password of one thing from that of another.
func parents(format pack.Format, lines []string) []string {
	out := make([]string, len(lines))
	var stack []string
	section := ""
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		out[i] = strings.Join(append(slices.Clone(stack), section), " ")
		switch {
		case format == pack.JSON || format == pack.Nginx:
			if strings.HasPrefix(trimmed, "}") || strings.HasPrefix(trimmed, "]") {
				stack = stack[:max(0, len(stack)-1)]
			}
			if strings.HasSuffix(trimmed, "{") || strings.HasSuffix(trimmed, "[") {
				stack = append(stack, trimmed)
			}
		case strings.HasPrefix(trimmed, "["):
			section = trimmed
		}
	}
	return out
}
