package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var shape = regexp.MustCompile("(?m)^#+ |^```|^\\|")

// TestPagesInBothLanguages: a page that exists in Chinese has the sections, tables and examples of the English one.
func TestPagesInBothLanguages(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.zh.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range append(pages, "../../README.zh.md", "../../deploy/kubernetes/README.zh.md",
		"../../deploy/quadlet/README.zh.md", "../../deploy/systemd/README.zh.md") {
		shapes := map[string]string{}
		for _, file := range []string{page, strings.Replace(page, ".zh.md", ".md", 1)} {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			shapes[file] = strings.Join(shape.FindAllString(string(data), -1), "")
			if shapes[file] != shapes[page] {
				t.Errorf("%s and %s differ in their sections, tables or examples", page, file)
			}
		}
	}
}
