package metadb

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"omsinit/internal/msg"
)

// token is a word, a quoted name, a string, or one other character of a
// statement.
type token struct {
	text       string // names without their quotes
	quoted     bool   // a name in backticks
	start, end int    // bytes in the statement
}

// is compares a keyword, in any case. A quoted name is no keyword.
func (t token) is(words ...string) bool {
	for _, w := range words {
		if !t.quoted && strings.EqualFold(t.text, w) {
			return true
		}
	}
	return false
}

// tokens takes a statement apart. Comments are left out; what is inside those
// that MySQL executes stays.
func tokens(sql string) ([]token, error) {
	var out []token
	executing := false
	for at := 0; at < len(sql); {
		rest := sql[at:]
		size := 0
		switch c := rest[0]; {
		case unicode.IsSpace(rune(c)):
			at++
			continue
		case strings.HasPrefix(rest, "/*!"), strings.HasPrefix(rest, "/*M!"):
			executing = true
			at += strings.IndexByte(rest, '!') + 1
			at += len(sql[at:]) - len(strings.TrimLeft(sql[at:], "0123456789"))
			continue
		case executing && strings.HasPrefix(rest, "*/"):
			executing = false
			at += 2
			continue
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest, "*/")
			if end < 0 {
				return nil, msg.Errorf("a comment is not closed")
			}
			at += end + 2
			continue
		case c == '#', strings.HasPrefix(rest, "--") && (len(rest) == 2 || unicode.IsSpace(rune(rest[2]))):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest) - 1
			}
			at += end + 1
			continue
		case c == '`' || c == '\'' || c == '"':
			if size = quotedSize(rest); size < 0 {
				return nil, msg.Errorf("a quotation is not closed: %s", rest[:min(len(rest), 20)])
			}
		case wordRune(rune(c)) || c >= utf8.RuneSelf:
			size = strings.IndexFunc(rest, func(r rune) bool { return !wordRune(r) })
			if size < 0 {
				size = len(rest)
			}
			size = max(size, 1)
		default:
			size = 1
		}
		t := token{text: rest[:size], start: at, end: at + size}
		if rest[0] == '`' {
			t.quoted = true
			t.text = strings.ReplaceAll(rest[1:size-1], "``", "`")
		}
		out = append(out, t)
		at += size
	}
	if executing {
		return nil, msg.Errorf("a comment is not closed")
	}
	return out, nil
}

func wordRune(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// quotedSize is how many bytes the quotation takes that s begins with, -1 when
// it has no end. A doubled quote stays inside, and a backslash takes the next
// character along, except in names.
func quotedSize(s string) int {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote != '`':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return -1
}

// list splits what stands between a pair of parentheses, or all of the
// tokens, at the commas that are in no further parentheses.
func list(ts []token) [][]token {
	var out [][]token
	depth, from := 0, 0
	for i, t := range ts {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is(",") && depth == 0:
			out = append(out, ts[from:i])
			from = i + 1
		}
	}
	if from < len(ts) {
		out = append(out, ts[from:])
	}
	return out
}

// inParentheses returns the tokens of the pair that ts begins with.
func inParentheses(ts []token) []token {
	depth := 0
	for i, t := range ts {
		if t.is("(") {
			depth++
		}
		if t.is(")") {
			if depth--; depth == 0 {
				return ts[1:i]
			}
		}
	}
	return nil
}
