package config

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// maxSize bounds a config.yaml. A real one has about 2 KiB.
const maxSize = 1 << 20

// lines makes lines of text out of the bytes of a file. It takes out what an editor may have put in, with a warning,
// and refuses what is no text; ok is false when nothing more can be found in the file.
func (r *reader) lines(data []byte) (lines []string, ok bool) {
	if len(data) > maxSize {
		r.error(finding.Place{}, msg.M("the file is larger than 1 MiB, so it is not an OMS configuration"),
			msg.M("see whether the right file is mounted as config.yaml"))
		return nil, false
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		r.error(finding.Place{Line: 1, Column: 1}, msg.M("the file is encoded as UTF-16"), msg.M("save it as UTF-8"))
		return nil, false
	}
	if rest, found := bytes.CutPrefix(data, []byte("\xef\xbb\xbf")); found {
		data = rest
		r.add(finding.Warning, finding.Place{Line: 1},
			msg.M("the file begins with a byte order mark (BOM), which other readers of it may not take"),
			msg.M("save it as UTF-8 without BOM"))
	}
	if !utf8.Valid(data) {
		line, column := place(data, bytes.IndexRune(data, utf8.RuneError))
		r.error(finding.Place{Line: line, Column: column}, msg.M("the file is not UTF-8 text"),
			msg.M("save it as UTF-8; editors on Windows may have saved Chinese text as GBK"))
		return nil, false
	}
	text := string(data)
	if at := strings.IndexByte(text, '\r'); at >= 0 {
		line, _ := place(data, at)
		r.add(finding.Warning, finding.Place{Line: line},
			msg.M("lines end as on Windows (CRLF), which other readers of the file may not take"),
			msg.M("save it with Unix line ends (LF), such as with dos2unix"))
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	if strings.TrimFunc(text, unicode.IsSpace) == "" {
		r.error(finding.Place{}, msg.M("the file is empty"), emptyFix())
		return nil, false
	}
	lines = strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = r.withoutControls(i+1, line)
	}
	return lines, true
}

func emptyFix() msg.Message {
	return msg.M("fill it in as the OMS documentation describes, or see whether the right file is mounted")
}

// withoutControls reports the first control character of a line, and returns the line without any, so that the rest of
// the file can still be read.
func (r *reader) withoutControls(number int, line string) string {
	at := strings.IndexFunc(line, isControl)
	if at < 0 {
		return line
	}
	key := ""
	if e, isEntry := splitEntry(line); isEntry && e.key != nil {
		key = e.key.Name
		r.reported[key] = true
	}
	found, _ := utf8.DecodeRuneInString(line[at:])
	r.error(finding.Place{Line: number, Column: column(line, at), Key: key},
		msg.M("there is an invisible control character (%U)", found), msg.M("delete it, best by typing the line anew"))
	return strings.Map(func(c rune) rune {
		if isControl(c) {
			return ' '
		}
		return c
	}, line)
}

// isControl reports whether no line of a configuration may hold the character: YAML refuses it, or takes it for a line
// end.
func isControl(c rune) bool {
	switch c {
	case '\t':
		return false
	case '\u2028', '\u2029', '\ufeff', '\ufffe', '\uffff':
		return true
	}
	return unicode.IsControl(c)
}

// place returns the line and column of a byte.
func place(data []byte, at int) (line, col int) {
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	return bytes.Count(data[:at], []byte("\n")) + 1, utf8.RuneCount(data[start:at]) + 1
}

// column returns the column of a byte of a line.
func column(line string, at int) int { return utf8.RuneCountInString(line[:at]) + 1 }
