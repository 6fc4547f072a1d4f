package check

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/metrics"
)

// TestRunner: what depends on a failed check is skipped because of it, also
// when others are between, and what does not apply is left out.
func TestRunner(t *testing.T) {
	pass := func(context.Context, *node, *found) {}
	fail := func(_ context.Context, _ *node, f *found) { f.error("metadb.clock", msg.M("x"), msg.Message{}) }
	warn := func(_ context.Context, _ *node, f *found) { f.warning("metadb.clock", msg.M("x"), msg.Message{}) }
	never := func(*node) bool { return false }
	var mu sync.Mutex
	running, ran := map[string]bool{}, 0
	told := func(id string, _ msg.Message, runs bool) {
		mu.Lock()
		defer mu.Unlock()
		if running[id] == runs {
			t.Errorf("%s: told twice that it runs: %v", id, runs)
		}
		if running[id] = runs; runs {
			ran++
		}
	}
	results := runAll(t.Context(), &node{Input: Input{Deadline: time.Minute, Running: told}}, []check{
		{id: "a.ok", run: pass}, {id: "a.warns", run: warn}, {id: "a.fails", run: fail},
		{id: "a.absent", run: fail, applies: never},
		{id: "b.one", needs: []string{"a.ok", "a.warns"}, run: pass},
		{id: "b.two", needs: []string{"a.ok", "a.fails"}, run: pass},
		{id: "b.three", needs: []string{"b.two"}, run: pass},
		{id: "b.four", needs: []string{"a.absent"}, run: pass},
		{id: "c.never", when: never, run: fail}, {id: "c.never-mind", needs: []string{"a.fails"}, when: never,
			run: fail},
		{id: "c.after", needs: []string{"c.never"}, run: pass},
	})
	var got []string
	for _, r := range results {
		got = append(got, r.ID+" "+r.Status()+" "+strings.Join(r.SkippedBecause, ","))
	}
	want := []string{"a.ok PASSED ", "a.warns WARNING ", "a.fails FAILED ", "b.one PASSED ", "b.two SKIPPED a.fails",
		"b.three SKIPPED a.fails", "c.after PASSED "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for id, runs := range running {
		if runs {
			t.Errorf("%s runs for ever", id)
		}
	}
	if ran != 5 {
		t.Errorf("%d checks have run, want those that were not skipped: %v", ran, running)
	}
}

// TestDeadline measures with a clock that stands still unless everybody waits:
// checks that hang take one deadline together, and one that does not even
// notice its deadline is left behind.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := func(ctx context.Context, _ *node, f *found) {
			<-ctx.Done()
			f.error("metadb.unreachable", msg.M("away"), msg.Message{})
		}
		start := time.Now()
		results := runAll(t.Context(), &node{Input: Input{Deadline: 5 * time.Second}}, []check{
			{id: "a.one", run: wait}, {id: "a.two", run: wait}, {id: "a.three", run: wait},
			{id: "b.one", needs: []string{"a.one"}, run: wait},
		})
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %s", took)
		}
		if got := results[3].Status(); got != "SKIPPED" {
			t.Errorf("got %s", got)
		}

		release := make(chan struct{})
		start = time.Now()
		results = runAll(t.Context(), &node{Input: Input{Deadline: 5 * time.Second}}, []check{
			{id: "a.deaf", run: func(context.Context, *node, *found) { <-release }},
			{id: "b.one", needs: []string{"a.deaf"}, run: wait},
		})
		if took := time.Since(start); took != 5*time.Second+grace {
			t.Errorf("took %s", took)
		}
		if got := ids(results[0]); got != "warning check.deadline" || results[1].Status() != "SKIPPED" {
			t.Errorf("got %s, %s", got, results[1].Status())
		}
		start = time.Now()
		runAll(t.Context(), &node{Input: Input{Deadline: 5 * time.Second}},
			[]check{{id: "a.slow", deadlines: 6, run: wait}})
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("took %s", took)
		}
		// Of a check that others need it is an error: they are all skipped.
		start = time.Now()
		results = runAll(t.Context(), &node{Input: Input{Deadline: 5 * time.Second}}, []check{
			{id: "metadb.connect", run: func(context.Context, *node, *found) { <-release }},
		})
		if got := ids(results[0]); got != "error check.deadline" || time.Since(start) != 5*time.Second+grace {
			t.Errorf("got %s after %s", got, time.Since(start))
		}
		close(release)
	})
}

// typing loads a configuration from the standard input.
func typing(r io.Reader) func() (*config.Config, []finding.Finding, error) {
	return func() (*config.Config, []finding.Finding, error) {
		data, err := config.ReadFrom("<stdin>", r)
		if err != nil {
			return nil, nil, err
		}
		return config.Parse("<stdin>", data)
	}
}

// TestTyping: standard input may take as long as a person needs, or until the
// command is interrupted.
func TestTyping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			time.Sleep(time.Hour)
			io.WriteString(w, valid)
			w.Close()
		}()
		report, cfg := Run(t.Context(), Input{ConfigFile: "-", Load: typing(r), Offline: true})
		if cfg == nil || report.Err() != nil {
			t.Errorf("got %v", report.Err())
		}
		r, w = io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, cfg := Run(ctx, Input{ConfigFile: "-", Load: typing(r), Offline: true}); cfg != nil {
			t.Error("there is a configuration")
		}
		w.Close()
	})
}

// TestChecksAreSound: the table names only checks that stand before, so that
// nothing waits for ever.
func TestChecksAreSound(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks() {
		if seen[c.id] || c.title.IsZero() || c.run == nil || !strings.Contains(c.id, ".") {
			t.Errorf("%s: twice, or incomplete", c.id)
		}
		for _, need := range c.needs {
			if !seen[need] {
				t.Errorf("%s needs %s, which does not stand before it", c.id, need)
			}
		}
		seen[c.id] = true
	}
}

// blackHole accepts connections in the kernel, says nothing, and counts them.
func blackHole(t *testing.T) (port int, count *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	count = new(atomic.Int64)
	var open []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			open = append(open, c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for _, c := range open {
			c.Close()
		}
	})
	return l.Addr().(*net.TCPAddr).Port, count
}

// TestBlackHole: a MetaDB that does not answer is asked once, is a passing
// reason, and everything about it is skipped.
func TestBlackHole(t *testing.T) {
	port, count := blackHole(t)
	cfg := strings.Replace(valid, "2883", itoa(port), 1)
	report, loaded := Run(t.Context(), Input{Layout: layout.New(t.TempDir()),
		ConfigFile: writeConfig(t, freePorts(t)+cfg), HostIP: "10.0.0.1",
		Deadline: 300 * time.Millisecond, TryWrites: true, addresses: addresses("10.0.0.1/24"),
		Gate: func(context.Context, *config.Config) error { t.Error("the gate was asked"); return nil }})
	if loaded == nil || count.Load() != 1 {
		t.Errorf("asked %d times, want once", count.Load())
	}
	if errs := report.Errors(); !finding.IsTransient(report.Err()) || len(errs) != 1 ||
		errs[0].ID != "metadb.slow-greeting" {
		t.Errorf("not one passing error: %+v", errs)
	}
	skipped := 0
	for _, r := range report.Results {
		if r.Category() == "metadb" && r.ID != "metadb.connect" {
			skipped++
			if !slices.Equal(r.SkippedBecause, []string{"metadb.connect"}) {
				t.Errorf("%s: %s %v", r.ID, r.Status(), r.SkippedBecause)
			}
		}
	}
	if skipped != 5 {
		t.Errorf("%d checks of the MetaDB were skipped, want 5", skipped)
	}
}

func TestRun(t *testing.T) {
	unreachable := finding.Transient(errors.New("no route to host"))
	// The MetaDB refuses connections at once, so it is always among the errors.
	refusing, _ := net.Listen("tcp", "127.0.0.1:0")
	port := refusing.Addr().(*net.TCPAddr).Port
	refusing.Close()
	file := writeConfig(t, freePorts(t)+strings.Replace(valid, "2883", itoa(port), 1)+tsdb)
	for _, tc := range []struct {
		name            string
		in              Input
		failed, passing bool
		loaded          bool
	}{
		{"all well, offline", Input{ConfigFile: writeConfig(t, valid), Offline: true}, false, false, true},
		{"standard input", Input{ConfigFile: "-", Load: typing(strings.NewReader(valid)), Offline: true}, false,
			false, true},
		{"standard input, wrong", Input{ConfigFile: "-", Load: typing(strings.NewReader("cm_location: many")),
			Offline: true}, true, false, false},
		{"nothing on standard input", Input{ConfigFile: "-", Load: typing(strings.NewReader("")), Offline: true}, true,
			false, false},
		{"a wrong file fails once, and the rest is skipped",
			Input{ConfigFile: writeConfig(t, "cm_location: many\n"), HostIP: "10.0.0.9"}, true, false, false},
		{"no file", Input{ConfigFile: filepath.Join(t.TempDir(), "none")}, true, false, false},
		{"the TSDB is away", Input{ConfigFile: file, HostIP: "10.0.0.1",
			TSDB: func(context.Context, *config.Config) error { return unreachable }}, true, true, true},
		{"the TSDB refuses", Input{ConfigFile: file, HostIP: "10.0.0.1",
			TSDB: func(context.Context, *config.Config) error { return errors.New("refused") }}, true, false, true},
		{"the TSDB is away, and OMS_HOST_IP is wrong", Input{ConfigFile: file, HostIP: "10.0.0.9",
			TSDB: func(context.Context, *config.Config) error { return unreachable }}, true, false, true},
		{"everything is ignored by name", Input{ConfigFile: file, HostIP: "10.0.0.9",
			Ignore: Ignored{"host.nodes", "tsdb.connect", "metadb.unreachable"},
			TSDB:   func(context.Context, *config.Config) error { return unreachable }}, false, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.in.Layout = layout.New(t.TempDir())
			tc.in.addresses = addresses("10.0.0.1/24")
			report, cfg := Run(t.Context(), tc.in)
			err := report.Err()
			if (err != nil) != tc.failed || finding.IsTransient(err) != tc.passing || (cfg != nil) != tc.loaded {
				t.Errorf("error %v (passing %v), configuration %v", err, finding.IsTransient(err), cfg != nil)
			}
			var failed *FailedError
			if tc.failed && !errors.As(err, &failed) {
				t.Errorf("%T is not a FailedError", err)
			}
			for _, f := range report.having(finding.Warning) {
				if f.Ignored && !slices.Contains(tc.in.Ignore, f.ID) {
					t.Errorf("%s is ignored", f.ID)
				}
			}
		})
	}
}

func TestParseIgnored(t *testing.T) {
	for _, tc := range []struct {
		lists []string
		want  Ignored
		err   string
	}{
		{nil, nil, ""},
		{[]string{""}, nil, ""},
		{[]string{"metadb.clock,host.cpu", " https.expiry "}, Ignored{"metadb.clock", "host.cpu", "https.expiry"}, ""},
		{[]string{"all"}, nil, "not all findings"},
		{[]string{"metadb.clock,ALL"}, nil, "not all findings"},
		{[]string{"metadb.cloc"}, nil, `no finding has the id "metadb.cloc"`},
		{[]string{"config.value"}, nil, "config.value cannot be ignored"},
		{[]string{"host.ip"}, nil, "host.ip cannot be ignored"},
	} {
		got, err := ParseIgnored(tc.lists...)
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) ||
			!slices.Equal(got, tc.want) {
			t.Errorf("%q: got %v, %v", tc.lists, got, err)
		}
	}
}

// fullBacklog is an address that drops whoever wants to connect, as a firewall
// does: the kernel's queue is full, and nobody empties it.
func fullBacklog(t *testing.T) (port int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port = name.(*unix.SockaddrInet4).Port
	for range 8 {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+itoa(port), 200*time.Millisecond)
		if err != nil {
			return port
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the backlog is never full")
	return 0
}

// TestDropped: nothing answers at all, in both databases.
func TestDropped(t *testing.T) {
	cfg := freePorts(t) + strings.Replace(valid, "2883", itoa(fullBacklog(t)), 1) + strings.Replace(tsdb,
		"10.0.0.5:8086", "127.0.0.1:"+itoa(fullBacklog(t)), 1)
	report, _ := Run(t.Context(), Input{Layout: layout.New(t.TempDir()), ConfigFile: writeConfig(t, cfg),
		HostIP: "10.0.0.1", Deadline: 300 * time.Millisecond,
		TryWrites: true, TSDB: metrics.Check, TSDBWrite: metrics.CheckWrite, addresses: addresses("10.0.0.1/24")})
	var got []string
	for _, f := range report.Errors() {
		got = append(got, f.ID)
	}
	err := report.Err()
	if !slices.Equal(got, []string{"metadb.unreachable", "tsdb.connect"}) || !finding.IsTransient(err) ||
		!strings.Contains(err.Error(), "nothing answers") {
		t.Errorf("got %v: %v", got, err)
	}
}

// TestLateGate: a gate that does not answer in time is shut.
func TestLateGate(t *testing.T) {
	for _, gate := range []bool{false, true} {
		report, _ := perform(t.Context(), Input{Deadline: time.Millisecond}, []check{{id: "upgrade.state", gate: gate,
			run: func(context.Context, *node, *found) { time.Sleep(grace + 200*time.Millisecond) }}})
		if (report.Err() != nil) != gate {
			t.Errorf("gate %v: %v", gate, report.Err())
		}
	}
}
