package logs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOwnLogIsRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "omsinit.log")
	log, own := OpenOwnLog(path)
	defer own.Close()
	log.Info("first")
	if err := os.Truncate(path, ownLogLimit); err != nil { // a hole, not 50 MB
		t.Fatal(err)
	}
	own.Reopen()
	log.Info("second")
	log.Info("third")
	if text := contents(t, path); strings.Contains(text, "first") || strings.Count(text, "\n") != 2 {
		t.Errorf("%q", text)
	}
	if info, err := os.Stat(path + ".1"); err != nil || info.Size() < ownLogLimit {
		t.Errorf("%v %v", info, err)
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
