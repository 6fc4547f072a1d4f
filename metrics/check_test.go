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
	"omsinit/internal/msg"
	"omsinit/internal/passing"
	"omsinit/internal/testinflux"
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

func TestCheck(t *testing.T) {
	influx := testinflux.Start(t, "oms", secret)

	// InfluxDB 1.8 can want the credentials for /ping as well (oms-facts §9);
	// Debian's 1.6 cannot, so a proxy asks for them.
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: influx})
	pingAuth := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); r.URL.Path == "/ping" && (user != "oms" || password != secret) {
			http.Error(w, `{"error":"unable to parse authentication credentials"}`, http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer pingAuth.Close()
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html><body>proxy login</body></html>")
	}))
	defer html.Close()
	influx2 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Influxdb-Version", "v2.7.1")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer influx2.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()

	for _, tc := range []struct {
		name, addr, user, password string
		want                       string // part of the English error, empty for none
		passing                    bool
	}{
		{name: "right credentials", addr: influx, user: "oms", password: secret},
		{name: "ping wants the credentials", addr: pingAuth.Listener.Addr().String(), user: "oms", password: secret},
		{name: "wrong password", addr: influx, user: "oms", password: "other", want: `refuses tsdb_username "oms"`},
		{name: "no credentials", addr: influx, want: "refuses tsdb_username"},
		{name: "nobody listens", addr: freeAddress(t), user: "oms", password: secret, want: "cannot reach", passing: true},
		{name: "nobody answers", addr: silent.Addr().String(), user: "oms", password: secret, want: "cannot reach", passing: true},
		{name: "a web page", addr: host(html), user: "oms", password: secret, want: "is a web page"},
		{name: "InfluxDB 2", addr: host(influx2), user: "oms", password: secret, want: "is InfluxDB v2.7.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			err := Check(ctx, &config.Config{TSDBEnabled: true, TSDBService: "INFLUXDB", TSDBURL: tc.addr, TSDBUsername: tc.user, TSDBPassword: config.Secret(tc.password)})
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want an error with %q", err, tc.want)
			}
			if passing.Is(err) != tc.passing {
				t.Errorf("passing is %v, want %v: %v", passing.Is(err), tc.passing, err)
			}
			for _, text := range []string{err.Error(), msg.Chinese.Text(err)} {
				if strings.Contains(text, secret) {
					t.Errorf("the password is shown: %s", text)
				}
			}
		})
	}
}
