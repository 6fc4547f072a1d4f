// Package spelling reads texts in the spellings that files, URLs, programs and people give them: whoever looks for a
// secret must know it in any of them.
package spelling

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"omsinit/internal/pattern"
)

// Reading is what a text says when it is decoded.
type Reading struct {
	Text string
	How  []string // the spellings that were taken off; none: the text as it is
}

// decoders take one spelling off a text, or off the tokens in it. A text that is not spelled so comes back as it is,
// or as something else that says nothing.
var decoders = []struct {
	name   string
	decode func(string) string
}{
	{"URL", Unpercent},
	{"URL", func(s string) string { return Unpercent(strings.ReplaceAll(s, "+", " ")) }},
	{"XML", html.UnescapeString},
	{"\\", Unbackslash},
	{"shell", shellWords},
	{"''", strings.NewReplacer("''", "'", `""`, `"`).Replace},
	{"%%", strings.NewReplacer("%%", "%").Replace},
	{"\\%", strings.NewReplacer(`\%`, "%").Replace},
	{"base64", Unbase64},
	{"hex", Unhex},
}

// shortestText is the length from which on a text may be spelled once more.
const shortestText = 4

// mostSpellings is how many spellings may be on top of each other: a JSON text in a JSON text, in base64.
const mostSpellings = 3

// Readings returns what a text may say, itself first.
func Readings(text string) []Reading {
	out := []Reading{{Text: text}}
	seen := map[string]bool{text: true}
	for i := 0; i < len(out); i++ {
		r := out[i]
		if len(r.How) == mostSpellings || len(r.How) > 0 && !readable(r.Text) {
			continue
		}
		for _, d := range decoders {
			if said := d.decode(r.Text); said != "" && !seen[said] {
				seen[said] = true
				out = append(out, Reading{said, append(slices.Clone(r.How), d.name)})
			}
		}
	}
	return out
}

// readable reports whether a text may be spelled in some way once more: what came of a word that only looks like
// base64 is not.
func readable(text string) bool {
	for part := range strings.SplitSeq(text, "\x00") {
		if len(part) >= shortestText && !strings.ContainsFunc(part, func(r rune) bool {
			return r == utf8.RuneError || !unicode.IsPrint(r) && !unicode.IsSpace(r)
		}) {
			return true
		}
	}
	return false
}

var percent = pattern.New(`(?:%[0-9A-Fa-f]{2})+`)

// Unpercent reads the escapes of a URL.
func Unpercent(text string) string {
	return percent().ReplaceAllStringFunc(text, func(s string) string {
		said, _ := url.PathUnescape(s) // the pattern lets nothing else through
		return said
	})
}

var backslash = pattern.New(`(?:\\u[0-9A-Fa-f]{4})+|\\U[0-9A-Fa-f]{8}|\\x[0-9A-Fa-f]{1,2}|\\[0-7]{1,3}|\\[^\n]`)

// Unbackslash reads the escapes of JSON, Java, C, and of double quotes and $'…' in a shell.
func Unbackslash(text string) string {
	return backslash().ReplaceAllStringFunc(text, func(s string) string {
		number := func(base int, digits string) rune {
			n, _ := strconv.ParseUint(digits, base, 32) // the pattern lets digits only through
			return rune(n)
		}
		switch c := s[1]; {
		case c == 'u' && len(s) > 2:
			var units []uint16
			for i := 2; i < len(s); i += 6 {
				units = append(units, uint16(number(16, s[i:i+4])))
			}
			return string(utf16.Decode(units))
		case c == 'U' && len(s) > 2:
			return string(number(16, s[2:]))
		case c == 'x' && len(s) > 2:
			return string([]byte{byte(number(16, s[2:]))})
		case c >= '0' && c <= '7':
			return string([]byte{byte(number(8, s[1:]))})
		}
		if i := strings.IndexByte("abefnrtv", s[1]); i >= 0 {
			return string("\a\b\x1b\f\n\r\t\v"[i])
		}
		return s[1:]
	})
}

// longestWord bounds a word of a shell, whose last quote may be missing.
const longestWord = 1024

// shellWords reads the words of a shell that have a quote or a backslash in them.
func shellWords(text string) string {
	var words []string
	for i := 0; i < len(text); i++ {
		if i > 0 && !strings.ContainsRune(" \t=:;,([{|&<>\"'", rune(text[i-1])) ||
			!strings.ContainsRune(`'"$\`, rune(text[i])) &&
				!shellQuoted().MatchString(text[i:min(len(text), i+longestWord)]) {
			continue
		}
		if word, quoted := shellWord(text[i:min(len(text), i+longestWord)]); quoted {
			words = append(words, word)
		}
	}
	return strings.Join(words, "\x00")
}

// shellWord reads the first word of a text; quoted reports whether there is a quote or a backslash in it.
func shellWord(text string) (word string, quoted bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.ContainsRune(" \t\r\n;|&<>()", rune(c)):
			return b.String(), quoted
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
			quoted = true
		case c == '\'' || c == '"' || c == '$' && i+1 < len(text) && text[i+1] == '\'':
			ansi := c == '$'
			if ansi {
				i++
			}
			quote, from := text[i], i+1
			for i++; i < len(text) && text[i] != quote; i++ {
				if text[i] == '\\' && (ansi || quote == '"') {
					i++
				}
			}
			inside := text[from:min(i, len(text))]
			switch {
			case ansi:
				inside = Unbackslash(inside)
			case quote == '"':
				inside = doubleQuoted().ReplaceAllString(inside, "$1")
			}
			b.WriteString(inside)
			quoted = true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), quoted
}

// shellQuoted is a word that begins without a quote and has one, or a backslash, further on.
var shellQuoted = pattern.New(`^[^\s;|&<>()'"\\]+['"\\]`)

var doubleQuoted = pattern.New("\\\\([\\\\\"$`])")

var base64Word = pattern.New(`[A-Za-z0-9+/_-]{6,}`)

// Unbase64 reads every word that may be base64, from each of the four places where a group may begin in it.
func Unbase64(text string) string {
	var out []string
	for _, word := range base64Word().FindAllString(text, -1) {
		word = strings.NewReplacer("-", "+", "_", "/").Replace(word)
		for from := range 4 {
			rest := word[from:]
			if len(rest)%4 == 1 {
				rest = rest[:len(rest)-1]
			}
			if said, err := base64.RawStdEncoding.DecodeString(rest); err == nil {
				out = append(out, string(said))
			}
		}
	}
	return strings.Join(out, "\x00")
}

var hexWord = pattern.New(`[0-9A-Fa-f]{8,}`)

// Unhex reads every word that may be hexadecimal, from each of the two places where a byte may begin in it.
func Unhex(text string) string {
	var out []string
	for _, word := range hexWord().FindAllString(text, -1) {
		for from := range 2 {
			rest := word[from:]
			said, _ := hex.DecodeString(rest[:len(rest)&^1]) // the pattern lets digits only through
			out = append(out, string(said))
		}
	}
	return strings.Join(out, "\x00")
}
