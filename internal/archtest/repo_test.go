// Package archtest holds the tests of the repository as a whole: who may import whom, how large a package may
// become, and that what a comment cites exists. ARCHITECTURE.md says why.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repo returns the folder of go.mod.
func repo(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}

// pkg is a package of the product.
type pkg struct {
	files   []file
	imports []string // of this module, without the module's name
}

// file is a file of a package; no test.
type file struct {
	name  string // below the root
	lines []string
	code  []string // those that are neither blank nor a comment
}

// product reads the packages that the binary is made of: by their folders below the root, "main" for the root itself.
func product(t *testing.T) map[string]*pkg {
	t.Helper()
	root := repo(t)
	all := map[string]*pkg{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root {
				return filepath.SkipDir // a module of its own
			}
			if path != root && (strings.HasPrefix(d.Name(), ".") ||
				slices.Contains([]string{"testdata", "e2e", "bench", "bin"}, d.Name())) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		name, _ := filepath.Rel(root, path)
		room := filepath.ToSlash(filepath.Dir(name))
		if room == "." {
			room = "main"
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, data, parser.ImportsOnly)
		if err != nil {
			return err
		}
		if all[room] == nil {
			all[room] = &pkg{}
		}
		for _, i := range parsed.Imports {
			if in, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), "omsinit/"); ok &&
				!slices.Contains(all[room].imports, in) {
				all[room].imports = append(all[room].imports, in)
			}
		}
		f := file{name: name, lines: strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")}
		for _, line := range f.lines {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				f.code = append(f.code, line)
			}
		}
		all[room].files = append(all[room].files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
