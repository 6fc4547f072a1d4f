package pack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/scripts"
)

// FuzzOpen: whatever the manifest of a pack holds, it is a pack or is refused in one line.
func FuzzOpen(f *testing.F) {
	whole, err := scripts.Pack.ReadFile(manifestName)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, text := range []string{
		"", "---", "version: 1", "files: [", "files: [{}]", "files: {a: b}", "? x", "&a [*a]", "a: &a [*a, *a]",
		"files:\n- path: /a\n  mode: 0644\n", "restart: [a, a]", "upgrade: {from: [4.2.0]}",
		"!!binary x", "\t", "\xff", "release: 1.e9", "0\r\r0",
	} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, manifestName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := open(overlay{dir: dir, lower: scripts.Pack})
		if (p == nil) == (err == nil) {
			t.Fatalf("neither a pack nor an error, or both: %v", err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r\x00") {
			t.Fatalf("the error is not one line: %q", err)
		}
	})
}
