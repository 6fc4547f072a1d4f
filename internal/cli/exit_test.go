package cli

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"omsinit/check"
	"omsinit/init/flow"
	"omsinit/init/upgrade"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

func TestExitStatus(t *testing.T) {
	text := msg.M("%s", "x")
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{errFailed, 1},
		{&flow.StepError{Phase: flow.Phases[1], Err: errors.New("refused")}, 1},
		{errChanges, 2},
		{errFindings, 3},
		{&flow.StepError{Phase: flow.Phases[0], Err: &check.FailedError{}}, 3},
		{&flow.RefusedError{Message: text}, 3},
		{&upgrade.RefusedError{}, 3},
		{&flow.StepError{Phase: flow.Phases[1], Err: database.ErrLocked}, 4},
		{&flow.LockedError{Message: text}, 4},
		{usage(text), 64},
		{fmt.Errorf("around: %w", usage(text)), 64},
		{&execError{errors.New("no such file")}, 127},
		{ended(7, nil), 7},
		{ended(0, nil), 0},
		{ended(7, errors.New("anything")), 1},
		// The exit status of a program that a step ran is not that of omsinit.
		{fmt.Errorf("mysqldump: %w", exec.Command("sh", "-c", "exit 9").Run()), 1},
	} {
		if got := exitStatus(tc.err); got != tc.want {
			t.Errorf("%v: got %d, want %d", tc.err, got, tc.want)
		}
	}
}

// TestStatusesAreDocumented: the help page and docs/operating.md name every exit status.
func TestStatusesAreDocumented(t *testing.T) {
	help, _, _ := call(t, "help")
	page := document(t, "operating.md")
	for _, s := range statuses {
		if want := fmt.Sprintf("%d %v", s.code, s.meaning); !strings.Contains(strings.Join(strings.Fields(help),
			" "), want) {
			t.Errorf("the help page has no %q", want)
		}
		if want := fmt.Sprintf("| %d |", s.code); !strings.Contains(page, want) {
			t.Errorf("docs/operating.md has no %q", want)
		}
	}
}
