package metrics

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocs: both pages tell of everything that is reported, and of nothing
// else.
func TestDocs(t *testing.T) {
	for _, file := range []string{"../docs/metrics.md", "../docs/metrics.zh.md"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		page := string(data)
		rows := 0
		for _, m := range Catalogue() {
			_, section, found := strings.Cut(page, "\n### "+m.Name+"\n")
			section, _, _ = strings.Cut(section, "\n### ")
			if !found || !strings.Contains(section, fmt.Sprint(" ", m.Most, " ")) {
				t.Errorf("%s: %s is missing, or its bound %d", file, m.Name, m.Most)
			}
			for _, tag := range m.Tags {
				if !strings.Contains(section, "`"+tag+"`") {
					t.Errorf("%s: %s does not have its tag %s", file, m.Name, tag)
				}
			}
			for _, f := range m.Fields {
				rows++
				metric := "`" + m.Name + "_" + f.Name + "`"
				if f.Kind == Words {
					metric = "–"
				}
				if !strings.Contains(section, fmt.Sprintf("\n| `%s` | %s | %s | ", f.Name, metric, f.Kind)) {
					t.Errorf("%s: no row of %s %s", file, m.Name, f.Name)
				}
			}
		}
		if got := strings.Count(page, "\n| `"); got != rows {
			t.Errorf("%s has %d rows, and there are %d fields", file, got, rows)
		}
	}
}
