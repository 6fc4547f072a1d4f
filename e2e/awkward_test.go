package e2e

import (
	"fmt"
	"io/fs"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"omsinit/init/flow"
	"omsinit/scripts"
	"omsinit/testdata/testmaria"
)

// TestStopPort: a CM that is started while nginx is down takes port 8089 on
// loopback, for Jetty's stop command (oms-facts §14.2). Who holds the port is
// named, and the next run mends it.
func TestStopPort(t *testing.T) {
	n := newNode(t, testmaria.Start(t))
	n.ports["nginx_server_port"] = 8089
	n.values["nginx_server_port"] = "8089"
	n.writeConfig()
	n.env = append(n.env, "OMSINIT_PAGE=off") // else PID 1 has the port while nginx is down
	r := n.boot()
	r.waitReady()
	running := func() bool {
		out, _, _ := n.omsinit("status")
		return regexp.MustCompile(`(?m)^oms_drc_cm +RUNNING +READY `).MatchString(out)
	}
	r.waitFor("a CM that has run for startsecs", running) // it is started again after that only
	n.must(0, "stop", "nginx")
	before := n.pids()["oms_drc_cm"]
	n.must(0, "signal", "KILL", "oms_drc_cm")
	r.waitFor("another CM", func() bool { return running() && n.pids()["oms_drc_cm"] != before })
	out, _, _ := n.omsinit("check")
	if !strings.Contains(out, "[port.other-component]") {
		t.Errorf("check does not name the holder:\n%s", out)
	}
	if _, errOut, status := n.omsinit("start", "nginx"); status != 1 || !strings.Contains(errOut, "java") {
		t.Errorf("start nginx: status %d, the holder is not named:\n%s", status, errOut)
	}
	out, _ = n.must(0, "reconfigure")
	if status, healthy := n.health(); status != 200 || !healthy {
		t.Errorf("GET /oms/health: status %d, healthy %v\n%s", status, healthy, out)
	}
}

// TestAgentIgnoresQuit: the program file stops the agent with QUIT, which the
// shell of its start script ignores; when the shell is killed at last, java must
// not be left behind with the port (oms-facts §14.2).
func TestAgentIgnoresQuit(t *testing.T) {
	n := newNode(t, testmaria.Start(t))
	n.env = append(n.env, "OMS_STANDIN_PROMPT=")
	n.boot().waitReady()
	java := func() []string {
		out, _ := exec.Command("pgrep", "-f", "--", "-DconfigDir="+n.path("/u01/ds/supervisor/config/")).Output()
		return strings.Fields(string(out))
	}
	before := java()
	n.must(0, "restart", "oms_drc_supervisor")
	after := java()
	if len(before) != 1 || len(after) != 1 || before[0] == after[0] {
		t.Errorf("java of the agent: %v, then %v", before, after)
	}
	if conn, err := dial(n.ports["supervisor_server_port"]); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
}

// TestImagePrograms: a node with the program files of an image instead of the
// reference pack's: they are left as they are, and all of them run.
func TestImagePrograms(t *testing.T) {
	n := newNode(t, testmaria.Start(t), "--programs")
	n.ports["sshd_server_port"], n.values["sshd_server_port"] = 2023, "2023" // as in base.ini
	n.writeConfig()
	before := n.read("/etc/supervisor/conf.d/drc_supervisor.ini")
	n.boot().waitReady()
	out, _ := n.must(0, "status")
	for _, program := range []string{"nginx", "oms_console", "oms_drc_cm", "oms_drc_supervisor", "sshd"} {
		if !regexp.MustCompile(`(?m)^` + program + ` +\S+ +READY `).MatchString(out) {
			t.Errorf("%s is not ready:\n%s", program, out)
		}
	}
	if after := n.read("/etc/supervisor/conf.d/drc_supervisor.ini"); after != before {
		t.Errorf("the image's program file was changed:\n%s", after)
	}
	if out, err := exec.Command("supervisorctl", "-s", "http://127.0.0.1:8084",
		"status").CombinedOutput(); !strings.Contains(string(out), "oms_drc_cm") {
		t.Errorf("supervisorctl: %v\n%s", err, out)
	}
}

// TestSlowComponents: components that need 90 s until they are ready, one after the other where one waits for another,
// are waited for. Their time and the limits of the reference pack are scaled down together: thirty times as fast.
func TestSlowComponents(t *testing.T) {
	const scale, slow = 30, 90
	if most := 2 * slow * time.Second; flow.DefaultReadyTimeout < 2*most { // the agent waits for the CM
		t.Errorf("step 4 waits %s in all, and the components need %s", flow.DefaultReadyTimeout, most)
	}
	n := newNode(t, testmaria.Start(t))
	text, err := fs.ReadFile(scripts.Pack, "supervisor/omsinit.ini")
	if err != nil {
		t.Fatal(err)
	}
	limits := 0
	scaled := regexp.MustCompile(`ready_timeout=(\d+)`).ReplaceAllStringFunc(string(text), func(limit string) string {
		seconds, _ := strconv.Atoi(strings.TrimPrefix(limit, "ready_timeout="))
		if seconds < slow { // nginx and sshd, which are no JVMs
			return limit
		}
		limits++
		return fmt.Sprint("ready_timeout=", seconds/scale)
	})
	if limits != 3 {
		t.Fatalf("%d of three components may take %d s:\n%s", limits, slow, text)
	}
	n.writeFile("/usr/share/omsinit/pack/supervisor/omsinit.ini", scaled)
	n.env = append(n.env, fmt.Sprint("OMS_STANDIN_START_DELAY=", slow/scale))
	start := time.Now()
	r := n.boot()
	r.waitReady()
	if took := time.Since(start); took < 2*slow/scale*time.Second {
		t.Errorf("ready after %s: the components were not slow", took)
	}
	if strings.Contains(r.out.String(), "attempt") {
		t.Errorf("it took another attempt:\n%s", r.out)
	}
	ended := regexp.MustCompile(`(?m)^.*"program ended".*\b(?:oms_console|oms_drc_cm|oms_drc_supervisor)\b.*`)
	if lines := ended.FindAllString(n.read("/home/admin/logs/omsinit.log"), -1); len(lines) > 0 {
		t.Errorf("components were ended:\n%s", strings.Join(lines, "\n"))
	}
}
