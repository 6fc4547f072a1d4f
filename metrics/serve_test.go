package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestHandlers(t *testing.T) {
	g := newRig(t)
	mux := http.NewServeMux()
	for pattern, h := range g.Handlers() {
		mux.Handle(pattern, h)
	}
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	if code, text := ask("GET", TextPath, ""); code != http.StatusServiceUnavailable {
		t.Errorf("before it runs: %d %s", code, text)
	}
	g.start()
	g.until("it runs", func(Report) bool { code, _ := ask("GET", TextPath, ""); return code == http.StatusOK })
	if code, text := ask("POST", StepPath, `{"name":"metadb","seconds":2.5,"failed":true}`); code != http.StatusOK {
		t.Errorf("%d %s", code, text)
	}
	for _, body := range []string{"", "{", "[]", `{"seconds":1}`} {
		if code, _ := ask("POST", StepPath, body); code != http.StatusBadRequest {
			t.Errorf("%q: status %d", body, code)
		}
	}
	g.until("the step is there", func(Report) bool {
		_, text := ask("GET", TextPath, "")
		return strings.Contains(text, `omsinit_step_duration_seconds{region="",node="",step="metadb"} 2.5`)
	})
	var r Report
	if code, text := ask("GET", ReportPath, ""); code != http.StatusOK || json.Unmarshal([]byte(text), &r) != nil ||
		r.Version != 1 || r.State != starting {
		t.Errorf("%d %s", code, text)
	}
}

func TestPort(t *testing.T) {
	// Somebody holds the port at first.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	g := newRig(t)
	g.o.Listen = ListenAddress(port)
	g.start()
	g.until("the port is missed", func(Report) bool {
		w := g.Warnings()
		return len(w) == 1 && strings.Contains(w[0].String(), "address already in use")
	})
	l.Close()
	r := g.until("the port is open", func(r Report) bool { return r.MetricsPort != "" })
	if len(g.Warnings()) != 0 || r.MetricsPort != "127.0.0.1:"+port {
		t.Errorf("%v %+v", g.Warnings(), r)
	}
	get := func(host, path string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, "http://"+r.MetricsPort+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, resp.Header.Get("Content-Type") + "\n" + string(body)
	}
	for _, tc := range []struct {
		host, path string
		status     int
	}{
		{r.MetricsPort, "/metrics", 200}, {"localhost", "/metrics", 200}, {"[::1]:1", "/metrics", 200},
		{"evil.example", "/metrics", 403}, {r.MetricsPort, "/v1/metrics", 404}, {r.MetricsPort, "/v1/status", 404},
	} {
		status, text := get(tc.host, tc.path)
		if status != tc.status || status == 200 && (!strings.HasPrefix(text, prometheusType) ||
			!strings.Contains(text, "omsinit_program_state{")) {
			t.Errorf("%s %s: %d %s", tc.host, tc.path, status, text)
		}
	}
}

// On an address that others reach, whoever asks is answered under any name.
func TestPortForOthers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	g := newRig(t)
	g.o.Listen = ListenAddress(":" + port)
	g.start()
	g.until("the port is open", func(r Report) bool { return r.MetricsPort != "" })
	req, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+port+TextPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "oms-1.example:" + port
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestListenAddress(t *testing.T) {
	for text, want := range map[string]string{
		"9187": "127.0.0.1:9187", "10.0.0.1:9187": "10.0.0.1:9187", ":9187": ":9187", "[::1]:9187": "[::1]:9187",
		"[::]:1": "[::]:1",
		"":       "", "0": "", "65536": "", "-1": "", "+1": "", "http": "", "localhost:9187": "", "10.0.0.1": "",
		"10.0.0.1:": "", "10.0.0.1:0": "", "::1:9187": "",
	} {
		if got := ListenAddress(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// BenchmarkCollect is the cost of one batch: to look, to write it, to compress
// it. The programs are processes of this machine.
func BenchmarkCollect(b *testing.B) {
	mains := processes("/")
	for _, n := range []int{6, 100} {
		b.Run(fmt.Sprintf("programs=%d", n), func(b *testing.B) {
			o := Observation{StartedAt: time.Now()}
			for i := range n {
				o.Programs = append(o.Programs,
					Program{Name: fmt.Sprintf("program%03d", i), State: 20, StateName: "RUNNING", PID: mains[i%len(
						mains)].pid, StartedAt: time.Now(), Ready: true, Starts: 1})
			}
			r := New(Options{Mounts: []Mount{{"logs", "/"}, {"store", "/tmp"}, {"run", "/var"}}})
			r.collect = &collector{look: func() Observation { return o }, root: "/", mounts: newMounts(r.o.Mounts)}
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				c, err := r.observe(b.Context(), 0)
				if err != nil {
					b.Fatal(err)
				}
				text, err := lines(c.points, identity{"cn-hangzhou", "10.0.0.1"}, c.at)
				if err != nil {
					b.Fatal(err)
				}
				data, err := zipped(text)
				if err != nil {
					b.Fatal(err)
				}
				size = len(data)
			}
			b.ReportMetric(float64(size), "bytes/batch")
		})
	}
}
