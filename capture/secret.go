package capture

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"sync"

	"omsinit/capture/match"
	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// secret is one of config.yaml with the forms in which it may stand in a file.
type secret struct {
	key   string
	forms []string
	// told reports whether it differs in the second installation, so that what both
	// have in common cannot come from it.
	told bool
}

// shortestSecret is the length from which on a text is searched for anywhere.
// A shorter secret counts where it is the whole value of a key.
const shortestSecret = 4

// secrets are those of both installations.
func (j *Job) secrets() []secret {
	var out []secret
	both := []*source.Installation{j.From}
	if j.Second != nil {
		both = append(both, j.Second)
	}
	texts := func(i *source.Installation) map[string]string {
		m := map[string]string{}
		for key, v := range i.Config.Values() {
			if s, ok := v.(config.Secret); ok && s.Reveal() != "" {
				m[key] = s.Reveal()
			}
		}
		return m
	}
	for _, i := range both {
		for key, text := range texts(i) {
			s := secret{key: key, forms: forms(text)}
			if j.Second != nil {
				s.told = texts(j.From)[key] != texts(j.Second)[key]
			}
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b secret) int { return strings.Compare(a.key, b.key) })
	return out
}

// forms are the ways in which a text may be written in a file, and what can be
// made of it that gives it away to whoever guesses.
func forms(text string) []string {
	out := pack.Forms(text)
	md, sha, sha2 := md5.Sum([]byte(text)), sha1.Sum([]byte(text)), sha256.Sum256([]byte(text))
	out = append(out, hex.EncodeToString([]byte(text)), hex.EncodeToString(md[:]), hex.EncodeToString(sha[:]),
		hex.EncodeToString(sha2[:]))
	slices.Sort(out)
	return slices.Compact(out)
}

// checkSecrets looks for secrets in what would be written. In the files that
// were compared, a usual word that both installations share is left alone where
// their secrets differ: it is not the secret. Anything else is, whatever it does
// in both of them.
func (j *Job) checkSecrets(t tree) {
	secrets := j.secrets()
	compared := map[string]bool{}
	for _, f := range j.report.Files {
		compared[(&match.File{Path: f.Path}).Template()] = f.Compared
	}
	for _, name := range t.names() {
		for n, text := range strings.Split(string(t[name]), "\n") {
			for _, s := range secrets {
				if s.in(outsideActions(text), compared[name] && s.told) {
					j.note(Finding{Kind: "secret", Path: strings.TrimPrefix(name, "templates"), Line: n + 1, Key: s.key,
						Text: msg.M("holds the value of %s", s.key)})
				}
			}
			j.soundsSecret(name, n, text)
		}
	}
}

// secretsIn looks for secrets in a line that could not be compared, although the
// rest of the file was.
func (j *Job) secretsIn(f *match.File, n int) {
	var text strings.Builder
	for _, s := range f.Lines[n] {
		if s.Value == nil {
			text.WriteString(s.Text)
		} else {
			text.WriteByte(0)
		}
	}
	for _, s := range j.secrets() {
		if s.told && s.in(strings.TrimRight(text.String(), "\r\n"), false) {
			j.note(Finding{Kind: "secret", Path: f.Path, Line: f.Items[n].Line, Key: s.key, Text: msg.M("holds the value of %s", s.key)})
		}
	}
}

// in reports whether a text holds the secret. unusual asks for forms only that
// do not stand in files for reasons of their own.
func (s secret) in(text string, unusual bool) bool {
	return slices.ContainsFunc(s.forms, func(form string) bool {
		if unusual && match.IsUsualWord(form) {
			return false
		}
		if len(form) < shortestSecret {
			return strings.HasSuffix(text, "="+form) || strings.HasSuffix(text, ": "+form) ||
				strings.Contains(text, `"`+form+`"`)
		}
		return strings.Contains(text, form)
	})
}

// outsideActions is the text of a line of a template without its expressions,
// which hold names of keys.
func outsideActions(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, text, _ = strings.Cut(rest, "}}")
		b.WriteByte(0)
	}
}

// soundsSecret refuses a value whose key is named like a secret and that does
// not come from config.yaml: nobody knows what it is, and it may well be one.
func (j *Job) soundsSecret(name string, n int, text string) {
	path, isTemplate := strings.CutPrefix(name, "templates")
	if !isTemplate {
		return
	}
	format := pack.Plain
	for _, f := range j.report.Files {
		if f.Path == path {
			format = pack.Format(f.Format)
		}
	}
	for _, sp := range named(format, text) {
		value := strings.TrimSpace(text[sp.Start:sp.End])
		if !match.NamesSecret(sp.Key) || !match.LooksLikeSecret(value) || slices.Contains(j.Keep, path+":"+sp.Key) {
			continue
		}
		j.note(Finding{Kind: "secret", Path: path, Line: n + 1, Key: sp.Key,
			Text: msg.M("%s is named like a secret, and its value does not come from config.yaml", sp.Key)})
	}
}

// named are the values of a line, and those that stand within them with a name
// of their own, as in an address or an environment.
func named(format pack.Format, text string) []match.Span {
	out := match.Spans(format, text)
	for _, m := range innerPair().FindAllStringSubmatchIndex(text, -1) {
		inside := slices.ContainsFunc(out, func(s match.Span) bool { return s.Start <= m[2] && m[5] <= s.End })
		if inside {
			out = append(out, match.Span{Key: text[m[2]:m[3]], Start: m[4], End: m[5]})
		}
	}
	return out
}

var innerPair = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[?&;,\s"'=])-{0,2}([A-Za-z_][\w.-]*)="?([^&;,\s"']+)`)
})
