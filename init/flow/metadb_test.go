package flow

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/init/metadb/backup"
	"omsinit/testdata/testmaria"
)

// TestReinitMetaDB: nothing is dropped before there is a backup, and only when the name is right.
func TestReinitMetaDB(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.initialise()
	before := checksums(t, db)
	f := w.flow()
	step, err := f.MetaDB()
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := f.ReinitMetaDB(t.Context(), step, "oms_cm", "", nil); err == nil || dir != "" ||
		checksums(t, db) != before {
		t.Errorf("another name: %q, %v", dir, err)
	}
	if _, err := os.Stat(w.layout.BackupDir()); err == nil {
		t.Error("a backup was taken for nothing")
	}
	full := filepath.Join(t.TempDir(), "full")
	w.write(filepath.Join(full, "mine"), "x")
	if _, err := f.ReinitMetaDB(t.Context(), step, "oms_rm", full, nil); err == nil || checksums(t, db) != before {
		t.Errorf("no backup, and dropped all the same: %v", err)
	}
	db.Exec("INSERT INTO oms_rm.oms_project (project_name, project_status) VALUES ('mine', 'INIT')")
	progress := 0
	dir, err := f.ReinitMetaDB(t.Context(), step, "oms_rm", "", func(backup.Progress) { progress++ })
	if err != nil || filepath.Dir(dir) != w.layout.BackupDir() || progress == 0 {
		t.Fatalf("%q, %v, %d times", dir, err, progress)
	}
	var projects int
	if err := db.DB("oms_rm").QueryRow("SELECT COUNT(*) FROM oms_project").Scan(&projects); err != nil ||
		projects != 0 {
		t.Errorf("%d projects, %v", projects, err)
	}
	// The backup brings them back.
	job, err := f.Backup(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := job.Restore(t.Context(), "oms_rm"); err != nil {
		t.Fatal(err)
	}
	if err := db.DB("oms_rm").QueryRow("SELECT COUNT(*) FROM oms_project").Scan(&projects); err != nil ||
		projects != 1 {
		t.Errorf("%d projects, %v", projects, err)
	}
}

// TestReinitNothing: where there is nothing to back up, the databases are made.
func TestReinitNothing(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	f := w.flow()
	step, err := f.MetaDB()
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := f.ReinitMetaDB(t.Context(), step, "oms_rm", "", nil); err != nil || dir != "" ||
		!strings.Contains(checksums(t, db), "oms_rm.") {
		t.Errorf("%q, %v", dir, err)
	}
}

// TestWithoutConfig: operations that need config.yaml say why they cannot work, and nothing else.
func TestWithoutConfig(t *testing.T) {
	w := newWorld(t, nil)
	if err := os.Remove(w.layout.ConfigFile()); err != nil {
		t.Fatal(err)
	}
	for name, operation := range map[string]func(*Flow) error{
		"metadb":        func(f *Flow) error { _, err := f.MetaDB(); return err },
		"backup":        func(f *Flow) error { _, err := f.Backup(t.TempDir()); return err },
		"cluster show":  func(f *Flow) error { _, err := f.ClusterView(t.Context(), ClusterOptions{}); return err },
		"ha show":       func(f *Flow) error { _, err := f.HA(t.Context()); return err },
		"ha on":         func(f *Flow) error { _, err := f.SwitchHA(t.Context(), true, false); return err },
		"metrics check": func(f *Flow) error { _, err := f.CheckMetrics(t.Context()); return err },
		"capture":       func(f *Flow) error { _, err := f.Capture(t.Context(), CaptureOptions{}); return err },
	} {
		if err := operation(w.flow()); !errors.Is(err, os.ErrNotExist) || w.out.Len()+w.errOut.Len() > 0 {
			t.Errorf("%s: %v\n%s%s", name, err, &w.out, &w.errOut)
		}
	}
}
