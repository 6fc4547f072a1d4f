package atomicfile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestSweep(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	for _, o := range []Options{{Mode: 0o600}, {Mode: 0o600, Second: true}} {
		if _, err := Prepare(path, []byte("secret"), o); err != nil {
			t.Fatal(err)
		}
	}
	mine, err := TempDir("edit")
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(os.TempDir(), fmt.Sprintf("omsinit-edit-%d-123", dead.Process.Pid))
	kept := []string{mine, filepath.Join(dir, ".omsinit-x"), filepath.Join(os.TempDir(), "omsinit-edit")}
	for _, d := range append([]string{theirs}, kept[1:]...) {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(theirs, "config.yaml"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Sweep([]string{dir, filepath.Join(dir, "absent")}); err != nil {
		t.Fatal(err)
	}
	for _, d := range kept {
		if _, err := os.Stat(d); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(theirs); err == nil {
		t.Errorf("%s is still there", theirs)
	}
	if list, _ := filepath.Glob(filepath.Join(dir, ".omsinit-*~")); len(list) > 0 {
		t.Errorf("%v are still there", list)
	}
}
