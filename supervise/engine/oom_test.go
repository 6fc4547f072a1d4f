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

func TestProgramScore(t *testing.T) {
	for _, tc := range []struct{ own, limit, want string }{
		{"0", "67108864", "500"}, // 64 MiB
		{"0", "17179869184", "2"},
		{"-500", "67108864", "0"},
		{"-1000", "67108864", ""},
		{"900", "67108864", "1000"},
		{"0", "1048576", "1000"},
		{"", "67108864", ""},
		{"0", "", ""},
	} {
		root := t.TempDir()
		for name, text := range map[string]string{"proc/self/oom_score_adj": tc.own, "sys/fs/cgroup/memory.max": tc.limit,
			"proc/meminfo": "MemTotal: 100000000 kB\n"} {
			if text == "" || tc.limit == "" && name == "proc/meminfo" {
				continue
			}
			file := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := programScore(root); got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}
