package supervise

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// startPython runs Debian's supervisord 4.2.5 on the house's files.
func (h *house) startPython() {
	h.t.Helper()
	cmd := exec.Command("supervisord", "-n", "-c", h.path("supervisord.conf"))
	cmd.Stdout, cmd.Stderr, cmd.Env = &h.out, &h.out, h.environ()
	if err := cmd.Start(); err != nil {
		h.t.Fatalf("supervisord 4.2.5 is needed: apt-get install supervisor: %v", err)
	}
	h.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if h.t.Failed() {
			h.t.Logf("supervisord:\n%s", h.out.String())
		}
	})
	h.until("supervisord answers", func() bool { _, err := h.client.Status(background); return err == nil })
}

// What init and the operator's commands do, against the PID 1 of an image
// whose entry point was not replaced.
func TestPythonSupervisord(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"socket", "TCP"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			var healthy atomic.Bool
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !healthy.Load() {
					http.Error(w, "still starting", http.StatusServiceUnavailable)
				}
			}))
			defer web.Close()
			h := newHouse(t, "")
			port := freePort(t)
			server := "[unix_http_server]\nfile=%(here)s/s.sock\n[supervisorctl]\nserverurl=unix://%(here)s/s.sock\n"
			if over == "TCP" {
				server = fmt.Sprintf("[inet_http_server]\nport=127.0.0.1:%d\nusername=me\npassword=secret\n"+
					"[supervisorctl]\nserverurl=http://127.0.0.1:%d\nusername=me\npassword=secret\n", port, port)
			}
			conf := func(more string) {
				h.write("supervisord.conf", server+`[supervisord]
logfile=%(here)s/supervisord.log
pidfile=%(here)s/supervisord.pid
childlogdir=%(here)s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:base]
command=/bin/sh -c 'echo "<out & more>"; printf "\001\n"; echo err >&2; exec sleep 1000'
autostart=false
startsecs=0
[program:top]
command=sleep 1000
autostart=false
startsecs=0
[program:broken]
command=/bin/sh -c 'echo it broke >&2; exit 3'
autostart=false
startretries=0
[omsinit:base]
ready_http=`+web.URL+`/
ready_any_process=true
files=%(here)s/file
[omsinit:top]
depends_on=base
`+more)
			}
			conf("")
			h.write("file", "1")
			h.client = client.DialFile(h.path("supervisord.conf"), h.path("absent.sock"))
			h.startPython()

			st := h.status()
			if st.Supervisor != "supervisord 4.2.5" || st.PID == 0 || len(st.Programs) != 3 ||
				h.program("base").State != "STOPPED" {
				t.Errorf("%s", h.describe())
			}
			if err := h.client.ReportSetup(background, api.SetupReport{State: api.SetupDone}); err != nil {
				t.Error(err)
			}
			var events []api.Event
			note := func(e api.Event) { events = append(events, e) }
			err := h.client.Start(background, []string{"base", "top"},
				client.OperationOptions{Timeout: 3 * time.Second}, note)
			for _, want := range []string{"base did not become ready within",
				"readiness probe " + web.URL + "/, last answer: " + web.URL + "/ answered 503",
				"top was not started within", "it waits for base", "<out & more>"} {
				if err == nil || !strings.Contains(err.Error(), want) && want != "<out & more>" {
					t.Errorf("no %q in: %v", want, err)
				}
			}
			healthy.Store(true)
			if err := h.client.Start(background, []string{"top", "base"}, client.OperationOptions{}, note); err != nil {
				t.Fatal(err)
			}
			first := h.program("base")
			if !first.Ready || first.State != "RUNNING" || !h.program("top").Ready {
				t.Errorf("%s", h.describe())
			}
			if !slices.ContainsFunc(
				events,
				func(e api.Event) bool { return e.Program == "top" && slices.Equal(e.WaitsFor, []string{"base"}) }) {
				t.Errorf("events %+v", events)
			}
			if first.Stale {
				t.Error("stale although nothing has changed")
			}
			h.write("file", "2")
			if !h.program("base").Stale {
				t.Error("not stale although a file has changed")
			}
			if err := h.client.Restart(background, []string{"all"}, client.OperationOptions{}, note); err == nil ||
				!strings.Contains(err.Error(), "broken could not be started: state FATAL") {
				t.Errorf("%v", err)
			}
			if p := h.program("base"); p.PID == first.PID || p.Stale || !p.Ready {
				t.Errorf("%+v", p)
			}

			top := h.program("top").PID
			if err := h.client.Signal(background, "TERM", []string{"top"}); err != nil {
				t.Error(err)
			}
			h.until("top was started again", func() bool { p := h.program("top"); return p.PID != 0 && p.PID != top })
			for _, bad := range [][2]string{{"NOSUCH", "base"}, {"TERM", "nobody"}, {"TERM", "broken"}} {
				if err := h.client.Signal(background, bad[0], []string{bad[1]}); err == nil {
					t.Errorf("%v: no error", bad)
				}
			}
			var out strings.Builder
			if err := h.client.Tail(background, "base", "stdout", client.LogOptions{Lines: 2}, &out); err != nil ||
				out.String() != "<out & more>\n?\n" {
				t.Errorf("%v %q", err, out.String())
			}
			h.followed("base", "<out & more>")
			out.Reset()
			if err := h.client.Logs(background, nil, client.LogOptions{Lines: 3}, &out); err != nil ||
				!strings.Contains(out.String(), "==> broken stderr") || !strings.Contains(out.String(), "it broke") {
				t.Errorf("%v %s", err, out.String())
			}
			if err := h.client.Health(background, false); err == nil ||
				!strings.Contains(err.Error(), "broken is FATAL") {
				t.Errorf("health: %v", err)
			}

			conf("[program:new]\ncommand=sleep 1000\nstartsecs=0\n")
			if r, err := h.client.Update(background); err != nil || !slices.Equal(r.Added, []string{"new"}) {
				t.Errorf("%+v %v", r, err)
			}
			h.awaitState("new", api.Running)
			conf("")
			if r, err := h.client.Update(background); err != nil || !slices.Equal(r.Removed, []string{"new"}) {
				t.Errorf("%+v %v", r, err)
			}
			if err := h.client.Stop(background, []string{"all"}, client.OperationOptions{}, nil); err != nil {
				t.Error(err)
			}
			if err := h.client.Start(background, []string{"nobody"}, client.OperationOptions{}, nil); err == nil ||
				!strings.Contains(err.Error(), "there is no program nobody; there are base, broken, top") {
				t.Errorf("%v", err)
			}
			if err := h.client.Shutdown(background); err != nil {
				t.Error(err)
			}
			h.until(
				"it is gone",
				func() bool { _, err := h.client.Status(background); return errors.Is(err, client.ErrNotRunning) })
		})
	}
}

// followed waits until following a log shows a line.
func (h *house) followed(program, line string) {
	h.t.Helper()
	var out buffer
	ctx, cancel := context.WithCancel(background)
	done := make(chan error, 1)
	go func() { done <- h.client.Tail(ctx, program, "stdout", client.LogOptions{Follow: true}, &out) }()
	h.until("the line is shown", func() bool { return strings.Contains(out.String(), line) })
	cancel()
	if err := <-done; err != nil {
		h.t.Errorf("an interrupted tail: %v", err)
	}
}

// The same commands against our own PID 1.
func TestClientLogsAndSignals(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:a]
command=/bin/sh -c 'i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo "line $i"; done; echo err >&2; trap "echo hup" HUP; while :; do sleep 0.05; done'
startsecs=0
[program:g1]
command=/bin/sh -c 'echo from g1; exec sleep 1000'
startsecs=0
[group:g]
programs=g1
[program:silent]
command=sleep 1000
stdout_logfile=NONE
stderr_logfile=NONE
startsecs=0
`).start()
	h.until("they speak", func() bool {
		return strings.Contains(h.read("a-stderr.log"), "err") && h.read("g1-stdout.log") != ""
	})
	var out strings.Builder
	if err := h.client.Tail(background, "a", "stdout", client.LogOptions{Lines: 2}, &out); err != nil ||
		out.String() != "line 49\nline 50\n" {
		t.Errorf("%v %q", err, out.String())
	}
	h.followed("a", "line 50")
	h.followed("g:g1", "from g1")
	if err := h.client.Signal(background, "HUP", []string{"a"}); err != nil {
		t.Error(err)
	}
	h.until("it got the signal", func() bool { return strings.Contains(h.read("a-stdout.log"), "hup") })
	if err := h.client.Signal(background, "99", []string{"all"}); err == nil {
		t.Error("signal 99 was sent")
	}
	out.Reset()
	if err := h.client.Logs(background, []string{"g:*", "silent"}, client.LogOptions{Lines: 5}, &out); err != nil ||
		out.String() != fmt.Sprintf("==> g:g1 stdout (%s) <==\nfrom g1\n\n", h.path("g1-stdout.log")) {
		t.Errorf("%v %q", err, out.String())
	}
	for _, test := range []struct{ err error }{
		{h.client.Tail(background, "nobody", "stdout", client.LogOptions{Lines: 1}, &out)},
		{h.client.Tail(background, "nobody", "stdout", client.LogOptions{Follow: true}, &out)},
		{h.client.Tail(background, "a", "stdin", client.LogOptions{Lines: 1}, &out)},
		{h.client.Tail(background, "silent", "stdout", client.LogOptions{Follow: true}, &out)},
		{h.client.Logs(background, []string{"nobody"}, client.LogOptions{Lines: 1}, &out)},
	} {
		if test.err == nil {
			t.Error("no error")
		}
	}
	var all buffer
	ctx, cancel := context.WithCancel(background)
	done := make(chan error, 1)
	go func() { done <- h.client.Logs(ctx, nil, client.LogOptions{Follow: true}, &all) }()
	h.until("all are followed", func() bool {
		return strings.Contains(all.String(), "a stdout | line 50") &&
			strings.Contains(all.String(), "g:g1 stdout | from g1") && strings.Contains(all.String(), "a stderr | err")
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	var watched buffer
	ctx, cancel = context.WithCancel(background)
	go func() { done <- h.client.Watch(ctx, &watched, "en", 20*time.Millisecond, false) }()
	h.until("it is printed again", func() bool { return strings.Count(watched.String(), "g:g1") >= 3 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := h.client.Health(background, false); err != nil {
		t.Error(err)
	}
	if err := h.client.Stop(background, []string{"silent"}, client.OperationOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.client.Health(background, false); err == nil ||
		!strings.Contains(err.Error(), "silent is STOPPED and not ready") {
		t.Errorf("health: %v", err)
	}
	if err := h.client.Health(background, true); err != nil {
		t.Error(err)
	}
	// Nobody is there: neither world.
	if err := client.DialFile(h.path("absent.conf"), h.path("absent.sock")).Health(background, true); !errors.Is(err,
		client.ErrNotRunning) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(h.path("absent.sock")); err == nil {
		t.Error("a client made a socket")
	}
}
