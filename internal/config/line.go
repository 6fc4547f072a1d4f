package config

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"omsinit/internal/pattern"
)

// lineEntry is a line that looks like "key: value", however it is spelled. The YAML reader has one message for many
// mistakes, and often names another line; reading lines for themselves finds what a person did.
type lineEntry struct {
	indent int  // bytes of white space before the key
	quoted bool // the key is in quotes
	name   string
	key    *Key // nil when the name is no key of OMS
	sep    int  // byte where the separator begins
	after  int  // byte where what follows the separator begins
}

// entryStart is white space, a key, and a separator that may be one that YAML does not take: a full-width colon, or an
// equals sign.
var entryStart = pattern.New(`^([ \t]*)(?:"([^"]+)"|'([^']+)'|([\w.-]+))[ \t]*(:|\x{ff1a}|=)`)

// splitEntry finds the key and the separator of a line.
func splitEntry(line string) (lineEntry, bool) {
	m := entryStart().FindStringSubmatch(line)
	if m == nil {
		return lineEntry{}, false
	}
	e := lineEntry{indent: len(m[1]), name: m[2] + m[3] + m[4], quoted: m[4] == ""}
	e.key, _ = find(e.name)
	e.after = len(m[0])
	e.sep = e.after - len(m[5])
	return e, true
}

// leadingBlanks returns the bytes of spaces and tabs at the start of a text.
func leadingBlanks(text string) int { return len(text) - len(strings.TrimLeft(text, " \t")) }

// isComment reports whether a line holds nothing for the YAML reader.
func isComment(line string) bool {
	t := strings.TrimLeft(line, " \t")
	return t == "" || t[0] == '#'
}

// isFlow reports whether the file is written within braces, as in JSON, where spaces and line ends follow other rules.
func isFlow(lines []string) bool {
	for _, line := range lines {
		if t := strings.TrimSpace(line); !isComment(line) && t != "---" {
			return strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(t, "---")), "{")
		}
	}
	return false
}

var comment = pattern.New(`(?:^|[ \t])#.*`)

// withoutComment cuts a comment off an unquoted value.
func withoutComment(value string) string {
	return strings.TrimRight(comment().ReplaceAllLiteralString(value, ""), " \t")
}

// closing returns the byte after the quote that closes a quoted value, or 0.
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

// foreignSpace returns the length of a white space at the start of the text that YAML takes for a letter: no-break and
// full-width spaces pasted from pages.
func foreignSpace(text string) int {
	c, size := utf8.DecodeRuneInString(text)
	if c > unicode.MaxASCII && unicode.IsSpace(c) || c == '\u200b' {
		return size
	}
	return 0
}
