package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/msg"
)

// TestCommandsInTexts: what a text tells people to run exists.
func TestCommandsInTexts(t *testing.T) {
	known := map[string]bool{}
	for _, command := range (&app{lang: msg.English}).commands() {
		known[command.Name] = true
		for _, below := range command.Subcommands {
			known[command.Name+" "+below.Name] = true
		}
	}
	mention := regexp.MustCompile("(?:`|see |run |\\()omsinit ([a-z_]+)(?: ([a-z]+))?")
	found := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) != "zh.po" && !strings.HasPrefix(path, "../../docs/") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, m := range mention.FindAllStringSubmatch(string(data), -1) {
			found++
			group := slices.Contains([]string{"config", "metadb", "pack", "cluster", "ha", "metrics", "upgrade"}, m[1])
			if !known[m[1]] || group && m[2] != "" && !known[m[1]+" "+m[2]] {
				t.Errorf("%s: there is no command %q", path, strings.TrimSpace(m[1]+" "+m[2]))
			}
		}
		return err
	})
	if err != nil || found < 20 {
		t.Errorf("found %d commands in the texts, %v", found, err)
	}
}
