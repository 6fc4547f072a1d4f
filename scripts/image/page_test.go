package image

import (
	"os"
	"strings"
	"testing"
)

// TestPageConf: what an image builder includes is what the reference pack's nginx file has, and the image holds it.
func TestPageConf(t *testing.T) {
	data, err := os.ReadFile("page.conf")
	if err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile("../templates/tengine.conf")
	if err != nil {
		t.Fatal(err)
	}
	reference := strings.ReplaceAll(string(template), `{{path "/var/lib/omsinit/page.sock"}}`,
		"/var/lib/omsinit/page.sock")
	lines := 0
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		if !strings.Contains(reference, line) {
			t.Errorf("the reference pack has no %q", line)
		}
	}
	if lines < 4 {
		t.Errorf("%d lines", lines)
	}
	if image, err := os.ReadFile("../../Dockerfile"); err != nil ||
		!strings.Contains(string(image), "/page.conf /usr/local/lib/omsinit/page.conf\n") {
		t.Errorf("the image has no page.conf: %v", err)
	}
}
