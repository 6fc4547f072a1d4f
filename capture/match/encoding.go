package match

import (
	"path"
	"slices"
	"strings"

	"omsinit/internal/pack"
	"omsinit/internal/pattern"
)

// edges are the characters before and after an expression.
type edges [2]byte

// sameEncoding writes a value as its neighbours are: where another value of the
// file, between the same characters, shows how the old scripts escape there, a
// value in which there was nothing to escape is escaped too.
func (w *Vocabulary) sameEncoding(f *File, e *Explained) {
	seen := map[edges]string{}
	each(e, func(s *Segment, at edges) {
		name, _, _ := strings.Cut(strings.TrimPrefix(s.Value.Expression, "{{"), " ")
		if slices.Contains(pack.Encoders(), name) && name != "base64" && !strings.HasPrefix(name, "url") {
			seen[at] = name
		}
	})
	each(e, func(s *Segment, at edges) {
		name := seen[at]
		key, plain := strings.CutPrefix(s.Value.Expression, "{{.")
		key = strings.TrimSuffix(key, "}}")
		if name == "" || !plain || !FreeText(key) {
			return
		}
		w.encode(f, e, s, name)
	})
}

// encode writes a value with an encoder, if that says the same; ok reports whether it does.
func (w *Vocabulary) encode(f *File, e *Explained, s *Segment, encoder string) (ok bool) {
	inner := strings.TrimSuffix(strings.TrimPrefix(s.Value.Expression, "{{"), "}}")
	if !strings.HasPrefix(inner, ".") {
		inner = "(" + inner + ")"
	}
	v := *s.Value
	v.Expression, v.Tier = "{{"+encoder+" "+inner+"}}", 1
	a, err := pack.Fill(v.Expression, w.Release, f.Format, e.Spelling, w.From.Data())
	if err != nil || a != v.A {
		return false
	}
	if f.Second != nil {
		b, err := pack.Fill(v.Expression, w.Release, f.Format, e.Spelling, w.Second.Data())
		if err != nil || b != v.B {
			return false
		}
	}
	s.Value = &v
	return true
}

// bareSecret reports whether an expression is a secret as it is in config.yaml.
func bareSecret(v *Value) bool {
	return v.Secret && (strings.HasPrefix(v.Expression, "{{.") || strings.HasPrefix(v.Expression, "{{setting "))
}

// bareText reports whether an expression is a text of config.yaml, as it is, that may hold any character.
func bareText(v *Value) bool {
	key, plain := strings.CutPrefix(v.Expression, "{{.")
	return plain && FreeText(strings.TrimSuffix(key, "}}"))
}

// escapeValues sees to it that no value does anything to its file: in one of a syntax that is known, it is escaped
// where that makes the same of what was seen. Where the old scripts escaped nothing, and a character of a secret shows
// it, the segment is marked.
func (w *Vocabulary) escapeValues(f *File, e *Explained) {
	syntax := syntaxOf(f)
	for _, l := range e.Lines {
		before := ""
		for i := range l {
			s := &l[i]
			switch {
			case s.Value == nil:
				before += s.Text
			case !bareSecret(s.Value) && !bareText(s.Value):
			case bareSecret(s.Value) && f.Format != pack.Plain && e.Spelling == pack.Raw:
				s.Unescaped = string(f.Format)
			case syntax == "" || f.Format != pack.Plain:
			default:
				encoder := encoderFor(syntax, before)
				if (encoder == "" || !w.encode(f, e, s, encoder)) && s.Value.Secret {
					s.Unescaped = syntax
				}
			}
		}
	}
}

// The syntaxes of plain files that a secret is escaped for.
const (
	xmlSyntax   = "XML"
	yamlSyntax  = "YAML"
	shellSyntax = "shell"
)

var shellFile = pattern.New(`^#! ?/\S*sh\b|(?m)^[ \t]*export[ \t]+\w+=`)

// syntaxOf returns the syntax of a plain file; empty where it is not known.
func syntaxOf(f *File) string {
	switch ext := path.Ext(f.Path); {
	case ext == ".xml", strings.HasPrefix(strings.TrimSpace(string(f.Data)), "<?xml"):
		return xmlSyntax
	case ext == ".yaml", ext == ".yml":
		return yamlSyntax
	case ext == ".sh", ext == ".bash", ext == ".env", ext == ".profile", shellFile().Match(f.Data):
		return shellSyntax
	}
	return ""
}

// encoderFor returns the encoder of a value in a syntax, behind the text of its line; empty where there is none.
func encoderFor(syntax, before string) string {
	quote := byte(0)
	for i := 0; i < len(before); i++ {
		switch c := before[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	switch {
	case syntax == xmlSyntax:
		return "xml"
	case syntax == yamlSyntax && quote == '\'':
		return "doubled"
	case syntax == yamlSyntax:
		return ""
	case quote == '\'':
		return "shell"
	case quote == '"':
		return "dquoted"
	}
	return "shlex"
}

// each goes through the expressions of a file.
func each(e *Explained, do func(s *Segment, at edges)) {
	for _, l := range e.Lines {
		for i := range l {
			if l[i].Value == nil {
				continue
			}
			var at edges
			if i > 0 && l[i-1].Value == nil && l[i-1].Text != "" {
				at[0] = l[i-1].Text[len(l[i-1].Text)-1]
			}
			if i+1 < len(l) && l[i+1].Value == nil && l[i+1].Text != "" {
				at[1] = l[i+1].Text[0]
			}
			do(&l[i], at)
		}
	}
}
