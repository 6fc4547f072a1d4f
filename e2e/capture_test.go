package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
)

// oldWorld is an installation that is unlike the reference pack, made by its
// own scripts: see testdata/oldworld.
type oldWorld struct {
	*node
	keys map[string]any
}

// newOldWorld lays out the image with ports and an account of its own. links are whole or each: see image.sh.
func newOldWorld(t testing.TB, db *testmaria.Server, links, user, password string, keys map[string]any) *oldWorld {
	t.Helper()
	root, err := os.MkdirTemp("", "old-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if out, err := exec.Command("../testdata/oldworld/image.sh", root, links).CombinedOutput(); err != nil {
		t.Fatalf("image.sh: %v\n%s", err, out)
	}
	account := func(host string) string { return sqlText(user) + "@" + sqlText(host) }
	for _, host := range []string{"127.0.0.1", "localhost"} {
		db.Exec("CREATE OR REPLACE USER "+account(host)+" IDENTIFIED BY "+sqlText(password),
			"GRANT ALL ON *.* TO "+account(host)+" WITH GRANT OPTION")
	}
	w := &oldWorld{node: &node{t: t, root: root, ports: map[string]int{}, env: []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "OMS_HOST_IP=" + keys["cm_nodes"].([]string)[0],
		"OMS_LANG=en", "HOME=" + root,
	}}, keys: map[string]any{}}
	for key, value := range keys {
		w.keys[key] = value
	}
	names := []string{"ghana_server_port", "nginx_server_port", "cm_server_port", "supervisor_server_port",
		"sshd_server_port"}
	for i, port := range testports.Free(t, len(names)) {
		w.ports[names[i]], w.keys[names[i]] = port, port
	}
	w.keys["oms_meta_host"], w.keys["oms_meta_port"] = db.Host, db.Port
	w.keys["oms_meta_user"], w.keys["oms_meta_password"] = user, password
	w.keys["cm_url"] = fmt.Sprintf("http://%s:%d", keys["cm_nodes"].([]string)[0], w.ports["cm_server_port"])
	var b strings.Builder
	for key, value := range w.keys {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: %s\n", key, data)
	}
	w.write(b.String())
	return w
}

func sqlText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

// initialise runs Python's supervisord and the old scripts, and leaves the
// programs running until the test ends.
func (w *oldWorld) initialise() {
	w.t.Helper()
	supervisord := exec.Command("supervisord", "-n", "-c", w.path("/etc/supervisor/supervisord.conf"))
	out := &screen{}
	supervisord.Env, supervisord.Stdout, supervisord.Stderr = w.env, out, out
	supervisord.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := supervisord.Start(); err != nil {
		w.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { supervisord.Wait(); close(done) }()
	w.t.Cleanup(func() {
		supervisord.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			supervisord.Process.Kill()
			w.t.Error("supervisord did not stop")
		}
		if w.t.Failed() {
			w.t.Logf("supervisord: %s", out)
			w.dumpLogs()
		}
	})
	eventually(w.t, "supervisord's socket", func() bool {
		_, err := os.Stat(w.path("/tmp/supervisor.sock"))
		return err == nil
	})
	if out, err := w.old("all"); err != nil {
		w.t.Fatalf("old_init.sh: %v\n%s", err, out)
	}
}

// old runs a part of the old init.
func (w *oldWorld) old(what string) (string, error) {
	cmd := exec.Command(w.path("/root/old_init.sh"), what)
	cmd.Env = w.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Two installations that their own scripts made from different configurations
// teach omsinit a release; a third one is then initialised by omsinit alone.
func TestCaptureAndBoot(t *testing.T) {
	for _, links := range []string{"whole", "each"} {
		t.Run(links, func(t *testing.T) { captureAndBoot(t, links) })
	}
}

func captureAndBoot(t *testing.T, links string) {
	db := testmaria.Start(t)
	const passwordA, passwordB = `A1 !"#$%&'()*+,-./:;<=>?@[\]^_{|}~{{x}}密码`, "tso\\B'9\"</p>&%40 $x`{{"
	a := newOldWorld(t, db, links, "oms", passwordA, map[string]any{
		"drc_rm_db": "oms", "drc_cm_db": "oms_cm", "drc_cm_heartbeat_db": "oms_cm_hb", "cm_location": 1,
		"cm_nodes":  []string{"127.0.0.5"},
		"cm_region": "cn-hz", "cm_region_cn": "杭州", "cm_is_default": true, "tsdb_enabled": false,
	})
	b := newOldWorld(t, db, links, "root@second#c1", passwordB, map[string]any{
		"drc_rm_db": "b_rm", "drc_cm_db": "b_cm", "drc_cm_heartbeat_db": "b_hb", "cm_location": 12,
		"cm_nodes":  []string{"127.0.0.2", "127.0.0.22"},
		"cm_region": "cn-beijing", "cm_region_cn": `北京 "1" &\`, "cm_is_default": false,
		"tsdb_enabled": true, "tsdb_service": "INFLUXDB", "tsdb_url": "127.0.0.9:8086", "tsdb_username": "o m&s",
		"tsdb_password": "t/s+db é",
	})
	a.initialise()
	b.initialise()
	db.Exec("SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1") // which rows the old step 5 writes itself
	before := tree(t, a.root)

	bundles := t.TempDir()
	pack := filepath.Join(bundles, "captured")
	for _, w := range []*oldWorld{a, b} {
		file := filepath.Join(bundles, filepath.Base(w.root))
		out, errOut, status := w.omsinit("pack", "capture", "--bundle", file, "--record",
			w.path("/root/old_init.sh")+" resources")
		if info, err := os.Stat(file); status != 0 || err != nil || info.Mode() != 0o600 {
			t.Fatalf("status %d, %v, %v\n%s%s", status, info, err, out, errOut)
		}
	}
	// Elsewhere, without the installations.
	host := &node{t: t, root: t.TempDir(), env: []string{"PATH=" + os.Getenv("PATH"), "OMS_LANG=en"}}
	out, errOut, status := host.omsinit("pack", "capture", "--from", filepath.Join(bundles, filepath.Base(a.root)),
		"--compare", filepath.Join(bundles, filepath.Base(b.root)), "--out", pack)
	if status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	t.Logf("%s%s", out, errOut)
	if !strings.Contains(out, "renders the same: the pack makes everything") {
		t.Errorf("not verified:\n%s", out)
	}

	t.Run("no secret in the pack", func(t *testing.T) {
		for name, data := range readTree(t, pack) {
			for _, secret := range []string{passwordA, passwordB, "密码", "t/s+db"} {
				if bytes.Contains(data, []byte(secret)) {
					t.Errorf("%s holds a secret", name)
				}
			}
		}
	})
	t.Run("the installation is as it was", func(t *testing.T) {
		for name, sum := range tree(t, a.root) {
			if strings.HasPrefix(name, "home/admin/logs/") {
				continue
			}
			if before[name] != sum {
				t.Errorf("%s has changed", name)
			}
		}
		if left := value(
			t, db, "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'omsinit%'"); left != "0" {
			t.Errorf("%s scratch databases are left", left)
		}
	})
	t.Run("every file of a component has its reader", func(t *testing.T) {
		got := readersIn(t, pack)
		for path, want := range map[string]string{
			"/home/ds/ghana/config/application-oms.properties": "oms_console",
			"/home/ds/ghana/config/tengine.conf":               "nginx",
			"/home/ds/ghana/config/parts/upstream.inc":         "nginx",
			"/home/ds/cm/package/config/drc-cm.properties":     "oms_drc_cm",
			"/home/ds/cm/package/config/jdbc.properties":       "oms_drc_cm",
			"/home/ds/cm/package/config/plugins/store.xml":     "oms_drc_cm",
			"/home/ds/supervisor/config/supervisor.json":       "oms_drc_supervisor",
			"/home/ds/supervisor/config/drc.properties":        "oms_drc_supervisor",
			"/home/ds/supervisor/config/agent.env":             "oms_drc_supervisor",
		} {
			if strings.Join(got[path], " ") != want {
				t.Errorf("%s: readers %q, want %q", path, got[path], want)
			}
		}
	})
	t.Run("it fits the second one too", func(t *testing.T) {
		out, errOut, status := b.omsinit("pack", "verify", pack)
		if status != 0 {
			t.Errorf("status %d\n%s%s", status, out, errOut)
		}
	})
	t.Run("pack.yaml is as its schema says", func(t *testing.T) {
		schema, _, _ := a.omsinit("pack", "schema")
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("pack.json", doc); err != nil {
			t.Fatal(err)
		}
		compiled, err := c.Compile("pack.json")
		if err != nil {
			t.Fatal(err)
		}
		var manifest any
		if err := yaml.Unmarshal(readTree(t, pack)["pack.yaml"], &manifest); err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(manifest); err != nil {
			t.Error(err)
		}
	})
	t.Run("lint", func(t *testing.T) {
		if out, errOut, status := a.omsinit("pack", "lint", pack); status != 0 {
			t.Errorf("status %d\n%s%s", status, out, errOut)
		}
	})

	if links == "each" {
		return // how the links are says nothing of what follows
	}
	t.Run("proven by what it does", func(t *testing.T) {
		d := newOldWorld(t, db, links, "unused", "unused", map[string]any{"cm_nodes": []string{"127.0.0.1"}})
		out, errOut, status := d.omsinit("pack", "verify", "--boot-here", "--from",
			filepath.Join(bundles, filepath.Base(a.root)),
			"--compare", filepath.Join(bundles, filepath.Base(b.root)), pack)
		if status != 0 || !strings.Contains(out, "proven: ") {
			t.Errorf("status %d\n%s%s", status, out, errOut)
		}
		if left := value(t, db, "SELECT count(*) FROM mysql.user WHERE user LIKE 'omsinit%'"); left != "0" {
			t.Errorf("%s accounts are left", left)
		}
	})
	c := newOldWorld(t, db, links, "third", `p'%s\1`, map[string]any{
		"drc_rm_db": "third_console", "drc_cm_db": "third", "drc_cm_heartbeat_db": "third_b", "cm_location": 7,
		"cm_nodes":  []string{"127.0.0.3"},
		"cm_region": "eu", "cm_region_cn": "欧洲'1", "cm_is_default": true,
	})
	c.env = append(c.env, "OMS_HOST_IP=127.0.0.3")
	// What the image brings of program files goes, to see that the pack has them.
	if err := os.CopyFS(c.path("/usr/share/omsinit/pack"), os.DirFS(pack)); err != nil {
		t.Fatal(err)
	}
	r := c.boot()
	r.waitReady()
	t.Run("the old components run", func(t *testing.T) {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.3:%d/oms/health", c.ports["nginx_server_port"]))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body struct {
			Data struct {
				Healthy          bool
				Settings, Region string
			}
		}
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || !body.Data.Healthy ||
			body.Data.Settings != "6" || body.Data.Region != "欧洲'1" {
			t.Errorf("%+v, %v", body, err)
		}
	})
	t.Run("the calls were made", func(t *testing.T) {
		for query, want := range map[string]string{
			"SELECT concat(name, location) FROM third.consumer":                                                "drc7",
			"SELECT concat(loc_no, address) FROM third.location_cm":                                            "7欧洲'1",
			"SELECT concat(code, ' ', nodes) FROM third.group_unit":                                            "7 127.0.0.3 " + c.keys["cm_url"].(string),
			"SELECT concat(ip, ' ', agent_port) FROM third.machine":                                            fmt.Sprintf("127.0.0.3 %d", c.ports["supervisor_server_port"]),
			"SELECT cfg_value FROM third_console.sys_config_kv WHERE cfg_key = 'cm.address'":                   c.keys["cm_url"].(string),
			"SELECT cfg_value FROM third_console.sys_config_kv WHERE cfg_key = 'cm.location'":                  "7",
			"SELECT cfg_value FROM third_console.sys_config_kv WHERE cfg_key = 'greeting'":                     `你好; it's \ fine`,
			"SELECT cfg_value FROM third_console.sys_config_kv WHERE cfg_key = 'ha.config'":                    `{"enable":false,"brace":"{{x}}"}`,
			"SELECT concat(code, title, entry) FROM third_console.site_registry WHERE gmt_created IS NOT NULL": "7欧洲'1" + c.keys["cm_url"].(string),
			"SELECT concat(host, site) FROM third_console.site_member":                                         "127.0.0.37",
			"SELECT concat(id, title, body) FROM third_console.wf_kind WHERE id = 7":                           `7迁移{"steps": ["{{x}}"]}`,
			"SELECT version FROM third_console.oms_version":                                                    "4.2.7-CE",
			"SELECT third.twice(21)": "42",
		} {
			if got := value(t, db, query); got != want {
				t.Errorf("%s: got %q, want %q", query, got, want)
			}
		}
	})
	t.Run("a changed key restarts who reads it, and no other", func(t *testing.T) {
		before, port := c.pids(), testports.Free(t, 1)[0]
		out, errOut, status := c.omsinit("config", "set", fmt.Sprintf("nginx_server_port=%d", port))
		if status != 0 {
			t.Fatalf("status %d\n%s%s", status, out, errOut)
		}
		c.ports["nginx_server_port"] = port
		after := c.pids()
		for name, pid := range before {
			if restarted := after[name] != pid; restarted != (name == "nginx") || after[name] == "" {
				t.Errorf("%s: restarted %v\n%s%s", name, restarted, out, errOut)
			}
		}
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.3:%d/oms/health", port))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	})
	t.Run("the old scripts write the very same files", func(t *testing.T) {
		before := tree(t, c.root)
		if out, err := c.old("files"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		after := tree(t, c.root)
		for name, sum := range after {
			if strings.HasPrefix(name, "home/ds/") && before[name] != sum {
				data, _ := os.ReadFile(filepath.Join(c.root, name))
				t.Errorf("%s differs; the old scripts write\n%s", name, data)
			}
		}
	})
}

// readersIn returns the readers of each file of a pack, by its path.
func readersIn(t testing.TB, dir string) map[string][]string {
	t.Helper()
	var manifest struct {
		Files []struct {
			Path    string
			Readers []string
		}
	}
	if err := yaml.Unmarshal(readTree(t, dir)["pack.yaml"], &manifest); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, f := range manifest.Files {
		got[f.Path] = f.Readers
	}
	return got
}

// readTree returns the files below a folder.
func readTree(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		out[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tree returns the files below a folder as texts that can be compared.
func tree(t testing.TB, dir string) map[string]string {
	out := map[string]string{}
	for name, data := range readTree(t, dir) {
		if !slices.Contains([]string{"tmp/nginx.pid", "tmp/supervisord.pid"}, name) {
			out[name] = string(data)
		}
	}
	return out
}
