package flow

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/node"
	"omsinit/metrics"
	"omsinit/supervise/api"
	"omsinit/testdata/testmaria"
)

// world is a node under a root of its own: a real MetaDB where there is one, and stand-ins for PID 1 and the CM.
type world struct {
	t      *testing.T
	layout layout.Layout
	values map[string]string // of config.yaml, key by key
	given  node.Given
	pid1   *pid1
	cm     *cm
	out    bytes.Buffer
	errOut bytes.Buffer
}

// newWorld makes a node whose MetaDB is db; nil is one that nobody answers for.
func newWorld(t *testing.T, db *testmaria.Server) *world {
	t.Helper()
	root, err := os.MkdirTemp("", "flow-") // a socket path must fit into 107 bytes, so not t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	w := &world{t: t, layout: layout.New(root), cm: newCM(t), values: map[string]string{
		"oms_meta_host": "127.0.0.1", "oms_meta_port": "1", "oms_meta_user": "root", "oms_meta_password": "Secret42",
		"drc_rm_db": "oms_rm", "drc_cm_db": "oms_cm", "drc_cm_heartbeat_db": "oms_hb",
		"cm_location": "1", "cm_region": "cn-test", "cm_nodes": "[127.0.0.1]",
	}}
	if db != nil {
		w.values["oms_meta_host"], w.values["oms_meta_port"] = db.Host, fmt.Sprint(db.Port)
		w.values["oms_meta_user"], w.values["oms_meta_password"] = db.User, db.Password
	}
	w.values["cm_url"] = w.cm.URL
	for _, key := range []string{"ghana", "nginx", "cm", "supervisor", "sshd"} {
		w.values[key+"_server_port"] = fmt.Sprint(freePort(t))
	}
	w.writeConfig()
	w.write(w.layout.Path("/home/admin/conf/command/start_oms_console.sh"), "#!/bin/sh\n")
	w.given = node.Given{Layout: w.layout, HostIP: "127.0.0.1", Build: "test", Out: &w.out, Err: &w.errOut,
		Now: func() time.Time { return time.Date(2026, 1, 4, 10, 42, 11, 0, time.UTC) }}
	w.pid1 = newPID1(t, w.layout.ControlSocket())
	return w
}

// given are the ports that freePort has returned.
var given sync.Map

// freePort returns a port that is free, another one each time.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if _, again := given.LoadOrStore(port, true); !again {
			return port
		}
	}
}

// flow returns the operations of one more command.
func (w *world) flow() *Flow { return w.with(Options{}) }

func (w *world) with(o Options) *Flow {
	w.out.Reset()
	w.errOut.Reset()
	o.ReadyTimeout = 5 * time.Second
	return New(node.New(w.given), o)
}

func (w *world) write(path, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) writeConfig() {
	var lines []string
	for key, value := range w.values {
		lines = append(lines, key+": "+value+"\n")
	}
	slices.Sort(lines)
	w.write(w.layout.ConfigFile(), strings.Join(lines, ""))
}

func (w *world) read(path string) string {
	w.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// initialise brings the node to the end of its first initialisation.
func (w *world) initialise() {
	w.t.Helper()
	if err := w.flow().Init(w.t.Context(), Steps{}); err != nil {
		w.t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	w.pid1.forget()
	w.cm.forget()
}

// said fails the test unless all texts were printed on standard output.
func (w *world) said(texts ...string) {
	w.t.Helper()
	contains(w.t, "standard output", w.out.String(), texts...)
}

func (w *world) failed(texts ...string) {
	w.t.Helper()
	contains(w.t, "standard error", w.errOut.String(), texts...)
}

func contains(t *testing.T, what, all string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("%s lacks %q:\n%s", what, text, all)
		}
	}
}

// banners returns the headlines of a run in their order.
func banners(out string) []string {
	var list []string
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "# ["); ok {
			name, _, _ = strings.Cut(name, "]")
			list = append(list, name)
		}
	}
	return list
}

// opened counts how often a file is opened while something runs.
func opened(t *testing.T, path string, run func()) (count int) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	// Equal events in a row become one, so those between two that open it are asked for as well.
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN|unix.IN_CLOSE); err != nil {
		t.Fatal(err)
	}
	run()
	events := make([]byte, 64<<10)
	n, err := unix.Read(fd, events)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	for ; n > 0; n -= unix.SizeofInotifyEvent { // an event of a watched file has no name behind it
		if binary.NativeEndian.Uint32(events[n-unix.SizeofInotifyEvent+4:])&unix.IN_OPEN != 0 {
			count++
		}
	}
	return count
}

// pid1 answers on the control socket as PID 1 does, and remembers what it was asked.
type pid1 struct {
	server   *http.Server
	listener net.Listener
	mu       sync.Mutex
	programs []api.ProgramStatus
	setup    *api.SetupStatus
	reports  []api.SetupReport
	pulses   []api.SetupReport // those that say what a step is doing meanwhile
	steps    []metrics.Step
	calls    []string          // "restart nginx cron"
	refuse   map[string]string // the error of a call, by its verb
	onCall   func(verb string)
}

// newPID1 serves on the socket. Its programs are those of step 4, stopped.
func newPID1(t *testing.T, socket string) *pid1 {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	p := &pid1{listener: l, refuse: map[string]string{}}
	for _, name := range []string{"nginx", "oms_console", "oms_drc_cm", "oms_drc_supervisor"} {
		p.programs = append(p.programs, api.ProgramStatus{Name: name})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, api.Status{PID: 1, Setup: p.setup, Programs: p.programs})
	})
	mux.HandleFunc("POST /v1/setup", func(w http.ResponseWriter, r *http.Request) {
		var report api.SetupReport
		decode(t, r, &report)
		if len(report.Doing) > 0 {
			p.pulses = append(p.pulses, report)
		} else {
			p.reports = append(p.reports, report)
		}
		answer(w, struct{}{})
	})
	mux.HandleFunc("POST "+metrics.StepPath, func(w http.ResponseWriter, r *http.Request) {
		var step metrics.Step
		decode(t, r, &step)
		p.steps = append(p.steps, step)
		answer(w, struct{}{})
	})
	mux.HandleFunc("GET "+metrics.ReportPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, metrics.Report{Version: 1})
	})
	mux.HandleFunc("GET "+metrics.TextPath,
		func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "oms_up 1\n") })
	mux.HandleFunc("POST /v1/update", func(w http.ResponseWriter, _ *http.Request) { answer(w, api.UpdateResult{}) })
	for _, verb := range []string{"start", "stop", "restart"} {
		mux.HandleFunc("POST /v1/"+verb, func(w http.ResponseWriter, r *http.Request) { p.operate(t, w, r, verb) })
	}
	p.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		mux.ServeHTTP(w, r)
	})}
	go p.server.Serve(l)
	t.Cleanup(p.stop)
	return p
}

// stop ends PID 1, and removes its socket.
func (p *pid1) stop() {
	p.listener.Close()
	p.server.Close()
}

func (p *pid1) operate(t *testing.T, w http.ResponseWriter, r *http.Request, verb string) {
	var request struct{ Names []string }
	decode(t, r, &request)
	p.calls = append(p.calls, verb+" "+strings.Join(request.Names, " "))
	if p.onCall != nil {
		p.onCall(verb)
	}
	if why := p.refuse[verb]; why != "" {
		answer(w, map[string]any{"done": true, "error": msg.Text{English: why}})
		return
	}
	for i := range p.programs {
		if slices.Contains(request.Names, p.programs[i].Name) {
			p.programs[i].Ready, p.programs[i].Stale = verb != "stop", false
			p.programs[i].PID = 0
			if verb != "stop" {
				p.programs[i].PID = 1 << 30 // no process has it
			}
		}
	}
	answer(w, map[string]any{"done": true})
}

func decode(t *testing.T, r *http.Request, into any) {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		t.Errorf("%s: %v", r.URL, err)
	}
}

func answer(w io.Writer, v any) { _ = json.NewEncoder(w).Encode(v) }

// forget drops what was asked until now.
func (p *pid1) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports, p.steps, p.calls = nil, nil, nil
}

// told returns the reports on the initialisation: "running 1", "failed 5 transient", "done".
func (p *pid1) told() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, r := range p.reports {
		text := r.State
		if r.Step > 0 {
			text += fmt.Sprint(" ", r.Step)
		}
		if r.Transient {
			text += " transient"
		}
		list = append(list, text)
	}
	return list
}

func (p *pid1) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// cm answers like a CM (docs/oms-facts.md §5).
type cm struct {
	*httptest.Server
	mu        sync.Mutex
	consumers map[string]bool
	requests  []string
	refuse    bool
}

func newCM(t *testing.T) *cm {
	c := &cm{consumers: map[string]bool{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *cm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r.URL.Path)
	name := r.FormValue("consumer")
	switch {
	case r.URL.Path == "/":
	case c.refuse:
		io.WriteString(w, `{"errMsg":"refused by the test","errCode":1,"isSuccess":false}`)
	case c.consumers[name]:
		io.WriteString(w, `{"errMsg":"already exists","errCode":302,"isSuccess":false}`)
	default:
		c.consumers[name] = true
		io.WriteString(w, `{"isSuccess":true}`)
	}
}

func (c *cm) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}

func (c *cm) seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// canceled returns a context that a person has interrupted.
func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
