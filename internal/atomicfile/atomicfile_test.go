package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWriteSetsContentsModeAndOwner(t *testing.T) {
	old := syscall.Umask(0o077)
	t.Cleanup(func() { syscall.Umask(old) })
	owner := &Owner{UID: os.Geteuid(), GID: os.Getegid()}
	if os.Geteuid() == 0 {
		owner = &Owner{UID: 4321, GID: 4322}
	}
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o644} {
		path := filepath.Join(t.TempDir(), "x.ini")
		for _, text := range []string{"one", "", "two"} {
			if err := Write(path, []byte(text), Options{Mode: mode, Owner: owner}); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != text {
				t.Errorf("read back %q, %v; want %q", got, err, text)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			stat := info.Sys().(*syscall.Stat_t)
			if info.Mode() != mode || int(stat.Uid) != owner.UID || int(stat.Gid) != owner.GID {
				t.Errorf("mode %v owner %d:%d, want %v and %v", info.Mode(), stat.Uid, stat.Gid, mode, *owner)
			}
		}
		noLeftovers(t, filepath.Dir(path))
	}
}

func noLeftovers(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".omsinit-") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestTemporaryNameIsNoProgramFile(t *testing.T) {
	name := filepath.Base(tempName("/etc/supervisor/conf.d/oms_console.ini", false))
	// ochinchina/supervisord takes conf.d/*.ini for the expression .*\.ini.
	if strings.Contains(name, ".ini") || !strings.HasPrefix(name, ".") {
		t.Errorf("the temporary name %q could be read as a program file", name)
	}
	if tempName("/a/b.c", false) == tempName("/a/b-c", false) {
		t.Error("two files share a temporary name")
	}
}

// A killed run leaves its temporary file, here with wider rights than it may
// have now, or a link that somebody put there.
func TestPrepareReplacesLeftovers(t *testing.T) {
	dir := t.TempDir()
	path, victim := filepath.Join(dir, "f"), filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("keep"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, leave := range map[string]func() error{
		"file": func() error { return os.WriteFile(tempName(path, false), []byte("a long old text"), 0o666) },
		"link": func() error { return os.Symlink(victim, tempName(path, false)) },
	} {
		if err := leave(); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, []byte("new"), Options{Mode: 0o600}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		if got, _ := os.ReadFile(path); string(got) != "new" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got, _ := os.ReadFile(victim); string(got) != "keep" {
		t.Errorf("wrote through a link: %q", got)
	}
}

func TestCommitStopsAtTheFirstFailure(t *testing.T) {
	dir := t.TempDir()
	var pending []*Pending
	for _, name := range []string{"a", "b", "c"} {
		p, err := Prepare(filepath.Join(dir, name), []byte(name), Options{Mode: 0o600})
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	if err := os.MkdirAll(filepath.Join(dir, "b/full"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := Commit(pending)
	var at *fs.PathError
	if !errors.As(err, &at) || at.Path != filepath.Join(dir, "b") {
		t.Fatalf("Commit: %v, want an error about b", err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "a")); string(got) != "a" {
		t.Error("a was not replaced")
	}
	if _, err := os.Stat(filepath.Join(dir, "c")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("c: %v", err)
	}
	noLeftovers(t, dir)
}

func TestPrepareLeavesNothingBehindWhenItFails(t *testing.T) {
	dir := t.TempDir()
	if _, err := Prepare(filepath.Join(dir, "no/such/f"), nil, Options{Mode: 0o600}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Prepare in a missing folder: %v", err)
	}
	if err := Write(filepath.Join(dir, strings.Repeat("x", 300)), nil, Options{Mode: 0o600}); !errors.Is(err,
		syscall.ENAMETOOLONG) {
		t.Errorf("a name that is too long: %v", err)
	}
	noLeftovers(t, dir)
}
