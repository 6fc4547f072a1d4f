package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
)

const cmProperties = "/home/ds/cm/package/config/drc-cm.properties"

func (n *node) read(containerPath string) string {
	n.t.Helper()
	data, err := os.ReadFile(n.path(containerPath))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(data)
}

// must is omsinit that must end with a status.
func (n *node) must(status int, args ...string) (stdout, stderr string) {
	n.t.Helper()
	out, errOut, got := n.omsinit(args...)
	if got != status {
		n.t.Fatalf("omsinit %v: status %d, want %d\n%s%s", args, got, status, out, errOut)
	}
	return out, errOut
}

// feed is omsinit with something on its standard input.
func (n *node) feed(input string, args ...string) (stdout, stderr string, status int) {
	n.t.Helper()
	cmd := n.command(args...)
	cmd.Stdin = strings.NewReader(input)
	return run(n.t, cmd)
}

func answers(port int) bool {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// TestReconfigure lives through what operators do to a node that runs.
func TestReconfigure(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	out, _ := n.must(2, "plan")
	for _, want := range []string{"create " + cmProperties, "create the databases oms_rm oms_cm oms_cm_hb"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the plan\n%s", want, out)
		}
	}
	if _, err := os.Stat(n.path(cmProperties)); err == nil {
		t.Fatal("the plan was carried out")
	}
	before := n.read("/home/admin/conf/config.yaml")
	if _, errOut := n.must(1, "config", "set", "cm_region=x"); !strings.Contains(errOut, "--no-apply") ||
		n.read("/home/admin/conf/config.yaml") != before {
		t.Error(errOut)
	}
	n.boot().waitReady()
	// The comments of people, and a line that belongs to nobody.
	n.write("# node 1\n" + n.read("/home/admin/conf/config.yaml"))

	t.Run("plan of a finished node", func(t *testing.T) {
		n.t = t
		out, _ := n.must(0, "plan")
		if strings.TrimSpace(out) != "nothing to do" {
			t.Error(out)
		}
		out, _ = n.must(0, "plan", "--output", "json")
		var plan struct {
			Version int
			Changes bool
			Files   []any
			Restart []string
		}
		if err := json.Unmarshal([]byte(out), &plan); err != nil || plan.Version != 1 || plan.Changes ||
			plan.Files == nil || plan.Restart == nil {
			t.Errorf("%v: %s", err, out)
		}
	})

	t.Run("an edit by hand stays", func(t *testing.T) {
		n.t = t
		text := n.read(cmProperties)
		n.writeFile(cmProperties, strings.Replace(text, "diskUsedPercentThresHold=0.90",
			"diskUsedPercentThresHold=0.97", 1)+"my.key=1\n")
		os.Chmod(n.path(cmProperties), 0o644)
		out, _ := n.must(0, "reconfigure")
		if !strings.Contains(out, "kept as edited by hand in "+cmProperties+
			": drcCfg.diskUsedPercentThresHold, my.key") {
			t.Error(out)
		}
		if !strings.Contains(n.read(cmProperties), "ThresHold=0.97\n") {
			t.Error("the edit is gone")
		}
	})

	t.Run("a port moves", func(t *testing.T) {
		n.t = t
		before := n.pids()
		port := testports.Free(t, 1)[0]
		_, errOut := n.must(64, "config", "set", fmt.Sprintf("cm_server_port=%d", port))
		if !strings.Contains(errOut, "--move-cm-url") {
			t.Error(errOut)
		}
		info, _ := os.Stat(n.configFile())
		out, _ := n.must(0, "config", "set", "--move-cm-url", fmt.Sprintf("cm_server_port=%d", port))
		for _, want := range []string{
			fmt.Sprintf("cm_server_port: %d -> %d", n.ports["cm_server_port"], port),
			fmt.Sprintf("cm_url: http://127.0.0.1:%d -> http://127.0.0.1:%d", n.ports["cm_server_port"], port),
			fmt.Sprintf("    +jetty.http.port=%d", port), "all components are ready",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		config := n.read("/home/admin/conf/config.yaml")
		if !strings.HasPrefix(config, "# node 1\n") ||
			!strings.Contains(config, fmt.Sprintf("cm_server_port: %d\n", port)) {
			t.Errorf("config.yaml:\n%s", config)
		}
		if after, _ := os.Stat(n.configFile()); !os.SameFile(info, after) {
			t.Error("config.yaml was replaced: it is a bind mount of one file")
		}
		if !strings.Contains(n.read("/home/admin/conf/config.yaml.bak"), fmt.Sprint(n.ports["cm_server_port"])) {
			t.Error("no copy of what was there")
		}
		if !answers(port) || answers(n.ports["cm_server_port"]) {
			t.Error("the CM did not move")
		}
		if cm := n.read(cmProperties); !strings.Contains(cm, "ThresHold=0.97\n") ||
			!strings.Contains(cm, "my.key=1\n") {
			t.Errorf("the edit is gone:\n%s", cm)
		}
		if got := value(t, db, "SELECT cm_url FROM oms_rm.cluster_info"); got != fmt.Sprintf("http://127.0.0.1:%d",
			port) {
			t.Errorf("cluster_info says %s", got)
		}
		for name, pid := range n.pids() {
			if moved := name == "oms_drc_cm" || name == "oms_console" ||
				name == "oms_drc_supervisor"; !moved && pid != before[name] {
				t.Errorf("%s was restarted", name)
			}
		}
		n.must(0, "plan")
		if _, err := os.Stat(n.path("/root/init_flag.txt")); err != nil {
			t.Error("the next start would hold the programs back")
		}
	})

	t.Run("a conflict", func(t *testing.T) {
		n.t = t
		text := n.read(cmProperties)
		n.writeFile(cmProperties, strings.Replace(text, "drcCfg.region=", "drcCfg.region=mine", 1))
		n.must(0, "config", "set", "--no-apply", "cm_region=default")
		_, errOut := n.must(1, "reconfigure")
		if !strings.Contains(errOut, "drcCfg.region is mine there") ||
			!strings.Contains(errOut, "would become default") {
			t.Error(errOut)
		}
		n.must(0, "reconfigure", "--prefer", "ours")
		if !strings.Contains(n.read(cmProperties), "drcCfg.region=default\n") {
			t.Error(n.read(cmProperties))
		}
		n.must(64, "reconfigure", "--prefer", "mine")
	})

	t.Run("history", func(t *testing.T) {
		n.t = t
		out, _ := n.must(0, "config", "history")
		if strings.Count(out, "\n") < 3 || !strings.Contains(out, cmProperties) {
			t.Error(out)
		}
		diff, _ := n.must(0, "config", "diff", "last", cmProperties)
		if !strings.Contains(diff, "-drcCfg.region=default\n+drcCfg.region=mine\n") {
			t.Error(diff)
		}
		out, _ = n.must(0, "config", "restore", "last", cmProperties)
		if !strings.Contains(out, "written: "+cmProperties) ||
			!strings.Contains(n.read(cmProperties), "drcCfg.region=mine\n") {
			t.Error(out)
		}
		n.must(0, "config", "restore", "last", cmProperties)
		_, errOut := n.must(1, "config", "restore", "20200101-000000")
		if !strings.Contains(errOut, "config history") {
			t.Error(errOut)
		}
	})

	t.Run("what the check refuses changes nothing", func(t *testing.T) {
		n.t = t
		before := n.read("/home/admin/conf/config.yaml")
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, args := range [][]string{
			{fmt.Sprintf("nginx_server_port=%d", l.Addr().(*net.TCPAddr).Port)}, {"cm_location=many"},
			{"nginx_server_port=1"}, {"oms_meta_port=1"},
		} {
			out, errOut, status := n.omsinit(append([]string{"config", "set"}, args...)...)
			if status == 0 {
				t.Errorf("%v was taken\n%s%s", args, out, errOut)
			}
		}
		if n.read("/home/admin/conf/config.yaml") != before {
			t.Error("config.yaml was changed")
		}
		if _, err := os.Stat(n.path("/var/lib/omsinit/candidate")); err == nil {
			t.Error("a copy with passwords was left")
		}
	})

	t.Run("a password", func(t *testing.T) {
		n.t = t
		_, errOut, status := n.feed("", "config", "set", "oms_meta_password=geheim1")
		if status != 64 || strings.Contains(errOut, "geheim1") {
			t.Errorf("status %d, %s", status, errOut)
		}
		out, errOut, status := n.feed("Wrong!Secret9\n", "config", "set", "oms_meta_password")
		if status != 3 || !strings.Contains(out, "was not changed") || strings.Contains(out+errOut, "Wrong!Secret9") {
			t.Errorf("status %d\n%s%s", status, out, errOut)
		}
		account(t, db, "other", `n"e w'#\汉`)
		input := fmt.Sprintf("\n\nother\n%s\ny\ny\n", `n"e w'#\汉`)
		out, errOut, status = n.feed(input, "metadb", "switch")
		if status != 0 || strings.Contains(out+errOut, "n\"e w") ||
			!strings.Contains(out, "oms_meta_password: ****** -> ******") ||
			!strings.Contains(out, "+jdbc.password=****** (changed)") {
			t.Fatalf("status %d\n%s%s", status, out, errOut)
		}
		eventually(t, "health", func() bool { _, healthy := n.health(); return healthy })
	})

	t.Run("another database", func(t *testing.T) {
		n.t = t
		before := n.read("/home/admin/conf/config.yaml")
		_, errOut := n.must(1, "config", "set", "drc_cm_heartbeat_db=oms_cm_hb2")
		if !strings.Contains(errOut, "lacks databases or tables of OMS (databases: 1, tables: 2)") ||
			!strings.Contains(errOut, "--init-metadb") || n.read("/home/admin/conf/config.yaml") != before {
			t.Error(errOut)
		}
		out, _ := n.must(0, "config", "set", "--init-metadb", "drc_cm_heartbeat_db=oms_cm_hb2")
		if !strings.Contains(out, "database oms_cm_hb2 created") {
			t.Error(out)
		}
		eventually(t, "a heartbeat", func() bool {
			return value(t, db, "SELECT count(*) FROM oms_cm_hb2.heart_beat WHERE task_name = 'supervisor'") == "1"
		})
	})

	t.Run("ports by questions", func(t *testing.T) {
		n.t = t
		port := testports.Free(t, 1)[0]
		out, errOut, status := n.feed(fmt.Sprintf("%d\n\n\n\n\ny\n", port), "config", "ports")
		if status != 0 || !answers(port) {
			t.Errorf("status %d\n%s%s", status, out, errOut)
		}
		n.ports["nginx_server_port"] = port
		if status, healthy := n.health(); status != http.StatusOK || !healthy {
			t.Errorf("GET /oms/health: %d, %v", status, healthy)
		}
		before := n.read("/home/admin/conf/config.yaml")
		if out, errOut, status := n.feed("18089\n\n\n\n\n\n", "config", "ports"); status != 1 ||
			n.read("/home/admin/conf/config.yaml") != before {
			t.Errorf("Enter is no: status %d\n%s%s", status, out, errOut)
		}
	})

	t.Run("config.yaml comes back", func(t *testing.T) {
		n.t = t
		port := n.ports["nginx_server_port"]
		list, _ := n.must(0, "config", "history")
		id := ""
		for _, line := range strings.Split(list, "\n") {
			if strings.HasSuffix(line, "/home/admin/conf/config.yaml") {
				id, _, _ = strings.Cut(line, " ")
				break
			}
		}
		diff, _ := n.must(0, "config", "diff", id)
		if !strings.Contains(diff, fmt.Sprintf("-nginx_server_port: %d\n", port)) || strings.Contains(diff, "n\"e w") {
			t.Error(diff)
		}
		n.must(0, "config", "restore", id)
		eventually(t, "the old port", func() bool { return !answers(port) })
	})
	n.t = t
}

// account makes one more MetaDB account.
func account(t *testing.T, db *testmaria.Server, user, password string) {
	t.Helper()
	conn, err := sql.Open("mysql", db.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, q := range []string{
		"CREATE USER '" + user + "'@'%' IDENTIFIED BY '" + strings.NewReplacer(`\`, `\\`, `'`,
			`\'`).Replace(password) + "'",
		"GRANT ALL ON *.* TO '" + user + "'@'%'",
	} {
		if _, err := conn.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPack(t *testing.T) {
	n := &node{t: t, root: t.TempDir(), env: []string{"PATH=" + os.Getenv("PATH")}}
	out, _ := n.must(0, "pack", "list")
	if !regexp.MustCompile(`(?m)^templates/drc-cm\.properties +embedded +` + regexp.QuoteMeta(cmProperties) +
		` +root +0644 +properties +keys +documented +guess$`).MatchString(out) {
		t.Error(out)
	}
	text, _ := n.must(0, "pack", "show", "templates/drc-cm.properties")
	if !strings.Contains(text, "{{.cm_location}}") {
		t.Error(text)
	}
	dir := n.path("/usr/share/omsinit/pack")
	n.must(0, "pack", "export", dir, "templates/drc-cm.properties")
	if n.read("/usr/share/omsinit/pack/templates/drc-cm.properties") != text {
		t.Error("another file was written")
	}
	if out, _ := n.must(0, "pack", "list"); !strings.Contains(out, dir+"/templates/drc-cm.properties") {
		t.Error(out)
	}
	if _, errOut := n.must(1, "pack", "export", dir, "templates/drc-cm.properties"); !strings.Contains(errOut,
		"is there already") {
		t.Error(errOut)
	}
	n.must(64, "pack", "show", "nothing")
	n.must(64, "pack", "steal")
	n.must(0, "pack", "export", t.TempDir()+"/all")
}
