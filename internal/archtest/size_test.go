package archtest

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// What a package and a line may have at most. A person reads a package of this size in a sitting.
const (
	mostFiles   = 30
	mostLines   = 2900 // of code: neither blank nor a comment
	mostColumns = 120  // tabs count four; texts do not count, as a text that is broken cannot be searched for
)

func TestSizes(t *testing.T) {
	total := 0
	for room, p := range product(t) {
		lines := 0
		for _, f := range p.files {
			lines += len(f.code)
		}
		total += lines
		if len(p.files) > mostFiles {
			t.Errorf("%s has %d files; at most %d: split the package by subject", room, len(p.files), mostFiles)
		}
		if lines > mostLines {
			t.Errorf("%s has %d lines of code; at most %d: split the package by subject", room, lines, mostLines)
		}
	}
	t.Logf("%d lines of code in all", total)
	if total < 20000 {
		t.Fatalf("found only %d lines of code: the search is broken", total)
	}
}

var stringLiteral = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

func TestColumns(t *testing.T) {
	for _, p := range product(t) {
		for _, f := range p.files {
			raw := false // inside a text in backquotes
			for i, line := range f.lines {
				if strings.Count(line, "`")%2 == 1 {
					raw = !raw
					continue
				}
				line = strings.ReplaceAll(stringLiteral.ReplaceAllString(line, `""`), "\t", "    ")
				if n := utf8.RuneCountInString(line); !raw && n > mostColumns && !strings.Contains(line, "`") {
					t.Errorf("%s:%d has %d columns; at most %d", f.name, i+1, n, mostColumns)
				}
			}
		}
	}
}
