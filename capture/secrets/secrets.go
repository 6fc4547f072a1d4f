// Package secrets sees to it that no secret of an installation gets into a pack.
package secrets

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
	"omsinit/internal/spelling"
)

// secret is one of config.yaml with what gives it away.
type secret struct {
	key    string
	traces []spelling.Trace
	// told reports whether it differs in the second installation, so that what both
	// have in common cannot come from it.
	told bool
}

// shortestSecret is the length from which on a text is searched for anywhere.
// A shorter secret counts where it is the whole value of a key.
const shortestSecret = 4

// Guard looks for the secrets of an installation, and of the second one.
type Guard struct {
	From, Second *source.Installation // Second is nil when there is none
	Others       []*source.Installation
	Report       *report.Report
	// Keep are keys of files, as PATH:KEY, whose names sound like a secret but whose values are none.
	Keep []string

	found   []secret // once they were asked for
	kept    []kept
	differs []finding.Place // of lines that could not be compared
}

// kept is a value that was let through by Keep.
type kept struct {
	at finding.Place
	// compared reports whether the second installation was looked at, and differs whether it has another value.
	compared, differs bool
}

// secrets are those of both installations.
func (g *Guard) secrets() []secret {
	if g.found != nil {
		return g.found
	}
	g.found = []secret{}
	first := secretsOf(g.From)
	for _, i := range append([]*source.Installation{g.From, g.Second}, g.Others...) {
		if i == nil {
			continue
		}
		texts := secretsOf(i)
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			s := secret{key: key, traces: spelling.Traces(texts[key], i.Config.MetaUser, i.Config.TSDBUsername)}
			s.told = g.Second != nil && first[key] != secretsOf(g.Second)[key]
			g.found = append(g.found, s)
		}
	}
	return g.found
}

// secretsOf are the secrets of config.yaml that have a value, with those that omsinit does not know.
func secretsOf(i *source.Installation) map[string]string {
	out := map[string]string{}
	for _, values := range []map[string]any{i.Config.Values(), i.Config.Extra} {
		for key, v := range values {
			if s, ok := v.(config.Secret); ok && s.Reveal() != "" {
				out[key] = s.Reveal()
			}
		}
	}
	return out
}

// Tree looks for secrets in what would be written. In the files that
// were compared, a usual word that both installations share is left alone where
// their secrets differ: it is not the secret. Anything else is, whatever it does
// in both of them.
func (g *Guard) Tree(t map[string][]byte) {
	compared := map[string]bool{}
	for _, f := range g.Report.Files {
		compared[(&match.File{Path: f.Path}).Template()] = f.Compared
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		for n, text := range strings.Split(string(t[name]), "\n") {
			at := finding.Place{File: strings.TrimPrefix(name, "templates"), Line: n + 1}
			g.look(outsideActions(text), compared[name], longRun, at)
			g.soundsSecret(name, n, text, compared[name])
		}
	}
	g.checkKept(t)
}

// Line looks for secrets in a line that could not be compared, although the
// rest of the file was.
func (g *Guard) Line(f *match.File, n int) {
	var text strings.Builder
	for _, s := range f.Lines[n] {
		if s.Value == nil {
			text.WriteString(s.Text)
		} else {
			text.WriteByte(0)
		}
	}
	at := finding.Place{File: f.Path, Line: f.Items[n].Line}
	g.differs = append(g.differs, at)
	g.look(strings.TrimRight(text.String(), "\r\n"), false, shortRun, at)
}

// How many characters in a row a text may not have in common with a secret: any text, and one that is another in each
// installation and that nothing explains.
const (
	longRun  = 10
	shortRun = 6
)

// look notes each secret that a text gives away in any spelling, or shares a run of characters with.
func (g *Guard) look(text string, compared bool, run int, at finding.Place) {
	said := spelling.Readings(text)
	for _, s := range g.secrets() {
		how, found := s.in(said, compared && s.told)
		part := !found && spelling.Shares(text, s.traces[0].Bytes, run)
		if !found && !part || g.Report.Has(report.Secret, finding.Place{File: at.File, Line: at.Line, Key: s.key}) {
			continue
		}
		at.Key = s.key
		m := msg.M("holds the value of %s", s.key)
		switch {
		case part:
			m = msg.M("holds a part of the value of %s, or all of it in a spelling that is not known", s.key)
		case how != "":
			m = msg.M("holds the value of %s in a spelling that no template makes: %s", s.key, how)
		}
		g.Report.Note(report.Secret, at, m)
	}
}

// in reports whether one of the readings gives the secret away, and how. unusual asks for traces only that
// do not stand in files for reasons of their own.
func (s secret) in(said []spelling.Reading, unusual bool) (how string, found bool) {
	for _, r := range said {
		for _, t := range s.traces {
			if unusual && match.IsUsualWord(t.Bytes) {
				continue
			}
			if holds(r.Text, t.Bytes) {
				return strings.Join(append(slices.Clone(r.How), strings.Fields(t.How)...), ", "), true
			}
		}
	}
	return "", false
}

// holds reports whether a text holds another; a short one must be a whole value.
func holds(text, part string) bool {
	if len(part) < shortestSecret {
		return strings.HasSuffix(text, "="+part) || strings.HasSuffix(text, ": "+part) ||
			strings.Contains(text, `"`+part+`"`)
	}
	return strings.Contains(text, part)
}

// braces is an expression that stands for braces of the text itself.
var braces = pattern.New(`\{\{"(\{+)"\}\}`)

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
		if m := braces().FindStringSubmatch("{{" + rest); m != nil && strings.HasPrefix("{{"+rest, m[0]) {
			b.WriteString(m[1])
		} else {
			b.WriteByte(0)
		}
		_, text, _ = strings.Cut(rest, "}}")
	}
}

// soundsSecret refuses a value whose key is named like a secret and that does
// not come from config.yaml: nobody knows what it is, and it may well be one.
func (g *Guard) soundsSecret(name string, n int, text string, compared bool) {
	path, isTemplate := strings.CutPrefix(name, "templates")
	if !isTemplate {
		return
	}
	format := pack.Plain
	for _, f := range g.Report.Files {
		if f.Path == path {
			format = pack.Format(f.Format)
		}
	}
	for _, sp := range named(format, text) {
		value := strings.TrimSpace(text[sp.Start:sp.End])
		at := finding.Place{File: path, Line: n + 1}
		if match.NamesSecret(sp.Key) && match.LooksLikeSecret(value) && !g.Report.Refuses(at) {
			differs := slices.Contains(g.differs, at)
			at.Key = sp.Key
			g.Sounds(at, compared, differs)
		}
	}
}

// Sounds refuses a value that is named like a secret and does not come from config.yaml, unless Keep says that it is
// none: then Tree decides. compared reports whether the second installation was looked at, and differs whether it has
// another value.
func (g *Guard) Sounds(at finding.Place, compared, differs bool) {
	if slices.Contains(g.Keep, at.File+":"+at.Key) {
		g.kept = append(g.kept, kept{at, compared, differs})
		return
	}
	g.Report.Note(report.Secret, at, msg.M("%s is named like a secret, and its value does not come from config.yaml",
		at.Key))
}

// checkKept refuses values of Keep that may be a secret in a spelling that nobody knows: those that are another in the
// second installation; and without a second one that tells, all of them while a secret of config.yaml was found
// nowhere, so that any of them may be its place.
func (g *Guard) checkKept(t map[string][]byte) {
	var all strings.Builder
	for _, data := range t {
		all.Write(data)
	}
	var lost []string
	told := true
	for _, s := range g.secrets() {
		told = told && s.told
		if !usesKey(all.String(), s.key) && !slices.Contains(lost, s.key) {
			lost = append(lost, s.key)
		}
	}
	for _, k := range g.kept {
		switch {
		case k.differs:
			g.Report.Note(report.Secret, k.at, msg.M("%s is named like a secret, and is another in the second installation, so it is kept as text nowhere (--text)", k.at.Key))
		case !(k.compared && told) && len(lost) > 0:
			g.Report.Note(report.Secret, k.at, msg.M("%s is named like a secret, and may be %s in a spelling that is not known, which was found nowhere: it is kept as text (--text) only when an installation with other passwords has the same", k.at.Key, msg.List(lost)))
		}
	}
}

// usesKey reports whether an expression of a template uses a key.
func usesKey(text, key string) bool {
	return regexp.MustCompile(`\{\{[^}]*(?:\.|setting ")` + regexp.QuoteMeta(key) + `\b[^}]*\}\}`).MatchString(text)
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

var innerPair = pattern.New(`(?:^|[?&;,\s"'=])-{0,2}([A-Za-z_][\w.-]*)="?([^&;,\s"']+)`)
