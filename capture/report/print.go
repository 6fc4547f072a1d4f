package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

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
	rest := slices.Clone(r.Findings)
	list := func(title msg.Message, is func(finding.Finding) bool) {
		printed := false
		rest = slices.DeleteFunc(rest, func(f finding.Finding) bool {
			if !is(f) {
				return false
			}
			if !printed {
				fmt.Fprintf(&b, "\n%s\n", style.Heading.Paint(w, title.In(lang)))
				printed = true
			}
			fmt.Fprintf(&b, "  %s: %s\n", position(f), f.Message.In(lang))
			return true
		})
	}
	of := func(kind Kind) func(finding.Finding) bool {
		return func(f finding.Finding) bool { return isOf(f, kind) }
	}
	list(msg.M("Left as text, although it may come from config.yaml:"), of(Text))
	list(msg.M("Taken for one key, although others have the same value:"), of(Likely))
	list(msg.M("Different in the two installations, and explained by nothing in config.yaml:"), of(Differs))
	list(msg.M("Left out:"), of(Left))
	list(msg.M("Also to be looked at:"), func(finding.Finding) bool { return true })
	if slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return isOf(f, Text) || isOf(f, Likely) }) {
		b.WriteString("\n" + lang.Sprintf("what may come from several keys is decided by an installation whose values are others: omsinit pack capture --advise prints its config.yaml") + "\n")
	}
	b.WriteString("\n" + lang.Sprintf("release %s: files %d, tables %d, rows of settings %d, CM calls %d",
		r.Release, len(r.Files), r.Tables, r.Rows, r.Calls) + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return Result{Differences: r.Differences}.Print(w, lang)
}

// JSON returns the JSON form of the report, which only ever grows.
func (r *Report) JSON() any {
	type jsonFinding struct {
		Kind       string      `json:"kind"`
		Path       string      `json:"path"`
		Line       int         `json:"line,omitempty"`
		Key        string      `json:"key,omitempty"`
		Chosen     any         `json:"chosen,omitempty"`
		Candidates any         `json:"candidates,omitempty"`
		Text       msg.Message `json:"text"`
	}
	findings := []jsonFinding{}
	for _, f := range r.Findings {
		facts := finding.Facts(f.Facts)
		findings = append(findings, jsonFinding{Kind: strings.TrimPrefix(f.ID, idPrefix), Path: f.Place.File,
			Line: f.Place.Line, Key: f.Place.Key, Chosen: facts[chosen],
			Candidates: facts[candidates], Text: f.Message})
	}
	return struct {
		Version     int              `json:"version"`
		Release     string           `json:"release"`
		Out         string           `json:"out"`
		Files       []File           `json:"files"`
		Tables      int              `json:"tables"`
		Rows        int              `json:"rows"`
		Calls       int              `json:"calls"`
		Findings    []jsonFinding    `json:"findings"`
		Verified    bool             `json:"verified"`
		Differences []jsonDifference `json:"differences"`
	}{1, r.Release, r.Out, append([]File{}, r.Files...), r.Tables, r.Rows, r.Calls, findings, r.Verified,
		jsonDifferences(r.Differences)}
}

// Result is that of a proof: how a pack renders, or, where it was booted, what it does.
type Result struct {
	Differences []finding.Finding
	Booted      bool
}

// Print writes the result for people.
func (r Result) Print(w io.Writer, lang msg.Lang) error {
	var b strings.Builder
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%s: %s: %s\n", partOf(d), position(d), d.Message.In(lang))
	}
	count := len(r.Differences)
	m := msg.M("renders the same: the pack makes everything as the installation has it; it is not proven to run")
	switch {
	case r.Booted && count == 0:
		m = msg.M("proven: the pack boots with the components of the image and a configuration of its own; every program is ready, every call was made, rows are there; a changed port, password and node restart the programs that read them and no other; a second initialisation changes nothing")
	case r.Booted:
		m = msg.M("not proven: differences: %d", count)
	case count > 0:
		m = msg.M("does not render the same: differences: %d", count)
	}
	standing := style.OK
	if count > 0 {
		standing = style.Error
	}
	b.WriteString(standing.Paint(w, m.In(lang)) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON returns the JSON form of the result, which only ever grows.
func (r Result) JSON() any {
	same := len(r.Differences) == 0
	return struct {
		Version     int              `json:"version"`
		Verified    bool             `json:"verified"`
		Proven      bool             `json:"proven"`
		Differences []jsonDifference `json:"differences"`
	}{1, same, same && r.Booted, jsonDifferences(r.Differences)}
}

// Difference is one way in which a pack does not make what the installation has. part is files, programs, schema,
// secrets, synthetic or boot.
func Difference(part string, at finding.Place, m msg.Message) finding.Finding {
	return finding.Finding{ID: differencePrefix + part, Severity: finding.Error, Place: at, Message: m}
}

const differencePrefix = "pack.differs."

func partOf(d finding.Finding) string { return strings.TrimPrefix(d.ID, differencePrefix) }

type jsonDifference struct {
	Part string      `json:"part"`
	Name string      `json:"name"`
	Line int         `json:"line,omitempty"`
	Text msg.Message `json:"text"`
}

func jsonDifferences(list []finding.Finding) []jsonDifference {
	out := []jsonDifference{}
	for _, d := range list {
		out = append(out, jsonDifference{partOf(d), d.Place.File, d.Place.Line, d.Message})
	}
	return out
}
