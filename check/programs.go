package check

import (
	"context"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// programFiles reports what is wrong with the program files, as warnings: what of them can run, runs.
func programFiles(_ context.Context, n *node, f *found) {
	findings, err := n.ProgramFiles()
	if err != nil {
		f.warning("program.broken", msg.M("%v", err), msg.Message{})
	}
	for _, w := range findings {
		w.ID = "program.ignored"
		if w.Severity == finding.Error {
			w.ID = "program.broken"
		}
		w.Severity = finding.Warning
		f.add(w)
	}
}
