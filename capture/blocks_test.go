package capture_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/capture/source"
	"omsinit/internal/pack"
)

// TestBlocks: lines that depend on a switch are learnt from three installations, or from two where their names say which.
func TestBlocks(t *testing.T) {
	files := func(v map[string]any) map[string]string {
		master, tsdb, more := "", "##else NONE\n", ""
		if v["cm_is_default"] == true {
			master = fmt.Sprintf("oms.master.region=%s\noms.master.mode=first\n", v["cm_region"])
		}
		level := "quiet"
		if v["tsdb_enabled"] == true {
			tsdb = fmt.Sprintf("oms.tsdb.url=%s\noms.tsdb.user=%s\noms.tsdb.password=%s\n", v["tsdb_url"], v["tsdb_username"], v["tsdb_password"])
			more, level = fmt.Sprintf(`, "metrics": {"at": %q, "keep": 7}`, v["tsdb_url"]), "loud"
		}
		return map[string]string{
			"/home/ds/ghana/config/application-oms.properties": fmt.Sprintf("region=%s\n%sport=%v\n%sdefault=%v\nretry=1\ntsdb.level=%s\nend=%s", v["cm_region"], master, v["ghana_server_port"], tsdb, v["cm_is_default"], level, v["cm_region"]),
			"/home/ds/supervisor/config/supervisor.json":       fmt.Sprintf(`{"region": %q%s, "port": %v}`, v["cm_region"], more, v["supervisor_server_port"]),
		}
	}
	config := func(region string, isDefault, tsdb bool, port int) map[string]any {
		v := plainValues()
		v["cm_region"], v["cm_is_default"], v["ghana_server_port"], v["supervisor_server_port"] = region, isDefault, port, port+1
		if v["tsdb_enabled"] = tsdb; tsdb {
			v["tsdb_service"], v["tsdb_url"], v["tsdb_username"], v["tsdb_password"] = "INFLUXDB", "10.0.0.9:"+fmt.Sprint(port+2), "metrics"+region, "tsdb-secret-"+region
		}
		return v
	}
	a, b, c, x := config("cn-hz", true, false, 18090), config("cn-beijing", false, true, 18190), config("eu-west", true, true, 18290), config("r'4", false, false, 18390)
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
				if err != nil || third != nil && string(made) != want || strings.Contains(want, "oms.tsdb.url") && !strings.Contains(string(made), "oms.tsdb.url="+values["tsdb_url"].(string)) {
					t.Errorf("%s: %v\n%s\nwant\n%s", name, err, made, want)
				}
			}
		}
	}
	// What is random depends on nothing, however the switches are.
	random := func(v map[string]any, id string) *source.Installation {
		return install(t, v, map[string]string{"/home/ds/cm/a.conf": fmt.Sprintf("region=%s\nid=%s\nnext=%s\n", v["cm_region"], id, v["cm_region"])})
	}
	j := job(t, random(a, "8f1c"), random(b, "77ab"))
	j.Others, j.Files = []*source.Installation{random(c, "0e5d")}, []string{"/home/ds/cm/a.conf"}
	if report := run(t, j); report.Verified {
		t.Error("random lines are the same")
	}
	if data, err := os.ReadFile(filepath.Join(j.Out, "templates/home/ds/cm/a.conf")); err != nil || string(data) != "region={{.cm_region}}\nid=8f1c\nnext={{.cm_region}}\n" {
		t.Errorf("%s, %v", data, err)
	}
}
