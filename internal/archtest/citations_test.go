package archtest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	heading = regexp.MustCompile(`(?m)^###? (\d+(?:\.\d+)?)[. ]`)
	// oms-facts §4, oms-facts §4 and §11, oms-facts §2, §3, oms-facts section 6
	citation = regexp.MustCompile(`oms-facts(?:\.md)?((?:[\s/*#-]*(?:,|and)?[\s/*#-]*(?:§|section )\d+(?:\.\d+)?)*)`)
	section  = regexp.MustCompile(`\d+(?:\.\d+)?`)
)

// TestCitations reads every text file of the repository: each mention of the facts about OMS names a section of
// docs/oms-facts.md, so that a reader can look up what a rule was made from.
func TestCitations(t *testing.T) {
	root := repo(t)
	facts, err := os.ReadFile(filepath.Join(root, "docs", "oms-facts.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(string(facts), -1) {
		sections[m[1]] = true
	}
	if len(sections) < 15 {
		t.Fatalf("found only %d sections in docs/oms-facts.md: the search is broken", len(sections))
	}
	found := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, "docs/oms-facts.md") ||
			filepath.Dir(path) == filepath.Join(root, "internal", "archtest") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(data, 0) >= 0 {
			return err
		}
		for _, m := range citation.FindAllStringSubmatchIndex(string(data), -1) {
			line := 1 + strings.Count(string(data[:m[0]]), "\n")
			cited := section.FindAllString(string(data[m[2]:m[3]]), -1)
			if len(cited) == 0 && strings.HasSuffix(path, ".go") {
				t.Errorf("%s:%d: oms-facts without a section", path, line)
			}
			for _, c := range cited {
				found++
				if !sections[c] {
					t.Errorf("%s:%d: docs/oms-facts.md has no section %s", path, line, c)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 50 {
		t.Fatalf("found only %d citations: the search is broken", found)
	}
}
