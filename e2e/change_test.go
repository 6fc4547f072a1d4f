package e2e

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
)

// pids returns the process of each program, as `omsinit status` shows them.
func (n *node) pids() map[string]string {
	out, _, _ := n.omsinit("status")
	pids := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\S+) .*pid (\d+)`).FindAllStringSubmatch(out, -1) {
		pids[m[1]] = m[2]
	}
	return pids
}

func dial(port int) (net.Conn, error) {
	return net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// TestChangedConfig: only the programs that read a changed file are restarted,
// and after a restart nothing runs with files of another configuration.
func TestChangedConfig(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	r := n.boot()
	r.waitReady()
	before := n.pids()

	t.Run("a moved port restarts its readers only", func(t *testing.T) {
		oldPort, newPort := n.ports["nginx_server_port"], testports.Free(t, 1)[0]
		n.ports["nginx_server_port"] = newPort
		n.values["nginx_server_port"] = fmt.Sprint(newPort)
		n.writeConfig()
		if out, errOut, status := n.omsinit("init", "--only", "component"); status != 0 ||
			!strings.Contains(out, "omsinit restart nginx") {
			t.Fatalf("status %d\n%s%s", status, out, errOut)
		}
		if out, _, _ := n.omsinit("status"); strings.Count(out, "RESTART NEEDED") != 1 {
			t.Errorf("status does not show what must be restarted:\n%s", out)
		}
		if out, errOut, status := n.omsinit("init"); status != 0 {
			t.Fatalf("status %d\n%s%s", status, out, errOut)
		}
		if status, healthy := n.health(); status != 200 || !healthy {
			t.Errorf("GET /oms/health on the new port: status %d, healthy %v", status, healthy)
		}
		if conn, err := dial(oldPort); err == nil {
			conn.Close()
			t.Error("the old port still answers")
		}
		for name, pid := range n.pids() {
			if restarted := pid != before[name]; restarted != (name == "nginx") {
				t.Errorf("%s: pid %s became %s", name, before[name], pid)
			}
		}
	})
	t.Run("an unchanged restart starts every program once", func(t *testing.T) {
		r.stop()
		r = n.boot()
		r.waitReady()
		log, err := os.ReadFile(n.path("/home/admin/logs/omsinit.log"))
		if err != nil {
			t.Fatal(err)
		}
		_, boot, _ := cutLast(string(log), `"msg":"supervisor started"`)
		for name := range before {
			if got := strings.Count(boot, fmt.Sprintf(`"msg":"program started","program":%q`, name)); got != 1 {
				t.Errorf("%s was started %d times", name, got)
			}
		}
	})
	t.Run("a changed restart holds the programs until the steps have succeeded", func(t *testing.T) {
		r.stop()
		n.values["cm_region"] = "cn-elsewhere"
		n.writeConfig()
		db.Stop()
		r = n.boot()
		r.waitOutput("step 1 (check) failed")
		if pids := n.pids(); len(pids) > 0 {
			t.Errorf("programs run with the files of the old configuration: %v", pids)
		}
		if _, errOut, status := n.omsinit("start", "nginx"); status != 1 ||
			!strings.Contains(errOut, "wait until the initialisation has succeeded") {
			t.Errorf("status %d, %s", status, errOut)
		}
		db.Restart()
		r.waitReady()
		eventually(t, "health", func() bool { _, healthy := n.health(); return healthy })
	})
}

// TestLostComponent: a step 4 that fails for a reason that may pass is tried
// again, and status says what it waits for.
func TestLostComponent(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	java := n.path("/opt/alibaba/java/bin/java")
	if err := os.Rename(java, java+".away"); err != nil {
		t.Fatal(err)
	}
	r := n.boot()
	r.waitOutput("step 4 (restart) failed")
	eventually(t, "what is wrong in the status", func() bool {
		out, _, _ := n.omsinit("status")
		return strings.Contains(out, "oms_drc_cm") && strings.Contains(out, "next attempt in")
	})
	if err := os.Rename(java+".away", java); err != nil {
		t.Fatal(err)
	}
	r.waitReady()
}

// TestEditDuringRun: a configuration that is edited while the steps run is not
// taken for the one that they have applied.
func TestEditDuringRun(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	n.env = append(n.env, "OMS_STANDIN_START_DELAY=2")
	r := n.boot()
	r.waitOutput("[Step 4]")
	n.values["cm_region"] = "cn-edited"
	n.writeConfig()
	r.waitReady()
	if !strings.Contains(r.out.String(), "have changed since this run began") {
		t.Errorf("nothing says that the edit was not applied:\n%s", r.out)
	}
	r.stop()
	db.Stop()
	r = n.boot()
	r.waitOutput("step 1 (check) failed")
	if pids := n.pids(); len(pids) > 0 {
		t.Errorf("programs run with the files of the old configuration: %v", pids)
	}
}
