package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestNode(t *testing.T) {
	n := newNode(t)
	n.maria.Exec(schema...)
	n.maria.Exec("INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.3-CE')",
		"INSERT INTO oms_rm.cluster_info VALUES ('cn-hangzhou', '杭州', 'http://10.0.0.1:8088', 0, 1)")
	agent := n.start("supervisor")
	console := n.start("console")
	eventually(t, "the console answers",
		func() bool { s, _ := get(http.MethodGet, n.url(n.console)+"/", nil); return s == 200 })
	if ok, why := n.healthy(); ok || why == "" {
		t.Errorf("healthy without a CM: %v %q", ok, why)
	}
	cm := n.start("cm")
	eventually(t, "the node is healthy", func() bool { ok, _ := n.healthy(); return ok })

	const created = `{"consumer":"drc","isSuccess":true}`
	const exists = `{"errMsg":"com.alibaba.drc.exception.CMBizException: Consumer [drc] already exists","errCode":302,"isSuccess":false}`
	if len(created) != 35 || len(exists) != 116 {
		t.Fatalf("the documented answers have 35 and 116 bytes, not %d and %d", len(created), len(exists))
	}
	for _, want := range []string{created, exists, exists} {
		if status, body := get(http.MethodPost, n.url(n.cm)+"/consumer/create",
			url.Values{"consumer": {"drc"}}); status != 200 || body != want {
			t.Errorf("got %d %s, want %s", status, body, want)
		}
	}
	for _, call := range []struct{ method, path string }{{"POST", "/consumer/create"}, {"GET", "/crawler/list"},
		{"GET", "/consumer/create"}, {"POST", "/standin/heartbeat"}} {
		status, body := get(call.method, n.url(n.cm)+call.path, nil)
		if status != 200 || !strings.HasPrefix(body, `{"errMsg":"com.alibaba.drc.exception.CMBizException: `) ||
			!strings.HasSuffix(body, `"isSuccess":false}`) {
			t.Errorf("%s %s answers %d %s", call.method, call.path, status, body)
		}
	}

	eventually(t, "heartbeats go on", func() bool {
		return n.count("SELECT COUNT(*) FROM oms_hb.heart_beat WHERE task_name = 'supervisor' AND host_ip = '10.1.2.3' AND gmt_modified >= NOW() - INTERVAL 5 SECOND") == 1 &&
			n.count("SELECT COUNT(*) FROM oms_hb.heatbeat_sequence") > 2
	})
	if rows := n.count("SELECT COUNT(*) FROM oms_hb.heart_beat"); rows != 1 {
		t.Errorf("%d rows for one host", rows)
	}

	const done = `{"code":200,"message":"success","status":"ok","resultData":null,"errorDetail":null}`
	for _, action := range []string{"start", "clear"} {
		if _, body := get(http.MethodPost, n.url(n.port)+"/operateService?action="+action, nil); body != done {
			t.Errorf("%s answers %s", action, body)
		}
	}
	if _, body := get(http.MethodPost, n.url(n.port)+"/operateService?action=dance", nil); !strings.Contains(body,
		`"code":400`) {
		t.Errorf("an unknown action answers %s", body)
	}
	if _, page := get(http.MethodGet, n.url(n.console)+"/", nil); !strings.Contains(page, "4.2.3-CE") ||
		!strings.Contains(page, "杭州") || !strings.Contains(page, "not OceanBase") {
		t.Errorf("the page is\n%s", page)
	}

	// The CM forgets nothing: the consumer is in the MetaDB.
	if status := cm.stop(); status != 0 {
		t.Errorf("the CM stops with %d", status)
	}
	if ok, _ := n.healthy(); ok {
		t.Error("healthy after the CM stopped")
	}
	n.start("cm")
	eventually(t, "healthy again", func() bool { ok, _ := n.healthy(); return ok })
	if _, body := get(http.MethodPost, n.url(n.cm)+"/consumer/create",
		url.Values{"consumer": {"drc"}}); body != exists {
		t.Errorf("after a restart: %s", body)
	}

	// A MetaDB that goes away for a while is outlived.
	n.maria.Stop()
	if ok, why := n.healthy(); ok || !strings.Contains(why, "MetaDB") {
		t.Errorf("healthy without a MetaDB: %v %q", ok, why)
	}
	n.maria.Restart()
	eventually(t, "healthy with the MetaDB back", func() bool { ok, _ := n.healthy(); return ok })

	for name, c := range map[string]*component{"console": console, "supervisor": agent} {
		if status := c.stop(); status != 0 {
			t.Errorf("%s stops with %d:\n%s", name, status, c.out)
		}
		if !strings.Contains(c.out.String(), "stand-in") || strings.Contains(c.out.String(), n.maria.Password) {
			t.Errorf("%s says:\n%s", name, c.out)
		}
	}
}

func TestWaitsForTheMetaDB(t *testing.T) {
	n := newNode(t)
	n.maria.Exec(schema...)
	n.maria.Stop()
	cm, console := n.start("cm"), n.start("console")
	eventually(t, "the CM tells that it waits",
		func() bool { return strings.Contains(cm.out.String(), "cannot reach the MetaDB") })
	eventually(t, "the console tells why it is not healthy",
		func() bool { _, why := n.healthy(); return strings.Contains(why, "MetaDB") })
	if _, body := get(http.MethodGet, n.url(n.cm)+"/", nil); !strings.Contains(body, "refused") {
		t.Errorf("the CM serves without a MetaDB: %s", body)
	}
	n.maria.Restart()
	eventually(t, "healthy", func() bool { ok, _ := n.healthy(); return ok })
	for _, c := range []*component{cm, console} {
		if status := c.stop(); status != 0 {
			t.Errorf("stops with %d", status)
		}
	}
}

func TestDiesOfTheMetaDB(t *testing.T) {
	n := newNode(t)
	for _, name := range []string{"console", "cm"} {
		c := n.start(name)
		if status := c.died(); status != 1 || !strings.Contains(c.out.String(), "Unknown database") {
			t.Errorf("%s without databases: status %d\n%s", name, status, c.out)
		}
	}
	n.maria.Exec("CREATE DATABASE oms_rm", "CREATE DATABASE oms_cm", "CREATE DATABASE oms_hb")
	for name, table := range map[string]string{"console": "oms_rm.cluster_info", "cm": "oms_cm.resource_group"} {
		c := n.start(name)
		want := "the schema is missing: Table '" + table + "' doesn't exist"
		if status := c.died(); status != 1 || !strings.Contains(c.out.String(), want) {
			t.Errorf("%s without tables: status %d\n%s", name, status, c.out)
		}
	}
	n.write("application-oms.properties", n.consoleFile("not the password"))
	n.write("cm/config/jdbc.properties", n.jdbcFile("not the password"))
	for _, name := range []string{"console", "cm"} {
		c := n.start(name)
		if status := c.died(); status != 1 || !strings.Contains(c.out.String(), "Access denied") ||
			strings.Contains(c.out.String(), "not the password") {
			t.Errorf("%s with a wrong password: status %d\n%s", name, status, c.out)
		}
	}
}

func TestPortInUse(t *testing.T) {
	n := newNode(t)
	n.maria.Exec(schema...)
	for name, port := range map[string]int{"console": n.console, "cm": n.cm, "supervisor": n.port} {
		l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			t.Fatal(err)
		}
		c := n.start(name)
		want := fmt.Sprintf("cannot listen on port %d: java.net.BindException: Address already in use\n", port)
		if status := c.died(); status != 1 || !strings.HasSuffix(c.out.String(), want) {
			t.Errorf("%s: status %d\n%s", name, status, c.out)
		}
		l.Close()
	}
}

// A CM takes Jetty's stop port on loopback when it can, which keeps nginx from
// listening there on all addresses; when it cannot, it only says so.
func TestStopPort(t *testing.T) {
	n := newNode(t)
	n.maria.Exec(schema...)
	port := freePort(t)
	address := ":" + strconv.Itoa(port)
	args := []string{"cm", "-DSTOP.PORT=" + strconv.Itoa(port), "-Djetty.base=" + n.dir + "/cm/deployapp"}
	ready := func() bool { s, _ := get(http.MethodGet, n.url(n.cm)+"/", nil); return s == 200 }

	cm := start(t, args)
	eventually(t, "the CM answers", ready)
	if l, err := net.Listen("tcp", address); err == nil {
		l.Close()
		t.Error("the stop port is free")
	}
	cm.stop()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cm = start(t, args)
	eventually(t, "the CM answers all the same", ready)
	if want := "Error binding ShutdownMonitor to port " + strconv.Itoa(port); !strings.Contains(cm.out.String(), want) {
		t.Errorf("it says nothing:\n%s", cm.out)
	}
}

func TestAgentAndTSDB(t *testing.T) {
	tsdb := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user == "oms" && password == "right":
			io.WriteString(w, `{"results":[{"statement_id":0}]}`)
		case user == "odd": // InfluxDB puts some refusals into a 200
			io.WriteString(w, `{"error":"user already exists"}`)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error":"authorization failed"}`)
		}
	}))
	defer tsdb.Close()
	address := strings.TrimPrefix(tsdb.URL, "http://")
	away := "127.0.0.1:" + strconv.Itoa(freePort(t))
	tests := map[string]struct {
		values map[string]string
		death  string // empty: it lives
	}{
		"right": {map[string]string{"metrics.service.impl": "INFLUXDB", "metrics.url": address,
			"metrics.user": "oms", "metrics.password": "right"}, ""},
		"wrong": {map[string]string{"metrics.service.impl": "INFLUXDB", "metrics.url": address,
			"metrics.user": "oms", "metrics.password": "wrong"}, "authorization failed"},
		"in the body": {map[string]string{"metrics.service.impl": "INFLUXDB", "metrics.url": address,
			"metrics.user": "odd"}, "user already exists"},
		"away": {map[string]string{"metrics.service.impl": "INFLUXDB", "metrics.url": away},
			"cannot reach the TSDB at " + away},
		"scheme": {map[string]string{"metrics.service.impl": "INFLUXDB", "metrics.url": tsdb.URL},
			"must be host:port"},
		"CERESDB": {map[string]string{"metrics.service.impl": "CERESDB", "metrics.url": address},
			"CERESDB is not supported"},
		"no report": {map[string]string{"metrics.url": away}, ""},
		"off": {map[string]string{"metrics.enable": "false", "metrics.service.impl": "INFLUXDB",
			"metrics.url": away}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := &node{t: t, dir: t.TempDir(), port: freePort(t)}
			values := map[string]string{"cm.url": "http://127.0.0.1:1", "bind.ip": "10.1.2.3",
				"server.port": strconv.Itoa(n.port), "metrics.enable": "true"}
			for k, v := range tt.values {
				values[k] = v
			}
			n.write("supervisor/config/drc.properties", values)
			c := n.start("supervisor")
			if tt.death != "" {
				if status := c.died(); status != 1 || !strings.Contains(c.out.String(), tt.death) ||
					strings.Contains(c.out.String(), "password=wrong") {
					t.Errorf("status %d\n%s", status, c.out)
				}
				return
			}
			eventually(t, "the agent answers",
				func() bool { s, _ := get(http.MethodGet, n.url(n.port)+"/", nil); return s == 200 })
			if status := c.stop(); status != 0 {
				t.Errorf("stops with %d", status)
			}
		})
	}
}

func TestStartDelayAndSettings(t *testing.T) {
	slow := start(t, []string{"console", "-Dspring.config.location=/absent"}, "OMS_STANDIN_START_DELAY=3600")
	if status := slow.stop(); status != 0 {
		t.Errorf("a slow start that is stopped ends with %d:\n%s", status, slow.out)
	}
	for _, env := range []string{"OMS_STANDIN_START_DELAY=soon", "OMS_STANDIN_START_DELAY=NaN",
		"OMS_STANDIN_HEARTBEAT=6", "OMS_STANDIN_HEARTBEAT=0"} {
		c := start(t, []string{"console", "-Dspring.config.location=/absent"}, env)
		name, _, _ := strings.Cut(env, "=")
		if status := c.died(); status != 1 || !strings.Contains(c.out.String(), "cannot use "+name) {
			t.Errorf("%s: status %d\n%s", env, status, c.out)
		}
	}
}
