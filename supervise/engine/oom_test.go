package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestOOMKills(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "sys/fs/cgroup/memory.events")
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := oomKills{root: root}
	if o.just() {
		t.Error("without cgroups")
	}
	write("oom 3\noom_kill 2\n")
	if first, second := o.just(), o.just(); !first || !second {
		t.Error("a kill is not seen, or only by the first of those that were killed")
	}
	o.at = time.Now().Add(-time.Minute)
	if o.just() {
		t.Error("an old kill counts")
	}
	write("oom 3\noom_kill 3\n")
	if !o.just() {
		t.Error("another kill is not seen")
	}
}
