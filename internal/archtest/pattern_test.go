package archtest

import (
	"regexp"
	"strconv"
	"testing"
)

var patternLiteral = regexp.MustCompile("pattern\\.New\\((`[^`]*`|\"(?:[^\"\\\\]|\\\\.)*\")\\)")

// TestPatterns: each expression can be compiled, although it is compiled only when it is used.
func TestPatterns(t *testing.T) {
	found := 0
	for _, p := range product(t) {
		for _, f := range p.files {
			for i, line := range f.lines {
				for _, m := range patternLiteral.FindAllStringSubmatch(line, -1) {
					found++
					expression, err := strconv.Unquote(m[1])
					if err == nil {
						_, err = regexp.Compile(expression)
					}
					if err != nil {
						t.Errorf("%s:%d: %v", f.name, i+1, err)
					}
				}
			}
		}
	}
	if found < 50 {
		t.Fatalf("found only %d patterns: the search is broken", found)
	}
}
