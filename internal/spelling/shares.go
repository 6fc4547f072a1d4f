package spelling

import (
	"slices"
	"strings"
)

// Shares reports whether a text has a run of at least so many characters with a secret in common, in either direction
// and whatever is escaped in it: a net below all spellings that are known. A run of small letters alone is a word.
func Shares(text, secret string, run int) bool {
	text, secret = strings.ToLower(core(text)), core(secret)
	backward := []byte(text)
	slices.Reverse(backward)
	for i := 0; i+run <= len(secret); i++ {
		part := secret[i : i+run]
		if strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") == "" {
			continue
		}
		part = strings.ToLower(part)
		if strings.Contains(text, part) || strings.Contains(string(backward), part) {
			return true
		}
	}
	return false
}

// core is a text without what escapes add, and what other character sets change.
func core(text string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`\%"'?`, r) {
			return -1
		}
		return r
	}, text)
}
