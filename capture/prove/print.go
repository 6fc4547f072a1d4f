package prove

import (
	"fmt"
	"io"
	"strings"

	"omsinit/internal/msg"
)

// PrintFaults writes what lint found for people.
func PrintFaults(w io.Writer, lang msg.Lang, faults []Fault) error {
	var b strings.Builder
	for _, f := range faults {
		place := f.File
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		severity := msg.M("warning")
		if f.Severity == "error" {
			severity = msg.M("error")
		}
		fmt.Fprintf(&b, "%s: %s: %s\n", severity.In(lang), place, f.Text.In(lang))
	}
	if len(faults) == 0 {
		b.WriteString(lang.Sprintf("no fault was found") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// FaultsJSON returns the JSON form of what lint found, which only ever grows.
func FaultsJSON(faults []Fault) any {
	return struct {
		Version int     `json:"version"`
		Faults  []Fault `json:"faults"`
	}{1, faults}
}

// PrintChanges writes a diff for people.
func PrintChanges(w io.Writer, lang msg.Lang, changes []Change) error {
	var b strings.Builder
	for _, c := range changes {
		sign := map[string]string{"added": "+", "removed": "-", "changed": "~"}[c.Change]
		fmt.Fprintf(&b, "%s %s: %s", sign, c.Part, c.Name)
		if c.Diff == "" && c.Change == "changed" {
			fmt.Fprintf(&b, ": %q -> %q", c.Before, c.After)
		}
		b.WriteString("\n")
		for line := range strings.SplitSeq(strings.TrimSuffix(c.Diff, "\n"), "\n") {
			if c.Diff != "" {
				b.WriteString("    " + line + "\n")
			}
		}
	}
	if len(changes) == 0 {
		b.WriteString(lang.Sprintf("the packs are the same") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ChangesJSON returns the JSON form of a diff, which only ever grows.
func ChangesJSON(changes []Change) any {
	return struct {
		Version int      `json:"version"`
		Changes []Change `json:"changes"`
	}{1, changes}
}
