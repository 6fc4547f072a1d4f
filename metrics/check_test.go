package metrics

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testinflux"
)

const secret = `p"a$s w;o#r%d`

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func host(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

// listening accepts connections and does one thing with each.
func listening(t *testing.T, then func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			then(c)
		}
	}()
	return l.Addr().String()
}

// pingWantsAccount puts a proxy before an InfluxDB that wants the account for
// /ping as well: InfluxDB 1.8 can do so by itself (oms-facts §9), Debian's 1.6
// cannot.
func pingWantsAccount(t *testing.T, influx string) string {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: influx})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); r.URL.Path == "/ping" && (user != "oms" || password != secret) {
			http.Error(w, `{"error":"unable to parse authentication credentials"}`, http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return host(s)
}

func TestCheck(t *testing.T) {
	influx := testinflux.Start(t, "oms", secret)

	pingAuth := pingWantsAccount(t, influx)
	answering := func(answer http.HandlerFunc) string {
		s := httptest.NewServer(answer)
		t.Cleanup(s.Close)
		return host(s)
	}
	html := answering(
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html><body>proxy login</body></html>") })
	htmlError := answering(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, "<!DOCTYPE html><p>bad gateway</p>")
	})
	elsewhere := answering(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://portal.example/login", http.StatusFound)
	})
	influx2 := answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Influxdb-Version", "v2.7.1")
		w.WriteHeader(http.StatusNoContent)
	})
	influx2Query := answering(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"code":"unauthorized","message":"unauthorized access"}`)
	})
	half := answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Influxdb-Version", "1.8.10")
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"results":[`)
	})
	cut := answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Influxdb-Version", "1.8.10")
		fmt.Fprint(w, `{"results":[{"series":[`)
	})
	busy := answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Influxdb-Version", "1.8.10")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"error":"engine is closed"}`)
	})
	silent := listening(t, func(net.Conn) {})
	ssh := listening(t, func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-OpenSSH_9.2p1\r\n") })
	slammed := listening(t, func(c net.Conn) { c.Close() })

	for _, tc := range []struct {
		name, addr, user, password string
		want                       string // part of the English error, empty for none
		passing                    bool
	}{
		{name: "right credentials", addr: influx, user: "oms", password: secret},
		{name: "ping wants the credentials", addr: pingAuth, user: "oms", password: secret},
		{name: "wrong password", addr: influx, user: "oms", password: "other", want: `refuses tsdb_username "oms"`},
		{name: "no credentials", addr: influx, want: "refuses tsdb_username"},
		{name: "nobody listens", addr: freeAddress(t), user: "oms", password: secret, want: "cannot reach",
			passing: true},
		{name: "nobody answers", addr: silent, user: "oms", password: secret, want: "gives no whole answer in time",
			passing: true},
		{name: "hangs up", addr: slammed, user: "oms", password: secret, want: "breaks its answer off", passing: true},
		{name: "another protocol", addr: ssh, user: "oms", password: secret,
			want: "does not speak HTTP; the documented port"},
		{name: "a web page", addr: html, user: "oms", password: secret, want: "is a web page"},
		{name: "a web page of a broken proxy", addr: htmlError, user: "oms", password: secret, want: "is a web page",
			passing: true},
		{name: "a login elsewhere", addr: elsewhere, user: "oms", password: secret,
			want: "sends elsewhere, to http://portal.example/login"},
		{name: "half an answer", addr: half, user: "oms", password: secret, want: "breaks its answer off",
			passing: true},
		{name: "half a document", addr: cut, user: "oms", password: secret, want: "breaks its answer off",
			passing: true},
		{name: "busy", addr: busy, user: "oms", password: secret, want: "status 503: engine is closed", passing: true},
		{name: "InfluxDB 2", addr: influx2, user: "oms", password: secret, want: "is InfluxDB v2.7.1"},
		{name: "InfluxDB 2 behind a proxy", addr: influx2Query, user: "oms", password: secret, want: "is InfluxDB 2.x"},
		{name: "no address", addr: "10.0.0.1:8086/db", user: "oms", password: secret, want: "is not an address"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			err := Check(ctx, &config.Config{TSDBEnabled: true, TSDBService: "INFLUXDB", TSDBURL: tc.addr,
				TSDBUsername: tc.user, TSDBPassword: config.Secret(tc.password)})
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want an error with %q", err, tc.want)
			}
			if finding.IsTransient(err) != tc.passing {
				t.Errorf("passing is %v, want %v: %v", finding.IsTransient(err), tc.passing, err)
			}
			for _, text := range []string{err.Error(), msg.Chinese.Text(err)} {
				if strings.Contains(text, "\n") || len(text) > 500 {
					t.Errorf("not one line: %q", text)
				}
				if strings.Contains(text, secret) {
					t.Errorf("the password is shown: %s", text)
				}
			}
		})
	}
}
