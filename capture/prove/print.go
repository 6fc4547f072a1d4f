package prove

import (
	"fmt"
	"io"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// PrintFaults writes what lint found for people.
func PrintFaults(w io.Writer, lang msg.Lang, faults []finding.Finding) error {
	var b strings.Builder
	for _, f := range faults {
		severity := msg.M("warning")
		if f.Severity == finding.Error {
			severity = msg.M("error")
		}
		fmt.Fprintf(&b, "%s: %s: %s\n", f.Severity.Style().Paint(w, severity.In(lang)), f.Place, f.Message.In(lang))
	}
	if len(faults) == 0 {
		b.WriteString(style.OK.Paint(w, lang.Sprintf("no fault was found")) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// FaultsJSON returns the JSON form of what lint found, which only ever grows.
func FaultsJSON(faults []finding.Finding) any {
	type fault struct {
		Severity finding.Severity `json:"severity"`
		File     string           `json:"file"` // of the pack
		Line     int              `json:"line,omitempty"`
		Text     msg.Message      `json:"text"`
	}
	list := []fault{}
	for _, f := range faults {
		list = append(list, fault{f.Severity, f.Place.File, f.Place.Line, f.Message})
	}
	return struct {
		Version int     `json:"version"`
		Faults  []fault `json:"faults"`
	}{1, list}
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
