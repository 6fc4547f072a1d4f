package flow

import (
	"errors"
	"testing"

	"omsinit/init/upgrade"
)

// TestWrongOptionIsNoRun: options that mean nothing end a command before it is a run that PID 1 could know of.
func TestWrongOptionIsNoRun(t *testing.T) {
	w := newWorld(t, nil)
	for name, o := range map[string]Options{"prefer": {Prefer: "nobody"}, "ignore": {Ignore: []string{"no.such"}}} {
		var usage *UsageError
		if err := w.with(o).Upgrade(t.Context(), upgrade.Options{}); !errors.As(err, &usage) {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.with(o).Init(t.Context(), Steps{}); !errors.As(err, &usage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if told := w.pid1.told(); len(told) > 0 {
		t.Errorf("PID 1 was told %v", told)
	}
}
