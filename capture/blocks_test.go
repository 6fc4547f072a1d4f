package capture_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	reports "omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// TestBlocks: lines that depend on a switch are learnt from three installations, or from two where their names say
// which.
func TestBlocks(t *testing.T) {
	t.Parallel()
	files := func(v map[string]any) map[string]string {
		master, tsdb, more := "", "##else NONE\n", ""
		if v["cm_is_default"] == true {
			master = fmt.Sprintf("oms.master.region=%s\noms.master.mode=first\n", v["cm_region"])
		}
		level := "quiet"
		if v["tsdb_enabled"] == true {
			tsdb = fmt.Sprintf("oms.tsdb.url=%s\noms.tsdb.user=%s\noms.tsdb.password=%s\n", v["tsdb_url"],
				v["tsdb_username"], v["tsdb_password"])
			more, level = fmt.Sprintf(`, "metrics": {"at": %q, "keep": 7}`, v["tsdb_url"]), "loud"
		}
		return map[string]string{
			"/home/ds/ghana/config/application-oms.properties": fmt.Sprintf(
				"region=%s\n%sport=%v\n%sdefault=%v\nretry=1\ntsdb.level=%s\nend=%s", v["cm_region"], master,
				v["ghana_server_port"], tsdb, v["cm_is_default"], level, v["cm_region"]),
			"/home/ds/supervisor/config/supervisor.json": fmt.Sprintf(`{"region": %q%s, "port": %v}`,
				v["cm_region"], more, v["supervisor_server_port"]),
		}
	}
	config := func(region string, isDefault, tsdb bool, port int) map[string]any {
		v := plainValues()
		v["cm_region"], v["cm_is_default"], v["ghana_server_port"], v["supervisor_server_port"] = region, isDefault,
			port, port+1
		if v["tsdb_enabled"] = tsdb; tsdb {
			v["tsdb_service"], v["tsdb_url"], v["tsdb_username"], v["tsdb_password"] = "INFLUXDB",
				"10.0.0.9:"+fmt.Sprint(port+2), "metrics"+region, "tsdb-secret-"+region
		}
		return v
	}
	a, b, c, x := config("cn-hz", true, false, 18090), config("cn-beijing", false, true, 18190),
		config("eu-west", true, true, 18290), config("r'4", false, false, 18390)
	for name, third := range map[string]map[string]any{"two": nil, "three": c} {
		j := job(t, install(t, a, files(a)), install(t, b, files(b)))
		if third != nil {
			j.Others = []*source.Installation{install(t, third, files(third))}
		}
		report := run(t, j)
		if third != nil && !report.Verified {
			t.Errorf("%s: %+v", name, report.Differences)
		}
		p, err := pack.Open(j.Out)
		if err != nil {
			t.Fatal(err)
		}
		for _, values := range []map[string]any{c, x} {
			i := install(t, values, nil)
			for _, f := range p.Files {
				want := files(values)[f.Path]
				made, err := p.Render(f, i.Data())
				if err != nil || third != nil && string(made) != want ||
					strings.Contains(want, "oms.tsdb.url") &&
						!strings.Contains(string(made), "oms.tsdb.url="+values["tsdb_url"].(string)) {
					t.Errorf("%s: %v\n%s\nwant\n%s", name, err, made, want)
				}
			}
		}
	}
	// What is random depends on nothing, however the switches are.
	random := func(v map[string]any, id string) *source.Installation {
		return install(t, v, map[string]string{"/home/ds/cm/a.conf": fmt.Sprintf("region=%s\nid=%s\nnext=%s\n",
			v["cm_region"], id, v["cm_region"])})
	}
	j := job(t, random(a, "8f1c"), random(b, "77ab"))
	j.Others, j.Files = []*source.Installation{random(c, "0e5d")}, []string{"/home/ds/cm/a.conf"}
	if report := run(t, j); report.Verified {
		t.Error("random lines are the same")
	}
	if data, err := os.ReadFile(filepath.Join(j.Out, "templates/home/ds/cm/a.conf")); err != nil ||
		string(data) != "region={{.cm_region}}\nid=8f1c\nnext={{.cm_region}}\n" {
		t.Errorf("%s, %v", data, err)
	}
}

// TestBlocksThatAreOpen: lines that several switches fit are not given to one of them by chance. The report names them,
// and an installation as it asks for decides.
func TestBlocksThatAreOpen(t *testing.T) {
	t.Parallel()
	const path = "/home/ds/ghana/config/application-oms.properties"
	files := func(v map[string]any) map[string]string {
		text := fmt.Sprintf("region=%s\n", v["cm_region"])
		if v["cm_is_default"] == true {
			// Its words are those of the name of another switch, too.
			text += fmt.Sprintf("oms.master.enabled=true\noms.master.database=%s\n", v["drc_rm_db"])
		}
		if v["tsdb_enabled"] == true {
			text += fmt.Sprintf("oms.tsdb.type=%s\noms.tsdb.url=%s\n", v["tsdb_service"], v["tsdb_url"])
		}
		return map[string]string{path: text + fmt.Sprintf("port=%v\n", v["ghana_server_port"])}
	}
	config := func(n int, isDefault, tsdb bool, nodes int) map[string]any {
		v := plainValues()
		v["cm_region"], v["cm_is_default"], v["ghana_server_port"], v["drc_rm_db"] = fmt.Sprintf("r-%d", n), isDefault,
			18090+100*n, fmt.Sprintf("rm_%d", n)
		v["cm_nodes"] = []string{"10.0.0.2", "10.0.0.3"}[:nodes]
		if v["tsdb_enabled"] = tsdb; tsdb {
			v["tsdb_service"], v["tsdb_url"], v["tsdb_username"], v["tsdb_password"] = "INFLUXDB",
				fmt.Sprintf("10.0.0.9:%d", 8086+n), "metrics", fmt.Sprintf("tsdb-secret-%d", n)
		}
		return v
	}
	a, b, c := config(0, true, false, 1), config(1, false, true, 2), config(2, true, true, 1)
	j := job(t, install(t, a, files(a)), install(t, b, files(b)))
	r := run(t, j)
	data, err := os.ReadFile(filepath.Join(j.Out, "templates"+path))
	if err != nil || !strings.Contains(string(data), "{{.cm_region}}\noms.master.enabled=true\noms.master.database={{.drc_rm_db}}\n{{if .tsdb_enabled}}oms.tsdb.type=") {
		t.Errorf("%v\n%s", err, data)
	}
	for _, want := range []string{
		path + ":2: lines: 2 (oms.master.enabled, oms.master.database) are kept as in the first installation; they may depend on .cm_is_default, (not .tsdb_enabled), (not (gt (len .cm_nodes) 1)); a further installation with cm_is_default: true, tsdb_enabled: false, cm_nodes: 2 decides",
		path + ": lines: 2 (oms.tsdb.type, oms.tsdb.url) are there {{if .tsdb_enabled}}, by their names; (not .cm_is_default), (gt (len .cm_nodes) 1) would fit as well; a further installation with ",
		path + `: "INFLUXDB" may come from {{.tsdb_service}}`,
	} {
		if !strings.Contains(printed(t, r), want) {
			t.Errorf("not in the report: %s\n%s", want, printed(t, r))
		}
	}
	j = job(t, install(t, a, files(a)), install(t, b, files(b)))
	j.Others = []*source.Installation{install(t, c, files(c))}
	r = run(t, j)
	data, err = os.ReadFile(filepath.Join(j.Out, "templates"+path))
	if err != nil || strings.Contains(string(data), "{{if .cm_is_default}}oms.master") || !strings.Contains(printed(t, r), "may depend on .cm_is_default, (not (gt (len .cm_nodes) 1)); a further installation with cm_is_default: true, cm_nodes: 2 decides") {
		t.Errorf("%v\n%s\n%s", err, data, printed(t, r))
	}
	c = config(2, true, true, 2)
	j = job(t, install(t, a, files(a)), install(t, b, files(b)))
	j.Others = []*source.Installation{install(t, c, files(c))}
	r = run(t, j)
	data, err = os.ReadFile(filepath.Join(j.Out, "templates"+path))
	if err != nil || !r.Verified || !strings.Contains(string(data),
		"{{if .cm_is_default}}oms.master.enabled=true\noms.master.database={{.drc_rm_db}}\n{{end}}") {
		t.Errorf("%v\n%s\n%s", err, data, printed(t, r))
	}
}

// printed is the report as a person sees it.
func printed(t *testing.T, r *reports.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Print(&b, msg.English); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestUpperCaseEscapes: a properties file in which one value is written as Properties.store does, and others are not.
func TestUpperCaseEscapes(t *testing.T) {
	t.Parallel()
	const path = "/home/ds/supervisor/config/drc.properties"
	files := func(v map[string]any) map[string]string {
		text := fmt.Sprintf("cm.url = %s\nmetrics.enable = %v\n", v["cm_url"], v["tsdb_enabled"])
		if v["tsdb_enabled"] == true {
			text += fmt.Sprintf("metrics.user = %s\nmetrics.password = %s\n",
				spell["store"](v["tsdb_username"].(string)), spell["store"](v["tsdb_password"].(string)))
		}
		return map[string]string{path: text + "end = 1\n"}
	}
	config := func(url string, tsdb bool, password string) map[string]any {
		v := plainValues()
		v["cm_url"] = url
		if v["tsdb_enabled"] = tsdb; tsdb {
			v["tsdb_service"], v["tsdb_url"], v["tsdb_username"], v["tsdb_password"] = "INFLUXDB", "10.0.0.9:8086",
				"o m&s", password
		}
		return v
	}
	a, b, c := config("http://10.0.0.2:8088", false, ""), config("http://10.0.0.3:18088", true, "t/s+密码 $x"),
		config("http://10.0.0.4:28088", true, `第\三:=`)
	for name, pair := range map[string][2]map[string]any{"one has it": {a, b}, "both have it": {b, c},
		"the first has it": {b, a}} {
		j := job(t, install(t, pair[0], files(pair[0])), install(t, pair[1], files(pair[1])))
		r := run(t, j)
		data, err := os.ReadFile(filepath.Join(j.Out, "templates"+path))
		if err != nil || !r.Verified || !strings.Contains(string(data),
			"\nmetrics.password = {{javastore .tsdb_password}}\n") {
			t.Errorf("%s: %v, %+v\n%s", name, err, r.Differences, data)
			continue
		}
		p, err := pack.Open(j.Out)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []map[string]any{a, b, c} {
			made, err := p.Render(p.Files[0], install(t, v, nil).Data())
			if want := files(v)[path]; err != nil || name != "both have it" && string(made) != want {
				t.Errorf("%s: %v\n%s\nwant\n%s", name, err, made, want)
			}
		}
	}
}
