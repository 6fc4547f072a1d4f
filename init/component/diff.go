package component

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/hexops/gotextdiff"
	"github.com/hexops/gotextdiff/myers"
	"github.com/hexops/gotextdiff/span"

	"omsinit/internal/config"
	"omsinit/internal/pack"
)

// diff shows what changes in a file as a unified diff, without secrets: a
// changed one is said to be changed. It is empty when the contents are the
// same, and when nothing can be shown safely.
func (s *Step) diff(f pack.File, before, after []byte) string {
	if slices.Equal(before, after) {
		return ""
	}
	a, b, ok := s.masked(f, before, after)
	if !ok {
		return ""
	}
	return Unified(f.Path, a, b)
}

// Unified returns the unified diff of two texts, empty when they are equal. It has
// no line numbers: those of masked texts are not always those of the files.
func Unified(file, before, after string) string {
	if before == after {
		return ""
	}
	name := strings.TrimPrefix(path.Clean(file), "/")
	u := gotextdiff.ToUnified("a/"+name, "b/"+name, before, myers.ComputeEdits(span.URIFromPath(file), before, after))

	var b strings.Builder
	b.WriteString("--- " + u.From + "\n+++ " + u.To + "\n")
	for i, h := range u.Hunks {
		if i > 0 {
			b.WriteString("@@\n")
		}
		for _, l := range h.Lines {
			sign := " "
			switch l.Kind {
			case gotextdiff.Delete:
				sign = "-"
			case gotextdiff.Insert:
				sign = "+"
			}
			b.WriteString(sign + strings.TrimSuffix(l.Content, "\n") + "\n")
		}
	}
	return b.String()
}

// masked returns both texts without secrets.
func (s *Step) masked(f pack.File, before, after []byte) (a, b string, ok bool) {
	spelled := s.spelledSecrets()
	hide := func(text string) string {
		for _, secret := range spelled {
			text = strings.ReplaceAll(text, secret, config.Masked)
		}
		return text
	}
	if f.Merge != pack.Keys {
		return hide(string(before)), hide(string(after)), !f.Secret
	}
	old, err := parse(f.Format, before)
	if err != nil {
		return "", "", false
	}
	fresh, err := parse(f.Format, after)
	if err != nil {
		return "", "", false
	}
	secret := s.secretKeys(fresh)
	return hide(maskDocument(old, document{}, secret)), hide(maskDocument(fresh, old, secret)), true
}

// maskDocument replaces the values of secret keys. Those that differ from the
// file before say so.
func maskDocument(d, before document, secret func(string) bool) string {
	d.entries = slices.Clone(d.entries)
	for i, e := range d.entries {
		if !secret(e.key) {
			continue
		}
		shown := config.Masked
		if old, found := before.find(e.key); found && old.value != e.value {
			shown += " (changed)"
		}
		if d.format == pack.JSON {
			d.entries[i].text = `"` + e.key + `": "` + shown + `"`
		} else {
			d.entries[i].text = e.key + "=" + shown
		}
	}
	return string(d.bytes())
}

// secretKeys returns which keys of a file hold secrets: by what they hold, and by
// their names.
func (s *Step) secretKeys(d document) func(key string) bool {
	spelled := s.spelledSecrets()
	return func(key string) bool {
		if config.SoundsSecret(key) {
			return true
		}
		e, ok := d.find(key)
		return ok && slices.ContainsFunc(spelled, func(secret string) bool { return strings.Contains(e.value, secret) })
	}
}

// spelledSecrets are the secrets in every spelling that a generated file or a
// value read from one can have, the longest first.
func (s *Step) spelledSecrets() []string {
	var out []string
	for _, secret := range s.secrets() {
		for _, form := range pack.Forms(secret) {
			// A properties value that was read has its backslashes back.
			out = append(out, form, strings.ReplaceAll(form, `\\`, `\`))
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return slices.Compact(out)
}

// hidesSecret reports whether a value holds a secret.
func (s *Step) hidesSecret(value string) bool {
	return slices.ContainsFunc(s.spelledSecrets(), func(secret string) bool { return strings.Contains(value, secret) })
}
