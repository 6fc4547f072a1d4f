package finding

import (
	"strings"
	"testing"

	"omsinit/internal/msg"
)

func TestPlace(t *testing.T) {
	long := strings.Repeat("ä", 81)
	for want, p := range map[string]Place{
		`config.yaml:9:14: cm_location = "200"`:      {"config.yaml", 9, 14, "cm_location", "200"},
		`config.yaml: oms_meta_host`:                 {File: "config.yaml", Key: "oms_meta_host"},
		`config.yaml:9`:                              {File: "config.yaml", Line: 9},
		`config.yaml:3:1: tsdb_password = ` + Masked: {"config.yaml", 3, 1, "tsdb_password", Masked},
		`"a\nb":1: "k\ty" = "x\u00a0"`:               {File: "a\nb", Line: 1, Key: "k\ty", Value: "x\u00a0"},
		`f: k = "` + strings.Repeat("ä", 80) + `…"`:  {File: "f", Key: "k", Value: long},
		``: {},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestFinding(t *testing.T) {
	text, fix := msg.M("%d is too large", 200), msg.M("give less")
	place := Place{File: "config.yaml", Line: 9}
	for want, f := range map[string]Finding{
		"config.yaml:9: 200 is too large\n    fix: give less": {Severity: Error, Place: place,
			Message: text, Fix: fix},
		"config.yaml:9: warning: 200 is too large\n    fix: give less": {Severity: Warning, Place: place,
			Message: text, Fix: fix},
		"warning: 200 is too large": {Severity: Warning, Message: text},
		"200 is too large":          {Severity: Error, Message: text},
	} {
		if got := f.In(msg.English); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	if got := (Finding{Place: place, Message: text}).Headline().In(
		msg.English); got != "config.yaml:9: 200 is too large" {
		t.Error(got)
	}
}

func TestErr(t *testing.T) {
	f := Finding{Severity: Error, Place: Place{File: "f", Line: 2}, Message: msg.M("broken"), Transient: true}
	if err := f.Err(); err.Error() != "f:2: broken" || !IsTransient(err) {
		t.Error(err)
	}
	f.Fix, f.Transient = msg.M("give less"), false
	if err := f.Err(); err.Error() != "f:2: broken: give less" || IsTransient(err) {
		t.Error(err)
	}
}
