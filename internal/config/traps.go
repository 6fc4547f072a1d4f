package config

import (
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// mendTraps reports the lines that no YAML reader takes as they were meant, in words of their own, and returns the
// lines as they were meant: so the rest of the file can be read, and all that is wrong in it be reported at once.
func (r *reader) mendTraps(lines []string) []string {
	flow := isFlow(lines)
	mended := make([]string, len(lines))
	var list *Key // whose list items follow
	for i, line := range lines {
		mended[i] = line
		if isComment(line) {
			continue
		}
		if item, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), "- "); ok {
			if list != nil && !flow {
				mended[i] = r.mendValue(i+1, line, len(line)-len(item), list)
			}
			continue
		}
		e, ok := splitEntry(line)
		if !ok {
			continue
		}
		list = e.key
		if e.key == nil && (e.indent > 0 || e.quoted) {
			continue
		}
		if line[e.sep] != ':' || e.after < len(line) && line[e.after] != ' ' && line[e.after] != '\t' {
			if flow && e.quoted || e.key == nil && line[e.sep] == '=' {
				continue
			}
			line = r.mendSeparator(i+1, line, e)
			e.after = e.sep + 1
		}
		if e.key != nil && !flow {
			line = r.mendValue(i+1, line, e.after, e.key)
		}
		mended[i] = line
	}
	return mended
}

// mendSeparator puts ": " between key and value.
func (r *reader) mendSeparator(number int, line string, e lineEntry) string {
	written := line[e.sep:e.after]
	space := foreignSpace(line[e.after:])
	var rule msg.Message
	switch {
	case written == "=":
		rule = msg.M("there is an equals sign where a colon and a space belong")
	case written != ":":
		rule = msg.M("there is a full-width colon (\uff1a) where an ordinary colon and a space belong")
	case space > 0:
		rule = msg.M("the space after the colon is not an ordinary one, so YAML takes it for a letter")
	default:
		rule = msg.M("there is no space after the colon")
	}
	r.error(finding.Place{Line: number, Column: column(line, e.sep), Key: e.name}, rule, colonFix(e.name))
	before, after := line[:e.sep]+": ", line[e.after+space:]
	r.shift[number] = column(before, len(before)) - column(line, e.after+space)
	return before + after
}

func colonFix(name string) msg.Message {
	return msg.M("write %s: and then the value, with one space between them", finding.OneLine(name))
}

// mendValue looks at the value of a key, from byte at of the line on, for what YAML takes for its own signs. A value it
// reports becomes empty.
func (r *reader) mendValue(number int, line string, at int, k *Key) string {
	at += leadingBlanks(line[at:])
	value := strings.TrimRight(line[at:], " \t")
	if strings.HasPrefix(value, "!!") {
		_, value, _ = strings.Cut(value, " ")
		value = strings.TrimLeft(value, " \t")
	}
	if value == "" || value[0] == '#' {
		return line
	}
	rule, fix := trapInValue(value, k)
	if rule.IsZero() {
		return line
	}
	r.error(finding.Place{Line: number, Column: column(line, at) - r.shift[number], Key: k.Name}, rule, fix)
	r.reported[k.Name] = true
	return line[:at] + "''"
}

// trapInValue returns the rule and the fix, or nothing.
func trapInValue(value string, k *Key) (rule, fix msg.Message) {
	plain := withoutComment(value)
	quote := k.quoteFix()
	switch first := value[0]; first {
	case '"', '\'':
		end := closing(value)
		if end == 0 {
			return msg.M("the quote at the start of the value is not closed in this line"),
				msg.M("close the quote, or %v", quote)
		}
		if rest := value[end:]; withoutComment(rest) != "" {
			return msg.M("text follows after the closing quote of the value"), quote
		}
		return
	case '*':
		if strings.Trim(plain, "*") == "" {
			return placeholderRule(), realValue(k)
		}
	case '{':
		if strings.HasPrefix(value, "{{") {
			return placeholderRule(), realValue(k)
		}
		if !k.Secret && strings.HasSuffix(plain, "}") {
			return // keys below the key, which are refused later with better words
		}
	case '[':
		if k.Form == IPList || !k.Secret && strings.HasSuffix(plain, "]") {
			return
		}
	case '|', '>':
		if strings.Trim(plain[1:], "+-0123456789") == "" {
			return // a block of text, which is refused later with better words
		}
	case '-', '?':
		if len(plain) > 1 && plain[1] != ' ' && plain[1] != '\t' {
			return
		}
		if first == '-' && k.Form == IPList {
			return msg.M("the list begins in the line of its key"), k.listFix()
		}
	case '&', '!', '@', '`', '%', ',', ']', '}':
	default:
		if strings.Contains(plain, ": ") || strings.HasSuffix(plain, ":") {
			return msg.M("the value holds a colon and a space, or ends in a colon, so YAML takes it for another key"),
				quote
		}
		return
	}
	return msg.M("the value begins with %q, which is a sign of YAML's own", value[:1]), quote
}

// mendIndents is for a file that the YAML reader refused: it reports tabs at the start of lines, and keys that do not
// begin in the column of the first. It returns nil when there is nothing to mend.
func (r *reader) mendIndents(lines []string) []string {
	mended := make([]string, len(lines))
	column, changed := -1, false
	for i, line := range lines {
		mended[i] = line
		blank := line[:leadingBlanks(line)]
		rest := line[len(blank):]
		tab := strings.IndexByte(blank, '\t')
		e, isEntry := splitEntry(line)
		isKey := isEntry && e.key != nil
		if isKey && column < 0 {
			column = len(strings.ReplaceAll(blank, "\t", ""))
		}
		switch {
		case tab >= 0:
			changed = true
			if !isComment(line) {
				r.error(finding.Place{Line: i + 1, Column: tab + 1},
					msg.M("the line is indented with a tab, which YAML does not take"), msg.M("use spaces instead"))
			}
			indent := "  "
			if isKey || column < 0 {
				indent = strings.Repeat(" ", max(column, 0))
			}
			mended[i] = indent + rest
			r.shift[i+1] += len(indent) - len(blank)
		case isKey && len(blank) != column:
			changed = true
			r.error(finding.Place{Line: i + 1, Column: len(blank) + 1, Key: e.key.Name},
				msg.M("the key begins in column %d, the keys above it in column %d", len(blank)+1, column+1),
				sameColumn())
			mended[i] = strings.Repeat(" ", column) + rest
			r.shift[i+1] += column - len(blank)
		}
	}
	if !changed {
		return nil
	}
	return mended
}
