package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing but a terminal gets an escape sequence unless it is forced, and what programs read never does.
func TestColors(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("cm_location: many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"check --offline", "plan", "status", "doctor", "nothing", "help"} {
		for _, tc := range []struct {
			env     string
			json    bool
			colored bool
		}{
			{"TERM=xterm", false, false},
			{"CLICOLOR_FORCE=1", false, true},
			{"CLICOLOR_FORCE=1", true, false},
			{"NO_COLOR=1", false, false},
		} {
			words := append(strings.Fields(args), "--root", t.TempDir(), "--config", config)
			if tc.json {
				if args == "nothing" || args == "help" {
					continue
				}
				words = append(words, "--output", "json")
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], words...)
			cmd.Env = append(os.Environ(), "OMSINIT_TEST_MAIN=1", "NO_COLOR=", "CLICOLOR_FORCE=", tc.env)
			var out, errOut bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errOut
			_ = cmd.Run() // each of them fails
			text := out.String()
			if !tc.json {
				text += errOut.String()
			} else if text != "" && !json.Valid([]byte(text)) {
				t.Errorf("%v: not JSON: %s", words, text)
			}
			if got := strings.Contains(text, "\x1b["); got != tc.colored {
				t.Errorf("%s %v: coloured: %v\n%q", tc.env, words, got, text)
			}
		}
	}
}
