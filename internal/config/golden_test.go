package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden renders everything that is said about each broken file.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no broken files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, warnings, err := config.Parse("config.yaml", data)
			if (c == nil) != (err != nil) {
				t.Errorf("configuration %v with error %v", c, err)
			}
			got := render(msg.English, warnings, err) + "\n" + render(msg.Chinese, warnings, err)
			if strings.Contains(got, "Secr3t") {
				t.Errorf("a secret is shown:\n%s", got)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("not as in %s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

func render(l msg.Lang, warnings []finding.Finding, err error) string {
	var b strings.Builder
	var e *config.Error
	switch {
	case err == nil:
		b.WriteString("no error\n")
	case errors.As(err, &e):
		b.WriteString(e.In(l) + "\n")
	default:
		b.WriteString(l.Text(err) + "\n")
	}
	for _, w := range warnings {
		b.WriteString(w.In(l) + "\n")
	}
	return b.String()
}
