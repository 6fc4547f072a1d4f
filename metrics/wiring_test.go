package metrics

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/testdata/testinflux"
)

var into = pack.TSDB{Database: "oms", RetentionPolicy: "oms_30d", Duration: "30d"}

func configFor(addr string) *config.Config {
	return &config.Config{TSDBEnabled: true, TSDBService: "INFLUXDB", TSDBURL: addr, TSDBUsername: "oms",
		TSDBPassword: secret, CMLocation: 7, CMNodes: []string{"10.0.0.1"}}
}

// results are the names and results of parts, "database=created …".
func results(parts []Part) string {
	var out []string
	for _, p := range parts {
		out = append(out, p.Name+"="+p.Result)
	}
	return strings.Join(out, " ")
}

func TestWiring(t *testing.T) {
	influx := testinflux.New(t, "oms", secret, "")
	cfg := configFor(influx.Addr)
	run := func(lookOnly bool) string {
		t.Helper()
		w := &Wiring{Config: cfg, Into: into, Node: "10.0.0.1", LookOnly: lookOnly}
		parts, err := w.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return results(parts)
	}
	expect := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	expect(run(true), "reach=done login=done database=missing write=done")
	if got := fmt.Sprint(influx.Query("SHOW DATABASES")); strings.Contains(got, "oms") {
		t.Errorf("a look has left %s", got)
	}
	expect(run(false), "reach=done login=done database=created policy=done write=done read=done")
	expect(run(false), "reach=done login=done database=done policy=done write=done read=done")
	policies := influx.Query("SHOW RETENTION POLICIES ON oms")
	if len(policies) != 1 || policies[0]["name"] != "oms_30d" || policies[0]["duration"] != "720h0m0s" ||
		policies[0]["default"] != true {
		t.Errorf("policies: %v", policies)
	}

	// A database that others made keeps its default policy.
	influx.Query("DROP DATABASE oms")
	influx.Query("CREATE DATABASE oms")
	expect(run(true), "reach=done login=done database=done policy=missing write=done")
	expect(run(false), "reach=done login=done database=done policy=created write=done read=done")
	for _, p := range influx.Query("SHOW RETENTION POLICIES ON oms") {
		if p["default"] != (p["name"] == "autogen") {
			t.Errorf("the default has changed: %v", p)
		}
	}
	points := influx.Query(`SELECT * FROM oms.oms_30d.omsinit_wiring`)
	if len(points) != 1 || points[0]["node"] != "10.0.0.1" || points[0]["region"] != "7" {
		t.Errorf("points: %v", points)
	}

	t.Run("an account for /ping too", func(t *testing.T) {
		cfg := configFor(pingWantsAccount(t, influx.Addr))
		parts, err := (&Wiring{Config: cfg, Into: into, Node: "10.0.0.1"}).Run(t.Context())
		if err != nil {
			t.Error(err, results(parts))
		}
		cfg.TSDBPassword = "wrong"
		if parts, err = (&Wiring{Config: cfg, Into: into,
			Node: "10.0.0.1"}).Run(t.Context()); results(parts) != "reach=failed" ||
			!strings.Contains(err.Error(), "refuses tsdb_username") {
			t.Error(err, results(parts))
		}
	})
	t.Run("six nodes at once", func(t *testing.T) {
		influx.Query("DROP DATABASE oms")
		var nodes sync.WaitGroup
		for i := range 6 {
			nodes.Go(func() {
				if _, err := (&Wiring{Config: cfg, Into: into, Node: fmt.Sprint("10.0.0.", i)}).Run(
					t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		if points := influx.Query(`SELECT * FROM oms.oms_30d.omsinit_wiring`); len(points) != 6 {
			t.Errorf("points: %v", points)
		}
	})
	t.Run("no privileges", func(t *testing.T) {
		influx.Query("DROP DATABASE oms")
		influx.Query(`CREATE USER reader WITH PASSWORD 'pw'`)
		poor := configFor(influx.Addr)
		poor.TSDBUsername, poor.TSDBPassword = "reader", "pw"
		for _, lookOnly := range []bool{false, true} {
			parts, err := (&Wiring{Config: poor, Into: into, Node: "n", LookOnly: lookOnly}).Run(t.Context())
			if err == nil || finding.IsTransient(err) ||
				!strings.Contains(parts[len(parts)-1].Fix.String(), `GRANT ALL PRIVILEGES TO "reader"`) {
				t.Errorf("%v, %s", err, results(parts))
			}
		}
	})
	t.Run("a server that forgets", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Influxdb-Version", "1.8.10")
			if r.URL.Path != "/query" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			fmt.Fprint(w, `{"results":[{}]}`)
		}))
		defer s.Close()
		_, err := (&Wiring{Config: configFor(host(s)), Into: into, Node: "n"}).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "accepted a point and does not have it") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("away", func(t *testing.T) {
		parts, err := (&Wiring{Config: configFor(freeAddress(t)), Into: into, Node: "n"}).Run(t.Context())
		if !finding.IsTransient(err) || results(parts) != "reach=failed" ||
			!strings.Contains(parts[0].Fix.In(msg.Chinese), "--tsdb-optional") {
			t.Errorf("%v, %s", err, results(parts))
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := (&Wiring{Config: cfg, Into: into, Node: "n"}).Run(ctx); err == nil {
			t.Error("no error")
		}
	})
}

// ceres stands for CERESDB, of which there is no package: what its
// documentation says it knows goes to a real InfluxDB, and the rest is refused
// as it refuses it.
func ceres(t *testing.T, influx string, readable bool) string {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: influx})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, below := strings.CutPrefix(r.URL.Path, "/influxdb/v1")
		statement := r.URL.Query().Get("q")
		switch {
		case !below || path != "/query" && path != "/write":
			http.NotFound(w, r)
		case path == "/write" && (r.Header.Get("Content-Encoding") != "" || r.URL.Query().Get("precision") != "ms" ||
			r.Method != http.MethodPost):
			http.Error(w, "Invalid body", http.StatusBadRequest)
		case path == "/query" && (r.Method != http.MethodGet ||
			!strings.HasPrefix(statement, "SELECT") && statement != "SHOW MEASUREMENTS" ||
			!readable && statement != "SHOW MEASUREMENTS"):
			http.Error(w, `{"code":500,"message":"Failed to handle request, err:Unsupported influxql"}`,
				http.StatusBadRequest)
		default:
			r.URL.Path = path
			q := r.URL.Query()
			q.Set("db", "public")
			r.URL.RawQuery = q.Encode()
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return host(s)
}

func TestCeresDB(t *testing.T) {
	influx := testinflux.New(t, "oms", secret, "")
	influx.Query("CREATE DATABASE public")
	for readable, want := range map[bool]string{true: "read=done", false: "read=skipped"} {
		cfg := configFor(ceres(t, influx.Addr, readable))
		cfg.TSDBService = "CERESDB"
		parts, err := (&Wiring{Config: cfg, Into: into, Node: "10.0.0.1"}).Run(t.Context())
		if got := results(parts); err != nil ||
			got != "reach=skipped login=done database=skipped policy=skipped write=done "+want {
			t.Errorf("%v, %s", err, got)
		}
		if err := Check(t.Context(), cfg); err != nil {
			t.Error(err)
		}
	}
	// InfluxDB itself is not CERESDB.
	cfg := configFor(influx.Addr)
	cfg.TSDBService = "CERESDB"
	if _, err := (&Wiring{Config: cfg, Into: into, Node: "n"}).Run(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}
