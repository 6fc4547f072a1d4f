package draft

import (
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRecover: what killed captures have left goes, and a pack that one of them was replacing comes back; what a
// running one has stays.
func TestRecover(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "pack")
	running, err := Tree{"pack.yaml": nil}.Stage(out)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Discard()
	write(t, filepath.Join(dir, ".pack.new-1", "pack.yaml"))
	write(t, filepath.Join(dir, ".pack.new-1.old", "first"))
	write(t, filepath.Join(dir, ".other.new-1", "pack.yaml"))
	recovered := func(want string) {
		t.Helper()
		if err := Recover(out); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(out, want)); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 2 {
			t.Errorf("left: %q", left)
		}
		if _, err := os.Stat(filepath.Join(running.Dir, "pack.yaml")); err != nil {
			t.Errorf("of one that runs: %v", err)
		}
	}
	recovered("first")
	write(t, filepath.Join(dir, ".pack.new-2.old", "second")) // replaced, and not removed yet
	recovered("first")
	// Somebody's file is in the place: the pack is not lost.
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	write(t, out)
	write(t, filepath.Join(dir, ".pack.new-3.old", "third"))
	if err := Recover(out); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(filepath.Join(dir, ".pack.new-3.old", "third")); err != nil {
		t.Error(err)
	}
}

// TestCommit: a pack takes the place of another one, which is gone then, and of an empty folder, and of nothing else.
func TestCommit(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "pack")
	for n, force := range []bool{false, true, false} {
		s, err := Tree{"pack.yaml": []byte{byte('a' + n)}}.Stage(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(force); (err != nil) != (n == 2) {
			t.Errorf("%d: %v", n, err)
		}
		s.Discard()
		data, err := os.ReadFile(filepath.Join(out, "pack.yaml"))
		if want := []string{"a", "b", "b"}[n]; err != nil || string(data) != want {
			t.Errorf("%d: %s, %v", n, data, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
			t.Errorf("%d: left: %q", n, left)
		}
	}
}
