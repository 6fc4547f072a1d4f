package resource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/layout"
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
		if err := s.DB("oms_rm").QueryRow("SELECT GROUP_CONCAT(title ORDER BY code DESC SEPARATOR '|') FROM site").Scan(
			&text); err != nil {
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
	if !apply() || !strings.Contains(titles(), "elsewhere 'x'") || !strings.Contains(titles(), "other") ||
		strings.Count(titles(), "|") != 1 {
		t.Errorf("changed: %s", titles())
	}
}

// TestPackRowsOfJSON: JSON that the server writes in its own way is what it says, and is not written again.
func TestPackRowsOfJSON(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, kind testmaria.Kind) {
		s := testmaria.Start(t, testmaria.On(kind))
		cm := startCM(t, nil)
		c := metadb(t, s, "oms")
		s.Exec("CREATE TABLE oms_rm.site (code int PRIMARY KEY, detail json, list json)",
			"CREATE TABLE oms_rm.plain_conf (k varchar(20), v json)")
		st := step(t, c, cm.URL)
		st.Pack = packWith(t, `
register: calls
rows:
  - {database: rm, table: site, key: [code], values: {code: "{{.cm_location}}", detail: '{"z":1,"a": {"port":{{.nginx_server_port}}, "n":1.50}}', list: '["{{.cm_region}}",  2]'}}
  - {database: rm, table: plain_conf, key: [k], values: {k: one, v: '{"b":1,"a":{{.nginx_server_port}}}'}, setting: true}
  - {database: rm, table: plain_conf, key: [k], values: {k: two, v: '{"b":1,"a":{{.nginx_server_port}}}'}, setting: true}
`)
		s.Exec(fmt.Sprintf(`INSERT INTO oms_rm.plain_conf VALUES ('one', '{"b":1,"a":%d}'), ('two', '{"b":7}')`,
			c.NginxPort))
		for n, want := range []bool{true, false, true, false} {
			if n == 2 {
				c.NginxPort++
			}
			var result Result
			if err := st.packRows(t.Context(), s.DB(""), &result); err != nil || (len(result.Rows) > 0) != want {
				t.Errorf("%d: %v, %+v", n, err, result.Rows)
			}
			settings, err := st.Settings(t.Context())
			if follows := n == 2; err != nil || (len(settings.Rows) > 0) != follows {
				t.Errorf("%d: %v, %+v", n, err, settings.Rows)
			}
		}
		var one, two string
		if err := s.DB("oms_rm").QueryRow("SELECT (SELECT JSON_EXTRACT(v, '$.a') FROM plain_conf WHERE k = 'one'), (SELECT JSON_EXTRACT(v, '$.b') FROM plain_conf WHERE k = 'two')").Scan(&one, &two); err != nil || one != fmt.Sprint(c.NginxPort) || two != "7" {
			t.Errorf("%s, %s, %v", one, two, err)
		}
	})
}

// TestPackRowReference: the number of another row is read, wherever it was counted, and waited for.
func TestPackRowReference(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	s.Exec("CREATE TABLE oms_rm.zone (id int AUTO_INCREMENT PRIMARY KEY, code int UNIQUE) AUTO_INCREMENT = 41",
		"CREATE TABLE oms_cm.entry (node varchar(64) PRIMARY KEY, zone_id int NOT NULL, scheme varchar(8))")
	st := step(t, c, cm.URL)
	st.Layout = layout.New(t.TempDir())
	st.Pack = packWith(t, `
register: calls
rows:
  - {database: cm, table: entry, key: [node], values: {node: "{{.host_ip}}", scheme: "{{if .https}}https{{else}}http{{end}}"},
     refs: {zone_id: {database: rm, table: zone, column: id, where: {code: "{{.cm_location}}"}}}}
`)
	var result Result
	var missing *missingRowError
	err := st.packRows(context.Background(), s.DB(""), &result)
	if !finding.IsTransient(err) || !errors.As(err, &missing) || !strings.Contains(err.Error(), "oms_rm.zone") ||
		len(result.Rows) > 0 {
		t.Fatalf("%v, %+v", err, result)
	}
	if plan, err := st.planRows(t.Context(), s.DB("")); err != nil || len(plan) > 0 {
		t.Errorf("planned: %+v, %v", plan, err)
	}
	later := make(chan struct{})
	go func() {
		defer close(later)
		s.Exec(fmt.Sprintf("INSERT INTO oms_rm.zone (code) VALUES (%d)", c.CMLocation))
	}()
	if err := st.awaitRows(t.Context(), s.DB(""), &result, time.Minute); err != nil {
		t.Fatal(err)
	}
	<-later
	entry := func() (text string) {
		if err := s.DB("oms_cm").QueryRow("SELECT CONCAT_WS(' ', zone_id, scheme) FROM entry").Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := entry(); got != "41 http" {
		t.Error(got)
	}
	s.Exec("UPDATE oms_rm.zone SET id = 77")
	for _, name := range []string{st.Layout.CertFile(), st.Layout.KeyFile()} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if plan, err := st.planRows(t.Context(), s.DB("")); err != nil || len(plan) != 1 || plan[0].Inserted ||
		entry() != "41 http" {
		t.Errorf("planned: %+v, %v", plan, err)
	}
	if err := st.packRows(t.Context(), s.DB(""), &result); err != nil || entry() != "77 https" {
		t.Errorf("%s, %v", entry(), err)
	}
}

// TestSettings: a setting follows config.yaml as long as nobody has changed it; what somebody has, or another region,
// stays and is named once. Nothing of a value is in the record.
func TestSettings(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	c.GhanaPort, c.NginxPort = 18090, 18089
	s.Exec("CREATE TABLE oms_rm.kv (id int AUTO_INCREMENT PRIMARY KEY, k varchar(64) UNIQUE, v text, note varchar(9))",
		`INSERT INTO oms_rm.kv (k, v) VALUES ('port', '{"ghana":18090, "s": 1}'), ('web', '18089')`)
	st := step(t, c, cm.URL)
	st.Layout = layout.New(t.TempDir())
	st.Pack = packWith(t, `
register: calls
rows:
  - {database: rm, table: kv, key: [k], values: {k: port, v: '{"s": 1, "ghana": {{.ghana_server_port}}}'}, setting: true}
  - {database: rm, table: kv, key: [k], values: {k: web, v: "{{.nginx_server_port}}"}, setting: true}
  - {database: rm, table: kv, key: [k], values: {k: tsdb, v: "{{.tsdb_url}}"}, setting: true, when: "{{if .tsdb_enabled}}1{{end}}"}
`)
	apply := func(rows int, said ...string) {
		t.Helper()
		st.log = nil
		plan, err := st.Step.Plan(t.Context())
		if err != nil || len(plan.Rows) != rows {
			t.Errorf("planned %+v, %v", plan.Rows, err)
		}
		r, err := st.Settings(t.Context())
		if err != nil || len(r.Rows) != rows || len(st.log) != len(said) {
			t.Errorf("%+v, %v, %q", r.Rows, err, st.log)
		}
		for _, text := range said {
			if !strings.Contains(fmt.Sprint(st.log), text) {
				t.Errorf("%q is not in %q", text, st.log)
			}
		}
	}
	value := func(key, want string) {
		t.Helper()
		var text string
		if err := s.DB("oms_rm").QueryRow("SELECT v FROM kv WHERE k = ?", key).Scan(&text); err != nil || text != want {
			t.Errorf("%s is %s, %v", key, text, err)
		}
	}
	apply(0)
	c.GhanaPort = 28090
	apply(1, "kv k=port follows config.yaml")
	value("port", `{"s": 1, "ghana": 28090}`)
	apply(0)
	s.Exec("UPDATE oms_rm.kv SET v = 'mine' WHERE k = 'web'")
	apply(0)
	c.NginxPort = 28089
	apply(0, "kv k=web is another than config.yaml gives, and stays")
	value("web", "mine")
	apply(0)
	c.TSDBEnabled, c.TSDBURL = true, "10.0.0.9:8086"
	apply(1, "k=tsdb")
	value("tsdb", "10.0.0.9:8086")
	s.Exec("DELETE FROM oms_rm.kv WHERE k = 'tsdb'")
	c.TSDBURL = "10.0.0.8:8086"
	apply(0)
	data, err := os.ReadFile(st.Layout.SettingsRecord())
	if err != nil || strings.Contains(string(data), "28090") || strings.Contains(string(data), "10.0.0") {
		t.Errorf("%s, %v", data, err)
	}
}
