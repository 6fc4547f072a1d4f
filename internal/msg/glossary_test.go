package msg

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGlossary: docs/glossary.md has one Chinese word for each thing; it is used, and the words beside it are not, in
// the catalogue, the symptoms and the Chinese documents.
func TestGlossary(t *testing.T) {
	page, err := os.ReadFile("../../docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := os.ReadFile("zh.po")
	if err != nil {
		t.Fatal(err)
	}
	var chinese strings.Builder
	texts := map[string]string{}
	inText := false
	for line := range strings.Lines(string(catalogue)) {
		inText = strings.HasPrefix(line, "msgstr") || inText && strings.HasPrefix(line, `"`)
		if inText {
			chinese.WriteString(line)
		}
	}
	texts["zh.po"] = chinese.String()
	files, err := filepath.Glob("../../docs/*.zh.md")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d Chinese documents, %v", len(files), err)
	}
	for _, file := range append(files, "../../README.zh.md") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(data)
	}
	symptoms, err := os.ReadFile("../../scripts/symptoms.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(symptoms)) {
		if _, zh, ok := strings.Cut(line, "zh: "); ok {
			texts["symptoms.yaml"] += zh
		}
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "-") || strings.Contains(line, "中文 |") {
			continue
		}
		rows++
		word := strings.TrimSpace(cells[2])
		if !strings.Contains(texts["zh.po"], word) {
			t.Errorf("no text has the word %s", word)
		}
		for _, other := range strings.Split(strings.TrimSpace(cells[4]), "、") {
			for file, text := range texts {
				if other == "" || strings.Contains(text, other) {
					t.Errorf("%s has %q for %s", file, other, word)
				}
			}
		}
	}
	if rows < 12 {
		t.Errorf("only %d rows", rows)
	}
}

// pasted is what people take out of a text as it is: commands in backquotes, "key: value" in quotes, and YAML.
var pasted = regexp.MustCompile("`[^`]+`|\"[a-z_]+: [^\"]*\"|\\b[a-z0-9]+(?:_[a-z0-9]+)+: (?:true|false|[0-9]+)|^write %[sv]:|%[sv]: (?:true|false)")

// TestWhatIsPasted: the Chinese has it to the letter, with its own colon and none of the wide ones.
func TestWhatIsPasted(t *testing.T) {
	found := 0
	for en, zh := range chinese() {
		if slices.Contains(foreign, en) {
			continue
		}
		for _, piece := range pasted.FindAllString(en, -1) {
			found++
			if piece = strings.TrimPrefix(piece, "write "); !strings.Contains(zh, piece) {
				t.Errorf("the Chinese of %q lacks %s: %q", en, piece, zh)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d pieces: the search is broken", found)
	}
}
