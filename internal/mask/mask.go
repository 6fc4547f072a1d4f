// Package mask takes secrets out of texts that others will read: by their values, in every spelling in which those
// occur, and by the names of keys.
package mask

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
	"omsinit/internal/spelling"
)

// shortest is the length from which on a secret is masked wherever it stands. A shorter one is where it is a whole
// value.
const shortest = 4

// LeftOut stands for a line that holds a secret in a spelling in which it cannot be cut out.
const LeftOut = finding.Masked + " (this line holds a secret in another spelling, and was left out)"

// Masker takes secrets out of texts. It may be used by several goroutines at once.
type Masker struct {
	forms   *strings.Replacer // of secrets that are long enough
	short   *regexp.Regexp    // nil without short ones
	needles []string          // what must not be in what a text says when it is decoded
	bare    []string          // the same without quotes and backslashes
	longest int
}

// New returns a masker of values. Accounts are the names that may be hashed together with them.
func New(secrets []string, accounts ...string) *Masker {
	m := &Masker{}
	secrets = slices.Compact(slices.Sorted(slices.Values(secrets)))
	var forms, short []string
	for _, s := range secrets {
		switch {
		case strings.TrimSpace(s) == "":
			continue
		case len(s) < shortest:
			for _, form := range append(pack.Forms(s), urls(s)...) {
				short = append(short, regexp.QuoteMeta(form))
			}
			continue
		}
		forms = append(forms, Forms(s, accounts...)...)
		m.needles = append(m.needles, s)
		if bare := unquoted(s); len(bare) >= shortest {
			m.bare = append(m.bare, bare)
		}
	}
	// At one place the replacer takes the first that fits.
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, finding.Masked)
		m.longest = max(m.longest, len(form))
	}
	m.forms = strings.NewReplacer(pairs...)
	if len(short) > 0 {
		m.short = regexp.MustCompile(`(?m)([=:]\s*["']?|["'>])(?:` + strings.Join(short, "|") + `)(["'\s,;&)<\\]|$)`)
	}
	return m
}

// Forms returns the ways in which a text is written that can be found as they are. Those of base64 and hexadecimal
// within longer words are not among them.
func Forms(text string, accounts ...string) []string {
	out := append(pack.Forms(text), urls(text)...)
	for _, form := range slices.Clone(out) {
		if strings.ContainsAny(form, "<>&") { // as encoding/json, Gson and others write it
			out = append(out, strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(form))
		}
	}
	for _, t := range spelling.Traces(text, accounts...) {
		out = append(out, t.Bytes)
		if t.How != "" {
			b := []byte(t.Bytes)
			out = append(out, hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
				base64.StdEncoding.EncodeToString(b), base64.URLEncoding.EncodeToString(b))
		}
	}
	return slices.DeleteFunc(out, func(form string) bool { return len(form) < shortest })
}

// urls returns a text as URLs hold it, with both cases of digits.
func urls(text string) (out []string) {
	user := url.UserPassword("", text).String()[1:]
	for _, form := range []string{url.QueryEscape(text), url.PathEscape(text), user} {
		out = append(out, form, hexDigits().ReplaceAllStringFunc(form, strings.ToLower))
	}
	var every strings.Builder
	for _, b := range []byte(text) {
		every.WriteString("%" + hex.EncodeToString([]byte{b}))
	}
	return append(out, every.String(), hexDigits().ReplaceAllStringFunc(every.String(), strings.ToUpper))
}

var hexDigits = pattern.New(`%[0-9A-Fa-f]{2}`)

// Revealed returns the texts of the secrets among values of config.yaml, at any depth.
func Revealed(values map[string]any) (out []string) {
	for _, v := range values {
		switch v := v.(type) {
		case config.Secret:
			out = append(out, v.Reveal())
		case map[string]any:
			out = append(out, Revealed(v)...)
		}
	}
	return out
}

// Longest returns how many bytes the longest form of a secret has: whoever cuts a text begins that much earlier,
// masks, and cuts then.
func (m *Masker) Longest() int { return m.longest }

var (
	privateKeys = pattern.New(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
	base64Word  = pattern.New(`[A-Za-z0-9+/_-]{6,}={0,2}`)
	base64Block = pattern.New(`(?m)(?:^[ \t]*[A-Za-z0-9+/_-]{16,}={0,2}\r?$\n?){2,}`)
	hexWord     = pattern.New(`(?:0[xX])?[0-9A-Fa-f]{8,}`)
	lineBreaks  = pattern.New(`\s+`)
	userinfo    = pattern.New(`(://[^\s/:@"']*:)([^\s/@"']+)(@)`)
	identified  = pattern.New(
		`(?i)(IDENTIFIED\s+(?:WITH\s+\S+\s+)?(?:BY|AS)\s+(?:PASSWORD\s+)?)('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")`)
)

// Text returns a text without the secrets.
func (m *Masker) Text(text string) string {
	text = privateKeys().ReplaceAllString(text, "-----PRIVATE KEY "+finding.Masked+"-----")
	text = m.forms.Replace(text)
	if m.short != nil {
		// Twice: neighbours share what stands between them.
		text = m.short.ReplaceAllString(text, "${1}"+finding.Masked+"${2}")
		text = m.short.ReplaceAllString(text, "${1}"+finding.Masked+"${2}")
	}
	text = userinfo().ReplaceAllString(text, "${1}"+finding.Masked+"${3}")
	text = identified().ReplaceAllString(text, "${1}'"+finding.Masked+"'")
	text = byName(text)
	if len(m.needles) == 0 {
		return text
	}
	text = m.blocks(text)
	text = m.words(text, base64Word(), spelling.Unbase64)
	text = m.words(text, hexWord(), spelling.Unhex)
	for _, d := range decoders {
		text = m.lines(text, d.mark, d.decode, m.needles)
	}
	return m.lines(text, "", unquoted, m.bare)
}

// decoders take spellings off a whole text, in which any character may be escaped or not: those of which a line needs
// a character.
var decoders = []struct {
	mark   string
	decode func(string) string
}{
	{"%", func(s string) string { return spelling.Unpercent(strings.ReplaceAll(s, "+", " ")) }},
	{"%", spelling.Unpercent},
	{"%", func(s string) string { return spelling.Unpercent(strings.ReplaceAll(spelling.Unpercent(s), "+", " ")) }},
	{`\`, spelling.Unbackslash},
	{`\`, func(s string) string { return spelling.Unbackslash(spelling.Unbackslash(s)) }},
	{`\`, func(s string) string { return spelling.Unbackslash(spelling.Unpercent(s)) }},
	{`\`, func(s string) string { return html.UnescapeString(spelling.Unbackslash(s)) }},
	{"&", html.UnescapeString},
	{"+", func(s string) string { return strings.ReplaceAll(s, "+", " ") }},
}

// having returns the lines that have a text, each with the one behind it, in which it may go on.
func having(text, mark string) string {
	if mark == "" {
		return text
	}
	var b strings.Builder
	before := false
	for line := range strings.Lines(text) {
		has := strings.Contains(line, mark)
		if has || before {
			b.WriteString(line)
		}
		before = has
	}
	return b.String()
}

// unquoted takes out what a shell, SQL, YAML and properties put between the characters of a text, and the zeros
// between those of UTF-16.
var quotes = strings.NewReplacer(`\`, "", `'`, "", `"`, "", "$", "", "\x00", "", "\\\n", "")

func unquoted(text string) string { return quotes.Replace(text) }

func holds(text string, needles []string) bool {
	return slices.ContainsFunc(needles, func(n string) bool { return strings.Contains(text, n) })
}

// words masks the words that hold a secret when they are decoded, in whatever else is around it.
func (m *Masker) words(text string, word *regexp.Regexp, decode func(string) string) string {
	if !m.says(decode(text)) {
		return text
	}
	return word.ReplaceAllStringFunc(text, func(w string) string {
		if m.says(decode(w)) {
			return finding.Masked
		}
		return w
	})
}

// says reports whether a decoded text holds a secret, as it is or spelled once more.
func (m *Masker) says(text string) bool { return m.forms.Replace(text) != text }

// blocks masks base64 that is broken into lines.
func (m *Masker) blocks(text string) string {
	return base64Block().ReplaceAllStringFunc(text, func(block string) string {
		if m.says(spelling.Unbase64(lineBreaks().ReplaceAllString(block, ""))) {
			return LeftOut + "\n"
		}
		return block
	})
}

// lines leaves out the lines that hold a secret when they are decoded.
func (m *Masker) lines(text, mark string, decode func(string) string, needles []string) string {
	if !holds(decode(having(text, mark)), needles) {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if holds(decode(line), needles) {
			lines[i] = LeftOut + ending(line)
			continue
		}
		if i == 0 {
			continue
		}
		// It may have begun in the line before.
		if holds(decode(strings.TrimRight(lines[i-1], "\r\n"))+strings.TrimLeft(decode(line), " \t"), needles) {
			lines[i-1], lines[i] = LeftOut+"\n", LeftOut+ending(line)
		}
	}
	return strings.Join(lines, "")
}

func ending(line string) string {
	if strings.HasSuffix(line, "\n") {
		return "\n"
	}
	return ""
}

const value = `(\\?"(?:[^"\\\n]|\\[^"\n])*\\?"|'(?:[^'\n]|'')*'|[^\s"'<>&;,)]+)`

var (
	// named are keys with their values, as a property, in YAML, JSON or XML, on a command line, or in a URL.
	named = pattern.New(`([\w.-]+)(\\?["']?\s*[=:]\s*(?:!!\w+\s+)?|>)` + value)
	// options are those of a command line whose value is the next word.
	options = pattern.New(`(--[\w-]+)(\s+)` + value)
)

// plainWords are values that say how something is set, not what the secret is.
var plainWords = []string{"true", "false", "null", "none", "yes", "no", "~", "{}", "[]", finding.Masked}

// byName masks the values of keys that are named like a secret.
func byName(text string) string {
	for _, pattern := range []*regexp.Regexp{named(), options()} {
		text = whereSecret(text, pattern, func(s string) string {
			// The expression is matched once more only where it matters.
			if name := wordStart().FindString(s); !config.SoundsSecret(name) {
				return s
			}
			m := pattern.FindStringSubmatch(s)
			if Harmless(bare(m[3])) || bare(m[3]) == "" {
				return s
			}
			quote := m[3][:len(m[3])-len(strings.TrimLeft(m[3], `\"'`))]
			return m[1] + m[2] + quote + finding.Masked + quote
		})
	}
	return text
}

// whereSecret replaces in the lines in which a key may be named like a secret.
func whereSecret(text string, pattern *regexp.Regexp, replace func(string) string) string {
	if !config.SoundsSecret(text) {
		return text
	}
	var b strings.Builder
	rest := "" // lines that belong together: a value may be on the line behind its key
	flush := func() {
		b.WriteString(pattern.ReplaceAllStringFunc(rest, replace))
		rest = ""
	}
	before := false
	for line := range strings.Lines(text) {
		has := config.SoundsSecret(line)
		if !has && !before {
			flush()
			b.WriteString(line)
			continue
		}
		rest, before = rest+line, has
	}
	flush()
	return b.String()
}

var wordStart = pattern.New(`^[\w.-]+`)

// Harmless reports whether the value of a key that is named like a secret only says how something is set.
func Harmless(value string) bool { return slices.Contains(plainWords, strings.ToLower(value)) }

func bare(value string) string { return strings.Trim(value, `\"'`) }

// Named returns the values of keys that are named like a secret, for files that hold secrets which nobody has told
// of.
func Named(text string) (values []string) {
	for _, m := range named().FindAllStringSubmatch(text, -1) {
		value := bare(m[3])
		if !config.SoundsSecret(m[1]) || len(value) < shortest || Harmless(value) {
			continue
		}
		values = append(values, value)
		for _, decode := range []func(string) string{spelling.Unbackslash, spelling.Unpercent, html.UnescapeString} {
			if other := decode(value); other != value && len(other) >= shortest {
				values = append(values, other)
			}
		}
	}
	return values
}
