package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/testdata/testinflux"
	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
)

// shown is what `omsinit metrics show` tells.
func (n *node) shown() (r struct {
	State    string
	Database string
	Address  string `json:"tsdb_url"`
	Sent     struct{ Batches int }
}) {
	n.t.Helper()
	out, errOut, status := n.omsinit("metrics", "show", "--output", "json")
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != 0 {
		n.t.Fatalf("status %d, %v\n%s%s", status, err, out, errOut)
	}
	return r
}

// TestTimeSeriesDatabase follows a node from a first boot without its TSDB to
// one that reports, and back. The agent of the stand-in dies when it is told of
// a TSDB that does not answer.
func TestTimeSeriesDatabase(t *testing.T) {
	const password = "TsdbSecret-42"
	db := testmaria.Start(t)
	influx := testinflux.New(t, "oms", password, "")
	influx.Stop()
	n := newNode(t, db)
	n.values["tsdb_enabled"], n.values["tsdb_service"], n.values["tsdb_url"] = "true", "INFLUXDB", influx.Addr
	n.values["tsdb_username"], n.values["tsdb_password"], n.values["cm_region"] = "oms", password, "cn-hangzhou"
	n.writeConfig()
	r := n.boot()
	r.waitOutput("cannot reach the time-series database at tsdb_url " + influx.Addr)
	r.waitOutput("next attempt in")

	reports := func(path string) bool {
		data, err := os.ReadFile(n.path(path))
		if err != nil {
			t.Fatal(err)
		}
		// Not a word of it, or all of it.
		told := strings.Contains(string(data), influx.Addr)
		if told != strings.Contains(string(data), password) {
			t.Errorf("%s knows half of it", path)
		}
		return told
	}
	files := []string{"/home/ds/supervisor/config/supervisor.json", "/home/ds/supervisor/config/drc.properties",
		"/home/ds/ghana/config/application-oms.properties"}
	told := func(want bool) {
		t.Helper()
		for _, file := range files {
			if reports(file) != want {
				t.Errorf("%s tells of the time-series database: %v, want %v", file, !want, want)
			}
		}
		eventually(t, "all programs ready", func() bool {
			out, _, _ := n.omsinit("healthcheck")
			return strings.Contains(out, "healthy")
		})
	}

	out, errOut, status := n.omsinit("init", "--tsdb-optional")
	if status != 0 || !strings.Contains(errOut,
		"warning: the time-series database is left out (--tsdb-optional): cannot reach") {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	r.waitReady()
	told(false)
	if out, _, _ := n.omsinit("status"); !strings.Contains(out,
		"the time-series database is left out although tsdb_enabled is true") {
		t.Errorf("the status does not say it:\n%s", out)
	}
	if s := n.shown(); s.State != "left_out" || s.Sent.Batches != 0 {
		t.Errorf("%+v", s)
	}
	if out, _, status := n.omsinit("metrics", "check"); status != 3 || !strings.Contains(out, "fix: ") {
		t.Errorf("status %d\n%s", status, out)
	}

	influx.Start()
	if out, errOut, status := n.omsinit("metrics", "check"); status != 0 ||
		!strings.Contains(out, "the database oms is missing") ||
		!strings.Contains(out, "`omsinit init` switches it on") {
		t.Errorf("status %d\n%s%s", status, out, errOut)
	}
	out, errOut, status = n.omsinit("init")
	if status != 0 || !strings.Contains(out, "the database oms was created") ||
		!strings.Contains(out, "takes points and gives them back") {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	told(true)
	eventually(t, "a batch in the time-series database", func() bool { return n.shown().Sent.Batches > 0 })
	programs := map[any]bool{}
	for _, row := range influx.Query(`SELECT * FROM oms.oms_30d.omsinit_program`) {
		if programs[row["program"]] = true; row["region"] != "cn-hangzhou" || row["node"] != "127.0.0.1" {
			t.Errorf("tags: %v", row)
		}
	}
	if len(programs) < 5 || !programs["oms_drc_supervisor"] {
		t.Errorf("programs: %v", programs)
	}
	if rows := influx.Query(`SELECT * FROM oms.oms_30d.omsinit_step WHERE step = 'component'`); len(rows) == 0 {
		t.Error("the steps of the initialisation are not reported")
	}

	// It goes away: the agent that was told of it cannot start any more, and can
	// without.
	influx.Stop()
	if out, errOut, status := n.omsinit("restart", "--timeout", "30s", "oms_drc_supervisor"); status != 1 ||
		!strings.Contains(errOut, "oms_drc_supervisor could not be started") {
		t.Errorf("the agent has started without its time-series database, or was not asked to: %d\n%s%s", status,
			out, errOut)
	}
	if out, errOut, status := n.omsinit("init", "--tsdb-optional"); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	told(false)
	influx.Start()
	if out, errOut, status := n.omsinit("init"); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	told(true)

	// A container that starts again reports at once, and to Prometheus too.
	r.stop()
	port := testports.Free(t, 1)[0]
	n.boot("run", "--metrics-port", fmt.Sprint(port)).waitReady()
	eventually(t, "a batch of the new PID 1",
		func() bool { s := n.shown(); return s.State == "on" && s.Sent.Batches > 0 })
	// What was collected less than a second before is given again, so it may be older than the answer to init.
	eventually(t, "the steps in the text of Prometheus", func() bool {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(text),
			`omsinit_step_failed{region="cn-hangzhou",node="127.0.0.1",step="component"} 0`)
	})

	// Switched off.
	if out, errOut, status := n.omsinit("config", "set", "tsdb_enabled=false"); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	told(false)
	if s := n.shown(); s.State != "off" || s.Address != "" {
		t.Errorf("%+v", s)
	}
	logs, _ := filepath.Glob(n.path("/home/admin/logs/*"))
	for _, log := range append(logs, n.path("/var/lib/omsinit/tsdb.json"), n.path("/var/lib/omsinit/baseline.json")) {
		if data, err := os.ReadFile(log); err == nil && strings.Contains(string(data), password) {
			t.Errorf("%s holds the password", log)
		}
	}
}

func TestMetricsUsage(t *testing.T) {
	n := newNode(t, &testmaria.Server{Host: "127.0.0.1", Port: 1, User: "root", Password: "x"})
	for _, tc := range []struct {
		env, args string
		status    int
		want      string
	}{
		{"", "metrics show", 1, "omsinit run is not running here"},
		{"", "metrics show --output xml", 64, "text, json or prometheus"},
		{"", "metrics check --output prometheus", 64, "text or json"},
		{"", "metrics check", 0, "tsdb_enabled is false"},
		{"", "metrics check extra", 64, `takes no argument "extra"`},
		{"", "metrics forget", 64, `there is no command "metrics forget"`},
		{"", "restart nginx --timeout 30s", 1, "omsinit run is not running here"},
		{"", "config set a=b --ignore x", 64, "--ignore"},
		{"", "run --metrics-port 0", 64, "a port from 1 to 65535"},
		{"", "run --metrics-port 70000", 64, "a port from 1 to 65535"},
		{"OMSINIT_METRICS_PORT=http", "run", 64, "OMSINIT_METRICS_PORT"},
		{"OMSINIT_TSDB_OPTIONAL=maybe", "init", 64, `OMSINIT_TSDB_OPTIONAL is true or false, not "maybe"`},
		{"OMSINIT_TSDB_OPTIONAL=maybe", "config set tsdb_enabled=false", 64, `not "maybe"`},
	} {
		cmd := n.command(strings.Fields(tc.args)...)
		cmd.Env = append(cmd.Env, tc.env)
		out, errOut, status := run(t, cmd)
		if status != tc.status || !strings.Contains(out+errOut, tc.want) {
			t.Errorf("%s %s: status %d\n%s%s", tc.env, tc.args, status, out, errOut)
		}
	}
}
