package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/testdata/testinflux"
)

// rig is a reporter with everything around it.
type rig struct {
	*Reporter
	t    *testing.T
	dir  string
	log  *syncBuffer
	look atomic.Pointer[func() Observation]
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}
func (b *syncBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

// newRig makes a reporter that is quick. It runs until the test ends.
func newRig(t *testing.T) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir(), log: &syncBuffer{}}
	g.see(func() Observation {
		return Observation{StartedAt: time.Now().Add(-time.Hour), SetupState: "done", Programs: []Program{
			{Name: "nginx", State: 20, StateName: "RUNNING", PID: os.Getpid(), StartedAt: time.Now().Add(-time.Minute),
				Ready: true, Starts: 3},
			{Name: "oms_console", State: 200, StateName: "FATAL", Starts: 1},
		}}
	})
	g.Reporter = New(Options{
		ConfigFile: filepath.Join(g.dir, "config.yaml"), AppliedFile: filepath.Join(g.dir, "tsdb.json"), Version: "v1",
		Node:   func(*config.Config) string { return "10.0.0.1" },
		Mounts: []Mount{{"logs", g.dir}}, Interval: 50 * time.Millisecond,
	})
	return g
}

func (g *rig) see(look func() Observation) { g.look.Store(&look) }

func (g *rig) start() *rig {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Run(ctx, func() Observation { return (*g.look.Load())() }, slog.New(slog.NewJSONHandler(g.log, nil)))
	}()
	g.t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(60 * time.Second):
			g.t.Error("the reporter does not end")
		}
		if strings.Contains(g.log.String(), secret) {
			g.t.Errorf("the log holds the password: %s", g.log)
		}
	})
	return g
}

// apply is what step 3 leaves: a config.yaml and a decision about it.
func (g *rig) apply(state string, cfg *config.Config) {
	g.t.Helper()
	g.write(cfg)
	loaded, _, err := config.Load(g.o.ConfigFile)
	if err != nil {
		g.t.Fatal(err)
	}
	var reason error
	if state == LeftOut {
		reason = msg.Errorf("cannot write %s: %w", "a point", os.ErrDeadlineExceeded)
	}
	if err := NewApplied(state, reason, loaded, into).Write(g.o.AppliedFile); err != nil {
		g.t.Fatal(err)
	}
	signal(g.poke)
}

func (g *rig) write(cfg *config.Config) {
	g.t.Helper()
	text := fmt.Sprintf(`oms_meta_host: 10.0.0.9
oms_meta_port: 2883
oms_meta_user: root
oms_meta_password: Secret42
drc_rm_db: rm
drc_cm_db: cm
drc_cm_heartbeat_db: hb
cm_url: http://10.0.0.1:8088
cm_location: 7
cm_region: cn-hangzhou
cm_nodes: [10.0.0.1]
tsdb_enabled: %v
tsdb_service: %s
tsdb_url: %s
tsdb_username: %s
tsdb_password: '%s'
`, cfg.TSDBEnabled, cfg.TSDBService, cfg.TSDBURL, cfg.TSDBUsername, cfg.TSDBPassword.Reveal())
	if err := os.WriteFile(g.o.ConfigFile, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) now() Report { return g.report(time.Now()) }

func (g *rig) until(what string, holds func(Report) bool) Report {
	g.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r := g.now()
		if holds(r) {
			return r
		}
		if time.Now().After(deadline) {
			text, _ := json.MarshalIndent(r, "", " ")
			g.t.Fatalf("timed out waiting until %s\n%s\n%s", what, text, g.log)
		}
	}
}

func sentAtLeast(n int64) func(Report) bool {
	return func(r Report) bool { return r.Sent.Batches >= n }
}

// moments counts the batches that the TSDB has.
func moments(influx *testinflux.Server) int64 {
	rows := influx.Query(`SELECT count(programs) FROM oms.oms_30d.omsinit_node`)
	if len(rows) == 0 {
		return 0
	}
	return int64(rows[0]["count"].(float64))
}

func TestReporterOutage(t *testing.T) {
	influx := testinflux.New(t, "oms", secret, "")
	g := newRig(t).start()
	// The database is missing: the reporter makes it, as when somebody has
	// dropped it.
	g.apply(On, configFor(influx.Addr))
	g.until("batches are sent", sentAtLeast(3))

	influx.Stop()
	r := g.until("batches wait", func(r Report) bool { return r.Queue.Batches >= 5 && r.LastError != nil })
	if !strings.Contains(r.LastError.English, "cannot reach") && !strings.Contains(r.LastError.English, "breaks") ||
		r.Queue.LateSeconds <= 0 {
		t.Errorf("%+v", r)
	}
	influx.Start()
	before := g.now().Sent.Batches
	g.until("the queue is empty", func(r Report) bool { return r.Queue.Batches == 0 && r.Sent.Batches >= before+5 })
	g.apply(Off, configFor(influx.Addr))
	r = g.until("it is off", func(r Report) bool { return r.State == Off })
	if r.Dropped.Batches != 0 || r.Refused.Batches != 0 || r.Panics != 0 {
		t.Errorf("lost: %+v", r)
	}
	if got := moments(influx); got < r.Sent.Batches {
		t.Errorf("the TSDB has %d batches, and %d were sent", got, r.Sent.Batches)
	}
	for _, row := range influx.Query(`SELECT * FROM oms.oms_30d.omsinit_program ORDER BY time DESC LIMIT 1`) {
		if row["region"] != "cn-hangzhou" || row["node"] != "10.0.0.1" || row["program"] == "" {
			t.Errorf("tags: %v", row)
		}
	}

	// Somebody drops the database, then the policy.
	g.apply(On, configFor(influx.Addr))
	for _, statement := range []string{"DROP DATABASE oms", "DROP RETENTION POLICY oms_30d ON oms"} {
		influx.Query(statement)
		from := g.now().Sent.Batches
		g.until("it is made again after "+statement, sentAtLeast(from+3))
		if len(influx.Query(`SELECT * FROM oms.oms_30d.omsinit_node`)) == 0 {
			t.Errorf("no points after %s", statement)
		}
	}

	// It is dropped, and the account may not make it any more.
	influx.Query(`CREATE USER root2 WITH PASSWORD 'pw' WITH ALL PRIVILEGES`)
	influx.Query(`REVOKE ALL PRIVILEGES FROM oms`)
	influx.QueryAs("root2", "pw", "DROP DATABASE oms")
	r = g.until("it says so", func(r Report) bool {
		return r.LastError != nil && strings.Contains(r.LastError.English, `tsdb_username "oms"`) && r.Queue.Batches > 0
	})
	influx.QueryAs("root2", "pw", `GRANT ALL PRIVILEGES TO oms`)
	g.until("it works again", func(r Report) bool { return r.Queue.Batches == 0 })
	if r := g.now(); r.Panics != 0 || r.Dropped.Batches != 0 {
		t.Errorf("%+v", r)
	}
}

// TestReporterFilled fills the disk of the TSDB while the reporter runs.
func TestReporterFilled(t *testing.T) {
	if err := exec.Command("unshare", "--mount", "true").Run(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("a full disk was not tried: it needs root, and a mount namespace: %v", err)
		}
		t.Skipf("a full disk is not tried here: it needs root, and a mount namespace: %v", err)
	}
	influx := testinflux.NewSmall(t, "oms", secret, 16<<20)
	g := newRig(t).start()
	g.apply(On, configFor(influx.Addr))
	g.until("batches are sent", sentAtLeast(3))
	empty := influx.Fill()
	g.until("batches wait", func(r Report) bool {
		return r.Queue.Batches >= 5 && r.LastError != nil && strings.Contains(r.LastError.English, "status 500")
	})
	empty()
	influx.Stop() // InfluxDB 1.6 keeps failing until it is started again
	influx.Start()
	before := g.now().Sent.Batches
	g.until("the queue is empty", func(r Report) bool { return r.Queue.Batches == 0 && r.Sent.Batches >= before+5 })
	if r := g.now(); r.Dropped.Batches != 0 || r.Refused.Batches != 0 {
		t.Errorf("lost: %+v", r)
	}
}

// TestReporterLimit: a TSDB that will never take more series loses points, and
// it is said.
func TestReporterLimit(t *testing.T) {
	influx := testinflux.New(t, "oms", secret, " max-series-per-database = 2")
	g := newRig(t).start()
	g.apply(On, configFor(influx.Addr))
	r := g.until("batches are refused", func(r Report) bool { return r.Refused.Batches >= 2 })
	if r.LastError == nil || !strings.Contains(r.LastError.English, "max-series-per-database limit exceeded") ||
		r.Refused.Points == 0 {
		t.Errorf("%+v", r)
	}
}

func TestReporterFollows(t *testing.T) {
	var connections atomic.Int64
	var user atomic.Value
	user.Store("")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		user.Store(name)
		w.Header().Set("X-Influxdb-Version", "1.8.10")
		if password != secret {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"authorization failed"}`)
			return
		}
		if r.Header.Get("Content-Encoding") != "gzip" || r.URL.Query().Get("rp") != "oms_30d" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			connections.Add(1)
		case http.StateClosed:
			connections.Add(-1)
		}
	}
	server.Start()
	defer server.Close()
	cfg := configFor(host(server))

	g := newRig(t).start()
	if r := g.now(); r.State != starting {
		t.Errorf("state %s before step 3", r.State)
	}
	g.write(cfg)
	g.apply(On, cfg)
	g.until("batches are sent", sentAtLeast(2))

	// Somebody edits config.yaml: the node goes on as it is.
	other := configFor(host(server))
	other.TSDBUsername = "other"
	g.write(other)
	r := g.until("the edit is seen", func(r Report) bool { return !r.Reason.IsZero() })
	if r.State != On || !strings.Contains(r.Reason.English, "omsinit reconfigure") || user.Load() != "oms" {
		t.Errorf("%+v, user %v", r, user.Load())
	}
	g.apply(On, other)
	g.until("the new user is used", func(Report) bool { return user.Load() == "other" })

	// Switched off: no connection is left, and nothing waits.
	other.TSDBEnabled = false
	g.apply(Off, other)
	r = g.until("it is off", func(r Report) bool { return r.State == Off && connections.Load() == 0 })
	if r.Queue.Batches != 0 || r.Address != "" {
		t.Errorf("%+v", r)
	}
	sent := r.Sent.Batches
	g.see(func() Observation { t.Error("somebody looks although nothing is sent"); return Observation{} })
	time.Sleep(3 * g.o.Interval)
	if r := g.now(); r.Sent.Batches != sent || connections.Load() != 0 {
		t.Errorf("still sending: %+v", r)
	}
	g.see(func() Observation { return Observation{} })

	// Left out: the status says why.
	g.apply(LeftOut, cfg)
	g.until("it is left out", func(r Report) bool { return r.State == LeftOut })
	if w := g.Warnings(); len(w) != 1 || !strings.Contains(w[0].String(), "cannot write a point") ||
		!strings.Contains(w[0].In(msg.Chinese), "无法写入") {
		t.Errorf("warnings: %v", w)
	}

	// A password that is not right any more is tried again, and never told.
	wrong := configFor(host(server))
	wrong.TSDBPassword = "not it"
	g.apply(On, wrong)
	r = g.until("it is refused", func(r Report) bool { return r.Queue.Batches >= 2 && r.LastError != nil })
	if r.Refused.Batches != 0 || !strings.Contains(r.LastError.English, `refuses tsdb_username "oms"`) {
		t.Errorf("%+v", r)
	}
	g.apply(On, cfg)
	g.until("all is sent", func(r Report) bool { return r.Queue.Batches == 0 && r.Sent.Batches > sent+2 })
	text, _ := json.Marshal(g.now())
	var shown bytes.Buffer
	if err := g.now().Print(&shown, msg.Chinese, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{string(text), shown.String()} {
		if strings.Contains(s, secret) || strings.Contains(s, "not it") {
			t.Errorf("a password is shown: %s", s)
		}
	}

	// A container that starts with a config.yaml that was not applied.
	fresh := newRig(t)
	fresh.apply(On, cfg)
	fresh.write(other)
	fresh.start()
	if r := fresh.until("it waits", func(r Report) bool { return r.State == waiting }); r.Sent.Batches != 0 {
		t.Errorf("%+v", r)
	}
	if err := os.WriteFile(fresh.o.ConfigFile, []byte("no: configuration"), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh.until("it says what is wrong", func(r Report) bool {
		return r.State == waiting && !r.Reason.IsZero() && strings.Contains(r.Reason.English, "oms_meta_host")
	})
}

// TestReporterWarns: the status tells of an outage that lasts.
func TestReporterWarns(t *testing.T) {
	g := newRig(t)
	g.apply(On, configFor(freeAddress(t)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g.follow(ctx)
	if err := g.enqueue(collection{at: time.Now(),
		points: []point{{"omsinit_node", nil, map[string]any{"programs": int64(1)}}}}); err != nil {
		t.Fatal(err)
	}
	s, b := g.next()
	g.outcome(s, b, g.deliver(s, b))
	if w := g.Warnings(); len(w) != 0 {
		t.Errorf("warned at once: %v", w)
	}
	g.figures.failingSince = time.Now().Add(-2 * failingLong)
	w := g.Warnings()
	if len(w) != 1 || !strings.Contains(w[0].String(), "for 2m0s: cannot reach") ||
		!strings.Contains(w[0].In(msg.Chinese), "没有指标到达") {
		t.Errorf("%v", w)
	}
	g.outcome(s, b, nil)
	if w := g.Warnings(); len(w) != 0 || g.now().Queue.Batches != 0 {
		t.Errorf("%v %+v", w, g.now())
	}
}

// TestReporterCeresDB: plain line protocol, and no database.
func TestReporterCeresDB(t *testing.T) {
	influx := testinflux.New(t, "oms", secret, "")
	influx.Query("CREATE DATABASE public")
	cfg := configFor(ceres(t, influx.Addr, false))
	cfg.TSDBService = "CERESDB"
	g := newRig(t).start()
	g.apply(On, cfg)
	r := g.until("batches are sent", sentAtLeast(2))
	if rows := influx.Query("SELECT * FROM public..omsinit_program"); len(rows) < 4 || r.Failures != 0 ||
		r.Database != "" {
		t.Errorf("%d rows, %+v", len(rows), r)
	}
}

// TestReporterPanics: a fault is counted, and the next batch is made.
func TestReporterPanics(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer server.Close()
	g := newRig(t)
	var calls atomic.Int64
	g.see(func() Observation {
		if calls.Add(1) < 3 {
			panic("a fault")
		}
		return Observation{}
	})
	g.start()
	g.apply(On, configFor(host(server)))
	r := g.until("batches are sent", sentAtLeast(2))
	if r.Panics != 2 || r.LastError == nil || !strings.Contains(r.LastError.English, "a fault") {
		t.Errorf("%+v", r)
	}
}

// TestWorkersAreKept: a fault outside of what is contained piece by piece ends
// neither PID 1 nor the worker.
func TestWorkersAreKept(t *testing.T) {
	g := newRig(t)
	runs := 0
	g.keep(t.Context(), func(context.Context) {
		if runs++; runs == 1 {
			panic("a fault")
		}
	})
	if r := g.now(); runs != 2 || r.Panics != 1 {
		t.Errorf("%d runs, %+v", runs, r)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	g.keep(ended, func(context.Context) { panic("a fault") }) // comes back
}

func TestQueue(t *testing.T) {
	at := func(i int, size int) *batch {
		return &batch{at: time.Unix(int64(i), 0), points: 1, data: make([]byte, size)}
	}
	var q queue
	dropped := 0
	for i := range mostBatches + 10 {
		for _, b := range q.add(at(i, 10)) {
			if b.at.Unix() != int64(dropped) {
				t.Fatalf("dropped %v, not the oldest", b.at)
			}
			dropped++
		}
	}
	if dropped != 10 || len(q.list) != mostBatches || q.bytes != 10*mostBatches {
		t.Errorf("dropped %d, left %d with %d bytes", dropped, len(q.list), q.bytes)
	}
	// What is on its way stays.
	q.sending = true
	first := q.first()
	if out := q.add(at(1000, 10)); len(out) != 1 || out[0] == first || q.first() != first {
		t.Errorf("dropped %v", out)
	}
	// One that is too large is dropped itself, at last.
	q.clear()
	if out := q.add(at(1, mostQueueBytes+1)); len(out) != 1 || len(q.list) != 0 || q.bytes != 0 {
		t.Errorf("dropped %d, left %d with %d bytes", len(out), len(q.list), q.bytes)
	}
	q.add(at(1, 10))
	q.remove(first) // of a queue that was cleared
	if len(q.list) != 1 {
		t.Error("removed another batch")
	}
}

// TestReporterOverflow: the oldest batches make room, and are counted.
func TestReporterOverflow(t *testing.T) {
	g := newRig(t)
	g.apply(On, configFor(freeAddress(t)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g.follow(ctx)
	for i := range mostBatches + 7 {
		if err := g.enqueue(collection{at: time.Unix(int64(i), 0),
			points: []point{{"omsinit_node", nil, map[string]any{"programs": int64(i)}}}}); err != nil {
			t.Fatal(err)
		}
	}
	r := g.now()
	if r.Dropped != (Amount{7, 7}) || r.Queue.Batches != mostBatches || r.Queue.OldestAt.Unix() != 7 {
		t.Errorf("%+v", r)
	}
}
