package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"omsinit/internal/msg"
)

// TestCommandsInTexts: what a text tells people to run exists.
func TestCommandsInTexts(t *testing.T) {
	commands := (&app{lang: msg.English}).commands()
	mention := regexp.MustCompile("(?:`|see |run |\\()omsinit ([a-z_]+)(?: ([a-z]+))?")
	found := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) != "zh.po" && !strings.HasPrefix(path, "../../docs/") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, m := range mention.FindAllStringSubmatch(string(data), -1) {
			found++
			command := find(commands, m[1])
			group := command != nil && len(command.Subcommands) > 0 && m[2] != ""
			if command == nil || group && find(command.Subcommands, m[2]) == nil {
				t.Errorf("%s: there is no command %q", path, strings.TrimSpace(m[1]+" "+m[2]))
			}
		}
		return err
	})
	if err != nil || found < 20 {
		t.Errorf("found %d commands in the texts, %v", found, err)
	}
}
