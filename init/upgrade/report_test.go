package upgrade

import (
	"bytes"
	"strings"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/finding"
)

// A secret that JSON spells in another way does not get into the report either.
func TestReportHasNoSecret(t *testing.T) {
	cfg := &config.Config{MetaUser: "oms", MetaPassword: `pa"ss\word<1>`}
	s := &Session{Upgrade: &Upgrade{Config: cfg}}
	var text bytes.Buffer
	if err := writeJSON(&text, Report{Record: Record{Error: "the server says " + cfg.MetaPassword.Reveal()}}); err != nil {
		t.Fatal(err)
	}
	if got := s.masked(text.String()); strings.Contains(got, "word<1>") || !strings.Contains(got, finding.Masked) {
		t.Error(got)
	}
}
