package supervise

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

func TestCommandAndLogProbes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:command]
command=sleep 1000
directory=%(here)s
environment=WHERE=good
startsecs=0
[omsinit:command]
ready_command=/bin/sh -c 'echo looking for $WHERE; test -e $WHERE'
ready_interval=0.1
[program:hangs]
command=sleep 1000
startsecs=0
[omsinit:hangs]
ready_command=/bin/sh -c 'sleep 1001 & sleep 1001'
ready_attempt_timeout=0.2
[program:log]
command=/bin/sh -c 'echo starting; while ! test -e %(here)s/good; do sleep 0.05; done; printf "Server "; sleep 0.1; echo "started in 3 s" >&2; echo "Server started in 4 s"; exec sleep 1000'
startsecs=0
[omsinit:log]
ready_log=started in [0-9]+ s$
[program:unrotated]
command=/bin/sh -c 'echo up; exec sleep 1000'
startsecs=0
stdout_logfile_maxbytes=0
stderr_logfile=/dev/stderr
[omsinit:unrotated]
ready_log=^up$
`).start()
	for name, want := range map[string]string{"command": "exit status 1: looking for good",
		"hangs": "did not end within 200ms"} {
		h.until(name+" was asked", func() bool { return !h.program(name).ProbeAnswer.IsZero() })
		if p := h.program(name); p.Ready || !strings.Contains(p.ProbeAnswer.English, want) {
			t.Errorf("%s: ready %t, answer %s", name, p.Ready, p.ProbeAnswer)
		}
	}
	h.until("unrotated is ready", func() bool { return h.program("unrotated").Ready })
	if h.program("log").Ready {
		t.Error("ready before its line")
	}
	h.write("good", "")
	for _, name := range []string{"command", "log"} {
		h.until(name+" is ready", func() bool { return h.program(name).Ready })
	}
	if p := h.program("log"); !strings.Contains(p.ProbeAnswer.English, "started in") {
		t.Errorf("%+v", p)
	}
	// Each run needs a line of its own.
	os.Remove(h.path("good"))
	h.client.Restart(background, []string{"log"}, client.OperationOptions{RunningOnly: true}, nil)
	if h.program("log").Ready {
		t.Error("ready after a restart, by a line of the run before")
	}
	h.write("good", "")
	h.until("it is ready again", func() bool { return h.program("log").Ready })
	if code := h.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

func TestLiveness(t *testing.T) {
	t.Parallel()
	var sick atomic.Bool
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer web.Close()
	h := newHouse(t, fmt.Sprintf(`
[program:p]
command=/bin/sh -c 'trap "" TERM; while :; do sleep 0.05; done'
startsecs=0
stopwaitsecs=1
autorestart=false
[omsinit:p]
ready_http=%[1]s/
ready_any_process=true
ready_status=200,204
alive_http=%[1]s/
alive_status=204
alive_interval=0.05
alive_failures=2
`, web.URL)).start()
	h.until("it is ready", func() bool { return h.program("p").Ready })
	first := h.program("p").PID
	sick.Store(true)
	h.until("it is stopped", func() bool { p := h.program("p"); return p.State == "STOPPING" && !p.Ready })
	if p := h.program("p"); p.Reason.IsZero() ||
		!strings.Contains(p.Reason.English, "the liveness probe "+web.URL+"/ failed 2 times in a row") {
		t.Errorf("reason %v", p.Reason)
	}
	sick.Store(false)
	h.until("it has a successor", func() bool { p := h.program("p"); return p.Ready && p.PID != first })
	// A stop by a person, while the probe fails, stays a stop.
	sick.Store(true)
	h.until("it is stopped again", func() bool { return h.program("p").State == "STOPPING" })
	if err := h.client.Stop(background, []string{"p"}, client.OperationOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	h.awaitState("p", api.Stopped)
}

func TestExitOnFatal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command   string
		essential bool
		exit      bool
		want      int
	}{
		"its own status": {"/bin/sh -c 'exit 7'", true, true, 7},
		"a signal":       {"/bin/sh -c 'kill -9 $$'", true, true, 137},
		"no status":      {"/no/such/file", true, true, 1},
		"status 0":       {"true", true, true, 1},
		"not essential":  {"/bin/sh -c 'exit 7'", false, true, -1},
		"stay":           {"/bin/sh -c 'exit 7'", true, false, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, fmt.Sprintf(
				"[program:p]\ncommand=%s\nstartretries=0\nautostart=false\n[omsinit:p]\nessential=%t\n"+
					"[program:other]\ncommand=sleep 1000\nstartsecs=0\n", test.command, test.essential))
			h.run.ExitOnFatal = test.exit
			h.start()
			other := h.awaitState("other", api.Running).PID
			go h.client.Start(background, []string{"p"}, client.OperationOptions{}, nil)
			if test.want < 0 {
				h.awaitState("p", api.Fatal)
				if err := h.client.Health(background, true); (err != nil) != test.essential {
					t.Errorf("live: %v", err)
				}
				return
			}
			if code := h.wait(); code != test.want {
				t.Errorf("exit status %d, want %d", code, test.want)
			}
			if syscall.Kill(other, 0) == nil {
				t.Error("the other program is still there")
			}
		})
	}
}

func TestFatalInStatus(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=/bin/sh -c 'echo out; echo it broke >&2; exit 3'\nstartretries=0\n").start()
	h.awaitState("p", api.Fatal)
	var out strings.Builder
	if err := h.client.PrintStatus(background, &out, "en", time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"exited too quickly (exit status 3", "p: exit status 3",
		"p: last lines of " + h.path("p-stderr.log"), "  it broke\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestPIDFile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	h.write("supervisord.conf", h.read("supervisord.conf")+"\n")
	conf := strings.Replace(h.read("supervisord.conf"), "[supervisord]\n",
		"[supervisord]\npidfile=%(here)s/supervisord.pid\n", 1)
	h.write("supervisord.conf", conf)
	h.write("supervisord.pid", "99999999\n") // of a killed container
	h.start()
	h.until("the pid file is ours", func() bool { return h.read("supervisord.pid") == fmt.Sprintln(h.cmd.Process.Pid) })
	h.stop(syscall.SIGTERM)
	if _, err := os.Stat(h.path("supervisord.pid")); !os.IsNotExist(err) {
		t.Errorf("the pid file is left: %v", err)
	}
}
