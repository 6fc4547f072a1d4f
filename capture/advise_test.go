package capture_test

import (
	"strings"
	"testing"

	"omsinit/capture"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// TestAdvise: in the configuration of the second installation every value is another, and none of the first one's
// secrets is in it.
func TestAdvise(t *testing.T) {
	for n := range 2 {
		first := install(t, values(n), nil).Config
		text, err := capture.Advise(first, msg.English)
		if err != nil {
			t.Fatal(err)
		}
		second, _, err := config.Parse("config.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if strings.Contains(string(text), first.MetaPassword.Reveal()) || first.TSDBEnabled == second.TSDBEnabled || (len(first.CMNodes) > 1) == (len(second.CMNodes) > 1) {
			t.Errorf("%s", text)
		}
		for _, k := range config.Keys() {
			a, b := first.Values()[k.Name], second.Values()[k.Name]
			switch k.Name {
			case "oms_meta_host", "oms_meta_port":
				continue // one server may do
			}
			if _, set := values(n)[k.Name]; !set || k.With != "" {
				continue
			}
			if s, ok := a.([]string); ok {
				if other, _ := b.([]string); strings.Join(s, " ") == strings.Join(other, " ") {
					t.Errorf("%d: %s is the same", n, k.Name)
				}
			} else if a == b && !strings.HasPrefix(k.Name, "tsdb_") {
				t.Errorf("%d: %s is the same: %v", n, k.Name, a)
			}
		}
	}
}
