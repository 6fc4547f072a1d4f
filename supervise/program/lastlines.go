package program

import (
	"io"
	"os"
	"strings"
	"unicode"
)

// LastLines are the last lines of a file, at most tailLines and tailBytes,
// fit to be printed on a terminal.
func LastLines(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	from := max(info.Size()-tailBytes, 0)
	data, err := io.ReadAll(io.NewSectionReader(f, from, tailBytes))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if from > 0 && len(lines) > 1 {
		lines = lines[1:] // a torn one
	}
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return Printable(strings.Join(lines, "\n"))
}

// Printable replaces what is not text, escape sequences among it.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), "?"))
}

const (
	tailLines = 10
	tailBytes = 4 << 10
)
