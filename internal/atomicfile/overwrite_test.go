package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := Overwrite(path, []byte("x")); err == nil {
		t.Error("made a file that was not there")
	}
	if err := os.WriteFile(path, []byte("a longer text\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"short\n", "something much longer than before\n", ""} {
		if err := Overwrite(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || before.Mode() != after.Mode() {
		t.Errorf("another file is there: %v, %v", after, err)
	}
}
