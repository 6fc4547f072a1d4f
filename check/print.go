package check

import (
	"fmt"
	"io"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Style is how a report is printed.
type Style struct {
	Lang msg.Lang
	// Color: the writer is a terminal that shows colours.
	Color bool
}

// The colours of the statuses and severities (ECMA-48).
const (
	red    = "31"
	yellow = "33"
	green  = "32"
	faint  = "2"
)

func (s Style) paint(code, text string) string {
	if !s.Color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Print writes the report in the form of the legacy deployment tool (docs/oms-facts.md §4), with cause and fix
// under each
// finding.
func (r Report) Print(w io.Writer, s Style) {
	for _, result := range r.Results {
		fmt.Fprintf(w, "[CHECK] %s\n", result.Title.In(s.Lang))
		for _, f := range result.Findings {
			s.finding(w, f)
		}
		if !result.Skipped.IsZero() {
			fmt.Fprintf(w, "  %s\n", result.Skipped.In(s.Lang))
		}
		status := result.Status()
		color := map[string]string{"PASSED": green, "WARNING": yellow, "FAILED": red, "SKIPPED": faint}[status]
		fmt.Fprintf(w, "%s\n", s.paint(color, "["+status+"]"))
	}
}

func (s Style) finding(w io.Writer, f finding.Finding) {
	color, line := yellow, msg.M("warning: %s", f.Headline())
	switch {
	case f.Ignored:
		line = msg.M("warning (an error that is ignored): %s", f.Headline())
	case f.Severity == finding.Error:
		color, line = red, msg.M("error: %s", f.Headline())
	}
	fmt.Fprintf(w, "  %s %s\n", indent(s.paint(color, line.In(s.Lang))), s.paint(faint, "["+f.ID+"]"))
	if !f.Cause.IsZero() && f.Severity == finding.Error {
		fmt.Fprintf(w, "    %s\n", s.Lang.Sprintf("cause: %s", f.Cause))
	}
	if !f.Fix.IsZero() {
		fmt.Fprintf(w, "    %s\n", s.Lang.Sprintf("fix: %s", f.Fix))
	}
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n    ") }
