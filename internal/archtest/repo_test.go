// Package archtest holds the tests of the repository as a whole: who may import whom, how large a package may
// become, and that what a comment cites exists. ARCHITECTURE.md says why.
package archtest

import (
	"os"
	"path/filepath"
	"testing"
)

// repo returns the folder of go.mod.
func repo(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}
