package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/magiconair/properties"

	"omsinit/testdata/testmaria"
)

// The tables the components look for, with the columns they touch.
var schema = []string{
	"CREATE DATABASE oms_rm CHARACTER SET utf8mb4", "CREATE DATABASE oms_cm", "CREATE DATABASE oms_hb",
	"CREATE TABLE oms_rm.cluster_info (region varchar(64), region_cn varchar(64), cm_url varchar(256), code int, is_default_cm int)",
	"CREATE TABLE oms_rm.oms_version (version varchar(64) PRIMARY KEY, gmt_modified timestamp DEFAULT CURRENT_TIMESTAMP)",
	"CREATE TABLE oms_cm.resource_group (id int PRIMARY KEY, name varchar(64))",
	"CREATE TABLE oms_cm.host (resource_group_id int, ip varchar(64), host_status varchar(32))",
	`CREATE TABLE oms_hb.heart_beat (id bigint AUTO_INCREMENT PRIMARY KEY, task_type varchar(64) NOT NULL, task_name varchar(64) NOT NULL,
		host_ip varchar(64) NOT NULL, gmt_created datetime NOT NULL, gmt_modified datetime NOT NULL)`,
	"CREATE TABLE oms_hb.heatbeat_sequence (id bigint AUTO_INCREMENT PRIMARY KEY, gmt_created datetime NOT NULL, gmt_modified datetime NOT NULL)",
}

// node is a folder of generated files, and the ports they name.
type node struct {
	t                 *testing.T
	dir               string
	maria             *testmaria.Server
	console, cm, port int
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir(), maria: testmaria.Start(t)}
	n.console, n.cm, n.port = freePort(t), freePort(t), freePort(t)
	n.write("application-oms.properties", n.consoleFile(n.maria.Password))
	n.write("cm/config/drc-cm.properties", map[string]string{"drcCfg.cmLocation": "0"})
	n.write("cm/deployapp/start.d/http.ini", map[string]string{"jetty.http.port": strconv.Itoa(n.cm)})
	n.write("cm/config/jdbc.properties", n.jdbcFile(n.maria.Password))
	n.write("supervisor/config/drc.properties", map[string]string{
		"cm.url": n.url(n.cm), "bind.ip": "10.1.2.3", "server.port": strconv.Itoa(n.port),
	})
	return n
}

func (n *node) jdbc(database string) string {
	return fmt.Sprintf("jdbc:mysql://%s/%s?useUnicode=true&characterEncoding=utf8", n.maria.Addr(), database)
}

func (n *node) consoleFile(password string) map[string]string {
	return map[string]string{
		"spring.application.name": "Ghana", "server.port": strconv.Itoa(n.console),
		"spring.datasource.url": n.jdbc("oms_rm"), "spring.datasource.username": n.maria.User,
		"spring.datasource.password": password, "oms.cm.url": n.url(n.cm),
	}
}

func (n *node) jdbcFile(password string) map[string]string {
	return map[string]string{
		"jdbc.url": n.jdbc("oms_cm"), "jdbc.username": n.maria.User, "jdbc.password": password,
		"jdbc.heartbeat.url": n.jdbc("oms_hb"), "jdbc.heartbeat.username": n.maria.User,
		"jdbc.heartbeat.password": password,
	}
}

func (n *node) write(name string, values map[string]string) {
	n.t.Helper()
	p := properties.NewProperties()
	p.DisableExpansion = true
	for k, v := range values {
		if _, _, err := p.Set(k, v); err != nil {
			n.t.Fatal(err)
		}
	}
	path := filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		n.t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := p.Write(&text, properties.ISO_8859_1); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) url(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) }

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// component is one running part of the stand-in.
type component struct {
	t      *testing.T
	cancel context.CancelFunc
	status chan int
	out    *output
}

// output is written by the component while the test reads it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (n *node) start(name string, env ...string) *component {
	args := map[string][]string{
		"console":    {"console", "-Dspring.config.location=" + n.dir + "/application-oms.properties"},
		"cm":         {"cm", "-Djetty.base=" + n.dir + "/cm/deployapp"},
		"supervisor": {"supervisor", "-DconfigDir=" + n.dir + "/supervisor/config/"},
	}[name]
	return start(n.t, args, append([]string{"OMS_STANDIN_HEARTBEAT=0.05"}, env...)...)
}

func start(t *testing.T, args []string, env ...string) *component {
	ctx, cancel := context.WithCancel(context.Background())
	c := &component{t: t, cancel: cancel, status: make(chan int, 1), out: &output{}}
	getenv := func(name string) string {
		for _, e := range env {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v
			}
		}
		return ""
	}
	go func() { c.status <- run(ctx, args, getenv, c.out, c.out) }()
	t.Cleanup(func() { c.stop() })
	return c
}

// stop ends the component and gives its exit status.
func (c *component) stop() int {
	c.cancel()
	return c.died()
}

func (c *component) died() int {
	c.t.Helper()
	select {
	case s := <-c.status:
		c.status <- s
		return s
	case <-time.After(60 * time.Second):
		c.t.Fatalf("the component does not end; it says:\n%s", c.out)
		return 0
	}
}

// eventually waits for a condition that is on its way.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not in 20 s: %s", what)
}

func get(method, address string, form url.Values) (int, string) {
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func (n *node) healthy() (bool, string) {
	_, body := get(http.MethodGet, n.url(n.console)+"/oms/health", nil)
	var a healthAnswer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		return false, body
	}
	return a.Data.Healthy, a.Data.Reason
}

func (n *node) count(query string) (count int) {
	n.t.Helper()
	db := n.maria.DB("")
	defer db.Close()
	if err := db.QueryRow(query).Scan(&count); err != nil {
		n.t.Fatal(err)
	}
	return count
}
