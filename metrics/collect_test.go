package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// system writes a /proc and /sys in which everything is known: program 100
// with a child in its group, a grandchild of a session of its own, and a
// process that belongs to nobody.
func system(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	process := func(pid, parent, group, utime, pages, files int) {
		write(fmt.Sprintf("/proc/%d/stat", pid), fmt.Sprintf("%d (a (b) c) S %d %d %d 0 -1 4194560 1 2 3 4 %d 10 5 5 20 0 1 0 100 1000 %d 18446744073709551615 1 1 1 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0", pid, parent, group, group, utime, pages))
		for i := range files {
			write(fmt.Sprintf("/proc/%d/fd/%d", pid, i), "")
		}
	}
	write("/proc/1/fd/0", "")
	process(100, 1, 100, 80, 10, 3)
	process(101, 100, 100, 0, 20, 2)
	process(102, 101, 102, 0, 30, 1)
	process(200, 1, 200, 1000, 1000, 9)
	write("/proc/1/stat", "1 (omsinit) S 0 1 1 0 -1 0 1 2 3 4 0 0 0 0 20 0 1 0 100 1000 7 0 1 1 1 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0")
	if err := os.Symlink("1", filepath.Join(root, "/proc/self")); err != nil {
		t.Fatal(err)
	}
	write("/proc/300/stat", "garbage")
	write("/proc/meminfo", "MemTotal: 4096 kB\n")
	write("/proc/1/cgroup", "0::/\n")
	for file, text := range map[string]string{
		"memory.current": "1000", "memory.stat": "inactive_file 100", "memory.max": "max",
		"memory.events": "oom_kill 2",
		"cpu.stat":      "usage_usec 1500000\nthrottled_usec 250000", "pids.current": "12", "pids.max": "400",
	} {
		write("/sys/fs/cgroup/"+file, text)
	}
	return root
}

// full is a collection in which nothing is missing.
func full(t *testing.T) []point {
	t.Helper()
	r := New(Options{Mounts: []Mount{{"logs", t.TempDir()}}, root: system(t), Version: "v1"})
	started := time.Now().Add(-time.Minute)
	r.collect = &collector{root: r.o.root, mounts: newMounts(r.o.Mounts), version: "v1", look: func() Observation {
		return Observation{StartedAt: started, SetupState: "retrying", Programs: []Program{
			{Name: "oms_console", State: 20, StateName: "RUNNING", PID: 100, StartedAt: started, Ready: true, Starts: 3,
				LostBytes: 5},
			{Name: "stopped", State: 0, StateName: "STOPPED"},
			{Name: "gone", State: 20, StateName: "RUNNING", PID: 99999, StartedAt: started, Starts: 1},
		}}
	}}
	r.steps.ended(Step{Name: "metadb", Seconds: 1.5, Failed: true}, time.Now())
	c, err := r.observe(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return c.points
}

func find(t *testing.T, points []point, measurement string, tags ...string) map[string]any {
	t.Helper()
	for _, p := range points {
		if p.measurement == measurement && slices.Equal(p.tags, tags) {
			return p.values
		}
	}
	t.Fatalf("no %s %v", measurement, tags)
	return nil
}

func TestCollect(t *testing.T) {
	points := full(t)
	page := int64(os.Getpagesize())
	for _, tc := range []struct {
		measurement string
		tags        []string
		want        map[string]any // nil for what must be missing
	}{
		{"omsinit_node", nil, map[string]any{"setup_state": int64(2), "programs": int64(3),
			"programs_running": int64(2), "programs_ready": int64(1), "programs_fatal": int64(0), "version": "v1"}},
		{"omsinit_program", []string{"oms_console"},
			map[string]any{"state": int64(20), "state_name": "RUNNING", "ready": int64(1), "starts_total": int64(3),
				"restarts_total": int64(2),
				"processes":      int64(3), "memory_bytes": 60 * page, "cpu_seconds_total": 1.4, "open_files": int64(6),
				"lost_log_bytes_total": int64(5)}},
		{"omsinit_program", []string{"stopped"},
			map[string]any{"state": int64(0), "processes": int64(0), "memory_bytes": int64(0), "uptime_seconds": 0.0,
				"restarts_total": int64(0), "cpu_seconds_total": nil}},
		{"omsinit_program", []string{"gone"}, map[string]any{"state": int64(20), "processes": nil, "memory_bytes": nil,
			"open_files": nil, "cpu_seconds_total": nil}},
		{"omsinit_container", nil, map[string]any{"memory_bytes": int64(900), "memory_limit_bytes": int64(4096 << 10),
			"cpu_seconds_total": 1.5, "cpu_throttled_seconds_total": 0.25, "processes": int64(12),
			"processes_limit": int64(400), "oom_kills_total": int64(2)}},
		{"omsinit_step", []string{"metadb"},
			map[string]any{"duration_seconds": 1.5, "failed": int64(1), "runs_total": int64(1),
				"failures_total": int64(1)}},
		{"omsinit_reporter", nil, map[string]any{"collections_total": int64(1), "memory_bytes": 7 * page,
			"programs_left_out": int64(0)}},
	} {
		got := find(t, points, tc.measurement, tc.tags...)
		for name, want := range tc.want {
			if f, ok := want.(float64); ok {
				if v, _ := got[name].(float64); v < f-1e-9 || v > f+1e-9 {
					t.Errorf("%s %v: %s is %v, want %v", tc.measurement, tc.tags, name, got[name], want)
				}
			} else if got[name] != want {
				t.Errorf("%s %v: %s is %v, want %v", tc.measurement, tc.tags, name, got[name], want)
			}
		}
	}
	if up := find(t, points, "omsinit_program", "oms_console")["uptime_seconds"].(float64); up < 59 {
		t.Errorf("uptime %v", up)
	}
	var s unix.Statfs_t
	mount := find(t, points, "omsinit_mount", "logs")
	if err := unix.Statfs(t.TempDir(), &s); err != nil || mount["size_bytes"] != int64(s.Blocks)*int64(s.Bsize) {
		t.Errorf("mount %v, %v", mount, err)
	}
}

// TestCatalogueIsEmitted: what the catalogue promises comes out in both forms,
// and nothing else does.
func TestCatalogueIsEmitted(t *testing.T) {
	points := full(t)
	emitted := map[string]bool{}
	for _, p := range points {
		for name := range p.values {
			emitted[p.measurement+" "+name] = true
		}
	}
	var text bytes.Buffer
	if err := writeText(&text, points, identity{"r", "n"}); err != nil {
		t.Fatal(err)
	}
	metrics := metricNames(t, text.String())
	for _, m := range Catalogue() {
		for _, f := range m.Fields {
			if !emitted[m.Name+" "+f.Name] {
				t.Errorf("%s %s is not emitted", m.Name, f.Name)
			}
			delete(emitted, m.Name+" "+f.Name)
			name := m.Name + "_" + f.Name
			if metrics[name] != (f.Kind != Words) {
				t.Errorf("%s: in the text of Prometheus is %v, and its kind is %s", name, metrics[name], f.Kind)
			}
			if (f.Kind == Counter) != strings.HasSuffix(f.Name, "_total") {
				t.Errorf("%s is a %s, and its name says something else", name, f.Kind)
			}
			delete(metrics, name)
		}
	}
	if len(emitted) > 0 || len(metrics) > 0 {
		t.Errorf("not in the catalogue: %v %v", emitted, metrics)
	}
	// InfluxDB refuses a field whose type changes.
	for _, p := range points {
		for _, m := range Catalogue() {
			for _, f := range m.Fields {
				v, there := p.values[f.Name]
				if m.Name != p.measurement || !there {
					continue
				}
				_, whole := v.(int64)
				_, words := v.(string)
				if whole != f.Whole || words != (f.Kind == Words) {
					t.Errorf("%s %s is a %T", m.Name, f.Name, v)
				}
			}
		}
	}
}

// metricNames reads the text form as its documentation has it, and gives the
// names of the metrics.
func metricNames(t *testing.T, text string) map[string]bool {
	t.Helper()
	sample := regexp.MustCompile(`^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\}) ([0-9.eE+-]+)$`)
	kind, names, series := "", map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			if kind, _, _ = strings.Cut(name, " "); names[kind] {
				t.Errorf("%s comes twice", kind)
			}
			continue
		}
		if strings.HasPrefix(line, "# HELP ") {
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil || m[1] != kind || series[m[1]+m[2]] {
			t.Errorf("not understood, or out of place: %q", line)
			continue
		}
		names[m[1]], series[m[1]+m[2]] = true, true
	}
	return names
}

func TestCardinality(t *testing.T) {
	c := &collector{root: t.TempDir(), mounts: newMounts(nil), look: func() Observation {
		var o Observation
		for i := range MostPrograms + 50 {
			o.Programs = append(o.Programs, Program{Name: fmt.Sprintf("p%03d", i)})
		}
		return o
	}}
	points, leftOut := c.collect(time.Now())
	count := map[string]int{}
	for _, p := range points {
		count[p.measurement]++
	}
	if count["omsinit_program"] != MostPrograms || leftOut != 50 ||
		find(t, points, "omsinit_node")["programs"] != int64(MostPrograms+50) {
		t.Errorf("%v, %d left out", count, leftOut)
	}
	s := steps{}
	for i := range mostSteps + 5 {
		s.ended(Step{Name: fmt.Sprint(i)}, time.Now())
	}
	if len(s.points()) != mostSteps || s.ended(Step{}, time.Now()) {
		t.Errorf("%d steps", len(s.points()))
	}
}

// TestHangingMount: a file system that does not answer keeps nothing else back,
// and is asked once.
func TestHangingMount(t *testing.T) {
	hang := make(chan struct{})
	asked := make(chan struct{}, 10)
	m := newMounts([]Mount{{"logs", "/x"}, {"store", "/y"}, {"run", "/z"}})
	m.statfs = func(path string, s *unix.Statfs_t) error {
		switch path {
		case "/x":
			asked <- struct{}{}
			<-hang
		case "/z":
			return errors.New("gone")
		}
		s.Bsize, s.Blocks, s.Bfree, s.Bavail = 10, 100, 50, 40
		return nil
	}
	for range 3 {
		points := m.points()
		if len(points) != 1 || points[0].tags[0] != "store" || points[0].values["used_bytes"] != int64(500) ||
			points[0].values["free_bytes"] != int64(400) {
			t.Fatalf("%v", points)
		}
	}
	if len(asked) != 1 {
		t.Errorf("asked %d times", len(asked))
	}
	close(hang)
}

func TestTags(t *testing.T) {
	at := time.UnixMilli(1700000000123)
	for name, want := range map[string]string{
		"a b,c=d": `a\ b\,c\=d`, "line\nfeed\x00": "line_feed_", `end\`: "end_", "程序": "程序",
		strings.Repeat("x", 500): strings.Repeat("x", longestTag),
	} {
		got, err := lines([]point{{"omsinit_program", []string{name}, map[string]any{"ready": int64(1)}}},
			identity{"r", ""}, at)
		if want = "omsinit_program,program=" + want + ",region=r ready=1i 1700000000123\n"; err != nil ||
			string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	var b bytes.Buffer
	if err := writeText(&b, []point{{"omsinit_program", []string{"a\"b\\c\nd"}, map[string]any{"ready": int64(1)}}},
		identity{"r", "n"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `program="a\"b\\c_d"} 1`) {
		t.Error(b.String())
	}
}
