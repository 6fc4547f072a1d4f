package capture_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omsinit/capture"
	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/internal/finding"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// rowsWorld is an installation whose old scripts write rows, in databases of its own. id is where its server counts on.
func rowsWorld(t *testing.T, s *testmaria.Server, prefix string, id int, v map[string]any) *source.Installation {
	t.Helper()
	maps.Copy(v, map[string]any{"oms_meta_host": s.Host, "oms_meta_port": s.Port, "oms_meta_user": s.User,
		"oms_meta_password": s.Password, "drc_rm_db": prefix + "_rm", "drc_cm_db": prefix + "_cm",
		"drc_cm_heartbeat_db": prefix + "_hb"})
	for _, db := range []string{"_rm", "_cm", "_hb"} {
		s.Exec("CREATE DATABASE " + prefix + db + " DEFAULT CHARACTER SET utf8mb4")
	}
	quoted := func(text string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(text) + "'"
	}
	node, on := v["cm_nodes"].([]string)[0], v["tsdb_enabled"] == true
	region := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v["cm_region_cn"].(string))
	in := func(text string) string { return strings.ReplaceAll(text, "@", prefix+"_rm.") }
	s.Exec(in("CREATE TABLE @region_info (id bigint AUTO_INCREMENT PRIMARY KEY, code varchar(16) NOT NULL UNIQUE, name varchar(64))"),
		in(fmt.Sprintf("ALTER TABLE @region_info AUTO_INCREMENT = %d", id)),
		in("CREATE TABLE @node_entry (id bigint AUTO_INCREMENT PRIMARY KEY, node varchar(64) NOT NULL UNIQUE, entry varchar(99), region_id bigint NOT NULL, flag int)"),
		in("CREATE TABLE @plain_entry (node varchar(64), location int, entry varchar(99))"),
		in(fmt.Sprintf("INSERT INTO @region_info (code, name) VALUES (%s, %s)", quoted(fmt.Sprint(v["cm_location"])),
			quoted(v["cm_region"].(string)))),
		in(fmt.Sprintf(
			"INSERT INTO @node_entry (node, entry, region_id, flag) SELECT %s, 'http://%s:%v', id, 1 FROM @region_info", quoted(node), node, v["nginx_server_port"])),
		in(fmt.Sprintf("INSERT INTO @plain_entry VALUES (%s, %v, 'http://%s:%v')", quoted(node), v["cm_location"], node,
			v["ghana_server_port"])),
		in("CREATE TABLE @t_kv9 (id int AUTO_INCREMENT PRIMARY KEY, k varchar(64) UNIQUE, v text, on_page bit(1))"),
		in(fmt.Sprintf("INSERT INTO @t_kv9 (k, v, on_page) VALUES ('port.config', %s, b'0')", quoted(fmt.Sprintf(
			`{"ghana": %v, "gateway": {"port": %v, "at": [{"a": 1}, {"zone": "%s"}]}, "instance": "%s", "name": "<%s> ‹n› {{x}} it's"}`,
			v["ghana_server_port"], v["nginx_server_port"], region, prefix+"-8f1c", v["cm_region"])))),
		in(fmt.Sprintf("INSERT INTO @t_kv9 (k, v) VALUES ('brackets', '‹a› > {{b}} <c>'), ('entry', %s), ('level', '1'), ('same', '2')", quoted(v["cm_url"].(string)+"/"))))
	s.Exec(in("CREATE TABLE @bare_conf (k varchar(64), v varchar(99), note varchar(20))"),
		in(fmt.Sprintf("INSERT INTO @bare_conf VALUES ('web', 'port=%v', NULL), ('fixed', '7', 'x')",
			v["nginx_server_port"])))
	if on {
		s.Exec(in(fmt.Sprintf("INSERT INTO @t_kv9 (k, v) VALUES ('tsdb.url', %s)", quoted(v["tsdb_url"].(string)))))
	}
	i := install(t, v, nil)
	i.DB = s.DB("")
	i.Writers = map[string]tables.Writes{"rm.region_info": {Script: true}, "rm.node_entry": {Script: true},
		"rm.plain_entry": {Script: true}}
	return i
}

// rowValues are configurations that differ in everything; level is a constant that looks like the first one's location.
func rowValues(n int) map[string]any {
	v := values(n)
	v["cm_region"] = []string{"cn-hz", "cn-beijing", "eu-west"}[n]
	v["cm_region_cn"] = []string{"杭州", `北"京\`, "欧洲 1"}[n]
	return v
}

func capturedRows(t *testing.T, j *capture.Job) (*pack.Pack, string) {
	t.Helper()
	p, err := pack.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(j.Out, "schema/rm/4.2.7-CE.sql"))
	if err != nil {
		t.Fatal(err)
	}
	return p, string(data)
}

func rowOf(t *testing.T, p *pack.Pack, table, key string) pack.Row {
	t.Helper()
	for _, row := range p.Rows {
		if row.Table == table && (key == "" || row.Values["k"] == key) {
			return row
		}
	}
	t.Errorf("no row %s %s in the pack", table, key)
	return pack.Row{}
}

// TestRowsThatRefer: the number of another row is looked up, where the numbers differ, where a foreign key says so,
// and, with a word in the report, where only the name does.
func TestRowsThatRefer(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	for name, tc := range map[string]struct {
		ids   []int
		named bool // the report names it as a guess
	}{
		"other numbers": {[]int{1, 40}, false}, "the same number": {[]int{1, 1}, true}, "alone": {[]int{1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := fmt.Sprintf("r%d%d", len(tc.ids), tc.ids[len(tc.ids)-1])
			var all []*source.Installation
			for n, id := range tc.ids {
				all = append(all, rowsWorld(t, s, fmt.Sprintf("%s_%d", prefix, n), id, rowValues(n)))
			}
			j := job(t, all[0], append(all, nil)[1])
			j.Scratch = scratch
			report := run(t, j)
			p, _ := capturedRows(t, j)
			row := rowOf(t, p, "node_entry", "")
			ref := row.Refs["region_id"]
			if _, constant := row.Values["region_id"]; constant || ref.Table != "region_info" || ref.Column != "id" ||
				len(ref.Where) != 1 || ref.Database != "rm" {
				t.Errorf("%+v", row)
			}
			if ref.Where["code"] != "{{.cm_location}}" && len(tc.ids) > 1 {
				t.Errorf("%+v", ref)
			}
			named := slices.ContainsFunc(report.Findings, func(f finding.Finding) bool {
				return f.ID == "capture.likely" && f.Place.Key == "region_id" && f.Place.File == "rm.node_entry"
			})
			if named != tc.named {
				t.Errorf("named in the report: %v", named)
			}
			if n := slices.IndexFunc(p.Rows, func(r pack.Row) bool { return r.Table == "region_info" }); n < 0 ||
				p.Rows[n+1:][0].Table == "" ||
				!slices.ContainsFunc(p.Rows[n+1:], func(r pack.Row) bool { return r.Table == "node_entry" }) {
				t.Errorf("the row comes before the one that it refers to: %+v", p.Rows)
			}
			if row.Values["flag"] != "1" {
				t.Errorf("a constant: %+v", row.Values)
			}
			// Without a key what names the node and the region is the key: a changed port is no new row.
			if plain := rowOf(t, p, "plain_entry", ""); len(tc.ids) > 1 &&
				!slices.Equal(plain.Key, []string{"location", "node"}) {
				t.Errorf("%+v", plain)
			}
		})
	}
}

// TestSettingsThatFollow: JSON is compared by the paths of its members, a row with values of config.yaml follows a
// changed one, and texts that look like placeholders are texts.
func TestSettingsThatFollow(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	a, b := rowsWorld(t, s, "f_a", 1, rowValues(0)), rowsWorld(t, s, "f_b", 7, rowValues(1))
	j := job(t, a, b)
	j.Scratch = scratch
	report := run(t, j)
	p, text := capturedRows(t, j)
	row := rowOf(t, p, "t_kv9", "port.config")
	if !row.Setting || !slices.Equal(row.Key, []string{"k"}) || row.Database != "rm" {
		t.Errorf("%+v", row)
	}
	i := install(t, rowValues(2), nil)
	for n, r := range p.Rows {
		if r.Values["k"] != "port.config" {
			continue
		}
		filled, err := p.FillRow(n, i.Data())
		want := `{"ghana": 20001, "gateway": {"port": 20002, "at": [{"a": 1}, {"zone": "欧洲 1"}]}, "instance": "f_a-8f1c", "name": "<eu-west> ‹n› {{x}} it's"}`
		if err != nil || filled.Values["v"] != want {
			t.Errorf("%s, %v", filled.Values["v"], err)
		}
		hostile := install(t, values(1), nil)
		if filled, err := p.FillRow(n, hostile.Data()); err != nil ||
			!strings.Contains(filled.Values["v"], `"zone": "北\"京\\"`) {
			t.Errorf("%s, %v", filled.Values["v"], err)
		}
	}
	if !strings.Contains(text, `{"ghana": {{.ghana_server_port}}, "gateway": {"port": {{.nginx_server_port}}, "at"`) ||
		!strings.Contains(text, "'‹a› > {{\"{{\"}}b}} <c>'") {
		t.Errorf("the rows of the schema:\n%s", text)
	}
	var differs []string
	for _, f := range report.Findings {
		if f.ID == "capture.differs" && f.Place.File == "rm.t_kv9" {
			differs = append(differs, f.Place.Key)
		}
	}
	if !slices.Equal(differs, []string{"v instance"}) {
		t.Errorf("different: %q", differs)
	}
	for _, r := range p.Rows {
		if r.Setting && slices.Contains([]string{"brackets", "level", "same"}, r.Values["k"]) {
			t.Errorf("a constant follows: %+v", r)
		}
	}
	rowOf(t, p, "t_kv9", "entry")
	// A table without a key: what tells its rows apart and comes from nowhere is the key.
	if bare := rowOf(t, p, "bare_conf", "web"); !bare.Setting || !slices.Equal(bare.Key, []string{"k"}) ||
		bare.Values["v"] != "port={{.nginx_server_port}}" {
		t.Errorf("%+v", bare)
	}
}

// TestRowsOfThree: a row that depends on a switch, and a value that two installations cannot decide, are learnt from a
// third one.
func TestRowsOfThree(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	v := []map[string]any{rowValues(0), rowValues(1), rowValues(2)}
	v[1]["cm_location"] = 1 // as the first one: {{.cm_location}} and 1 fit both
	v[2]["cm_is_default"], v[2]["tsdb_password"] = true, "tsdb-secret"
	j := job(t, rowsWorld(t, s, "m_a", 1, v[0]), rowsWorld(t, s, "m_b", 7, v[1]))
	j.Scratch = scratch
	j.Others = []*source.Installation{rowsWorld(t, s, "m_c", 9, v[2])}
	report := run(t, j)
	p, text := capturedRows(t, j)
	if !report.Verified {
		t.Errorf("%v", report.Differences)
	}
	for _, want := range []string{"'tsdb.url', '{{.tsdb_url}}'", "{{if .tsdb_enabled}}1{{end}}", "'level', '1'"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if row := rowOf(t, p, "t_kv9", "tsdb.url"); row.When != "{{if .tsdb_enabled}}1{{end}}" || !row.Setting ||
		row.Values["v"] != "{{.tsdb_url}}" {
		t.Errorf("%+v", row)
	}
	if row := rowOf(t, p, "region_info", ""); row.Values["code"] != "{{.cm_location}}" || row.When != "" {
		t.Errorf("%+v", row)
	}
	if strings.Contains(text, "cn-beijing") || strings.Contains(text, "eu-west") {
		t.Errorf("rows of other installations:\n%s", text)
	}
}
