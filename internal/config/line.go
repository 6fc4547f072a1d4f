package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineEntry is a line that looks like "key: value", however it is spelled.
// The YAML reader has one message for many mistakes, and often names another
// line; reading lines for themselves finds what a person did.
type lineEntry struct {
	indent int  // bytes of white space before the key
	quoted bool // the key is in quotes
	name   string
	known  *Key // nil when the name is no known key
	sep    int  // byte where the separator begins
	after  int  // byte where what follows the separator begins
}

// splitEntry finds the key and the separator of a line. The separator may be
// one that YAML does not take: a full-width colon, or an equals sign.
func splitEntry(line string) (lineEntry, bool) {
	e := lineEntry{indent: len(line) - len(strings.TrimLeft(line, " \t"))}
	rest := line[e.indent:]
	if rest == "" {
		return e, false
	}
	at := 0
	if q := rest[0]; q == '"' || q == '\'' {
		end := strings.IndexByte(rest[1:], q)
		if end < 0 {
			return e, false
		}
		e.quoted, e.name, at = true, rest[1:1+end], end+2
	} else {
		for at < len(rest) && isWordByte(rest[at]) {
			at++
		}
		e.name = rest[:at]
	}
	if e.name == "" {
		return e, false
	}
	e.known, _ = find(e.name)
	at += len(rest[at:]) - len(strings.TrimLeft(rest[at:], " \t"))
	for _, sep := range []string{":", "\uff1a", "="} {
		if strings.HasPrefix(rest[at:], sep) {
			e.sep = e.indent + at
			e.after = e.sep + len(sep)
			return e, true
		}
	}
	return e, false
}

func isWordByte(b byte) bool {
	return b == '_' || b == '-' || b == '.' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// isComment reports whether a line holds nothing for the YAML reader.
func isComment(line string) bool {
	t := strings.TrimLeft(line, " \t")
	return t == "" || t[0] == '#'
}

// isFlow reports whether the file is written as in JSON, within braces, where
// other rules hold for spaces and line ends.
func isFlow(lines []string) bool {
	for _, line := range lines {
		if t := strings.TrimSpace(line); !isComment(line) && t != "---" {
			return strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(t, "---")), "{")
		}
	}
	return false
}

// withoutComment cuts a comment off an unquoted value.
func withoutComment(value string) string {
	for at := 0; ; {
		i := strings.IndexByte(value[at:], '#')
		if i < 0 {
			return strings.TrimRight(value, " \t")
		}
		at += i
		if at == 0 || value[at-1] == ' ' || value[at-1] == '\t' {
			return strings.TrimRight(value[:at], " \t")
		}
		at++
	}
}

// closing gives the byte after the quote that closes a quoted value, or 0.
func closing(value string) int {
	quote := value[0]
	for i := 1; i < len(value); i++ {
		switch {
		case value[i] == '\\' && quote == '"':
			i++
		case value[i] != quote:
		case quote == '\'' && strings.HasPrefix(value[i+1:], "'"):
			i++
		default:
			return i + 1
		}
	}
	return 0
}

// foreignSpace gives the length of a white space that YAML takes for a letter
// at the start of the text: no-break and full-width spaces pasted from pages.
func foreignSpace(text string) int {
	c, size := utf8.DecodeRuneInString(text)
	if c > unicode.MaxASCII && unicode.IsSpace(c) || c == '\u200b' {
		return size
	}
	return 0
}
