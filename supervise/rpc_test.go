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
	"omsinit/supervise/client"
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

// TestSupervisorctl looks at the exit statuses, and at what differs from Supervisor. TestSession has the rest.
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
	h.ctl("status nobody", 4, `nobody: ERROR \(no such process\)\n`)
	h.ctl("pid", 0, fmt.Sprintf("%d\n", h.cmd.Process.Pid))
	h.ctl("pid quick", 7, "0\n")
	h.ctl("stop a", 0, "a: stopped\n")
	h.ctl("start a", 0, "a: started\n")
	h.ctl("start quick", 7, `quick: ERROR \(spawn error\)\n`)
	h.ctl("start nofile", 1, `nofile: ERROR \(no such file\)\n`)
	h.ctl("start nogroup:*", 2, `nogroup: ERROR \(no such group\)\n`)
	h.ctl("signal NOSUCH a", 1, `a: ERROR \(bad signal name\)\n`)
	before := h.program("b").PID
	h.ctl("signal KILL b", 0, "b: signalled\n")
	h.until("b has a successor", func() bool { p := h.program("b"); return p.PID != before && p.State == "RUNNING" })
	// A terminal is safe from what a program prints.
	h.ctl("tail a", 0, `(hello\n\?\[1m\?bad\n)+\n`)
	h.ctl("maintail -20", 0, `.*\n(.*\n)*`)
	h.write("more.ini", "[program:bad]\n")
	h.ctl("update", 0, "bad: added process group\n")
	h.ctl("status bad", 3, `bad +FATAL +.*more\.ini:1: \[program:bad\] command.*\n`)
	h.write("more.ini", "[program:bad]\ncommand=sleep 1000\nstartsecs=0\n")
	h.ctl("update", 0, "bad: (stopped|updated process group)\n(.*\n)*")
	h.awaitState("bad", api.Running)
	h.ctl("shutdown", 0, "Shut down\n")
	if code := h.wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	h.ctl("status", 4, `(?s).*(refused connection|no such file).*`)
}

func TestSupervisorctlFollows(t *testing.T) {
	t.Parallel()
	h := newHouse(t,
		"[program:p]\ncommand=/bin/sh -c 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.1; done'\nstartsecs=0\n"+
			"[program:late]\ncommand=/bin/sh -c 'echo I am late; exec sleep 1000'\nstartsecs=0\nautostart=false\n").start()
	h.awaitState("p", api.Running)
	h.until("there is a log", func() bool { return h.read("p-stdout.log") != "" })
	var out, late buffer
	for name, into := range map[string]*buffer{"p": &out, "late": &late} {
		cmd := exec.Command("supervisorctl", "-c", h.path("supervisord.conf"), "tail", "-f", name)
		cmd.Stdout, cmd.Stderr = into, into
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
	}
	h.until("it follows", func() bool { return strings.Contains(out.String(), "line 15\n") })
	if text := out.String(); !strings.Contains(text, "line 14\nline 15\n") {
		t.Errorf("%s", text)
	}
	// A program that has never run has an empty log, as under Supervisor.
	h.until("it is asked", func() bool { return strings.Contains(late.String(), "Press Ctrl-C") })
	if err := h.client.Start(background, []string{"late"}, client.OperationOptions{}, nil); err != nil {
		t.Error(err)
	}
	h.until("the late one is followed", func() bool { return strings.Contains(late.String(), "I am late\n") })
	if code := h.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

func TestXMLRPCClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t,
		"[program:p]\ncommand=sleep 1000\nstartsecs=0\n[program:q]\ncommand=sleep 1000\nautostart=false\nstartsecs=0\n").start()
	h.awaitState("p", api.Running)
	c := xmlrpcclient.NewXMLRPCClient("unix://"+h.path("s.sock"), true)
	c.SetTimeout(10 * time.Second)
	all, err := c.GetAllProcessInfo()
	if err != nil || len(all.Value) != 2 || all.Value[0].Name != "p" || all.Value[0].Statename != "RUNNING" ||
		all.Value[0].Pid == 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if r, err := c.ChangeProcessState("start", "q"); err != nil || !r.Value {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.ChangeProcessState("start", "q"); err == nil ||
		!strings.Contains(err.Error(), "60: ALREADY_STARTED") {
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
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _,
		_ string) (net.Conn, error) {
		return net.Dial("unix", h.path("s.sock"))
	}}}
	call := func(method, params string) string {
		return "<?xml version='1.0'?><methodCall><methodName>" + method + "</methodName><params>" + params +
			"</params></methodCall>"
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
		call("supervisor.startProcess", ""):    "INCORRECT_PARAMETERS",
		call("supervisor.startProcess", array): "(INCORRECT_PARAMETERS|FAILED)",
		call(
			"supervisor.startProcess", structure): "(INCORRECT_PARAMETERS|FAILED)",
		call("supervisor.startAllProcesses",
			array): "(INCORRECT_PARAMETERS|FAILED)",
		call("supervisor.startAllProcesses",
			"<param><value><string>yes</string></value></param>"): "INCORRECT_PARAMETERS",
		call("supervisor.readProcessLog", "<param><value>p</value></param><param><value><int>-5</int></value></param><param><value><int>7</int></value></param>"): "BAD_ARGUMENTS",
		call(
			"supervisor.stopProcess", "<param><value>&lt;&#x7f;&gt;</value></param>"): "BAD_NAME",
		call(
			"supervisor.stopProcess", "<param><value>&#x7;</value></param>"): "INCORRECT_PARAMETERS",
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
