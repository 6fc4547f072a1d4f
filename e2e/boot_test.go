package e2e

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/google/go-cmp/cmp"

	"omsinit/testdata/testinflux"
	"omsinit/testdata/testmaria"
)

func TestFirstBoot(t *testing.T) {
	// No character that an escape would change, so that a leak is found as it is.
	db := testmaria.Start(t, testmaria.Password("LooksLikeASecret42"))
	n := newNode(t, db)
	// A job for cron, which starts jobs at full minutes only: looked at last.
	job := n.path("/home/ds/run/job-has-run")
	n.writeFile("/etc/cron.d/e2e", "* * * * * root touch "+job+"\n")
	r := n.boot()
	r.waitReady()

	t.Run("banners in order", func(t *testing.T) {
		want := []string{
			"# [Step 1] Check the config.yaml file", "# [Step 2] Create the OMS MetaDB",
			"# [Step 3] Create the configuration files of the OMS components",
			"# [Step 4] Restart all OMS components (please wait)",
			"# [Step 5] Initialize the OMS resource labels and resource groups",
			"# [Completed] All initialization steps are executed.", readyLine,
		}
		rest := r.out.String()
		for _, line := range want {
			_, after, found := strings.Cut(rest, "\n"+line+"\n")
			if !found && !strings.HasPrefix(line, "# [Step 1]") && line != readyLine {
				t.Errorf("no line %q in order in\n%s", line, r.out)
			}
			rest = "\n" + after
		}
	})
	t.Run("the log keeps a copy", func(t *testing.T) {
		logs, _ := filepath.Glob(n.path("/home/admin/logs/docker_init.log.*"))
		if len(logs) != 1 {
			t.Fatalf("want one docker_init.log, got %v", logs)
		}
		if !regexp.MustCompile(`docker_init\.log\.\d{4}-\d\d-\d\d\.\d\d:\d\d:\d\d$`).MatchString(logs[0]) {
			t.Errorf("the name of %s is not the documented one", logs[0])
		}
		data, err := os.ReadFile(logs[0])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), "# [Completed] All initialization steps are executed.") {
			t.Errorf("the log is not complete:\n%s", data)
		}
	})
	t.Run("health through nginx", func(t *testing.T) {
		if status, healthy := n.health(); status != 200 || !healthy {
			t.Errorf("GET /oms/health: status %d, healthy %v", status, healthy)
		}
	})
	t.Run("marker", func(t *testing.T) {
		info, err := os.Stat(n.path("/root/init_flag.txt"))
		if err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("init_flag.txt: %v, %v", info, err)
		}
	})
	t.Run("rows", func(t *testing.T) {
		for query, want := range map[string]string{
			"SELECT version FROM oms_rm.oms_version":                                                                                "4.2.3-CE",
			"SELECT concat(code, ' ', cm_url, ' ', is_default_cm) FROM oms_rm.cluster_info":                                         fmt.Sprintf("1 http://127.0.0.1:%d 1", n.ports["cm_server_port"]),
			"SELECT name FROM oms_cm.resource_group":                                                                                "1",
			"SELECT concat(h.ip, ' ', h.host_status) FROM oms_cm.host h JOIN oms_cm.resource_group g ON g.id = h.resource_group_id": "127.0.0.1 ONLINE",
			"SELECT count(*) FROM oms_cm.standin_consumer":                                                                          "1",
		} {
			if got := value(t, db, query); got != want {
				t.Errorf("%s: got %q, want %q", query, got, want)
			}
		}
		eventually(t, "a heartbeat", func() bool {
			return value(t, db,
				"SELECT count(*) FROM oms_cm_hb.heart_beat WHERE task_name = 'supervisor' AND host_ip = '127.0.0.1'") == "1"
		})
	})
	t.Run("sshd answers", func(t *testing.T) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.ports["sshd_server_port"]))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		greeting := make([]byte, 4)
		if _, err := conn.Read(greeting); err != nil || string(greeting) != "SSH-" {
			t.Errorf("greeting %q, %v", greeting, err)
		}
	})
	t.Run("no secret outside private files", func(t *testing.T) { n.noSecrets(t, db.Password, r) })
	t.Run("a second init changes nothing", func(t *testing.T) {
		eventually(t, "every program RUNNING", func() bool {
			out, _, _ := n.omsinit("status")
			return strings.Count(out, "RUNNING") >= 5 && !strings.Contains(out, "STARTING")
		})
		before := n.snapshot(t, db)
		out, errOut, status := n.omsinit("init")
		if status != 0 || !strings.Contains(out, "# [Completed] All initialization steps are executed.") {
			t.Fatalf("status %d\n%s%s", status, out, errOut)
		}
		if diff := cmp.Diff(before, n.snapshot(t, db)); diff != "" {
			t.Errorf("changed (-before +after):\n%s", diff)
		}
	})
	t.Run("nothing follows the ready line", func(t *testing.T) {
		if !strings.HasSuffix(strings.TrimRight(r.out.String(), "\r\n"), "\n"+readyLine) {
			t.Errorf("output ends with\n%s", r.out)
		}
	})
	before := n.pids()
	t.Run("a second run is refused", func(t *testing.T) {
		_, errOut, status := n.omsinit("run")
		if status != 1 || !strings.Contains(errOut, fmt.Sprint(r.cmd.Process.Pid)) {
			t.Errorf("status %d, %s", status, errOut)
		}
	})
	t.Run("ordered stop", func(t *testing.T) {
		if status := r.stop(); status != 0 {
			t.Errorf("exit status %d after SIGTERM", status)
		}
		if status, _ := n.health(); status != 0 {
			t.Error("nginx survived")
		}
	})
	t.Run("a restart is at once, also without the MetaDB", func(t *testing.T) {
		db.Stop()
		r := n.boot()
		eventually(t, "nginx", func() bool { status, _ := n.health(); return status != 0 && n.pids()["nginx"] != "" })
		r.waitOutput("step 1 (check) failed")
		eventually(t, "why the initialisation waits, in the status", func() bool {
			out, _, _ := n.omsinit("status")
			return strings.Contains(out, "MetaDB")
		})
		// Also those that depend on a CM that cannot be ready: they know how to wait.
		eventually(t, "a process of every program", func() bool { return len(n.pids()) >= len(before) })
		db.Restart()
		r.waitReady()
		eventually(t, "health", func() bool { _, healthy := n.health(); return healthy })
	})
	t.Run("cron runs jobs", func(t *testing.T) {
		if _, err := os.Stat(n.path("/home/admin/conf/command/start_crond.sh")); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal("cron was not tried: it needs root, and a mount namespace")
			}
			t.Log("cron is not tried here: it needs root, and a mount namespace")
			return
		}
		eventually(t, "a job of cron", func() bool { _, err := os.Stat(job); return err == nil })
	})
}

// TestSpecialPassword: a password full of characters that mean something
// somewhere reaches every component, and logs in to a MariaDB and an InfluxDB:
// the agent dies without its time-series database.
func TestSpecialPassword(t *testing.T) {
	const password = `p"a$s\w;o#r%d {}&汉`
	db := testmaria.Start(t, testmaria.Password(password))
	n := newNode(t, db)
	n.values["tsdb_enabled"], n.values["tsdb_service"] = "true", "INFLUXDB"
	n.values["tsdb_url"] = testinflux.Start(t, "oms", password)
	n.values["tsdb_username"], n.values["tsdb_password"] = "oms", quote(password)
	n.writeConfig()
	n.boot().waitReady()
	if status, healthy := n.health(); status != 200 || !healthy {
		t.Errorf("GET /oms/health: status %d, healthy %v", status, healthy)
	}
	if out, _, _ := n.omsinit("status"); strings.Count(out, "READY") < 5 {
		t.Errorf("not every program is ready:\n%s", out)
	}
}

func TestChinese(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	n.env = append(n.env, "OMS_LANG=zh")
	r := n.boot()
	r.waitReady()
	for _, line := range []string{
		"# 【步骤一】校验 config.yaml 配置文件", "# 【步骤二】创建 OMS 元信息库", "# 【步骤三】创建 OMS 各组件的配置文件",
		"# 【步骤四】重启 OMS 所有组件（请耐心等待）", "# 【步骤五】初始化 OMS 资源标签和资源组", "# 【结束】全部初始化步骤执行成功",
	} {
		if !strings.Contains(r.out.String(), "-\n"+line+"\n-") {
			t.Errorf("no banner %q between dash rules in\n%s", line, r.out)
		}
	}
}

// TestKilledInit kills the initialisation at many moments; the next one
// completes what it left.
func TestKilledInit(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	// Without the automatic init there is only ours to kill.
	n.write("not: a configuration\n")
	r := n.boot()
	r.waitOutput("step 1 (check) failed")
	n.writeConfig()
	for delay := 5 * time.Millisecond; delay < 700*time.Millisecond; delay += delay/3 + 5*time.Millisecond {
		cmd := n.command("init")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killer := time.AfterFunc(delay, func() { cmd.Process.Signal(syscall.SIGKILL) })
		err := cmd.Wait()
		killer.Stop()
		if err == nil {
			break
		}
	}
	if out, errOut, status := n.omsinit("init"); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	r.waitReady()
	leftovers, _ := filepath.Glob(n.path("/home/ds/*/config/.*"))
	if len(leftovers) > 0 {
		t.Errorf("temporary files were left: %v", leftovers)
	}
}

// TestTwoInitsAtOnce: the second one waits, and finds the work done.
func TestTwoInitsAtOnce(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	r := n.boot()
	out, errOut, status := n.omsinit("init")
	if status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	r.waitReady()
}

func TestOldNames(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	old := func(args ...string) (string, string, int) {
		cmd := exec.Command(omsinit, args...)
		cmd.Env = append(n.env, "OMSINIT_ROOT="+n.root)
		return run(t, cmd)
	}
	if out, errOut, status := old("--check", n.configFile()); status != 0 || !strings.Contains(out, "[PASSED]") {
		t.Errorf("--check: status %d\n%s%s", status, out, errOut)
	}
	if out, errOut, status := old("--init-db"); status != 0 ||
		value(t, db, "SELECT count(*) FROM oms_rm.oms_version") != "1" {
		t.Errorf("--init-db: status %d\n%s%s", status, out, errOut)
	}
	if out, errOut, status := old("--init-config-file"); status != 0 {
		t.Errorf("--init-config-file: status %d\n%s%s", status, out, errOut)
	}
	if _, err := os.Stat(n.path("/home/ds/ghana/config/application-oms.properties")); err != nil {
		t.Error(err)
	}
	r := n.boot()
	r.waitReady()
	if out, errOut, status := old("add_resource"); status != 0 {
		t.Errorf("add_resource: status %d\n%s%s", status, out, errOut)
	}
}

// value runs a query that gives one value.
func value(t testing.TB, db *testmaria.Server, query string) string {
	t.Helper()
	conn, err := sql.Open("mysql", db.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var s string
	if err := conn.QueryRow(query).Scan(&s); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return s
}

// snapshot is everything that a second init must leave alone: generated files
// with their times, checksums of all tables but heartbeats, and running pids.
func (n *node) snapshot(t *testing.T, db *testmaria.Server) map[string]string {
	t.Helper()
	snap := map[string]string{}
	for _, dir := range []string{"/home/ds", "/etc", "/home/admin/conf"} {
		filepath.WalkDir(n.path(dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			snap[path] = fmt.Sprintf("%x %s %s", sha256.Sum256(data), info.ModTime(), info.Mode())
			return err
		})
	}
	for _, table := range []string{
		"oms_rm.cluster_info", "oms_rm.oms_version", "oms_rm.oms_normal_config", "oms_cm.resource_group",
		"oms_cm.resource_label", "oms_cm.location_cm", "oms_cm.host", "oms_cm.standin_consumer",
	} {
		snap[table] = value(t, db, "SELECT coalesce((SELECT group_concat(t.TABLE_ROWS) FROM information_schema.TABLES t WHERE concat(t.TABLE_SCHEMA, '.', t.TABLE_NAME) = '"+table+"'), 'missing')") + checksum(t, db, table)
	}
	out, _, _ := n.omsinit("status")
	for _, m := range regexp.MustCompile(`(?m)^(\S+) .*pid (\d+)`).FindAllStringSubmatch(out, -1) {
		snap["pid of "+m[1]] = m[2]
	}
	return snap
}

func checksum(t *testing.T, db *testmaria.Server, table string) string {
	t.Helper()
	conn, err := sql.Open("mysql", db.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var name, sum string
	if err := conn.QueryRow("CHECKSUM TABLE "+table).Scan(&name, &sum); err != nil {
		t.Errorf("CHECKSUM TABLE %s: %v", table, err)
	}
	return sum
}

// noSecrets looks for the password in arguments, output, logs, state, and
// files that others may read.
func (n *node) noSecrets(t *testing.T, secret string, r *running) {
	t.Helper()
	if strings.Contains(r.out.String(), secret) {
		t.Error("the password is in the output")
	}
	if out, err := exec.Command("ps", "-eo", "args").Output(); err != nil || strings.Contains(string(out), secret) {
		t.Errorf("the password is in a process's arguments (%v)", err)
	}
	filepath.WalkDir(n.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() > 1<<20 {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		private := info.Mode().Perm()&0o077 == 0 && !strings.HasPrefix(path, n.path("/home/admin/logs")) &&
			!strings.HasPrefix(path, n.path("/var"))
		if strings.Contains(string(data), secret) && !private {
			t.Errorf("the password is in %s (%s)", path, info.Mode())
		}
		return nil
	})
}
