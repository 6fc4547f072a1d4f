package upgrade

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/pack"
	"omsinit/internal/release"
)

// The documented ways (oms-facts §7), in every spelling of a version.
func TestWays(t *testing.T) {
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ edition, from, to, want string }{
		{"CE", "4.2.2-CE", "4.2.3-CE", "4.2.3-CE"},
		{"CE", "feature_4.2.2_ce", "4.2.3-CE", "4.2.3-CE"},
		{"CE", "4.1.0-CE", "4.2.3-CE", "4.2.3-CE"},
		{"CE", "4.1.0_ce_bp1", "4.2.3-CE", "4.2.3-CE"},
		{"CE", "4.1.1-CE", "4.2.3-CE", "4.2.0-CE 4.2.1-CE 4.2.2-CE 4.2.3-CE"},
		{"CE", "4.2.0-CE", "4.2.3-CE", "4.2.1-CE 4.2.2-CE 4.2.3-CE"},
		{"CE", "4.0.0-ce_bp1", "4.2.3-CE", "4.1.0-CE 4.2.3-CE"},
		{"CE", "3.3.0-bp1", "4.2.3-CE", "4.1.0-CE 4.2.3-CE"},
		{"CE", "3.2.2-CE", "3.3.1-CE", "3.3.0-CE 3.3.1-CE"},
		{"CE", "2.2.0_beta", "4.2.3-CE", ""},
		{"CE", "4.1.0-CE", "4.1.1-CE", ""}, // new deployments only
		{"CE", "4.2.3-CE", "4.2.6-CE", ""},
		{"CE", "4.2.4-CE", "4.2.6-CE", "4.2.6-CE"},
		{"CE", "4.2.3-CE", "4.2.3-CE_bp1", "4.2.3-CE_bp1"}, // a build of the same release
		{"EE", "3.2.1", "4.2.2", "4.2.2"},
		{"EE", "4.0.1", "4.2.3", "4.2.3"},
		{"EE", "3.1.0", "4.2.2", "3.2.1-EE 4.2.2"},
		{"EE", "3.1.0-bp2", "4.3.1", "3.2.1-EE 4.3.1"},
		{"EE", "3.2.1", "4.3.1", "4.3.1"},
		{"EE", "3.4.0", "4.3.1-EE", "4.3.1-EE"},
		{"EE", "4.2.3-EE", "4.3.1", "4.3.1"},
		{"EE", "4.3.0", "4.3.1", "4.3.1"},
		{"EE", "2.1.0", "4.1.0", "3.2.1-EE 4.1.0"},
		{"EE", "4.2.2-CE", "4.2.3", "4.2.3"},
	} {
		from, err := release.Parse(tc.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := release.Parse(tc.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(findWay(p.Upgrade.Routes, tc.edition, from, to).stops, " "); got != tc.want {
			t.Errorf("%s %s -> %s: %q, want %q", tc.edition, tc.from, tc.to, got, tc.want)
		}
	}
}

// Every documented source of a release (docs/oms-facts.md §7, §14.6) is one step away from it, with the steps by hand
// that it takes; the pack has no route that is not documented. Ways with stops are walked stop by stop, each with its
// own image, and end at their target.
func TestDocumentedRoutes(t *testing.T) {
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	parse := func(text string) release.Version {
		v, err := release.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	used := map[int]bool{}
	var all []string
	for _, tc := range []struct{ edition, to, from, requires string }{
		{"CE", "3.3.0", "3.2.2", ""},
		{"CE", "3.3.1", "3.3.0", ""},
		{"CE", "4.0.0", "3.2.2 3.3.0 3.3.1", ""},
		{"CE", "4.1.0", "3.2.2 3.3.0 3.3.1 4.0.0", ""},
		{"CE", "4.2.0", "4.1.1", ""},
		{"CE", "4.2.1", "4.2.0", ""},
		{"CE", "4.2.2", "4.2.1", ""},
		{"CE", "4.2.3", "4.2.2 4.1.0", ""},
		{"CE", "4.2.6", "4.2.4", ""},
		{"EE", "3.2.1", "2.1.2 3.1.0 3.2.0", ""},
		{"EE", "4.1.0", "3.2.1 3.4.0 4.0.2", ""},
		{"EE", "4.2.2", "3.2.1 3.4.0 4.0.0", "correction-jar"},
		{"EE", "4.2.2", "4.0.1 4.1.0 4.2.1", ""},
		{"EE", "4.2.3", "3.2.1 4.0.1", "correction-jar"},
		{"EE", "4.2.3", "4.0.2 4.2.2", ""},
		{"EE", "4.3.1", "3.2.1 3.2.2", "no-oblogproxy-task ddl-sync-dbtype"},
		{"EE", "4.3.1", "3.3.0 4.0.0 4.2.3 4.3.0", "no-oblogproxy-task"},
	} {
		for from := range strings.FieldsSeq(tc.from) {
			w := findWay(p.Upgrade.Routes, tc.edition, parse(from), parse(tc.to))
			if !w.direct() || w.route == nil || w.route.Requires != tc.requires {
				t.Errorf("%s %s -> %s: %v", tc.edition, from, tc.to, w)
				continue
			}
			used[slices.IndexFunc(p.Upgrade.Routes,
				func(r pack.Route) bool { return reflect.DeepEqual(r, *w.route) })] = true
			all = append(all, tc.edition+" "+from, tc.edition+" "+tc.to)
		}
	}
	if len(used) != len(p.Upgrade.Routes) {
		t.Errorf("%d of %d routes are documented", len(used), len(p.Upgrade.Routes))
	}
	walked := 0
	for _, a := range all {
		for _, b := range all {
			edition, from, _ := strings.Cut(a, " ")
			other, to, _ := strings.Cut(b, " ")
			w := findWay(p.Upgrade.Routes, edition, parse(from), parse(to))
			if edition != other || len(w.stops) < 2 {
				continue
			}
			here := parse(from)
			for _, stop := range w.stops {
				if next := findWay(p.Upgrade.Routes, edition, here, parse(stop)); !next.direct() {
					t.Errorf("%s %s -> %s: no step from %s to %s", edition, from, to, here.String(), stop)
				}
				here = parse(stop)
			}
			if here.Core() != to {
				t.Errorf("%s %s -> %s ends at %s", edition, from, to, here.String())
			}
			walked++
		}
	}
	if walked < 20 {
		t.Errorf("only %d ways with stops", walked)
	}
}
