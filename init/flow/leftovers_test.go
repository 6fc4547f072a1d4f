package flow

import (
	"os"
	"path/filepath"
	"testing"

	"omsinit/internal/atomicfile"
	"omsinit/testdata/testmaria"
)

// TestSweep: what a killed run has left is gone after the next one, whatever that does.
func TestSweep(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	staging := filepath.Join(w.layout.StateDir(), "staging", "config.yaml")
	half := filepath.Join(w.layout.RunDir(), ".omsinit", "history", ".new", "0")
	for _, path := range []string{staging, half} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("oms_meta_password: x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(w.layout.RunDir(), ".omsinit"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(w.layout.StateDir(), "baseline.json"),
		w.layout.ConfigFile() + BackupSuffix,
		w.layout.Path("/home/ds/ghana/config/application-oms.properties")} {
		for _, second := range []bool{false, true} {
			if _, err := atomicfile.Prepare(path, []byte("x"),
				atomicfile.Options{Mode: 0o600, Second: second}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.initialise()
	err := filepath.WalkDir(w.layout.Root(), func(path string, e os.DirEntry, err error) error {
		if name := e.Name(); path == filepath.Dir(staging) || path == filepath.Dir(half) || name[len(name)-1] == '~' {
			t.Errorf("%s is still there", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
