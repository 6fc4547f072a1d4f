package capture

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"omsinit/internal/msg"
)

// Report is what a capture found. Its JSON form only ever grows.
type Report struct {
	Version int    `json:"version"`
	Release string `json:"release"`
	// Out is the folder of the pack; empty when none was written.
	Out   string       `json:"out"`
	Files []FileReport `json:"files"`
	// Tables are how many of them the schema has, over all databases, and Rows
	// the settings.
	Tables int `json:"tables"`
	Rows   int `json:"rows"`
	Calls  int `json:"calls"`
	// Findings are what a person should look at.
	Findings []Finding `json:"findings"`
	// Verified reports whether the pack makes everything again as it was captured.
	Verified    bool         `json:"verified"`
	Differences []Difference `json:"differences"`
}

// FileReport is one captured file.
type FileReport struct {
	Path        string `json:"path"`
	Format      string `json:"format"`
	Expressions int    `json:"expressions"`
	Compared    bool   `json:"compared"` // with the second installation
}

// Finding is one thing that a person should look at. It never holds a secret.
type Finding struct {
	// Kind is one of text (left as text although it may come from config.yaml),
	// likely (an expression beside which others fit), differs (the installations
	// differ and nothing explains it), secret (refused), and others that say
	// what they are about in their text.
	Kind string `json:"kind"`
	Path string `json:"path"`
	Line int    `json:"line,omitempty"`
	// Key is the key of the file.
	Key string `json:"key,omitempty"`
	// Chosen is the expression that was taken, Candidates the others.
	Chosen     string      `json:"chosen,omitempty"`
	Candidates []string    `json:"candidates,omitempty"`
	Text       msg.Message `json:"text"`
}

func (r *Report) count(kind string) int {
	n := 0
	for _, f := range r.Findings {
		if f.Kind == kind {
			n++
		}
	}
	return n
}

func (r *Report) secrets() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Kind != "secret" })
}

// place is file:line.
func (f Finding) place() string {
	if f.Line == 0 {
		return f.Path
	}
	return fmt.Sprintf("%s:%d", f.Path, f.Line)
}

// SecretError is returned when a capture would keep secrets as text. Nothing was
// written.
type SecretError struct{ Findings []Finding }

func (e *SecretError) message() msg.Message {
	m := msg.M("nothing was written: these secrets would stand in the pack as text")
	for _, f := range e.Findings {
		m = msg.M("%v\n  %s: %v", m, f.place(), f.Text)
	}
	return msg.M("%v\ncompare with an installation that has other secrets (--compare DIR), or, where the value is no secret, say so with --text PATH:KEY", m)
}

// Error returns the English words.
func (e *SecretError) Error() string { return e.In(msg.English) }

// In returns the words in a language.
func (e *SecretError) In(lang msg.Lang) string { return e.message().In(lang) }

// Print writes the report for people.
func (r *Report) Print(w io.Writer, lang msg.Lang) error {
	var b strings.Builder
	var rows [][]string
	for _, f := range r.Files {
		compared := ""
		if f.Compared {
			compared = lang.Sprintf("compared")
		}
		rows = append(rows, []string{f.Path, f.Format, lang.Sprintf("from config.yaml: %d", f.Expressions), compared})
	}
	if err := msg.PrintColumns(&b, rows); err != nil {
		return err
	}
	for _, part := range []struct {
		kind  string
		title msg.Message
	}{
		{"text", msg.M("Left as text, although it may come from config.yaml:")},
		{"likely", msg.M("Taken for one key, although others have the same value:")},
		{"differs", msg.M("Different in the two installations, and explained by nothing in config.yaml:")},
		{"", msg.M("Also to be looked at:")},
	} {
		printed := false
		for _, f := range r.Findings {
			named := f.Kind == "text" || f.Kind == "likely" || f.Kind == "differs"
			if f.Kind != part.kind && (part.kind != "" || named) {
				continue
			}
			if !printed {
				fmt.Fprintf(&b, "\n%s\n", part.title.In(lang))
				printed = true
			}
			fmt.Fprintf(&b, "  %s: %s\n", f.place(), f.Text.In(lang))
		}
	}
	b.WriteString("\n" + lang.Sprintf("release %s: files %d, tables %d, rows of settings %d, CM calls %d", r.Release, len(r.Files), r.Tables, r.Rows, r.Calls) + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return PrintDifferences(w, lang, r.Differences)
}

// JSON returns the JSON form of the report, which only ever grows.
func (r *Report) JSON() any { return r }

// PrintDifferences writes the result of a proof for people.
func PrintDifferences(w io.Writer, lang msg.Lang, differences []Difference) error {
	var b strings.Builder
	for _, d := range differences {
		place := d.Name
		if d.Line > 0 {
			place = fmt.Sprintf("%s:%d", d.Name, d.Line)
		}
		fmt.Fprintf(&b, "%s: %s: %s\n", d.Part, place, d.Text.In(lang))
	}
	if len(differences) == 0 {
		b.WriteString(lang.Sprintf("verified: the pack makes everything as the installation has it") + "\n")
	} else {
		b.WriteString(lang.Sprintf("not verified: differences: %d", len(differences)) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// DifferencesJSON returns the JSON form of the result of a proof, which only ever grows.
func DifferencesJSON(differences []Difference) any {
	return struct {
		Version     int          `json:"version"`
		Verified    bool         `json:"verified"`
		Differences []Difference `json:"differences"`
	}{1, len(differences) == 0, differences}
}
