package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestConfigEdit: the editor gets a copy that only its owner can read, what it leaves is checked and written in place,
// and the copy is gone afterwards.
func TestConfigEdit(t *testing.T) {
	sample, err := os.ReadFile(filepath.Join("..", "..", "testdata", "config", "obd.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		editor string // a shell script; $1 is the copy
		answer string
		want   string // in the output
		status int
	}{
		"nothing is changed": {"stat -c 'mode %a' \"$1\"", "", "mode 600", 0},
		"it cannot be used":  {"echo 'cm_location: many' >>\"$1\"", "n\n", "cm_location", 1},
		"the editor fails":   {"exit 7", "", "exit status 7", 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, editor := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "editor")
			if err := os.WriteFile(file, sample, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(editor, []byte("#!/bin/sh\n"+tc.editor+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			temp := t.TempDir()
			cmd := exec.Command(os.Args[0], "config", "edit", "--no-apply", "--config", file, "--root", t.TempDir())
			cmd.Env = append(os.Environ(), "OMSINIT_TEST_MAIN=1", "OMS_LANG=en", "VISUAL=", "EDITOR="+editor,
				"TMPDIR="+temp)
			person, err := pty.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			defer person.Close()
			guard := time.AfterFunc(60*time.Second, func() { cmd.Process.Kill() })
			defer guard.Stop()
			var shown strings.Builder
			for piece := make([]byte, 1024); ; {
				n, err := person.Read(piece)
				shown.Write(piece[:n])
				if err != nil {
					break
				}
				if tc.answer != "" && strings.Contains(shown.String(), "[y/N]") {
					if _, err := person.WriteString(tc.answer); err != nil {
						t.Fatal(err)
					}
					tc.answer = ""
				}
			}
			_ = cmd.Wait() // the status is looked at
			if cmd.ProcessState.ExitCode() != tc.status || !strings.Contains(shown.String(), tc.want) {
				t.Errorf("status %d\n%s", cmd.ProcessState.ExitCode(), shown.String())
			}
			after, err := os.ReadFile(file)
			if err != nil || string(after) != string(sample) {
				t.Errorf("the file has changed: %v", err)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
	if _, _, status := call(t, "config", "edit"); status != 64 {
		t.Errorf("without a terminal: status %d", status)
	}
}
