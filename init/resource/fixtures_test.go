package resource

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// fakeCM answers like a CM (oms-facts §5).
type fakeCM struct {
	*httptest.Server
	mu        sync.Mutex
	consumers map[string]bool
	requests  []string
	// trouble answers the n-th request, from 1, in the CM's place when it
	// returns true.
	trouble func(n int, w http.ResponseWriter, r *http.Request) bool
}

func startCM(t *testing.T, trouble func(n int, w http.ResponseWriter, r *http.Request) bool) *fakeCM {
	cm := &fakeCM{consumers: map[string]bool{}, trouble: trouble}
	cm.Server = httptest.NewServer(cm)
	t.Cleanup(cm.Close)
	return cm
}

func (cm *fakeCM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	cm.mu.Lock()
	cm.requests = append(cm.requests, r.Method+" "+r.URL.Path+" "+form.Encode())
	n := len(cm.requests)
	cm.mu.Unlock()
	if cm.trouble != nil && cm.trouble(n, w, r) {
		return
	}
	switch {
	case r.URL.Path == "/":
		fmt.Fprint(w, "CM")
	case r.URL.Path == "/consumer/create" && r.Method == "POST" &&
		r.Header.Get("Content-Type") == "application/x-www-form-urlencoded":
		name := form.Get("consumer")
		cm.mu.Lock()
		defer cm.mu.Unlock()
		if cm.consumers[name] {
			fmt.Fprintf(w, `{"errMsg":"com.alibaba.drc.exception.CMBizException: Consumer [%s] already exists","errCode":302,"isSuccess":false}`, name)
			return
		}
		cm.consumers[name] = true
		fmt.Fprintf(w, `{"consumer":"%s","isSuccess":true}`, name)
	default:
		http.NotFound(w, r)
	}
}

func (cm *fakeCM) seen() []string {
	cm.mu.Lock()
	defer cm.mu.Unlock()
	return append([]string(nil), cm.requests...)
}

// metadb is a server with the reference schema in databases of the prefix.
func metadb(t *testing.T, s *testmaria.Server, prefix string) *config.Config {
	t.Helper()
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"rm", "cm", "hb"} {
		name := prefix + "_" + d
		s.Exec("CREATE DATABASE " + name)
		db := s.DB(name)
		files, err := fs.Glob(p.FS(), "schema/"+d+"/*.sql")
		if err != nil || len(files) == 0 {
			t.Fatalf("schema of %s: %v, %v", d, files, err)
		}
		for _, f := range files {
			text, err := fs.ReadFile(p.FS(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range strings.Split(strings.TrimSpace(string(text)), ";\n") {
				if _, err := db.Exec(strings.TrimSuffix(statement, ";")); err != nil {
					t.Fatalf("%s: %v", f, err)
				}
			}
		}
		db.Close()
	}
	return &config.Config{
		MetaHost: s.Host, MetaPort: s.Port, MetaUser: s.User, MetaPassword: config.Secret(s.Password),
		RMDatabase: prefix + "_rm", CMDatabase: prefix + "_cm", HeartbeatDatabase: prefix + "_hb",
		CMLocation: 100, CMRegion: "cn-beijing", CMRegionCN: "北京", CMIsDefault: true,
		CMNodes: []string{"10.0.0.1", "10.0.0.2"}, CMPort: 1,
	}
}

type testStep struct {
	*Step
	log []string
}

func step(t *testing.T, c *config.Config, cmURL string) *testStep {
	t.Helper()
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	c.CMURL = cmURL
	s := &testStep{Step: &Step{Config: c, Pack: p, HostIP: "10.0.0.1", WaitCM: 20 * time.Second,
		Layout: layout.New(t.TempDir())}}
	s.Log = func(m msg.Message) {
		s.log = append(s.log, m.String())
		if m.In(msg.Chinese) == m.String() {
			t.Errorf("no Chinese for %q", m)
		}
	}
	return s
}

func (s *testStep) mustApply(t *testing.T) Result {
	t.Helper()
	r, err := s.Apply(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dump returns all rows of the tables that step 5 writes.
func dump(t *testing.T, s *testmaria.Server, c *config.Config) []string {
	t.Helper()
	var out []string
	for _, q := range []string{
		"SELECT CONCAT_WS(' ', 'resource_group', name) FROM " + c.CMDatabase + ".resource_group ORDER BY 1",
		"SELECT CONCAT_WS(' ', 'resource_label', name) FROM " + c.CMDatabase + ".resource_label ORDER BY 1",
		"SELECT CONCAT_WS(' ', 'location_cm', location, region, cm_url) FROM " + c.CMDatabase +
			".location_cm ORDER BY 1",
		"SELECT CONCAT_WS(' ', 'host', g.name, h.ip, h.host_status) FROM " + c.CMDatabase + ".host h JOIN " +
			c.CMDatabase + ".resource_group g ON g.id = h.resource_group_id ORDER BY 1",
		"SELECT CONCAT_WS(' ', 'cluster_info', region, region_cn, cm_url, code, is_default_cm) FROM " + c.RMDatabase +
			".cluster_info ORDER BY 1",
		"SELECT CONCAT_WS(' ', 'config', cfg_name, cfg_value) FROM " + c.RMDatabase + ".oms_normal_config ORDER BY 1",
	} {
		out = append(out, column(t, s, q)...)
	}
	return out
}

func column(t *testing.T, s *testmaria.Server, q string) []string {
	t.Helper()
	db := s.DB("")
	defer db.Close()
	rows, err := db.Query(q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var line sql.NullString
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		out = append(out, line.String)
	}
	return out
}

func packWith(t *testing.T, yaml string) *pack.Pack {
	t.Helper()
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(p.FS(), "pack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(text), "\ncalls:")
	if !found {
		t.Fatal("pack.yaml has no calls")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pack.yaml"), []byte(head+"\ncalls:\n"+yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err = pack.Open(dir); err != nil {
		t.Fatal(err)
	}
	return p
}

func port(t *testing.T, s *httptest.Server) int {
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
