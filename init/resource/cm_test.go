package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// cmStep is a step that needs no MetaDB.
func cmStep(t *testing.T, url string) *testStep {
	t.Helper()
	return step(t, &config.Config{CMPort: 1, MetaPassword: "s3cret"}, url)
}

func nowhere(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

const page = "<html><head><title>Login\n required</title></head><body>…</body></html>"

// hijack cuts the connection after the text.
func hijack(w http.ResponseWriter, text string) {
	conn, buf, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	buf.WriteString(text)
	buf.Flush()
	conn.Close()
}

type trouble func(n int, w http.ResponseWriter, r *http.Request) bool

// first makes trouble for the first requests to a path.
func first(times int, path string, do func(w http.ResponseWriter)) trouble {
	var seen atomic.Int32
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path || times >= 0 && int(seen.Add(1)) > times {
			return false
		}
		do(w)
		return true
	}
}

func always(path string, do func(w http.ResponseWriter)) trouble { return first(-1, path, do) }

func status(code int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Server", "tengine")
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func TestCM(t *testing.T) {
	const wait = 1500 * time.Millisecond
	for name, tc := range map[string]struct {
		trouble  trouble
		wantErr  string // "" is success
		passing  bool
		requests int // sent to the path in trouble; 0: more than one
	}{
		"a good CM":                    {nil, "", false, 1},
		"starts with 503":              {first(3, "/", status(503, page)), "", false, 4},
		"call fails with 502 at first": {first(2, "/consumer/create", status(502, page)), "", false, 3},
		"call is cut at first": {first(2, "/consumer/create", func(w http.ResponseWriter) { hijack(w, "") }),
			"", false, 3},
		"answer is cut at first": {first(1, "/consumer/create", func(w http.ResponseWriter) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{\"consumer\":")
		}), "", false, 2},
		"never ready": {always("/", status(503, page)),
			"did not answer GET URL/ with 200 within 1.5s, the last answer was: HTTP 503 Service Unavailable (Server: \"tengine\")", true, 0},
		"call never answered": {always("/consumer/create", status(500, "")),
			"the CM did not answer POST URL/consumer/create within 1.5s, the last answer was: HTTP 500", true, 0},
		"answer is always cut": {always("/consumer/create", func(w http.ResponseWriter) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{\"consumer\":")
		}), "the answer broke off after 12 bytes: unexpected EOF", true, 0},
		"exists already": {always("/consumer/create",
			status(200, `{"errMsg":"Consumer [drc] already exists","errCode":302,"isSuccess":false}`)), "", false, 1},
		"exists, as text": {always("/consumer/create", status(200, `{"errMsg":"","errCode":"302","isSuccess":false}`)),
			"", false, 1},
		"refused": {always("/consumer/create",
			status(200, `{"errMsg":"no such thing","errCode":500,"isSuccess":false}`)),
			`the CM did not accept create-consumer (POST URL/consumer/create): errCode 500, errMsg "no such thing"`,
			false, 1},
		"refused without a code": {always("/consumer/create", status(200, `{"isSuccess":false}`)),
			`errMsg ""`, false, 1},
		"web page": {always("/consumer/create", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			status(200, page)(w)
		}), `a web page titled "Login\n required" (Server: "tengine")`, false, 1},
		"no JSON": {always("/consumer/create", status(200, "OK")), `the answer is not a CM's: "OK"`, false, 1},
		"other JSON": {always("/consumer/create", status(200, `{"code":200}`)),
			`the answer is not a CM's: "{\"code\":200}"`, false, 1},
		"JSON, no object": {always("/consumer/create", status(200, `[]`)), "not a CM's", false, 1},
		"huge": {always("/consumer/create", status(200, strings.Repeat("x", maxAnswer+2))),
			"larger than 1 MiB", false, 1},
		"no such path": {always("/consumer/create", status(404, page)), "HTTP 404 Not Found", false, 1},
		"login wanted": {always("/consumer/create", status(401, page)), "HTTP 401", false, 1},
		"redirect": {always("/consumer/create", func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://login.example/")
			w.WriteHeader(302)
		}), "HTTP 302 Found to https://login.example/", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cm := startCM(t, tc.trouble)
			st := cmStep(t, cm.URL)
			if tc.passing {
				st.WaitCM = wait
			}
			base, err := st.waitForCM(context.Background())
			if err == nil {
				_, err = st.call(context.Background(), base, st.Pack.Calls[0], st.waitCM())
			}
			checkError(t, err, strings.ReplaceAll(tc.wantErr, "URL", cm.URL), tc.passing)
			paths := map[string]int{}
			for _, r := range cm.seen() {
				paths[strings.Fields(r)[1]]++
			}
			got := paths["/consumer/create"]
			if got == 0 || strings.Contains(name, "503") {
				got = paths["/"]
			}
			if tc.requests != 0 && got != tc.requests || tc.requests == 0 && got < 2 {
				t.Errorf("%v requests, want %d", paths, tc.requests)
			}
		})
	}
}

func checkError(t *testing.T, err error, want string, wantPassing bool) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("%v, want %q", err, want)
	}
	if finding.IsTransient(err) != wantPassing {
		t.Errorf("passing = %v: %v", finding.IsTransient(err), err)
	}
	if zh := msg.Chinese.Text(err); !strings.Contains(zh, "CM") {
		t.Errorf("in Chinese: %s", zh)
	}
}

// A CM that takes its time is waited for, one that hangs is not.
func TestSlowCM(t *testing.T) {
	cm := startCM(t, first(1, "/", func(w http.ResponseWriter) { time.Sleep(300 * time.Millisecond) }))
	if base, err := cmStep(t, cm.URL).waitForCM(context.Background()); base != cm.URL || err != nil {
		t.Errorf("%q, %v", base, err)
	}

	released := make(chan struct{})
	hanging := startCM(t, always("/", func(http.ResponseWriter) { <-released }))
	defer close(released)
	st := cmStep(t, hanging.URL)
	st.WaitCM = 300 * time.Millisecond
	_, err := st.waitForCM(context.Background())
	checkError(t, err, "did not answer GET "+hanging.URL+"/ with 200 within 300ms", true)

	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	st.WaitCM = time.Minute
	if _, err := st.waitForCM(ctx); !errors.Is(err, context.Canceled) || finding.IsTransient(err) {
		t.Errorf("cancelled: %v", err)
	}
}

// An answer that stops in the middle, or never begins, does not hold the step
// for longer than it is given.
func TestHangingAnswer(t *testing.T) {
	for name, begin := range map[string]string{"no answer": "",
		"half an answer": "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{\"consumer\":"} {
		t.Run(name, func(t *testing.T) {
			released := make(chan struct{})
			cm := startCM(t, always("/consumer/create", func(w http.ResponseWriter) {
				conn, buf, err := w.(http.Hijacker).Hijack()
				if err != nil {
					panic(err)
				}
				defer conn.Close()
				buf.WriteString(begin)
				buf.Flush()
				<-released
			}))
			defer close(released)
			st := cmStep(t, cm.URL)
			_, err := st.call(context.Background(), cm.URL, st.Pack.Calls[0], 500*time.Millisecond)
			checkError(t, err, "the CM did not answer POST "+cm.URL+"/consumer/create within 500ms", true)
		})
	}
}

func TestNoCM(t *testing.T) {
	st := cmStep(t, nowhere(t))
	st.WaitCM = 300 * time.Millisecond
	_, err := st.waitForCM(context.Background())
	checkError(t, err, "connection refused", true)
	if len(st.log) != 1 || !strings.HasPrefix(st.log[0], "waiting for the CM at http://127.0.0.1:") {
		t.Errorf("log %q", st.log)
	}
}

// The last real answer is told, not that the time is over.
func TestLastAnswer(t *testing.T) {
	released := make(chan struct{})
	cm := startCM(t, func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n == 1 {
			w.WriteHeader(503)
		} else {
			<-released
		}
		return true
	})
	defer close(released)
	st := cmStep(t, cm.URL)
	st.WaitCM = 500 * time.Millisecond
	_, err := st.waitForCM(context.Background())
	checkError(t, err, "HTTP 503", true)
}

func TestOwnCM(t *testing.T) {
	own := startCM(t, nil)
	t.Run("while the VIP is not up", func(t *testing.T) {
		st := cmStep(t, nowhere(t))
		st.Config.CMPort = port(t, own.Server)
		base, err := st.waitForCM(context.Background())
		if err != nil || base != own.URL {
			t.Errorf("%q, %v", base, err)
		}
		if len(st.log) != 1 || !strings.Contains(st.log[0], "this node's own CM does") {
			t.Errorf("log %q", st.log)
		}
	})
	t.Run("not when the VIP answers", func(t *testing.T) {
		vip := startCM(t, nil)
		st := cmStep(t, vip.URL)
		st.Config.CMPort = port(t, own.Server)
		if base, err := st.waitForCM(context.Background()); err != nil || base != vip.URL || len(st.log) > 0 {
			t.Errorf("%q, %v, %q", base, err, st.log)
		}
	})
	t.Run("not when cm_url came up meanwhile", func(t *testing.T) {
		vip := startCM(t, first(1, "/", status(502, page)))
		st := cmStep(t, vip.URL)
		st.Config.CMPort = port(t, own.Server)
		if base, err := st.waitForCM(context.Background()); err != nil || base != vip.URL || len(st.log) > 0 {
			t.Errorf("%q, %v, %q", base, err, st.log)
		}
	})
}

func TestHTTPS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "CM") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	st := cmStep(t, s.URL)
	_, err := st.waitForCM(context.Background())
	checkError(t, err, "certificate", false)

	st.HTTP = s.Client()
	defer s.Client().CloseIdleConnections()
	if _, err := st.waitForCM(context.Background()); err != nil {
		t.Error(err)
	}
}

// https in cm_url, and a CM that speaks plain HTTP.
func TestPlainBehindHTTPS(t *testing.T) {
	cm := startCM(t, nil)
	st := cmStep(t, strings.Replace(cm.URL, "http://", "https://", 1))
	_, err := st.waitForCM(context.Background())
	checkError(t, err, "does not speak TLS", false)
}

// A proxy in the environment is for the world outside.
func TestNoProxy(t *testing.T) {
	cm := startCM(t, nil)
	proxy := startCM(t, nil)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("NO_PROXY", "")
	// The same server by an address that Go does not take for this host.
	url := strings.Replace(cm.URL, "127.0.0.1", "0.0.0.0", 1)
	req := httptest.NewRequest(http.MethodGet, url+"/", nil)
	if through, err := http.ProxyFromEnvironment(req); err != nil || through == nil {
		t.Fatalf("the environment has no proxy: %v, %v", through, err)
	}
	st := cmStep(t, url)
	base, err := st.waitForCM(context.Background())
	if err == nil {
		_, err = st.call(context.Background(), base, st.Pack.Calls[0], st.waitCM())
	}
	if err != nil || len(cm.seen()) != 2 || len(proxy.seen()) != 0 {
		t.Errorf("%v; the CM was asked %q, the proxy %q", err, cm.seen(), proxy.seen())
	}
}

func TestOtherCalls(t *testing.T) {
	var got []string
	cm := startCM(t, func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/label/add" {
			return false
		}
		r.ParseForm()
		got = append(got, r.Method+" "+r.URL.String())
		fmt.Fprint(w, `{"isSuccess":true}`)
		return true
	})
	st := cmStep(t, cm.URL)
	st.Pack = packWith(t,
		"  - {name: label, method: GET, path: /label/add, form: {location: '{{.cm_location}}', ip: '{{.host_ip}}'}}\n")
	st.Config.CMLocation = 7
	isNew, err := st.call(context.Background(), cm.URL, st.Pack.Calls[0], st.waitCM())
	if err != nil || isNew {
		t.Errorf("new %v, %v: a call without done codes cannot tell whether it is new", isNew, err)
	}
	if len(got) != 1 || got[0] != "GET /label/add?ip=10.0.0.1&location=7" {
		t.Errorf("%q", got)
	}
}
