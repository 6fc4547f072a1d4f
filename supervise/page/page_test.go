package page

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// shown is a page with a status of its own.
type shown struct {
	*Page
	t *testing.T

	mu     sync.Mutex
	place  Place
	status api.Status
	warned []string
}

// show opens a page on a free port.
func show(t *testing.T, change func(*shown)) *shown {
	t.Helper()
	s := &shown{t: t, place: Place{Port: freePort(t), Program: "web"}}
	if change != nil {
		change(s)
	}
	s.Page = Open(t.Context(), Options{Socket: filepath.Join(t.TempDir(), "s"), Lang: msg.English,
		Hint: msg.M("mend it"), Log: slog.New(slog.DiscardHandler),
		Where:  func() Place { s.mu.Lock(); defer s.mu.Unlock(); return s.place },
		Status: func() api.Status { s.mu.Lock(); defer s.mu.Unlock(); return s.status },
		Warn:   func(m msg.Message) { s.mu.Lock(); defer s.mu.Unlock(); s.warned = append(s.warned, m.String()) },
	})
	t.Cleanup(s.Page.Close)
	return s
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *shown) until(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("waited in vain until " + what)
		}
	}
}

// client accepts any certificate and follows no redirect.
func client() *http.Client {
	return &http.Client{Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

// get asks as a browser does.
func (s *shown) get(path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = fmt.Sprintf("http://127.0.0.1:%d%s", s.place.Port, path)
	}
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,*/*")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

// TestYield: the port is free before the program that is to have it is started, and the page is back after it.
func TestYield(t *testing.T) {
	web, other := program.Program{Name: "web"}, program.Program{Name: "other"}
	early := program.Program{Name: "early", Early: true}
	for name, tc := range map[string]struct {
		starts func(port int) program.Program
		all    []program.Program
		yields bool
	}{
		"by its name": {func(int) program.Program { return web }, []program.Program{web, other}, true},
		"another program": {func(int) program.Program { return other },
			[]program.Program{web, other}, false},
		"nobody is known to have it": {func(int) program.Program { return other }, []program.Program{other}, true},
		"an early program":           {func(int) program.Program { return early }, []program.Program{early}, false},
		"by its probe": {func(port int) program.Program {
			return program.Program{Name: "front", Probe: &program.Probe{TCP: fmt.Sprint("127.0.0.1:", port)}}
		}, []program.Program{web}, true},
		"a probe through it": {func(port int) program.Program {
			return program.Program{Name: "back", Probe: &program.Probe{HTTP: fmt.Sprintf("http://127.0.0.1:%d/", port),
				AnyProcess: true}}
		}, []program.Program{web}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := show(t, nil)
			if s.Port() != s.place.Port {
				t.Fatalf("shown on %d", s.Port())
			}
			back := s.Yield(tc.starts(s.place.Port), tc.all)
			l, err := net.Listen("tcp", fmt.Sprint(":", s.place.Port))
			if (err == nil) != tc.yields || (s.Port() == 0) != tc.yields {
				t.Fatalf("to listen there: %v; shown on %d", err, s.Port())
			}
			if err == nil {
				s.Look()
				l.Close()
			}
			back()
			back()
			s.until("it is back", func() bool { return s.Port() == s.place.Port })
		})
	}
}

// TestMove: the page follows its place, and while a program has the port it is nowhere.
func TestMove(t *testing.T) {
	s := show(t, nil)
	back := s.Yield(program.Program{Name: "web"}, nil)
	before, next := s.place.Port, freePort(t)
	s.mu.Lock()
	s.place.Port = next
	s.mu.Unlock()
	s.Look()
	back()
	s.until("it has moved", func() bool { return s.Port() == next })
	if conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", before)); err == nil {
		conn.Close()
		t.Error("the old port answers")
	}
	s.Close()
	s.Look()
	if s.Port() != 0 {
		t.Error("it is shown although it was closed")
	}
}

// TestTaken: a stranger on the port is named once and stops nothing; the page is shown when it has gone.
func TestTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := show(t, func(s *shown) { s.place.Port = l.Addr().(*net.TCPAddr).Port })
	warnings := func() []string { s.mu.Lock(); defer s.mu.Unlock(); return s.warned }
	s.until("it is said", func() bool { return len(warnings()) > 0 })
	for range 3 {
		s.Look()
		time.Sleep(20 * time.Millisecond)
	}
	if w := warnings(); len(w) != 1 || !strings.Contains(w[0], fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("warned %q", w)
	}
	l.Close()
	s.Look()
	s.until("it is shown", func() bool { return s.Port() != 0 })
}

// secretive is a status with what strangers must not see, and a key that is HTML.
func secretive(s *shown) {
	s.status = api.Status{Version: 1, File: "/unseen/file", Warnings: []msg.Text{{English: "unseen warning"}},
		Setup: &api.SetupStatus{State: api.SetupWaiting, Step: 1, Message: msg.Text{English: "unseen message"},
			Steps: []api.SetupStep{{Name: "check", Title: msg.Text{English: "Check <it>", Chinese: "检查"},
				State: api.SetupFailed, Seconds: 2}},
			Findings: api.NewFindings([]finding.Finding{{ID: "x.y", Severity: finding.Error, Message: msg.M("bad"),
				Fix:   msg.M("better"),
				Place: finding.Place{File: "f", Line: 2, Key: "<script>alert(1)</script>", Value: "unseen value"}}})},
		Programs: []api.ProgramStatus{{Name: "web<", State: "FATAL", LastLines: "unseen lines", LastLog: "/unseen/log",
			StdoutLog: "/unseen/out", StderrLog: "/unseen/err",
			Probe: "http://unseen", Reason: msg.Text{English: "exited & gone"}}}}
}

// TestPublic: the page, its events and the JSON show the same, and nothing that is not for strangers.
func TestPublic(t *testing.T) {
	s := show(t, secretive)
	resp, html := s.get("/")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" ||
		!strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	for _, want := range []string{"Check &lt;it&gt;", "x.y", "&lt;script&gt;alert(1)&lt;/script&gt;", "fix: better",
		"web&lt;", "exited &amp; gone", "mend it", "2s"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %q:\n%s", want, html)
		}
	}
	resp, data := s.get("/omsinit/status")
	var status api.Status
	if err := json.Unmarshal([]byte(data), &status); err != nil || resp.StatusCode != 200 ||
		status.Setup.Findings[0].ID != "x.y" || status.Programs[0].State != "FATAL" {
		t.Errorf("%s %v %s", resp.Status, err, data)
	}
	event := s.event()
	if !strings.Contains(html, event) {
		t.Errorf("the event is not what the page holds: %s", event)
	}
	for _, text := range []string{html, data, event} {
		if strings.Contains(text, "unseen") {
			t.Errorf("a stranger sees what is unseen: %s", text)
		}
	}
}

// event returns the first event of a stream.
func (s *shown) event() string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet,
		fmt.Sprintf("http://127.0.0.1:%d/omsinit/events", s.place.Port), nil)
	resp, err := client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var body string
			if err := json.Unmarshal([]byte(data), &body); err != nil {
				s.t.Fatal(err)
			}
			return body
		}
	}
	s.t.Fatal("no event")
	return ""
}

func TestAnswers(t *testing.T) {
	s := show(t, secretive)
	for _, tc := range []struct {
		path   string
		header []string
		status int
		want   string
	}{
		{"/omsinit/", nil, 200, `lang="en"`},
		{"/omsinit/", []string{"Accept", "*/*"}, 200, "<html"},
		{"/omsinit/?lang=zh", nil, 200, "检查"},
		{"/", []string{"Accept-Language", "fr,zh-CN;q=0.9,en;q=0.8"}, 503, "检查"},
		{"/", []string{"Accept-Language", "fr"}, 503, `lang="en"`},
		{"/", []string{"Accept-Language", "en-GB,zh"}, 503, `lang="en"`},
		{"/oms/health", []string{"Accept", "*/*"}, 503, `"version":1`},
		{"/anything?lang=en", []string{"Accept-Language", "zh"}, 503, `lang="en"`},
	} {
		if resp, body := s.get(tc.path, tc.header...); resp.StatusCode != tc.status ||
			!strings.Contains(body, tc.want) || resp.Header.Get(mark) == "" {
			t.Errorf("%s %v: %s %s", tc.path, tc.header, resp.Status, body)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "CONNECT"} {
		r, _ := http.NewRequest(method, fmt.Sprintf("http://127.0.0.1:%d/omsinit/status", s.place.Port),
			strings.NewReader("x"))
		if resp, err := client().Do(r); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %v %v", method, resp, err)
		}
	}
	behind := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", s.Socket) }}}
	resp, err := behind.Get("http://x/omsinit/")
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("over the socket: %v, %v", resp, err)
	}
	if info, err := os.Stat(s.Socket); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("the socket: %v, %v", info, err)
	}
}

// TestBounds: strangers can take so many connections, and follow so many events, and no more.
func TestBounds(t *testing.T) {
	s := show(t, secretive)
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.place.Port))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		return c
	}
	ask := func(path string) string {
		c := dial()
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		line, _ := bufio.NewReader(c).ReadString('\n')
		return line
	}
	for i := range mostFollowers {
		if got := ask(eventsPath); !strings.Contains(got, "200") {
			t.Fatalf("follower %d: %q", i, got)
		}
	}
	if got := ask(eventsPath); !strings.Contains(got, "503") {
		t.Errorf("one follower too many: %q", got)
	}
	if got := ask(homePath); !strings.Contains(got, "200") {
		t.Errorf("the page beside them: %q", got)
	}
	for len(open) < mostConnections {
		dial()
	}
	s.until("all are in", func() bool { return len(s.slots) == mostConnections })
	if got := ask(homePath); got != "" {
		t.Errorf("one connection too many: %q", got)
	}
	for _, c := range open {
		c.Close()
	}
	s.until("they are out", func() bool { return len(s.slots) == 0 && len(s.events) == 0 })
	if got := ask(homePath); !strings.Contains(got, "200") {
		t.Errorf("after them: %q", got)
	}
}

func certificate(t *testing.T) (crt, key string) {
	t.Helper()
	dir := t.TempDir()
	crt, key = filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	if out, err := exec.Command("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
		"ec_paramgen_curve:P-256", "-subj", "/CN=x",
		"-keyout", key, "-out", crt).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return crt, key
}

// TestCertificate: HTTPS where there is a certificate that can be used, with an answer for http:// too.
func TestCertificate(t *testing.T) {
	crt, key := certificate(t)
	s := show(t, func(s *shown) { secretive(s); s.place.CertFile, s.place.KeyFile = crt, key })
	secure := fmt.Sprintf("https://127.0.0.1:%d/", s.place.Port)
	if resp, body := s.get(secure); resp.StatusCode != 503 || !strings.Contains(body, "x.y") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, _ := s.get("/?a=b"); resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != secure+"?a=b" {
		t.Errorf("http: %s %v", resp.Status, resp.Header)
	}
	if resp, body := s.get("/oms/health", "Accept", "*/*"); resp.StatusCode != 503 ||
		!strings.Contains(body, `"version"`) {
		t.Errorf("a tool with http: %s %s", resp.Status, body)
	}
	if resp, body := s.get("/omsinit/events", "Accept", "text/event-stream"); resp.StatusCode != 503 {
		t.Errorf("events with http: %s %s", resp.Status, body)
	}
	if err := os.WriteFile(key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Look()
	s.until("http", func() bool {
		resp, err := client().Get(fmt.Sprintf("http://127.0.0.1:%d/omsinit/", s.place.Port))
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == 200
	})
}

// TestPanic: what goes wrong outside does not end PID 1.
func TestPanic(t *testing.T) {
	s := show(t, nil)
	s.mu.Lock()
	before := s.Options.Where
	s.Options.Where = func() Place { panic("a file that nobody expected") }
	s.mu.Unlock()
	s.show(s.where())
	if s.Port() != s.place.Port {
		t.Errorf("shown on %d", s.Port())
	}
	s.Options.Where = before
}

// TestCloseWhileReading: a page that is closed while browsers come is no race.
func TestCloseWhileReading(t *testing.T) {
	crt, key := certificate(t)
	s := show(t, func(s *shown) { secretive(s); s.place.CertFile, s.place.KeyFile = crt, key })
	var wg sync.WaitGroup
	for _, scheme := range []string{"http", "https", "https"} {
		wg.Go(func() {
			for range 30 {
				if resp, err := client().Get(fmt.Sprintf("%s://127.0.0.1:%d/omsinit/", scheme,
					s.place.Port)); err == nil {
					resp.Body.Close()
				}
			}
		})
	}
	for range 20 {
		back := s.Yield(program.Program{Name: "web"}, nil)
		back()
		s.until("it is back", func() bool { return s.Port() != 0 })
	}
	wg.Wait()
}

// TestFatal: who opens a console that has crashed reads so first, and what to do; not that it will answer soon.
func TestFatal(t *testing.T) {
	setup := &api.SetupStatus{State: api.SetupDone}
	programs := []api.ProgramStatus{{Name: "web", State: api.Fatal.String()}, {Name: "other", State: "RUNNING"}}
	s := show(t, func(s *shown) { s.status = api.Status{Setup: setup, Programs: programs} })
	_, page := s.get("/")
	head, _, _ := strings.Cut(page[strings.Index(page, "<h1>"):], "</h1>")
	if !strings.Contains(head, "web") || strings.Contains(head, "other") || !strings.Contains(head, "doctor") {
		t.Errorf("%s", page)
	}
	other := show(t, func(s *shown) { s.status = api.Status{Setup: setup, Programs: programs[1:]} })
	if _, page := other.get("/"); strings.Contains(page, "doctor") {
		t.Errorf("%s", page)
	}
}
