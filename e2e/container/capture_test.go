package container

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
)

// TestCaptureGuide runs the commands of docs/capture.md, as they are written
// there, with an image that shares nothing with the reference pack: two of its
// containers teach omsinit the release, and a third configuration boots the
// image that is built from it.
func TestCaptureGuide(t *testing.T) {
	t.Parallel()
	g := newGuide(t, "oldworld")
	a := g.container("a", map[string]any{"cm_location": 1, "cm_nodes": []string{"127.0.0.5"}, "cm_region": "cn-hz",
		"cm_region_cn":  "杭州",
		"cm_is_default": true, "tsdb_enabled": false})
	b := g.container("b", map[string]any{"cm_location": 12, "cm_nodes": []string{"127.0.0.6"},
		"cm_region": "cn-beijing", "cm_region_cn": `北京 "1" &`,
		"cm_is_default": false, "tsdb_enabled": true, "tsdb_service": "INFLUXDB", "tsdb_url": "127.0.0.9:8086",
		"tsdb_username": "o m&s", "tsdb_password": "LooksLike5ecret"})
	for _, c := range []*container{a, b} {
		c.image, c.foreign = g.old, true
		c.run()
	}
	for _, c := range []*container{a, b} {
		c.eventually("Python's supervisord", func() bool {
			_, status := c.exec("test", "-S", "/tmp/supervisor.sock")
			return status == 0
		})
	}
	g.run("docker exec " + a.name + " sh /root/old_init.sh & first=$!; docker exec " + b.name +
		" sh /root/old_init.sh; wait $first")
	names := g.names(a, b, "site_registry,site_member",
		"'python -m omsflow.scripts.units.oms_cluster_manager add_resource'", "'sh /root/old_init.sh resources'")

	out := g.run(names.Replace(g.commands("## 1. ")))
	if !strings.Contains(out, "renders the same: the pack makes everything") {
		t.Errorf("not verified:\n%s", out)
	}
	for _, c := range []*container{a, b} {
		if out, _ := c.exec("sh", "-c", "ls /tmp/*.bundle"); strings.Contains(out, "/tmp/first") ||
			strings.Contains(out, "/tmp/second") {
			t.Errorf("a bundle stays in a container: %s", out)
		}
	}
	if info, err := os.Stat(filepath.Join(g.dir, "first.bundle")); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if found, err := exec.Command("grep", "-rlE", "meta[ab]P4ss|LooksLike",
		filepath.Join(g.dir, "pack")).Output(); err == nil {
		t.Errorf("secrets in %s", found)
	}

	// The pack of an earlier release is not at hand: it is compared with itself.
	if err := os.CopyFS(filepath.Join(g.dir, "pack-4.2.6"), os.DirFS(filepath.Join(g.dir, "pack"))); err != nil {
		t.Fatal(err)
	}
	if out := g.run(names.Replace(g.commands("## 3. "))); !strings.Contains(out, "proven: ") {
		t.Errorf("not proven:\n%s", out)
	}
	g.run(names.Replace(g.commands("## 4. ")))

	c := g.container("c", map[string]any{"cm_location": 7, "cm_nodes": []string{"127.0.0.1"}, "cm_region": "eu",
		"cm_region_cn": "欧洲'1", "cm_is_default": true})
	c.image, c.learnt = g.built, true
	c.run()
	c.waitReady()
	g.run(strings.ReplaceAll(g.commands("## 5. "), "docker exec oms ", "docker exec "+c.name+" "))
	if out, _ := c.exec("cat", "/proc/1/cmdline"); !strings.Contains(out, "omsinit\x00run") {
		t.Errorf("PID 1 is %q", out)
	}
	if out, _ := c.exec("ps", "-eo", "args"); strings.Count(out, "component.py") != 3 {
		t.Errorf("not the three components of the old world:\n%s", out)
	}
	address := fmt.Sprintf("http://127.0.0.1:%d/oms/health", c.nginx)
	if out, err := exec.Command("curl", "-sS", "--noproxy", "*", "-m", "10", address).CombinedOutput(); err != nil ||
		!strings.Contains(string(out), `"region": "\u6b27\u6d32'1"`) {
		t.Errorf("GET %s: %v %s", address, err, out)
	}
	db, err := sql.Open("mysql", c.db.DSN("c_cm"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	joined := ""
	if err := db.QueryRow("SELECT concat(ip, ' ', agent_port) FROM machine").Scan(&joined); err != nil ||
		joined != fmt.Sprintf("127.0.0.1 %d", g.ports["c"][3]) {
		t.Errorf("%q, %v", joined, err)
	}

	// The same image takes the place of the files of a container that Python's supervisord runs in: a hot upgrade.
	taken := &obd{container: a, env: []string{"-e", "OMSINIT_IGNORE=host.address"}}
	if _, ok := taken.hotUpgrade(g.built); !ok {
		t.Fatal("the hot upgrade of a container of the old world failed")
	}
	if out, _ := a.exec("cat", "/proc/1/cmdline"); !strings.Contains(out, "supervisord") {
		t.Errorf("PID 1 is %q", out)
	}
	taken.host("docker exec %s omsinit version && docker exec %s test -x /root/docker_init.sh", a.name, a.name)
	a.eventually("health after the hot upgrade", a.healthy)
}

// guide is what the person who follows the page has: a folder with what of the
// project its commands use, and an OMS image.
type guide struct {
	t     *testing.T
	dir   string
	page  string
	db    *testmaria.Server
	ports map[string][]int // of each container, in the order of portKeys
	// old is the OMS image; base and built are what the page makes of it.
	old, base, built string
}

var portKeys = []string{"nginx_server_port", "ghana_server_port", "cm_server_port", "supervisor_server_port",
	"sshd_server_port"}

// newGuide builds the image of an old world of testdata; args are further ones of docker build.
func newGuide(t *testing.T, world string, args ...string) *guide {
	t.Helper()
	const top = "../.."
	page, err := os.ReadFile(filepath.Join(top, "docs", "capture.md"))
	if err != nil {
		t.Fatal(err)
	}
	tag := fmt.Sprintf("omsinit/test-%d-%d:", os.Getpid(), number.Add(1))
	g := &guide{t: t, dir: t.TempDir(), page: string(page), db: testmaria.Start(t), ports: map[string][]int{},
		old: tag + world, base: tag + "base", built: tag + "4.2.7-CE"}
	for _, name := range []string{"bin/omsinit", "Dockerfile", ".dockerignore", "scripts/image"} {
		to := filepath.Join(g.dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", "-R", filepath.Join(top, name), to).CombinedOutput(); err != nil {
			t.Fatalf("this test needs make build: %v\n%s", err, out)
		}
	}
	t.Cleanup(func() { exec.Command("docker", "rmi", "-f", g.built, g.base, g.old).Run() })
	args = append(append([]string{"build", "-q", "-t", g.old}, args...), filepath.Join(top, "testdata", world))
	if out, err := exec.Command("docker", args...).CombinedOutput(); err != nil {
		t.Fatalf("this test needs omsinit/reference-os, which make image makes: %v\n%s", err, out)
	}
	ports := testports.Free(t, 3*len(portKeys))
	for i, name := range []string{"a", "b", "c"} {
		g.ports[name] = ports[i*len(portKeys) : (i+1)*len(portKeys)]
	}
	return g
}

// container prepares one with an account, databases and ports of its own.
func (g *guide) container(name string, keys map[string]any) *container {
	g.t.Helper()
	c := prepared(g.t, g.db)
	for i, key := range portKeys {
		keys[key] = g.ports[name][i]
	}
	c.nginx, c.sshd = g.ports[name][0], g.ports[name][4]
	node := keys["cm_nodes"].([]string)[0]
	c.options = []string{"-e", "OMS_HOST_IP=" + node}
	user, password := "oms_"+name, "meta"+name+"P4ss"
	if given, ok := keys["oms_meta_password"]; ok {
		password = given.(string)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		account := "'" + user + "'@'" + host + "'"
		g.db.Exec("CREATE USER "+account+" IDENTIFIED BY "+sqlText(password),
			"GRANT ALL ON *.* TO "+account+" WITH GRANT OPTION")
	}
	keys["oms_meta_host"], keys["oms_meta_port"], keys["oms_meta_user"], keys["oms_meta_password"] = g.db.Host,
		g.db.Port, user, password
	keys["drc_rm_db"], keys["drc_cm_db"], keys["drc_cm_heartbeat_db"] = name+"_rm", name+"_cm", name+"_hb"
	keys["cm_url"] = fmt.Sprintf("http://%s:%d", node, g.ports[name][2])
	var text strings.Builder
	for key, value := range keys {
		data, err := json.Marshal(value)
		if err != nil {
			g.t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s: %s\n", key, data)
	}
	c.writeConfig(text.String())
	return c
}

func sqlText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}

// names fills in what the page leaves to its reader: two containers, the tables of --register, the image. more are
// further texts, each followed by what takes its place.
func (g *guide) names(a, b *container, register string, more ...string) *strings.Replacer {
	return strings.NewReplacer(append(more, "oms2", b.name, "docker exec oms ", "docker exec "+a.name+" ", " oms:/",
		" "+a.name+":/",
		"--compare second.bundle --out pack", "--compare second.bundle --register "+register+" --out pack",
		"<your OMS image>", g.old, "oms-omsinit:base", g.base, "oms-omsinit:<release>", g.built, "make build\n", "")...)
}

// commands are those of one part of the page.
func (g *guide) commands(heading string) string {
	g.t.Helper()
	_, part, _ := strings.Cut(g.page, "\n"+heading)
	part, _, _ = strings.Cut(part, "\n## ")
	_, part, _ = strings.Cut(part, "\n```\n")
	commands, _, found := strings.Cut(part, "\n```\n")
	if !found {
		g.t.Fatalf("docs/capture.md has no commands under %s", heading)
	}
	return commands
}

// run runs commands in the folder; each must succeed.
func (g *guide) run(commands string) string {
	g.t.Helper()
	cmd := exec.Command("sh", "-eux", "-c", commands)
	cmd.Dir = g.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
