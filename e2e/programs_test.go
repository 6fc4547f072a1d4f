package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
)

// bareNode has programs of its own and no OMS: its initialisation fails and
// waits for a person, and its early programs run.
func bareNode(t *testing.T, sections string) *node {
	t.Helper()
	root, err := os.MkdirTemp("", "oms-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	n := &node{t: t, root: root, env: []string{"PATH=" + os.Getenv("PATH"), "OMS_LANG=en"}}
	n.writeFile("/etc/supervisor/supervisord.conf",
		fmt.Sprintf("[unix_http_server]\nfile=%[1]s/s\n[supervisord]\nlogfile=%[1]s/log\n%[2]s", root, sections))
	return n
}

// expect runs a command and checks its exit status and what it says.
func (n *node) expect(status int, text string, args ...string) {
	n.t.Helper()
	out, errOut, got := n.omsinit(args...)
	if got != status || !strings.Contains(out+errOut, text) {
		n.t.Errorf("omsinit %s: status %d, want %d with %q\n%s%s", strings.Join(args, " "), got, status, text,
			out, errOut)
	}
}

// Each of the operator's commands, on the real binary.
func TestProgramCommands(t *testing.T) {
	n := bareNode(t, `
[program:speaks]
command=/bin/sh -c 'trap "echo hup" HUP; i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo "line $i"; done; echo err >&2; while :; do sleep 0.05; done'
startsecs=0
[omsinit:speaks]
early=true
[program:broken]
command=/bin/sh -c 'echo it broke >&2; exit 3'
startretries=0
[omsinit:broken]
early=true
`)
	r := n.boot()
	r.waitOutput("initialise again")
	eventually(t, "the last line",
		func() bool { out, _, _ := n.omsinit("tail", "speaks"); return strings.Contains(out, "line 30\n") })

	n.expect(0, "line 29\nline 30\n", "tail", "-n", "2", "speaks")
	n.expect(0, "err\n", "tail", "speaks", "stderr")
	n.expect(1, "there is no program nobody; there are broken, speaks", "tail", "nobody")
	n.expect(64, "give a program", "tail")
	n.expect(64, "give a program", "tail", "speaks", "stdin")
	n.expect(0, "==> broken stderr", "logs")
	n.expect(0, "it broke\n", "logs", "broken")
	n.expect(64, "--lines", "logs", "-n", "0")
	n.expect(0, "", "signal", "HUP", "speaks")
	eventually(t, "the answer to the signal",
		func() bool { out, _, _ := n.omsinit("tail", "speaks"); return strings.Contains(out, "hup") })
	n.expect(1, `"NOSUCH" is not a signal`, "signal", "NOSUCH", "speaks")
	n.expect(1, "it does not run", "signal", "HUP", "broken")
	n.expect(64, "give a signal", "signal", "HUP")
	n.expect(0, "healthy", "healthcheck", "--live")
	n.expect(1, "initialisation: failed", "healthcheck")
	n.expect(1, "broken is FATAL and not ready", "healthcheck")
	n.expect(0, "broken: last lines of", "status")
	n.expect(0, `"last_lines": "it broke"`, "status", "--output", "json")
	n.expect(64, "--watch prints text only", "status", "--watch", "--output", "json")

	for name, args := range map[string][]string{
		"speaks: 1": {"status", "--watch", "--interval", "100ms"}, "line 30\n": {"tail", "--follow", "speaks"},
		"speaks stderr | err\n": {"logs", "-f"},
	} {
		cmd, out := n.command(args...), &screen{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSuffix(name, ": 1")
		eventually(t, strings.Join(args, " "), func() bool {
			return strings.Contains(out.String(), want) && (want == name || strings.Count(out.String(), want) > 2)
		})
		cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("omsinit %s after Ctrl-C: %v", strings.Join(args, " "), err)
		}
	}
	// A second run in the same container.
	n.expect(1, fmt.Sprintf("pid %d holds", r.cmd.Process.Pid), "run")
	if status := r.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	n.expect(1, "omsinit run is not running here", "healthcheck", "--live")
}

// TestBrokenProgramFile: a line that cannot be used takes its program down and nothing else, every command says so, and
// supervisorctl update brings the program up once the line is mended.
func TestBrokenProgramFile(t *testing.T) {
	const broken, mended = "[program:torn]\ncommand=sleep 1000\nstopsignal=HARD\nauto_start=no\n",
		"[program:torn]\ncommand=sleep 1000\n"
	n := bareNode(t, "log_level=info\n[include]\nfiles=%(here)s/conf.d/*.ini\n[omsinit:good]\nearly=true\n[omsinit:torn]\nearly=true\n"+
		"[supervisorctl]\nserverurl=unix://%(here)s/../../s\n[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n")
	n.writeFile("/etc/supervisor/conf.d/good.ini", "[program:good]\ncommand=sleep 1000\n")
	n.writeFile("/etc/supervisor/conf.d/torn.ini", broken)
	r := n.boot()
	r.waitOutput("initialise again")
	eventually(t, "the good program",
		func() bool { out, _, _ := n.omsinit("status"); return strings.Contains(out, "good  RUNNING") })
	n.expect(0, `torn.ini:3: [program:torn] stopsignal: "HARD" is not a signal`, "status")
	n.expect(0,
		"torn.ini:4: [program:torn] auto_start: this option is not known and is ignored: did you mean autostart?",
		"status")
	n.expect(1, "torn is FATAL and not ready", "healthcheck")
	n.expect(1, "torn.ini:3", "start", "torn")
	n.expect(3, "[program.broken]", "check")
	n.expect(3, "[program.ignored]", "check")
	n.writeFile("/etc/supervisor/conf.d/torn.ini", mended)
	out, err := exec.Command("supervisorctl", "-c", filepath.Join(n.root, "etc/supervisor/supervisord.conf"),
		"update").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "torn: updated process group") {
		t.Errorf("supervisorctl update: %v\n%s", err, out)
	}
	eventually(t, "the mended program",
		func() bool { out, _, _ := n.omsinit("status"); return strings.Contains(out, "torn  RUNNING") })
	if status := r.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	n.writeFile("/etc/supervisor/conf.d/torn.ini", broken+"[omsinit:torn]\nessential=true\n")
	n.expect(1, "", "run", "--on-fatal", "exit")
}

func TestOnFatalExit(t *testing.T) {
	const sections = "[program:p]\ncommand=/bin/sh -c 'exit 7'\nstartretries=0\n[omsinit:p]\nearly=true\nessential=true\n"
	n := bareNode(t, sections)
	n.expect(7, "", "run", "--on-fatal", "exit")
	n.env = append(n.env, "OMSINIT_ON_FATAL=exit")
	n.expect(7, "", "run")
	n.expect(64, "--on-fatal is stay or exit", "run", "--on-fatal", "explode")
}

func TestStopTimeout(t *testing.T) {
	n := bareNode(t, "[program:p]\ncommand=/bin/sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.05; done'\nstopwaitsecs=600\n[omsinit:p]\nearly=true\n")
	for _, bad := range []string{"soon", "0", "-1s", "2h"} {
		n.env = append(n.env, "OMSINIT_STOP_TIMEOUT="+bad)
		n.expect(64, "OMSINIT_STOP_TIMEOUT", "run")
	}
	n.env = append(n.env, "OMSINIT_STOP_TIMEOUT=0.5")
	r := n.boot()
	eventually(t, "the program",
		func() bool { out, _, _ := n.omsinit("tail", "p"); return strings.Contains(out, "up") })
	began := time.Now()
	if status := r.stop(); status != 0 || time.Since(began) > 60*time.Second {
		t.Errorf("exit status %d after %s", status, time.Since(began))
	}
}

// The image's own PID 1 is still there: init works all the same.
func TestInitUnderPythonSupervisord(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	r := n.boot()
	r.waitReady()
	if status := r.stop(); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	files, err := filepath.Glob(n.path("/etc/supervisor/conf.d/*.ini"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var kept []string
		for _, line := range strings.Split(string(data), "\n") {
			// Everything in a moved tree runs as whoever started it, and the
			// test should not wait for ten seconds.
			if !strings.HasPrefix(line, "user=") && !strings.HasPrefix(line, "startsecs=") {
				kept = append(kept, line)
			}
		}
		if err := os.WriteFile(file, []byte(strings.Join(kept, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	supervisord := exec.Command("supervisord", "-n", "-c", n.path("/etc/supervisor/supervisord.conf"))
	supervisord.Env = append(n.env, "OMSINIT_ROOT="+n.root)
	out := &screen{}
	supervisord.Stdout, supervisord.Stderr = out, out
	if err := supervisord.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		supervisord.Process.Signal(syscall.SIGTERM)
		supervisord.Wait()
		if t.Failed() {
			t.Logf("supervisord:\n%s", out)
		}
	}()
	eventually(t, "supervisord", func() bool { _, _, status := n.omsinit("status"); return status == 0 })
	n.expect(0, "supervised by supervisord 4.2.5", "status")
	n.expect(0, "all components are ready", "init")
	n.expect(0, "all components are ready, and run with their current files", "init")
	n.expect(0, "healthy", "healthcheck")
	if _, healthy := n.health(); !healthy {
		t.Error("the console is not healthy")
	}
	changed := time.Now().Add(time.Second)
	if err := os.Chtimes(n.path("/home/ds/ghana/config/application-oms.properties"), changed, changed); err != nil {
		t.Fatal(err)
	}
	n.expect(0, "RESTART NEEDED", "status")
	n.expect(0, "restarting oms_console\n", "init")
	n.expect(0, "oms_console: STOPPED", "stop", "oms_console")
	n.expect(1, "oms_console is STOPPED and not ready", "healthcheck")
	n.expect(0, ", ready (", "start", "oms_console")
}
