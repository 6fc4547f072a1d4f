package program

import (
	"io"
	"os"
	"strings"
	"unicode"
)

// LastWords returns the last lines of the first log file that has any, and its path; "" for none.
func LastWords(logs ...LogFile) (file, lines string) {
	for _, f := range logs {
		if lines := lastLines(f.Path); lines != "" {
			return f.Path, lines
		}
	}
	return "", ""
}

// lastLines are the last lines of a file, at most tailLines and tailBytes,
// fit to be printed on a terminal.
func lastLines(path string) string {
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
	return Tail(string(data), from > 0, tailLines)
}

// Tail returns the last lines of a text, at most count, fit to be printed on a terminal. The first line of a text that
// was cut there is left out.
func Tail(text string, cut bool, count int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if cut && len(lines) > 1 {
		lines = lines[1:]
	}
	return Printable(strings.Join(lines[max(len(lines)-count, 0):], "\n"))
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
