package prove

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
)

// leaks looks for the secrets of a configuration in all files of a pack. It writes each secret in every spelling that
// it knows and looks for that. A capture does it the other way round, and decodes what it looks at: neither shares a
// fault with the other.
func leaks(p *pack.Pack, c *config.Config) ([]finding.Finding, error) {
	names, err := p.Names()
	if err != nil {
		return nil, err
	}
	secrets, raw := secretsOf(c)
	var out []finding.Finding
	for _, name := range names {
		if p.Source(name) == "embedded" {
			continue
		}
		data, err := fs.ReadFile(p.FS(), name)
		if err != nil {
			return nil, msg.Errorf("cannot read the pack: %w", err)
		}
		text := bare(string(data))
		for _, key := range slices.Sorted(maps.Keys(secrets)) {
			lines := linesWith(text, secrets[key])
			for _, line := range linesLike(text, raw[key]) {
				if !slices.Contains(lines, line) {
					lines = append(lines, line)
				}
			}
			for _, line := range lines {
				out = append(out, finding.Finding{ID: "pack.leak", Severity: finding.Error,
					Place: finding.Place{File: name, Line: line}, Message: msg.M("holds the value of %s", key)})
			}
		}
	}
	return out, nil
}

// secretsOf returns the spellings of each secret that can be looked for, and the secrets themselves.
func secretsOf(c *config.Config) (out map[string][]string, raw map[string]string) {
	out, raw = map[string][]string{}, map[string]string{}
	for _, values := range []map[string]any{c.Values(), c.Extra} {
		for key, v := range values {
			if s, ok := v.(config.Secret); ok && len(s.Reveal()) >= shortest {
				out[key], raw[key] = spellings(s.Reveal()), s.Reveal()
			}
		}
	}
	return out, raw
}

// likeness is how many characters, signs of escapes aside, a line must have in a row from a secret to give it away.
const likeness = 10

var escapeSigns = regexp.MustCompile(`[^!-~]|[\\%"'?]`)

// linesLike returns the lines that hold a long part of a secret, forwards or backwards, whatever was put between its
// characters: a net below all spellings. A part of small letters alone may be any word.
func linesLike(text, secret string) (out []int) {
	bare := escapeSigns.ReplaceAllString(secret, "")
	back := []rune(bare)
	slices.Reverse(back)
	for n, line := range strings.Split(text, "\n") {
		line = strings.ToLower(escapeSigns.ReplaceAllString(line, ""))
		for _, way := range []string{bare, string(back)} {
			for i := 0; i+likeness <= len(way); i++ {
				part := way[i : i+likeness]
				word := strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") == ""
				if !word && strings.Contains(line, strings.ToLower(part)) {
					out = append(out, n+1)
					break
				}
			}
		}
	}
	return slices.Compact(out)
}

// shortest is how long a secret must be to be looked for: a 1 stands in every file.
const shortest = 4

// distinct is how long a spelling must be to count wherever it stands. A shorter one must be a whole value.
const distinct = 6

// linesWith returns the lines, from 1, in which one of the forms is.
func linesWith(text string, forms []string) []int {
	found := map[int]bool{}
	for _, form := range forms {
		for from := 0; ; {
			at := strings.Index(text[from:], form)
			if at < 0 {
				break
			}
			from += at + 1
			before, after := text[:from-1], text[from-1+len(form):]
			after, _, _ = strings.Cut(after, "\n")
			before = before[strings.LastIndexByte(before, '\n')+1:]
			whole := strings.TrimRight(after, " \t\r\"',;") == "" && wholeValue().MatchString(before)
			if len(form) >= distinct || whole {
				found[1+strings.Count(text[:from-1], "\n")] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// wholeValue is what stands before the value of a key.
var wholeValue = pattern.New(`[=:]\s*["']?$`)

var (
	literalBraces = pattern.New(`\{\{"(\{+)"\}\}`)
	actions       = pattern.New(`\{\{[^{}]*\}\}`)
)

// bare returns a template without its actions, but with the braces that some of them stand for.
func bare(text string) string {
	text = literalBraces().ReplaceAllStringFunc(text, func(s string) string {
		return strings.Repeat("\x01", len(s)-len(`{{""}}`))
	})
	return strings.ReplaceAll(actions().ReplaceAllString(text, "\x00"), "\x01", "{")
}

// writers are the ways in which programs write a text into a file.
var writers = []func(string) string{
	url.QueryEscape, url.PathEscape, html.EscapeString,
	func(s string) string { return perByte(s, "%%%02X") }, func(s string) string { return perByte(s, "%%%02x") },
	func(s string) string { return perByte(s, `\x%02x`) }, func(s string) string { return perByte(s, `\%03o`) },
	func(s string) string { return perRune(s, "&#%d;") }, func(s string) string { return perRune(s, "&#x%x;") },
	func(s string) string { return perRune(s, "&#x%X;") },
	func(s string) string { return perRune(s, `\u%04x`) }, func(s string) string { return perRune(s, `\u%04X`) },
	func(s string) string { return lowerPercent(url.QueryEscape(s)) },
	func(s string) string { return lowerPercent(url.PathEscape(s)) },
	func(s string) string { data, _ := json.Marshal(s); return string(data[1 : len(data)-1]) },
	func(s string) string { s = strconv.Quote(s); return s[1 : len(s)-1] },
	func(s string) string { s = strconv.QuoteToASCII(s); return s[1 : len(s)-1] },
	strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace,
	strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace,
	strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace,
	strings.NewReplacer(`'`, `'\''`).Replace, strings.NewReplacer(`'`, `'"'"'`).Replace,
	strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace, strings.NewReplacer(`\`, `\\`).Replace,
	strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace,
	strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace,
	strings.NewReplacer(`'`, `''`).Replace, strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace,
	strings.NewReplacer(`"`, `""`).Replace,
	strings.NewReplacer(`\`, `\\`, "=", `\=`, ":", `\:`, "#", `\#`, "!", `\!`).Replace,
	func(s string) string { return unsafeBytes().ReplaceAllString(s, `\$0`) },
	func(s string) string { return hex.EncodeToString([]byte(s)) },
	func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
}

// unsafeBytes are those that a shell may give a meaning to.
var unsafeBytes = pattern.New(`[^A-Za-z0-9_\x80-\xff]`)

func perByte(s, form string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, form, s[i])
	}
	return b.String()
}

func perRune(s, form string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, form, r)
	}
	return b.String()
}

var percents = pattern.New(`%..`)

func lowerPercent(s string) string { return percents().ReplaceAllStringFunc(s, strings.ToLower) }

// spellings returns a secret as programs write it, in one way or in two ways on top of each other, and what is made of
// it that gives it away.
func spellings(secret string) []string {
	runes := []rune(secret)
	slices.Reverse(runes)
	texts := []string{secret, string(runes)}
	if gbk, err := simplifiedchinese.GB18030.NewEncoder().String(secret); err == nil {
		texts = append(texts, gbk)
	}
	md, sha, sha2 := md5.Sum([]byte(secret)), sha1.Sum([]byte(secret)), sha256.Sum256([]byte(secret))
	native := sha1.Sum(sha[:]) // MySQL's mysql_native_password
	out := slices.Clone(texts)
	for _, sum := range [][]byte{md[:], sha[:], sha2[:], native[:]} {
		text := hex.EncodeToString(sum)
		out = append(out, text, strings.ToUpper(text), base64.StdEncoding.EncodeToString(sum))
	}
	for _, text := range texts {
		out = append(out, in64(text)...)
		for _, once := range written(text) {
			out = append(append(out, in64(once)...), written(once)...)
		}
	}
	out = append(out, in64(base64.StdEncoding.EncodeToString([]byte(secret)))...)
	slices.Sort(out)
	return slices.Compact(out)
}

// written returns a text in every way in which programs write one, each once: many write most texts alike.
func written(text string) []string {
	out := []string{text}
	for _, write := range writers {
		out = append(out, write(text))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// in64 returns what a text looks like within base64, wherever a group begins in it, in both alphabets.
func in64(text string) []string {
	var out []string
	for from := range 3 {
		whole := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", from) + text))
		// Only the digits that consist of the text alone are the same in every neighbourhood.
		if core := whole[(from*8+5)/6 : (from+len(text))*8/6]; len(core) >= distinct {
			out = append(out, core, strings.NewReplacer("+", "-", "/", "_").Replace(core))
		}
	}
	return out
}
