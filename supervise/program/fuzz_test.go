package program

import (
	"os"
	"path/filepath"
	"testing"

	"omsinit/internal/finding"
)

// FuzzLoad: whatever a program file holds, it is read, and each program either can run or says why not.
func FuzzLoad(f *testing.F) {
	confs, err := filepath.Glob("testdata/corpus/*")
	if err != nil || len(confs) < 50 {
		f.Fatalf("%v, %d files", err, len(confs))
	}
	for _, conf := range confs {
		if data, err := os.ReadFile(conf); err == nil {
			f.Add(data)
		}
	}
	conf := filepath.Join(f.TempDir(), "supervisord.conf")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(conf, data, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Load(conf)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, p := range d.Programs {
			if p.Problem == nil && len(p.Command) == 0 {
				t.Errorf("%s has neither a command nor a problem", p.FullName())
			}
			if names[p.FullName()] {
				t.Errorf("%s is there twice", p.FullName())
			}
			names[p.FullName()] = true
			if p.Problem != nil && p.Problem.Severity != finding.Error {
				t.Errorf("%s: %v", p.FullName(), p.Problem)
			}
		}
		for _, w := range d.Findings {
			if w.Place.IsZero() || w.Message.IsZero() {
				t.Errorf("a finding without a place or a text: %+v", w)
			}
		}
	})
}
