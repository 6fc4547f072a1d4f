package resource

import (
	"context"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// TestPackRows: rows of the pack are written once, follow config.yaml, and leave those of others alone.
func TestPackRows(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	s.Exec("CREATE TABLE oms_rm.site (id int AUTO_INCREMENT PRIMARY KEY, code int UNIQUE, title varchar(64), made datetime NOT NULL)",
		"INSERT INTO oms_rm.site (code, title, made) VALUES (99, 'other', NOW())")
	st := step(t, c, cm.URL)
	st.Pack = packWith(t, `
register: calls
rows:
  - {database: rm, table: site, key: [code], values: {code: "{{.cm_location}}", title: "{{.cm_region}} 'x'"}, now: [made]}
`)
	apply := func() (changed bool) {
		t.Helper()
		var result Result
		if err := st.packRows(context.Background(), s.DB(""), &result); err != nil {
			t.Fatal(err)
		}
		return len(result.Rows) > 0
	}
	titles := func() string {
		var text string
		if err := s.DB("oms_rm").QueryRow("SELECT GROUP_CONCAT(title ORDER BY code DESC SEPARATOR '|') FROM site").Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	if !apply() || !strings.Contains(titles(), c.CMRegion+" 'x'") {
		t.Error(titles())
	}
	if before := titles(); apply() || titles() != before {
		t.Errorf("a second time: %s", titles())
	}
	c.CMRegion = "elsewhere"
	if !apply() || !strings.Contains(titles(), "elsewhere 'x'") || !strings.Contains(titles(), "other") || strings.Count(titles(), "|") != 1 {
		t.Errorf("changed: %s", titles())
	}
}
