package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

func (h *house) restart(names ...string) error {
	h.t.Helper()
	return h.client.Restart(background, names, client.OperationOptions{Timeout: 30 * time.Second}, nil)
}

// Whatever state a restart comes in, the program runs afterwards.
func TestRestartInEveryState(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:starting]
command=sleep 1000
startsecs=2
[program:backoff]
command=/bin/sh -c 'test -e %(here)s/good && exec sleep 1000; exit 1'
startretries=1000
startsecs=1
[program:stopping]
command=/bin/sh -c 'trap "sleep 0.5; exit" TERM; echo up > %(here)s/up; while :; do sleep 0.05; done'
startsecs=0
[program:fatal]
command=/bin/sh -c 'test -e %(here)s/good && exec sleep 1000; exit 1'
startretries=0
[program:exited]
command=/bin/sh -c 'test -e %(here)s/good && exec sleep 1000; exit 0'
startsecs=0
[program:stopped]
command=sleep 1000
autostart=false
`).start()
	h.awaitState("starting", api.Starting)
	h.awaitState("backoff", api.Backoff)
	h.awaitState("fatal", api.Fatal)
	h.awaitState("exited", api.Exited)
	h.until("the trap is set", func() bool { return h.read("up") != "" })
	go h.client.Stop(background, []string{"stopping"}, client.OperationOptions{}, nil)
	h.awaitState("stopping", api.Stopping)
	h.write("good", "")
	if err := h.restart("starting", "backoff", "stopping", "fatal", "exited", "stopped"); err != nil {
		t.Fatal(err)
	}
	for _, p := range h.status().Programs {
		if p.State != "RUNNING" || !p.Ready {
			t.Errorf("%s is %s", p.Name, p.State)
		}
	}
}

// Restarts that come together are carried out one after the other.
func TestConcurrentRestarts(t *testing.T) {
	t.Parallel()
	h := newHouse(t,
		"[program:p]\ncommand=sleep 1000\nstartsecs=0\n[program:q]\ncommand=sleep 1000\nstartsecs=0\n").start()
	h.awaitState("p", api.Running)
	var all sync.WaitGroup
	for i := range 10 {
		names := []string{"p", "q"}
		if i%2 == 0 {
			names = []string{"q", "p"}
		}
		all.Go(func() {
			if err := h.restart(names...); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, name := range []string{"p", "q"} {
		if p := h.program(name); p.State != "RUNNING" || p.Starts != 11 {
			t.Errorf("%s is %s after %d starts", name, p.State, p.Starts)
		}
	}
}

func TestCrashRestartsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\nstartsecs=0\n").start()
	old := h.awaitState("p", api.Running).PID
	syscall.Kill(old, syscall.SIGKILL)
	h.until("a successor runs", func() bool { p := h.program("p"); return p.PID != 0 && p.PID != old })
	if p := h.program("p"); p.ExitSignal != "SIGKILL" || *p.ExitStatus != -1 {
		t.Errorf("last exit %v %v", *p.ExitStatus, p.ExitSignal)
	}
}

func TestFatalSaysWhy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:p]
command=/bin/sh -c 'echo out; i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo "line $i" >&2; done; exit 3'
startretries=0
startsecs=10
autostart=false
`).start()
	err := h.client.Start(background, []string{"p"}, client.OperationOptions{}, nil)
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, want := range []string{"p could not be started: state FATAL, exited too quickly (exit status 3",
		"last exit: exit status 3",
		"last lines of " + h.path("p-stderr.log"), "line 11\n", "line 20"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "line 10\n") || !strings.Contains(msg.Chinese.Text(err), "p 无法启动") {
		t.Errorf("%s\n%s", text, msg.Chinese.Text(err))
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var healthy atomic.Bool
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/json":
			fmt.Fprintf(w, `{"data":{"healthy":%t}}`, healthy.Load())
		case !healthy.Load():
			http.Error(w, "still starting", http.StatusServiceUnavailable)
		}
	}))
	defer web.Close()
	secure := httptest.NewTLSServer(web.Config.Handler)
	defer secure.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()

	h := newHouse(t, fmt.Sprintf(`
[program:http]
command=sleep 1000
startsecs=100
[omsinit:http]
ready_http=%[1]s/
ready_any_process=true
[program:json]
command=sleep 1000
[omsinit:json]
ready_http=%[1]s/json
ready_any_process=true
ready_json=data.healthy=true
[program:https]
command=sleep 1000
[omsinit:https]
ready_http=%[2]s/json
ready_any_process=true
ready_json=data.healthy = true
ready_insecure=true
[program:tcp]
command=sleep 1000
[omsinit:tcp]
ready_tcp=%[3]s
ready_any_process=true
[program:after]
command=sleep 1000
startsecs=0
[omsinit:after]
depends_on=http,json,https,tcp
`, web.URL, secure.URL, address)).start()
	for name, want := range map[string]string{"http": "503 Service Unavailable: still starting",
		"json":  "data.healthy = false instead of true",
		"https": "data.healthy = false instead of true", "tcp": "refused"} {
		h.until(name+" was asked", func() bool { return !h.program(name).ProbeAnswer.IsZero() })
		if p := h.program(name); p.Ready || !strings.Contains(p.ProbeAnswer.English, want) {
			t.Errorf("%s: ready %t, answer %s", name, p.Ready, p.ProbeAnswer)
		}
	}
	if p := h.program("after"); p.State != "STOPPED" || len(p.WaitsFor) != 4 {
		t.Errorf("after is %s and waits for %v", p.State, p.WaitsFor)
	}

	var events []api.Event
	err = h.client.Restart(background, []string{"http", "after"}, client.OperationOptions{Timeout: time.Second},
		func(e api.Event) { events = append(events, e) })
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"http did not become ready within",
		"readiness probe " + web.URL + "/, last answer: " + web.URL + "/ answered 503", "after was not started within",
		"it waits for http"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if len(events) < 3 {
		t.Errorf("events %+v", events)
	}

	healthy.Store(true)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	// What was asked for comes true, although the operation has given up.
	h.awaitState("after", api.Running)
	if p := h.program("http"); p.State != "STARTING" || !p.Ready {
		t.Errorf("http is %s, ready %t", p.State, p.Ready)
	}
	healthy.Store(false)
	if err := h.client.Stop(background, []string{"json"}, client.OperationOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if h.program("json").Ready {
		t.Error("ready after a stop")
	}
}

// The dependency fails for good: those that wait for it say so at once, and
// come up when a person has mended it.
func TestFailedDependency(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:base]
command=/bin/sh -c 'test -e %(here)s/good && exec sleep 1000; exit 1'
startretries=0
startsecs=1
[program:top]
command=sleep 1000
startsecs=0
[omsinit:top]
depends_on=base
`).start()
	h.awaitState("base", api.Fatal)
	err := h.restart("base", "top")
	if err == nil || !strings.Contains(err.Error(), "base could not be started") ||
		!strings.Contains(err.Error(), "top was not started: it waits for base, which is FATAL") {
		t.Errorf("%v", err)
	}
	h.write("good", "")
	if err := h.restart("base"); err != nil {
		t.Error(err)
	}
	h.awaitState("top", api.Running)
	if err := h.client.Stop(background, []string{"all"}, client.OperationOptions{}, nil); err != nil {
		t.Error(err)
	}
	err = h.client.Start(background, []string{"top"}, client.OperationOptions{}, nil)
	if err == nil || !strings.Contains(err.Error(),
		"it depends on base, which is STOPPED and not part of this operation; start base too") {
		t.Errorf("%v", err)
	}
	if err := h.client.Start(background, []string{"top", "base"}, client.OperationOptions{}, nil); err != nil {
		t.Error(err)
	}
}

func TestStopDoesNotWaitForAStartThatHangs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\nautostart=false\n[omsinit:p]\nready_tcp=127.0.0.1:1\n").start()
	started := make(chan error, 1)
	go func() {
		started <- h.client.Start(background, []string{"p"}, client.OperationOptions{Timeout: time.Hour}, nil)
	}()
	h.awaitState("p", api.Running)
	if err := h.client.Stop(background, []string{"p"}, client.OperationOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err == nil || !strings.Contains(err.Error(), "stopped meanwhile") {
		t.Errorf("%v", err)
	}
}

func TestReadyTimeout(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\nstartsecs=0\nautostart=false\n[omsinit:p]\nready_tcp=127.0.0.1:1\nready_timeout=1\n").start()
	err := h.client.Start(background, []string{"p"}, client.OperationOptions{Timeout: time.Hour}, nil)
	if err == nil || !strings.Contains(err.Error(), "p did not become ready within 1s: state RUNNING") {
		t.Errorf("%v", err)
	}
	if err := h.client.Restart(background, []string{"p"}, client.OperationOptions{RunningOnly: true}, nil); err != nil {
		t.Errorf("waiting for RUNNING only: %v", err)
	}
}

// An operation is finished although its client has left in the middle.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=/bin/sh -c 'trap \"sleep 0.3; exit\" TERM; echo up > %(here)s/up; while :; do sleep 0.05; done'\nstartsecs=0\n").start()
	h.until("the trap is set", func() bool { return h.read("up") != "" })
	ctx, leave := context.WithCancel(background)
	err := h.client.Restart(ctx, []string{"p"}, client.OperationOptions{}, func(e api.Event) {
		if e.State == "STOPPING" {
			leave()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	h.until("it was restarted", func() bool { p := h.program("p"); return p.Starts == 2 && p.State == "RUNNING" })
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\n[program:q]\ncommand=sleep 1000\n").start()
	for _, test := range []struct {
		names []string
		want  string
	}{
		{[]string{"p", "nobody", "x:*"}, "there is no program nobody, x:*; there are p, q"},
		{nil, "no program is named"},
	} {
		if err := h.restart(test.names...); err == nil ||
			err.Error() != test.want && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v", test.names, err)
		}
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\nstartsecs=0\n[omsinit:p]\nfiles=%(here)s/one, %(here)s/two\n")
	h.write("one", "1")
	h.start()
	h.awaitState("p", api.Running)
	for _, step := range []struct {
		change func()
		stale  bool
	}{
		{func() {}, false},
		{func() { h.write("one", "1") }, false},
		{func() { h.write("one", "2") }, true},
		{func() { h.restart("p") }, false},
		{func() { h.write("two", "") }, true},
		{func() { os.Remove(h.path("two")) }, false},
	} {
		step.change()
		if p := h.program("p"); p.Stale != step.stale {
			t.Errorf("stale %t, want %t", p.Stale, step.stale)
		}
	}
}

// A start script that does not exec: the program behind it holds the port a
// little longer, and the next one must not start before it is gone.
func TestGroupIsGoneBeforeTheNextStart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:p]
command=%(here)s/start
stopasgroup=true
startsecs=0
startretries=0
`)
	h.write("start", "#!/bin/sh\n"+h.path("server")+"\n")
	h.write("server", "#!/bin/sh\nmkdir "+h.path("port")+" || { echo taken >> "+h.path("bad")+"; exit 1; }\n"+
		"trap 'sleep 0.3; rmdir "+h.path("port")+"; exit' TERM\necho $$ > "+h.path("pid")+
		"\nwhile :; do sleep 0.05; done\n")
	h.start()
	for range 3 {
		h.until("it has the port", func() bool { return h.read("pid") != "" })
		os.Remove(h.path("pid"))
		if err := h.restart("p"); err != nil {
			t.Fatal(err)
		}
	}
	h.until("it has the port", func() bool { return h.read("pid") != "" })
	var pid int
	fmt.Sscan(h.read("pid"), &pid)
	os.Remove(h.path("port"))
	// The same after the script alone was killed.
	syscall.Kill(h.program("p").PID, syscall.SIGKILL)
	h.until("the program behind it is gone", func() bool { return syscall.Kill(pid, 0) != nil })
	h.until("there is another", func() bool { return h.program("p").Starts == 5 })
	if bad := h.read("bad"); bad != "" {
		t.Errorf("%s", bad)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "").start()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _,
		_ string) (net.Conn, error) {
		return net.Dial("unix", h.path("s.sock"))
	}}}
	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/restart", "not json", 400},
		{"POST", "/v1/restart", `{"names":["x"],"wait":"forever"}`, 400},
		{"POST", "/v1/restart", `{"names":["` + strings.Repeat("x", 2<<20) + `"]}`, 400},
		{"POST", "/v1/setup", `{"state":"done","pid":1}`, 200},
		{"GET", "/v1/restart", "", 405},
		{"GET", "/v2/status", "", 404},
		{"GET", "/RPC2", "", 405},
		{"GET", "/logtail/nobody", "", 404},
	} {
		req, err := http.NewRequest(test.method, "http://x"+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != test.status {
			t.Errorf("%s %s: %s %s", test.method, test.path, resp.Status, body)
		}
	}
	// Clients that send nothing hold up nobody.
	for range 50 {
		conn, err := net.Dial("unix", h.path("s.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "POST /v1/restart HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	}
	h.status()
}

// supervisorctl's start all waits for dependencies as ours does.
func TestStartAllOverXMLRPCKeepsTheOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:a]
command=/bin/sh -c 'test -e %(here)s/b.up && echo a >> %(here)s/order; exec sleep 1000'
autostart=false
startsecs=0
[program:b]
command=/bin/sh -c 'sleep 0.3; touch %(here)s/b.up; echo b >> %(here)s/order; exec sleep 1000'
autostart=false
startsecs=1
[omsinit:a]
depends_on=b
`).start()
	h.ctl("start all", 0, "[ab]: started\n[ab]: started\n")
	h.until("both are up", func() bool { return len(h.lines("order")) == 2 })
	if order := h.lines("order"); order[0] != "b" {
		t.Errorf("order %v", order)
	}
}

// A restart that cannot start the program again must not stop it first.
func TestRestartKeepsWhatItCannotStart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:base]
command=sleep 1000
startsecs=0
[program:top]
command=sleep 1000
startsecs=0
[omsinit:top]
depends_on=base
`).start()
	h.awaitState("top", api.Running)
	if err := h.client.Stop(background, []string{"base"}, client.OperationOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	before := h.program("top").PID
	if err := h.restart("top"); err == nil || !strings.Contains(err.Error(), "it depends on base") {
		t.Errorf("got %v", err)
	}
	if after := h.program("top").PID; after != before {
		t.Errorf("pid %d became %d", before, after)
	}
}

// A TERM while a restart waits for a stop: the rest of the programs still get
// their stop signal, and their time.
func TestTermDuringRestart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:base]
command=/bin/sh -c 'trap "echo bye > %(here)s/bye; exit 0" TERM; echo up > %(here)s/base; while :; do sleep 0.05; done'
startsecs=0
[program:slow]
command=/bin/sh -c 'trap "sleep 0.5; exit 0" TERM; echo up > %(here)s/slow; while :; do sleep 0.05; done'
startsecs=0
[omsinit:slow]
depends_on=base
`).start()
	h.until("the traps are set", func() bool { return h.read("base") != "" && h.read("slow") != "" })
	go h.restart("slow")
	h.awaitState("slow", api.Stopping)
	if code := h.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if h.read("bye") == "" {
		t.Error("base was killed without its stop signal")
	}
}
