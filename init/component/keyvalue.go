package component

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// entry is one key of a key-value file.
type entry struct {
	key   string
	value string // what it means; two spellings of the same value are equal
	lead  string // comments and blank lines before it
	text  string // as it stands in the file
}

// document is a key-value file, in order.
type document struct {
	format  pack.Format
	entries []entry
	tail    string // comments after the last entry
}

// parse reads a file of a format whose keys can be merged.
func parse(format pack.Format, data []byte) (document, error) {
	if format == pack.JSON {
		return parseJSON(data)
	}
	return parseProperties(string(data)), nil
}

// find returns the last entry of a name, which is the one that counts.
func (d document) find(key string) (entry, bool) {
	for i := len(d.entries) - 1; i >= 0; i-- {
		if d.entries[i].key == key {
			return d.entries[i], true
		}
	}
	return entry{}, false
}

// same reports whether both files mean the same.
func (d document) same(other document) bool {
	values := func(d document) map[string]string {
		m := make(map[string]string, len(d.entries))
		for _, e := range d.entries {
			m[e.key] = e.value
		}
		return m
	}
	a, b := values(d), values(other)
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if got, ok := b[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// bytes writes the file.
func (d document) bytes() []byte {
	var b bytes.Buffer
	if d.format == pack.JSON {
		b.WriteString("{\n")
		for i, e := range d.entries {
			b.WriteString("  " + e.text)
			if i+1 < len(d.entries) {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
		}
		b.WriteString("}\n")
		return b.Bytes()
	}
	for _, e := range d.entries {
		b.WriteString(e.lead)
		b.WriteString(strings.TrimSuffix(e.text, "\n") + "\n")
	}
	b.WriteString(d.tail)
	return b.Bytes()
}

// parseProperties reads Java's format as Java does: in Latin-1, so that what
// was typed in UTF-8 differs from what is escaped.
func parseProperties(text string) document {
	d := document{format: pack.Properties}
	lead := ""
	lines := splitLines(text)
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		trimmed := strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t\f")
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == '!' {
			lead += line
			continue
		}
		logical := trimmed
		for continues(logical) && i+1 < len(lines) {
			i++
			line += lines[i]
			logical = logical[:len(logical)-1] + strings.TrimLeft(strings.TrimRight(lines[i], "\r\n"), " \t\f")
		}
		// The end of the file ends the value, too. With its backslash it would take whatever is put behind it.
		if continues(logical) {
			logical = logical[:len(logical)-1]
		}
		for end := strings.TrimRight(line, "\r\n"); i+1 >= len(lines) && continues(end); {
			line = end[:len(end)-1]
			end = strings.TrimRight(line, "\r\n")
		}
		if logical == "" { // a backslash and nothing else
			lead += strings.TrimRight(line, "\\\r\n") + "\n"
			continue
		}
		key, value := splitProperty(logical)
		d.entries = append(d.entries, entry{key: key, value: value, lead: lead, text: line})
		lead = ""
	}
	d.tail = lead
	return d
}

// splitLines splits a text behind each of Java's line ends.
func splitLines(text string) (lines []string) {
	for {
		at := strings.IndexAny(text, "\r\n")
		if at < 0 {
			return append(lines, text)
		}
		if strings.HasPrefix(text[at:], "\r\n") {
			at++
		}
		lines, text = append(lines, text[:at+1]), text[at+1:]
	}
}

// continues reports whether a line ends in a backslash that is not escaped.
func continues(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func splitProperty(line string) (key, value string) {
	end := 0
	for ; end < len(line) && !strings.ContainsRune("=: \t\f", rune(line[end])); end++ {
		if line[end] == '\\' {
			end++
		}
	}
	end = min(end, len(line))
	rest := strings.TrimLeft(line[end:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	return unescapeProperty(line[:end]), unescapeProperty(rest)
}

func unescapeProperty(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			// A unit of UTF-16: kept as it is spelled, in one case.
			if i+5 <= len(s) {
				if unit, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
					if unit < 0x80 {
						b.WriteByte(byte(unit))
					} else {
						b.WriteString(`\u` + strings.ToLower(s[i+1:i+5]))
					}
					i += 4
					continue
				}
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// parseJSON reads an object. What stands below its keys is one value each.
func parseJSON(data []byte) (document, error) {
	d := document{format: pack.JSON}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return d, msg.Errorf("it is not a JSON object")
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return d, err
		}
		key, ok := token.(string)
		if !ok {
			return d, msg.Errorf("it is not a JSON object")
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return d, err
		}
		var value any
		inner := json.NewDecoder(bytes.NewReader(raw))
		inner.UseNumber()
		if err := inner.Decode(&value); err != nil {
			return d, err
		}
		plain, err := json.Marshal(value)
		if err != nil {
			return d, err
		}
		name, err := json.Marshal(key)
		if err != nil {
			return d, err
		}
		d.entries = append(d.entries, entry{key: key, value: string(plain), text: string(name) + ": " + string(raw)})
	}
	if _, err := dec.Token(); err != nil {
		return d, err
	}
	if dec.More() {
		return d, msg.Errorf("it is not a JSON object")
	}
	return d, nil
}
