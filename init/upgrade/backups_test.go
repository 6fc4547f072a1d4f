package upgrade

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/testdata/testmaria"
)

// Old backups are removed, but never the one in use, and what is still young
// and unfinished.
func TestRetention(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 0)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	used := filepath.Dir(firstBackup(t, u))
	for name, age := range map[string]time.Duration{"upgrade-old-and-cut": 48 * time.Hour, "upgrade-young-and-cut": 0,
		"mine": 0} {
		dir := filepath.Join(u.Layout.BackupDir(), name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	u.Keep = 2
	var last string
	for range 4 {
		dir, m, err := u.TakeBackup(t.Context(), "")
		if err != nil || len(m.Databases) != 3 {
			t.Fatal(m, err)
		}
		last = dir
	}
	list, err := u.Backups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	complete, names := 0, []string{}
	for _, b := range list.Backups {
		names = append(names, b.Name)
		if b.Complete {
			complete++
		}
	}
	if complete != 3 || !slices.Contains(names, filepath.Base(used)) || !slices.Contains(names, filepath.Base(last)) ||
		slices.Contains(names, "upgrade-old-and-cut") ||
		!slices.Contains(names, "upgrade-young-and-cut") || !slices.Contains(names, "mine") {
		t.Errorf("left: %v", names)
	}
	if _, err := u.Verify(t.Context(), filepath.Base(used), true); err != nil {
		t.Error(err)
	}
	// Without the MetaDB it is not known what is in use.
	s.Stop()
	u.prune(t.Context(), "")
	if entries, err := os.ReadDir(u.Layout.BackupDir()); err != nil || len(entries) != len(names) {
		t.Errorf("left: %v, %v", entries, err)
	}
	s.Restart()
}

// The dumps of a backup load with the plain client, too.
func TestPlainClientLoadsTheDump(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 300)
	want := contents(t, s, c)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	dir, m, err := u.TakeBackup(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Databases {
		s.Exec("DROP DATABASE "+d.Name, "CREATE DATABASE "+d.Name)
		if err := load(s, filepath.Join(dir, d.File), d.Name); err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff(want, contents(t, s, c)); d != "" {
		t.Error(d)
	}
}
