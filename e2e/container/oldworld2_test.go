package container

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"omsinit/internal/pack"
	"omsinit/testdata/testports"
)

const hostileA, hostileB, hostileTSDB = `A1 !"#$%&'()*+,-./:;<=>?@[\]^_{|}~{{x}}密码`, "tso\\B'9\"</p>&%40 $x`{{",
	`t/s+db $x"`

// secondWorld is two installations of the second old world, which did their first boot.
type secondWorld struct {
	*guide
	a, b *container
}

// newSecondWorld starts them as the engine does by default, without CAP_SYS_PTRACE. words are what OLDWORLD_ODD of its
// README says.
func newSecondWorld(t *testing.T, links, words string) *secondWorld {
	t.Helper()
	w := &secondWorld{guide: newGuide(t, "oldworld2", "--build-arg", "LINKS="+links)}
	w.a = w.container("a", map[string]any{"cm_location": 1, "cm_nodes": []string{"127.0.0.5"},
		"cm_region": "cn-hz", "cm_region_cn": "杭州", "cm_is_default": true, "oms_meta_password": hostileA})
	w.b = w.container("b", map[string]any{"cm_location": 12, "cm_nodes": []string{"127.0.0.6", "127.0.0.16"},
		"cm_region": "cn-beijing", "cm_region_cn": `北京 "1" &`, "cm_is_default": false, "oms_meta_password": hostileB,
		"tsdb_enabled": true, "tsdb_service": "INFLUXDB", "tsdb_url": "127.0.0.9:8086", "tsdb_username": "o m&s",
		"tsdb_password": hostileTSDB})
	for _, c := range []*container{w.a, w.b} {
		c.image, c.plain, c.foreign = w.old, true, true
		c.options = append(c.options, "-e", "OLDWORLD_ODD="+words)
		c.run()
	}
	for _, c := range []*container{w.a, w.b} {
		c.waitReady()
	}
	return w
}

// unread says what the report asks for: files that no program of the image reads.
func (w *secondWorld) unread(paths ...string) {
	w.t.Helper()
	file := filepath.Join(w.dir, "pack", "pack.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(data)
	for _, path := range paths {
		line := "    path: " + path + "\n"
		if !strings.Contains(text, line) {
			w.t.Errorf("%s is not in the pack", path)
		}
		text = strings.Replace(text, line, line+"    unread: true\n", 1)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

var (
	percentSigns = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	codeUnits    = regexp.MustCompile(`\\u[0-9A-Fa-f]{4}`)
	backslashes  = regexp.MustCompile(`\\(.)`)
	encoded      = regexp.MustCompile(`[A-Za-z0-9+/]{12,}={0,2}`)
)

// readings are a text as formats read it: once, and once more what that gave.
func readings(text string) []string {
	readers := []func(string) string{
		html.UnescapeString,
		func(s string) string {
			return percentSigns.ReplaceAllStringFunc(strings.ReplaceAll(s, "+", " "), func(m string) string {
				n, _ := strconv.ParseUint(m[1:], 16, 8)
				return string([]byte{byte(n)})
			})
		},
		func(s string) string {
			return codeUnits.ReplaceAllStringFunc(s, func(m string) string {
				n, _ := strconv.ParseUint(m[2:], 16, 32)
				return string(rune(n))
			})
		},
		func(s string) string { return backslashes.ReplaceAllString(s, "$1") },
		func(s string) string {
			return strings.NewReplacer(`'"'"'`, "'", `'\''`, "'", "''", "'", "%%", "%").Replace(s)
		},
		func(s string) string {
			return encoded.ReplaceAllStringFunc(s, func(m string) string {
				data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(m, "="))
				if err != nil {
					return m
				}
				return string(data)
			})
		},
		func(s string) string {
			runes := []rune(s)
			slices.Reverse(runes)
			return string(runes)
		},
	}
	out := []string{text}
	for _, first := range readers {
		once := first(text)
		out = append(out, once)
		for _, second := range readers {
			out = append(out, second(once))
		}
	}
	return out
}

// start starts a node of the captured pack: the image with omsinit in the place of its entry point, without a build of
// step 4, which TestCaptureGuide does.
func (w *secondWorld) start(c *container) {
	w.t.Helper()
	entry := filepath.Join(w.dir, "entry.sh")
	if err := os.WriteFile(entry, []byte("exec /usr/local/bin/omsinit run\n"), 0o644); err != nil {
		w.t.Fatal(err)
	}
	c.image, c.plain, c.learnt = w.old, true, true
	c.options = append(c.options, "-v", filepath.Join(w.dir, "bin/omsinit")+":/usr/local/bin/omsinit:ro",
		"-v", filepath.Join(w.dir, "pack")+":/usr/share/omsinit/pack:ro", "-v", entry+":/root/docker_cmd.sh:ro")
	c.run()
	c.waitReady()
}

// value is what a query for one value answers.
func (w *secondWorld) value(query string) (text string) {
	w.t.Helper()
	if err := w.db.DB("").QueryRow(query).Scan(&text); err != nil {
		w.t.Error(err)
	}
	return text
}

// constants proves that a pack which keeps a number of the captured installation, and whose settings do not follow
// config.yaml, is not proven.
func (w *secondWorld) constants(names *strings.Replacer) {
	w.t.Helper()
	stale := filepath.Join(w.dir, "stale")
	if err := os.CopyFS(stale, os.DirFS(filepath.Join(w.dir, "pack"))); err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(stale, "pack.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	var m pack.Manifest
	if err := yaml.Unmarshal(data, &m); err != nil {
		w.t.Fatal(err)
	}
	referred := 0
	m.Rows = slices.DeleteFunc(m.Rows, func(row pack.Row) bool { return row.Setting })
	for n, row := range m.Rows {
		if row.Table == "node_entry" && len(row.Refs) > 0 {
			m.Rows[n].Values["cluster_id"], m.Rows[n].Refs = "1", nil
			referred++
		}
	}
	if referred != 1 {
		w.t.Errorf("rows that refer to a region: %d, %+v", referred, m.Rows)
	}
	if data, err = m.Encode(); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		w.t.Fatal(err)
	}
	verify := exec.Command("sh", "-c", names.Replace(
		"bin/omsinit pack verify --boot <your OMS image> --from first.bundle --compare second.bundle stale"))
	verify.Dir = w.dir
	out, err := verify.CombinedOutput()
	for _, want := range []string{"boot: rm.node_entry: cluster_id", "cfg_name=port.config", "not proven: "} {
		if !strings.Contains(string(out), want) {
			w.t.Errorf("a pack with constants: %q is not said: %v\n%s", want, err, out)
		}
	}
}

// leaks are the files below a folder that hold a secret, or a digest of one, in the readings of formats.
func leaks(t *testing.T, dir string, secrets ...string) []string {
	t.Helper()
	wanted := slices.Clone(secrets)
	for _, secret := range secrets {
		data := []byte(secret)
		wanted = append(wanted, fmt.Sprintf("%x", md5.Sum(data)), fmt.Sprintf("%x", sha1.Sum(data)),
			fmt.Sprintf("%x", sha256.Sum256(data)))
	}
	var found []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, reading := range readings(string(data)) {
			for _, secret := range wanted {
				if strings.Contains(reading, secret) && !slices.Contains(found, path) {
					found = append(found, path)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestCaptureSecondWorld goes the guide's whole way with an image that was written from the facts alone: capture, lint,
// verify, proof, and what changes on a node of the pack.
func TestCaptureSecondWorld(t *testing.T) {
	t.Parallel()
	w := newSecondWorld(t, "whole", "path words spelling peers")
	names := w.names(w.a, w.b, "node_entry")
	out := w.run(names.Replace(w.commands("## 1. ")))
	if !strings.Contains(out, "renders the same: the pack makes everything") {
		t.Errorf("not the same:\n%s", out)
	}
	if !strings.Contains(out, "/etc/supervisor/conf.d/zz_aux.ini:16: [eventlistener:oms_watch]: ") {
		t.Errorf("the event listener is not named:\n%s", out)
	}
	if found := leaks(t, filepath.Join(w.dir, "pack"), hostileA, hostileB, hostileTSDB, "密码", `tso\B`); len(found) > 0 {
		t.Errorf("secrets in %s", found)
	}
	w.unread("/etc/oms/agent.ini")
	if err := os.CopyFS(filepath.Join(w.dir, "pack-4.2.6"), os.DirFS(filepath.Join(w.dir, "pack"))); err != nil {
		t.Fatal(err)
	}
	w.constants(names)
	if out := w.run(names.Replace(w.commands("## 3. "))); !strings.Contains(out, "\nproven: ") {
		t.Errorf("not proven:\n%s", out)
	}
	t.Run("a digest of a password is refused", func(t *testing.T) {
		for _, c := range []*container{w.a, w.b} {
			if out, status := c.exec("sh", "-c", "export OLDWORLD_ODD=digest; cd /root && python -m omsflow.scripts.units.oms_init_manager --init-config-file"+
				" && omsinit pack capture --no-metadb --bundle /tmp/odd.bundle"); status != 0 {
				t.Fatalf("status %d\n%s", status, out)
			}
			c.docker("cp", c.name+":/tmp/odd.bundle", filepath.Join(w.dir, c.name))
		}
		capture := exec.Command("bin/omsinit", "pack", "capture", "--no-metadb", "--release", "4.2.7-CE", "--from",
			w.a.name, "--compare", w.b.name, "--out", "odd")
		capture.Dir = w.dir
		out, err := capture.CombinedOutput()
		if _, missing := os.Stat(filepath.Join(w.dir, "odd")); err == nil || missing == nil ||
			!strings.Contains(string(out), "/home/ds/ghana/config/application-oms.properties:") {
			t.Errorf("%v, %v\n%s", err, missing, out)
		}
	})

	c := w.container("c", map[string]any{"cm_location": 7, "cm_nodes": []string{"127.0.0.1"}, "cm_region": "eu",
		"cm_region_cn": "欧洲'1", "cm_is_default": true, "oms_meta_password": `p'%s\1 #x`})
	w.start(c)
	c.eventually("health", c.healthy)
	if got := w.value("SELECT n.cluster_id = c.id FROM c_rm.node_entry n, c_rm.cluster_info c"); got != "1" {
		t.Errorf("the node's row refers to that of its region: %s", got)
	}
	for _, key := range []string{"ghana_server_port", "cm_server_port", "nginx_server_port"} {
		t.Run("config set "+key, func(t *testing.T) {
			port := testports.Free(t, 1)[0]
			change := []string{"omsinit", "config", "set", "--yes", fmt.Sprintf("%s=%d", key, port)}
			if key == "nginx_server_port" {
				c.nginx = port
			}
			if out, status := c.exec(change...); status != 0 {
				t.Fatalf("status %d\n%s", status, out)
			}
			c.eventually("health through nginx after "+key, c.healthy)
			setting := w.value("SELECT cfg_value FROM c_rm.oms_normal_config WHERE cfg_name = 'port.config'")
			if key != "cm_server_port" && !strings.Contains(setting, fmt.Sprint(port)) {
				t.Errorf("a setting that holds the ports: %s", setting)
			}
			if entry := w.value("SELECT entry FROM c_rm.node_entry"); !strings.HasSuffix(entry,
				fmt.Sprint(":", c.nginx)) {
				t.Errorf("the node's row: %s", entry)
			}
		})
	}
	t.Run("config set oms_meta_password", func(t *testing.T) {
		const password = `n€w "$(touch /tmp/ran)'` + "`\\"
		for _, host := range []string{"127.0.0.1", "localhost"} {
			w.db.Exec("ALTER USER 'oms_c'@'" + host + "' IDENTIFIED BY " + sqlText(password))
		}
		set := exec.Command("docker", "exec", "-i", c.name, "omsinit", "config", "set", "oms_meta_password")
		set.Stdin = strings.NewReader(password + "\n")
		if out, err := set.CombinedOutput(); err != nil || strings.Contains(string(out), password) {
			t.Fatalf("%v\n%s", err, out)
		}
		c.eventually("health through nginx", c.healthy)
		if out, status := c.exec("test", "-e", "/tmp/ran"); status == 0 {
			t.Errorf("a password was run by a shell %s", out)
		}
	})
}

// TestCaptureScript: where the old step 5 cannot be sent again, the image's own script does it: at the first start, in
// each further step 5, and when a key has changed. A plan shows it.
func TestCaptureScript(t *testing.T) {
	w := newSecondWorld(t, "whole", "path words spelling peers")
	w.run(w.names(w.a, w.b, "node_entry").Replace(w.commands("## 1. ")))
	w.unread("/etc/oms/agent.ini")
	file := filepath.Join(w.dir, "pack", "pack.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var m pack.Manifest
	if err := yaml.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	const command = "cd /root && echo >>/tmp/runs && python -m omsflow.scripts.units.oms_cluster_manager add_resource"
	m.Calls, m.Script = nil, &pack.Script{Command: command}
	m.Rows = slices.DeleteFunc(m.Rows, func(row pack.Row) bool { return !row.Setting })
	if data, err = m.Encode(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	c := w.container("c", map[string]any{"cm_location": 7, "cm_nodes": []string{"127.0.0.1"}, "cm_region": "eu",
		"cm_region_cn": "欧洲'1", "cm_is_default": true, "oms_meta_password": `p'%s\1 #x`})
	w.start(c)
	c.eventually("health", c.healthy)
	ran := func(times int) {
		t.Helper()
		if out, _ := c.exec("cat", "/tmp/runs"); strings.Count(out, "\n") != times {
			t.Errorf("the script ran %d times, want %d", strings.Count(out, "\n"), times)
		}
	}
	ran(1)
	if out, status := c.exec("omsinit", "plan"); status != 0 || !strings.Contains(out, command) {
		t.Errorf("the plan: %d\n%s", status, out)
	}
	ran(1)
	for i, args := range [][]string{{"init"},
		{"config", "set", "--yes", fmt.Sprint("ghana_server_port=", testports.Free(t, 1)[0])}} {
		if out, status := c.exec(append([]string{"omsinit"}, args...)...); status != 0 {
			t.Errorf("%v: %d\n%s", args, status, out)
		}
		ran(i + 2)
	}
	for query, want := range map[string]string{"SELECT GROUP_CONCAT(CONCAT(code, region)) FROM c_rm.cluster_info": "7eu",
		"SELECT GROUP_CONCAT(ip) FROM c_cm.host": "127.0.0.1", "SELECT COUNT(*) FROM c_rm.node_entry": "1"} {
		if got := w.value(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}
