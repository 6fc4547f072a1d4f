package capture_test

import (
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"omsinit/capture"
	"omsinit/capture/match"
	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// TestAdvise: in the configuration of the second installation every value is another, and none of the first one's
// secrets is in it.
func TestAdvise(t *testing.T) {
	for n := range 2 {
		from := install(t, values(n), nil)
		first := from.Config
		text, err := capture.Advise([]*source.Installation{from}, msg.English)
		if err != nil {
			t.Fatal(err)
		}
		second, _, err := config.Parse("config.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if strings.Contains(string(text), first.MetaPassword.Reveal()) || first.TSDBEnabled == second.TSDBEnabled ||
			(len(first.CMNodes) > 1) == (len(second.CMNodes) > 1) {
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

// TestAdviseFurther: after as many installations as can tell them apart, no two switches are alike.
func TestAdviseFurther(t *testing.T) {
	have := []*source.Installation{install(t, values(0), nil)}
	for n := 0; n < 4; n++ {
		text, err := capture.Advise(have, msg.English)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := yaml.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		next := install(t, v, nil)
		on := match.Deciding(have)
		if next.Config.TSDBEnabled != on[".tsdb_enabled"] || next.Config.CMIsDefault != on[".cm_is_default"] ||
			len(next.Config.CMNodes) > 1 != on[match.SeveralNodes] {
			t.Errorf("%d: %v\n%s", n, on, text)
		}
		have = append(have, next)
	}
	seen := map[string]bool{}
	for _, key := range []string{"tsdb_enabled", "cm_is_default", "apsara_audit_enable", "cm_nodes"} {
		of := func(i *source.Installation) any {
			if key == "cm_nodes" {
				return len(i.Config.CMNodes) > 1
			}
			return i.Config.Values()[key]
		}
		pattern := ""
		for _, i := range have {
			pattern += fmt.Sprint(of(i) != of(have[0]), " ")
		}
		if seen[pattern] {
			t.Errorf("two switches are alike: %s", pattern)
		}
		seen[pattern] = true
	}
}
