package database

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// On each kind of server, an account that has all rights but one lacks exactly that one.
func TestLacking(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s := testmaria.Start(t, testmaria.On(k))
		s.Exec("CREATE DATABASE oms_rm", "CREATE TABLE oms_rm.t (a int)")
		var all []Right
		for right := range attempts {
			all = append(all, right)
		}
		slices.Sort(all)
		lacking := func(user, database string) []Right {
			t.Helper()
			c := configFor(s)
			c.MetaUser, c.MetaPassword = user, "pw"
			got, err := Lacking(t.Context(), pool(t, c), database, all...)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for i, right := range all {
			user := fmt.Sprintf("u%d", i)
			others := slices.DeleteFunc(slices.Clone(all), func(r Right) bool { return r == right })
			s.Exec("CREATE USER " + user + "@'%' IDENTIFIED BY 'pw'")
			for _, database := range []string{"oms_rm", "oms_absent"} {
				c := configFor(s)
				c.MetaUser, c.MetaPassword = user, "pw"
				grant, err := Grant(t.Context(), pool(t, c), database, others...)
				if err != nil || !strings.HasSuffix(grant, " TO '"+user+"'@'%'") {
					t.Fatalf("%s: %v", grant, err)
				}
				s.Exec(grant)
				want := []Right{right}
				if right == Select {
					want = []Right{LockTables, Select}
				}
				if got := lacking(user, database); !slices.Equal(got, want) {
					t.Errorf("all but %s on %s: lacking %q", right, database, got)
				}
			}
			if got := lacking(user, "omsxrm"); !slices.Equal(got, all) {
				t.Errorf("on a database of a name that a wildcard would fit: lacking %q", got)
			}
		}
		if n := countTables(t, s); n != 1 {
			t.Errorf("there are %d tables", n)
		}
	})
}

func countTables(t *testing.T, s *testmaria.Server) (n int) {
	t.Helper()
	const tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema LIKE 'oms%'"
	if err := s.DB("").QueryRow(tables).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"oms_rm", "oms_rm", true}, {"oms_rm", "omsxrm", true}, {`oms\_rm`, "omsxrm", false},
		{`oms\_rm`, "oms_rm", true}, {"%", "x", true},
		{"oms%", "oms", true}, {"oms%", "om", false}, {"%rm", "oms_rm", true}, {"", "", true}, {"_", "", false},
		{`\`, `\`, true},
	} {
		if got := Matches(tc.pattern, tc.name); got != tc.want {
			t.Errorf("%q %q: got %v", tc.pattern, tc.name, got)
		}
	}
}
