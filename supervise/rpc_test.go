package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ochinchina/supervisord/xmlrpcclient"

	"omsinit/supervise/api"
)

// ctl runs Debian's supervisorctl and checks what it prints and its exit
// status.
func (h *house) ctl(args string, status int, want string) {
	h.t.Helper()
	cmd := exec.Command("supervisorctl", append([]string{"-c", h.path("supervisord.conf")}, strings.Fields(args)...)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status || !regexp.MustCompile("^(?:"+want+")$").Match(out) {
		h.t.Errorf("supervisorctl %s: exit status %d, want %d\n%s\nwant\n%s", args, got, status, out, want)
	}
}

func TestSupervisorctl(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("supervisorctl"); err != nil {
		t.Fatal("supervisorctl 4.2.5 is needed: apt-get install supervisor")
	}
	h := newHouse(t, `
[include]
files=%(here)s/more.ini
[program:a]
command=/bin/sh -c 'echo hello; printf "\033[1m\001bad\n"; echo bad >&2; exec sleep 1000'
startsecs=1
[program:b]
command=sleep 1000
startsecs=0
[program:g1]
command=sleep 1000
startsecs=0
autostart=false
[program:g2]
command=sleep 1000
startsecs=0
autostart=false
[group:g]
programs=g1,g2
[program:quick]
command=false
autostart=false
startretries=0
[program:nofile]
command=/no/such/file
autostart=false
[program:noexec]
command=%(here)s/noexec
autostart=false
`)
	h.write("more.ini", "")
	h.write("noexec", "")
	os.Chmod(h.path("noexec"), 0o644)
	h.start()
	h.awaitState("a", api.Running)
	h.awaitState("b", api.Running)
	const started = `RUNNING   pid \d+, uptime 0:00:\d\d`
	h.ctl("status", 3, `a                                `+started+`
b                                `+started+`
g:g1                             STOPPED   Not started
g:g2                             STOPPED   Not started
noexec                           STOPPED   Not started
nofile                           STOPPED   Not started
quick                            STOPPED   Not started
`)
	h.ctl("status a b", 0, "a .*\nb .*\n")
	h.ctl("status nobody", 4, `nobody: ERROR \(no such process\)\n`)
	h.ctl("status g:*", 3, `g:g1 .*\ng:g2 .*\n`)
	h.ctl("version", 0, `4\.2\.5\n`)
	h.ctl("pid", 0, fmt.Sprintf("%d\n", h.cmd.Process.Pid))
	h.ctl("pid a", 0, fmt.Sprintf("%d\n", h.program("a").PID))
	h.ctl("pid nobody", 1, "No such process nobody\n")
	h.ctl("pid quick", 7, "0\n")

	h.ctl("stop a", 0, "a: stopped\n")
	h.ctl("stop a", 0, `a: ERROR \(not running\)\n`)
	h.ctl("status a", 3, `a                                STOPPED   [A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M\n`)
	h.ctl("start a", 0, "a: started\n")
	h.ctl("start a", 0, `a: ERROR \(already started\)\n`)
	h.ctl("start nobody", 1, `nobody: ERROR \(no such process\)\n`)
	h.ctl("stop nobody", 1, `nobody: ERROR \(no such process\)\n`)
	h.ctl("start quick", 7, `quick: ERROR \(spawn error\)\n`)
	h.ctl("status quick", 3, `quick                            FATAL     Exited too quickly \(process log may have details\)\n`)
	h.ctl("start nofile", 1, `nofile: ERROR \(no such file\)\n`)
	h.ctl("start noexec", 1, `noexec: ERROR \(file is not executable\)\n`)
	h.ctl("restart a b", 0, "a: stopped\nb: stopped\na: started\nb: started\n")
	h.ctl("start g:*", 0, "g:g[12]: started\ng:g[12]: started\n")
	h.ctl("start nogroup:*", 2, `nogroup: ERROR \(no such group\)\n`)
	h.ctl("stop g:g1 g:g2", 0, "g:g1: stopped\ng:g2: stopped\n")
	h.ctl("signal HUP nobody", 1, `nobody: ERROR \(no such process\)\n`)
	h.ctl("signal NOSUCH a", 1, `a: ERROR \(bad signal name\)\n`)
	h.ctl("signal USR2 quick", 7, `quick: ERROR \(not running\)\n`)
	before := h.program("b").PID
	h.ctl("signal KILL b", 0, "b: signalled\n")
	h.until("b has a successor", func() bool { p := h.program("b"); return p.PID != before && p.State == "RUNNING" })

	h.ctl("tail a", 0, `(hello\n\?\[1m\?bad\n)+\n`)
	h.ctl("tail -4 a", 0, `bad\n\n`)
	h.ctl("tail a stderr", 0, `(bad\n)+\n`)
	h.ctl("tail g:g2 stderr", 0, `\n`)
	h.ctl("tail quick", 0, `\n`)
	h.ctl("tail nofile", 1, `nofile: ERROR \(no log file\)\n`)
	h.ctl("tail nobody", 1, `nobody: ERROR \(no such process name\)\n`)
	h.ctl("maintail -20", 0, `.*\n(.*\n)*`)
	h.ctl("clear a", 0, "a: cleared\n")
	h.ctl("tail a", 0, `\n`)
	h.ctl("avail", 0, `(?s)a +in use    auto      999:999.*quick +in use    manual    999:999\n`)

	h.ctl("reread", 0, "No config updates to processes\n")
	h.write("more.ini", "[program:new]\ncommand=sleep 1000\nstartsecs=0\n[program:b]\ncommand=sleep 1001\n")
	h.ctl("reread", 0, "b: changed\nnew: available\n")
	h.ctl("update", 0, "b: stopped\nb: updated process group\nnew: added process group\n")
	h.ctl("status b new", 0, "b .* RUNNING .*\nnew .* RUNNING .*\n")
	h.ctl("remove new", 1, "ERROR: process/group still running: new\n")
	h.ctl("add new", 0, "ERROR: process group already active\n")
	h.write("more.ini", "")
	h.ctl("update", 0, "new: stopped\nnew: removed process group\nb: stopped\nb: updated process group\n")
	h.write("more.ini", "[program:bad]\n")
	h.ctl("reread", 1, `(?s)ERROR: CANT_REREAD: .*more\.ini:1: \[program:bad\].*`)
	h.write("more.ini", "")
	h.ctl("restart all", 7, `(?:\S+: (?:stopped|started)\n)+(?:quick|nofile|noexec): ERROR .*\n(?s:.*)`)
	h.ctl("stop all", 0, "(?:a|b|g:g1|g:g2): stopped\n(?:[abg:12]+: stopped\n)+")
	h.ctl("reload", 0, "Restarted supervisord\n")
	h.awaitState("a", api.Running)
	h.ctl("shutdown", 0, "Shut down\n")
	if code := h.wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	h.ctl("status", 4, `(?s).*(refused connection|no such file).*`)
}

func TestSupervisorctlFollows(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=/bin/sh -c 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.1; done'\nstartsecs=0\n").start()
	h.awaitState("p", api.Running)
	h.until("there is a log", func() bool { return h.read("p-stdout.log") != "" })
	var out buffer
	cmd := exec.Command("supervisorctl", "-c", h.path("supervisord.conf"), "tail", "-f", "p")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	h.until("it follows", func() bool { return strings.Contains(out.String(), "line 15\n") })
	if text := out.String(); !strings.Contains(text, "line 14\nline 15\n") {
		t.Errorf("%s", text)
	}
	if code := h.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

func TestXMLRPCClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\nstartsecs=0\n[program:q]\ncommand=sleep 1000\nautostart=false\nstartsecs=0\n").start()
	h.awaitState("p", api.Running)
	c := xmlrpcclient.NewXMLRPCClient("unix://"+h.path("s.sock"), true)
	c.SetTimeout(10 * time.Second)
	all, err := c.GetAllProcessInfo()
	if err != nil || len(all.Value) != 2 || all.Value[0].Name != "p" || all.Value[0].Statename != "RUNNING" || all.Value[0].Pid == 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if r, err := c.ChangeProcessState("start", "q"); err != nil || !r.Value {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.ChangeProcessState("start", "q"); err == nil || !strings.Contains(err.Error(), "60: ALREADY_STARTED") {
		t.Errorf("%v", err)
	}
	if info, err := c.GetProcessInfo("q"); err != nil || info.State != 20 {
		t.Errorf("%+v, %v", info, err)
	}
	if r, err := c.SignalProcess("HUP", "q"); err != nil || !r.Success {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.ReloadConfig(); err != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.Shutdown(); err != nil || !r.Value {
		t.Errorf("%+v, %v", r, err)
	}
	h.wait()
}

// Whatever is sent, the answer is a fault, and PID 1 lives on.
func TestXMLRPCBadInput(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\nautostart=false\nstartsecs=0\n").start()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return net.Dial("unix", h.path("s.sock"))
	}}}
	call := func(method, params string) string {
		return "<?xml version='1.0'?><methodCall><methodName>" + method + "</methodName><params>" + params + "</params></methodCall>"
	}
	const array = "<param><value><array><data><value><int>1</int></value></data></array></value></param>"
	const structure = "<param><value><struct><member><name>x</name><value><int>1</int></value></member></struct></value></param>"
	for body, want := range map[string]string{
		"":                                     "INCORRECT_PARAMETERS",
		"not xml":                              "INCORRECT_PARAMETERS",
		"<methodCall/>":                        "UNKNOWN_METHOD",
		call("nonsense", ""):                   "UNKNOWN_METHOD",
		call("supervisor.nonsense", ""):        "UNKNOWN_METHOD",
		call("RPC.Shutdown", ""):               "UNKNOWN_METHOD",
		call("a.b.c", ""):                      "UNKNOWN_METHOD",
		call("supervisor.startProcess", ""):    "BAD_NAME",
		call("supervisor.startProcess", array): "(INCORRECT_PARAMETERS|FAILED)",
		call("supervisor.startProcess", structure):                                                 "(INCORRECT_PARAMETERS|FAILED)",
		call("supervisor.startAllProcesses", array):                                                "(INCORRECT_PARAMETERS|FAILED)",
		call("supervisor.startAllProcesses", "<param><value><string>yes</string></value></param>"): "INCORRECT_PARAMETERS",
		call("supervisor.readProcessLog", "<param><value>p</value></param><param><value><int>-5</int></value></param><param><value><int>7</int></value></param>"): "NO_FILE",
		call("supervisor.stopProcess", "<param><value>&lt;&#x7f;&gt;</value></param>"):                                                                            "BAD_NAME",
		call("supervisor.stopProcess", "<param><value>&#x7;</value></param>"):                                                                                     "INCORRECT_PARAMETERS",
		strings.Repeat("x", 2<<20): "INCORRECT_PARAMETERS",
	} {
		resp, err := client.Post("http://x/RPC2", "text/xml", strings.NewReader(body))
		if err != nil {
			t.Errorf("%.100s: %v", body, err)
			continue
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || !regexp.MustCompile("<fault>.*"+want).Match(answer) {
			t.Errorf("%.100s: %s %s, want %s", body, resp.Status, answer, want)
		}
	}
	if p := h.program("p"); p.State != "STOPPED" {
		t.Errorf("a bad request has started the program: %s", p.State)
	}
}
