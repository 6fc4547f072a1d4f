package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// TestSweepLocked: what a killed run has left is removed, and nothing else: what is being written is locked.
func TestSweepLocked(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	writing, err := createLocked(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	left := path(locked + "00ff00~")
	if err := errors.Join(os.WriteFile(left, []byte("secret"), 0o600), os.WriteFile(path("other"), nil, 0o600),
		os.WriteFile(path(".omsinit-0123456789abcdef~"), nil, 0o600), os.Symlink("other", path(locked+"link")),
		os.Mkdir(path(locked+"folder"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := SweepLocked(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was left is there: %v", err)
	}
	for _, name := range []string{writing.Name(), path("other"), path(".omsinit-0123456789abcdef~"), path(locked + "link"),
		path(locked + "folder")} {
		if _, err := os.Lstat(name); err != nil {
			t.Error(err)
		}
	}
	writing.Close() // as when it is killed
	if err := SweepLocked(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(writing.Name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was being written is there: %v", err)
	}
}

// TestWriteLocked: a file is replaced whole, also while others sweep, and what cannot be written leaves nothing.
func TestWriteLocked(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bundle")
	stop, stopped := make(chan bool), make(chan error)
	go func() {
		var failed error
		for {
			select {
			case <-stop:
				stopped <- failed
				return
			default:
				failed = errors.Join(failed, SweepLocked(dir))
			}
		}
	}()
	for range 200 {
		if err := WriteLocked(path, []byte("new")); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if data, err := os.ReadFile(path); string(data) != "new" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "folder", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteLocked(filepath.Join(dir, "folder"), nil); !errors.Is(err, syscall.EEXIST) &&
		!errors.Is(err, syscall.EISDIR) && !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("in the place of a folder: %v", err)
	}
	names, err := filepath.Glob(filepath.Join(dir, locked+"*"))
	if err != nil || len(names) > 0 {
		t.Errorf("left: %q, %v", slices.Clone(names), err)
	}
}
