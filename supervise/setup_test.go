package supervise

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// report is a line of shell that reports as the process $1 does. The real
// client does it in Go.
func (h *house) reporter() string {
	return h.write("report", `#!/bin/sh
exec curl -sS --unix-socket `+h.path("s.sock")+` -d "$1" http://x/v1/setup
`)
}

// setupScript is a setup task made of shell lines; report STATE PASSING tells
// PID 1, and $n counts the attempts.
func (h *house) setupScript(lines string) {
	h.run.SetupArgv = []string{h.write("setup", `#!/bin/sh
echo x >> `+h.path("attempts")+`
n=$(wc -l < `+h.path("attempts")+`)
report() { `+h.reporter()+` "{\"pid\":$$,\"state\":\"$1\",\"passing\":$2,\"step\":2,\"step_name\":{\"en\":\"metadb\"},\"message\":{\"en\":\"no answer\",\"zh\":\"无应答\"}}" >/dev/null; }
`+lines)}
	h.run.ReadyLine = "everything started"
}

func (h *house) awaitSetup(state string) api.SetupStatus {
	h.t.Helper()
	h.until("setup is "+state, func() bool { s := h.status().Setup; return s != nil && s.State == state })
	return *h.status().Setup
}

func TestSetupSucceeds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:held]
command=sleep 1000
startsecs=0
[program:early]
command=sleep 1000
startsecs=0
[omsinit:early]
early=true
[program:stopped]
command=sleep 1000
startsecs=0
`)
	h.setupScript("echo from the task\nwhile ! test -e " + h.path("go") + "; do sleep 0.02; done\necho last words\n")
	h.run.Hold = h.write("hold", "")
	h.start()
	h.awaitState("early", api.Running)
	h.until("the task runs", func() bool { return strings.Contains(h.out.String(), "from the task") })
	if st := h.status(); h.program("held").State != "STOPPED" || !st.Waiting || st.Setup.State != api.SetupRunning {
		t.Errorf("status %s", h.describe())
	}
	// A person cannot start what waits; what the task starts and stops stays
	// that way.
	if err := h.restart("stopped"); err == nil ||
		!strings.Contains(err.Error(), "programs wait until the initialisation has succeeded") {
		t.Errorf("started although it waits: %v", err)
	}
	if err := h.client.Restart(background, []string{"stopped"}, client.OperationOptions{Setup: true}, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.client.Stop(background, []string{"stopped"}, client.OperationOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	h.write("go", "")
	h.awaitSetup(api.SetupDone)
	h.awaitState("held", api.Running)
	if st := h.status(); h.program("stopped").State != "STOPPED" || st.Waiting {
		t.Errorf("status %s", h.describe())
	}
	if out := h.out.String(); out != "from the task\nlast words\neverything started\n" {
		t.Errorf("output %q", out)
	}
	// A later run by hand says nothing more.
	h.manual("running")
	h.manual("done")
	h.stop(syscall.SIGTERM)
	if out := h.out.String(); strings.Count(out, "everything started") != 1 ||
		!strings.HasSuffix(out, "everything started\n") {
		t.Errorf("output %q", out)
	}
}

// manual reports as a run by hand, which is the test itself.
func (h *house) manual(state string) {
	h.t.Helper()
	err := h.client.ReportSetup(background, api.SetupReport{State: state, Step: 3,
		Message: msg.Text{English: "by hand"}})
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestSetupRetriesWhatMayPass(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	h.setupScript("echo attempt $n\nreport running false\ntest $n -ge 3 && exit 0\nreport failed true\nexit 1\n")
	h.start()
	h.awaitSetup(api.SetupDone)
	out := strings.Split(strings.TrimSpace(h.out.String()), "\n")
	if len(out) != 4 || out[0] != "attempt 1" ||
		!strings.HasPrefix(out[1], "setup attempt 1 failed: no answer; next attempt in 1 s") ||
		!strings.HasPrefix(out[2], "setup attempt 2 failed: no answer; next attempt in 2 s") ||
		out[3] != "everything started" {
		t.Errorf("output %q", out)
	}
}

// TestSetupThatWasKilled: what the kernel, or a person, has killed is tried again, and so is a Go program that aborted.
func TestSetupThatWasKilled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	h.setupScript("case $n in 1) kill -9 $$;; 2) exit 2;; esac\n")
	h.start()
	h.awaitSetup(api.SetupDone)
	if out := h.out.String(); !strings.Contains(out, "setup attempt 1 failed") || !strings.Contains(out, "SIGKILL") ||
		!strings.Contains(out, "setup attempt 2 failed") {
		t.Errorf("output %q", out)
	}
}

func TestSetupWaitsForAPerson(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ lines, want string }{
		"says so":        {"report failed false\nexit 1\n", "no answer"},
		"says not":       {"report running false\nexit 5\n", "ended without saying why (exit status 5)"},
		"is not running": {"", "cannot run"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "")
			h.setupScript(test.lines)
			if test.lines == "" {
				h.run.SetupArgv = []string{"/no/such/setup"}
			}
			h.start()
			st := h.awaitSetup(api.SetupWaiting)
			if st.Message.IsZero() || !strings.Contains(st.Message.English, test.want) || st.NextTry != nil {
				t.Errorf("setup %+v", st)
			}
			out := h.out.String()
			if !strings.HasSuffix(out, "run the setup by hand\n") ||
				name != "says so" && !strings.Contains(out, test.want) {
				t.Errorf("output %q", out)
			}
			h.manual("running")
			if st := h.status().Setup; st.State != api.SetupRunning || !st.ByHand || st.PID != os.Getpid() ||
				st.Step != 3 {
				t.Errorf("during a run by hand: %+v", st)
			}
			h.manual("failed")
			if st := h.status().Setup; st.State != api.SetupWaiting || st.Message.English != "by hand" {
				t.Errorf("after a failed run by hand: %+v", st)
			}
			h.manual("done")
			if st := h.status().Setup; st.State != api.SetupDone ||
				!strings.HasSuffix(h.out.String(), "everything started\n") {
				t.Errorf("after a run by hand: %+v, output %q", st, h.out.String())
			}
		})
	}
}

func TestRunByHandEndsTheRetrying(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	h.setupScript("report failed true\nexit 1\n")
	h.start()
	h.until("the third attempt waits",
		func() bool { s := h.status().Setup; return s.Attempt == 3 && s.State == api.SetupRetrying })
	h.manual("running")
	next := *h.status().Setup.NextTry
	h.until("the next attempt is put off", func() bool { s := h.status().Setup; return s.NextTry.After(next) })
	if n := h.status().Setup.Attempt; n != 3 {
		t.Errorf("attempt %d during a run by hand", n)
	}
	h.manual("done")
	if st := h.awaitSetup(api.SetupDone); st.Attempt != 3 || st.NextTry != nil {
		t.Errorf("setup %+v", st)
	}
	if code := h.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

func TestTermDuringSetup(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"willing":  "trap 'echo stopped >> $0.log; exit 1' TERM\ntouch $0.up\nwhile :; do sleep 0.05; done\n",
		"stubborn": "trap '' TERM\ntouch $0.up\nwhile :; do sleep 0.05; done\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "[program:p]\ncommand=sleep 1000\n[omsinit:p]\nearly=true\n")
			h.setupScript(lines)
			h.run.StopTimeout = 4 * time.Second
			h.start()
			h.awaitState("p", api.Running)
			h.until("the trap is set", func() bool { _, err := os.Stat(h.path("setup.up")); return err == nil })
			pid := h.status().Setup.PID
			if code := h.stop(syscall.SIGTERM); code != 0 {
				t.Errorf("exit status %d", code)
			}
			if syscall.Kill(pid, 0) == nil {
				t.Error("the setup task is still there")
			}
			if name == "willing" && h.read("setup.log") == "" {
				t.Error("the setup task was not told")
			}
			if out := h.out.String(); strings.Contains(out, "everything started") {
				t.Errorf("output %q", out)
			}
		})
	}
}

func TestStatusJSON(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\n[nonsense]\nx=y\n").start()
	h.awaitState("p", api.Running)
	data, err := json.Marshal(h.status())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"version":1`, `"name":"p"`, `"state":"RUNNING"`, `"state_code":20`, `"ready":true`,
		fmt.Sprintf(`"pid":%d`, h.cmd.Process.Pid), `not known`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s", want, data)
		}
	}
}

// Programs that the setup task starts count for the health, although they do not start by themselves.
func TestHealthOfWhatTheSetupTaskStarts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:broken]
command=false
autostart=false
startretries=0
[program:optional]
command=false
autostart=false
startretries=0
`)
	h.setupScript("exit 0")
	h.start()
	h.awaitSetup(api.SetupDone)
	_ = h.client.Start(background, []string{"all"}, client.OperationOptions{}, nil)
	h.awaitState("broken", api.Fatal)
	h.awaitState("optional", api.Fatal)
	if err := h.client.Health(background, false); err != nil {
		t.Errorf("health: %v", err)
	}
	for _, state := range []string{api.SetupRunning, api.SetupDone} {
		if err := h.client.ReportSetup(background,
			api.SetupReport{State: state, Programs: []string{"broken"}}); err != nil {
			t.Fatal(err)
		}
		err := h.client.Health(background, false)
		if err == nil || !strings.Contains(err.Error(), "broken is FATAL") ||
			strings.Contains(err.Error(), "optional") {
			t.Errorf("health while the task is %s: %v", state, err)
		}
	}
}
