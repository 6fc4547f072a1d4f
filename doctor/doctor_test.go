package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/check"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
)

var now = time.Date(2026, 11, 28, 3, 0, 0, 0, time.Local)

func write(t *testing.T, path, text string, at time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// input is a node on which nothing is wrong.
func input(t *testing.T) Input {
	started := now.Add(-time.Hour)
	return Input{
		Layout: layout.New(t.TempDir()), System: t.TempDir(), Now: func() time.Time { return now },
		Since:    2 * time.Hour,
		Programs: []string{"oms_console", "oms_drc_supervisor"}, Symptoms: pack.BuiltinSymptoms,
		Status: func(context.Context) (*api.Status, error) {
			return &api.Status{Programs: []api.ProgramStatus{
				{Name: "oms_console", State: "RUNNING", Ready: true, StartedAt: &started},
				{Name: "oms_drc_supervisor", State: "FATAL"},
			}}, nil
		},
	}
}

func ids(d Diagnosis) (list []string) {
	for _, c := range d.Causes {
		list = append(list, string(c.Severity)+" "+c.ID)
	}
	return list
}

// TestLogs: what is found in which logs, and what is left alone.
func TestLogs(t *testing.T) {
	in := input(t)
	logs := in.Layout.LogDir()
	trace := "2026-11-28 02:30:00,123 ERROR x\njava.lang.IllegalStateException\n\tat a.b\nCaused by: Conversion not supported for type java.time.LocalDateTime\n"
	write(t, logs+"/ghana/Ghana/oms-web.log", trace+"no time: no enough host resource for X\n", now)
	// Before the program was started.
	write(t, logs+"/ghana/Ghana/common-error.log",
		"2026-11-28 01:30:00 spring.application.name must be configured!\n", now)
	// Too old, by its own time and by that of the file.
	write(t, logs+"/cm/log/service.log", "2026-11-27 01:30:00 CM-RESONF000001\n", now)
	write(t, logs+"/cm/log/old.log", "CM-RESONF000002\n", now.Add(-3*time.Hour))
	// The right log of the agent is that of its launcher; a pipe is not waited for.
	write(t, in.Layout.Path("/home/ds/supervisor/log/out.log"),
		"one\n2026-11-28 02:59:00 java.lang.OutOfMemoryError: Java heap space\x1b[2J\n", now)
	write(t, logs+"/supervisor/error.log", "earlier\n", now.Add(-time.Minute))
	if err := syscall.Mkfifo(logs+"/supervisor/pipe.log", 0o600); err != nil {
		t.Fatal(err)
	}
	in.Mask = func(s string) string { return strings.ReplaceAll(s, "heap", "****") }
	d := Run(t.Context(), in)
	var got []string
	for _, s := range d.Facts.Seen {
		past := ""
		if s.Past {
			past = " past"
		}
		got = append(got, s.ID+" "+s.Program+" "+s.At.Format("15:04")+past)
	}
	slices.Sort(got)
	want := []string{"console-unconfigured oms_console 01:30 past", "local-date-time oms_console 02:30",
		"no-host-resource oms_console 02:30", "out-of-memory oms_drc_supervisor 02:59"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if w := d.Facts.Programs; len(w) != 1 || w[0].File != in.Layout.Path("/home/ds/supervisor/log/out.log") ||
		w[0].Lines != "one\n2026-11-28 02:59:00 java.lang.OutOfMemoryError: Java **** space?[2J" {
		t.Errorf("last words: %+v", w)
	}
	if !d.Failed() || !slices.Contains(ids(d), "note symptom.console-unconfigured") {
		t.Errorf("%q", ids(d))
	}
}

// TestLongLog: only the end of a long log is read.
func TestLongLog(t *testing.T) {
	in := input(t)
	filler := strings.Repeat(strings.Repeat("x", 99)+"\n", mostFile/100+1)
	write(t, in.Layout.LogDir()+"/cm/log/service.log", "CM-RESONF000001\n"+filler+"CM-RESONF000021\n", now)
	d := Run(t.Context(), in)
	if len(d.Facts.Seen) != 1 || d.Facts.Seen[0].ID != "no-machine-registered" || d.Facts.Seen[0].Count != 1 {
		t.Errorf("%+v", d.Facts.Seen)
	}
}

// TestSources: a source that hangs or fails is a line, and nothing waits for it.
func TestSources(t *testing.T) {
	in := input(t)
	in.Config = &config.Config{MetaHost: "127.0.0.1"}
	hang := make(chan struct{})
	defer close(hang)
	list := []source{
		{"hangs", 10 * time.Millisecond,
			func(context.Context) (func(*Facts), error) { <-hang; return func(f *Facts) { f.Address = "late" }, nil }},
		{"minds", 10 * time.Millisecond, func(ctx context.Context) (func(*Facts), error) {
			<-ctx.Done()
			return func(f *Facts) { f.Build = "said in time" }, nil
		}},
		{"fails", time.Second, func(context.Context) (func(*Facts), error) { return nil, errors.New("broken") }},
	}
	f := Facts{statuses: map[string]error{}}
	for _, s := range list {
		f.take(s, <-s.start(t.Context()))
	}
	if !f.Sources[0].Late || f.Sources[1].Late || f.Sources[2].Error.English != "broken" || f.Address != "" ||
		f.Build != "said in time" {
		t.Errorf("%+v", f)
	}
	if got := ids(Diagnosis{Causes: judge(f, in)}); !slices.Equal(got,
		[]string{"warning check.deadline", "warning check.failed"}) {
		t.Errorf("%q", got)
	}
}

// TestRanking: what makes what.
func TestRanking(t *testing.T) {
	report := func(findings ...finding.Finding) *check.Report {
		return &check.Report{Results: []check.Result{{ID: "x.y", Findings: findings}}}
	}
	err := func(id string, facts ...finding.Fact) finding.Finding {
		return finding.Finding{ID: id, Severity: finding.Error, Message: msg.M("%s", id), Facts: facts}
	}
	dead := err("cluster.program", fact("program", "oms_console"))
	warning := finding.Finding{ID: "host.cpu", Severity: finding.Warning, Message: msg.M("%s", "few")}
	said := Seen{ID: "out-of-memory", Program: "oms_console",
		symptom: pack.Symptom{Severity: finding.Error, Next: "omsinit status"}}
	for name, tc := range map[string]struct {
		facts Facts
		want  string
	}{
		"nothing": {Facts{}, ""},
		"a MetaDB that is away makes the rest": {
			Facts{Check: report(warning, err("metadb.connect")),
				Cluster: report(dead, err("metadb.connect"), err("cluster.heartbeat"))},
			"metadb.connect cluster.program<1 cluster.heartbeat<1 host.cpu"},
		"what a program says explains it": {Facts{Cluster: report(dead), Seen: []Seen{said}},
			"symptom.out-of-memory cluster.program<1"},
		"another program's words do not": {
			Facts{Cluster: report(dead), Seen: []Seen{{ID: "x", Program: "nginx",
				symptom: pack.Symptom{Severity: finding.Error}}}},
			"symptom.x cluster.program"},
		"a wrong file is before everything": {
			Facts{Check: report(err("port.in-use"), err("config.value")), Cluster: report(err("cluster.init"))},
			"config.value port.in-use cluster.init<1"},
		"PID 1 is silent": {Facts{statuses: map[string]error{"status": errors.New("nobody")}, Cluster: report(dead)},
			"pid1.silent cluster.program<1"},
		"a full disk": {Facts{Disks: []Disk{{Path: "/l", Bytes: 1 << 40, Free: 1, Percent: 100}},
			Cluster: report(dead)}, "disk.full cluster.program<1"},
		"inodes": {Facts{Disks: []Disk{{Path: "/l", Bytes: 1 << 40, Free: 1 << 39, Inodes: 1000}}},
			"disk.full"},
		"memory 84": {Facts{Memory: &Memory{Bytes: 100, Used: 84, Percent: 84}}, "memory.ha"},
		"memory 86": {Facts{Memory: &Memory{Bytes: 100, Used: 86, Percent: 86}}, "memory.refused"},
		"memory 79": {Facts{Memory: &Memory{Bytes: 100, Used: 79, Percent: 79}}, ""},
		"pids":      {Facts{Memory: &Memory{Processes: 90, Most: 100}}, "pids.full"},
		"names":     {Facts{Names: []Name{{Key: "cm_url", Host: "x", Error: "no such host"}}}, "dns.unresolved"},
		"killed": {Facts{Memory: &Memory{OOMKills: 2},
			Status:  &api.Status{Programs: []api.ProgramStatus{{Name: "a", ExitSignal: "SIGKILL"}}},
			Cluster: report(dead)}, "memory.killed cluster.program<1"},
		"drift": {Facts{Files: &Files{Changed: []string{"/a"}, Edited: []string{"/b"}},
			Schema: &Schema{Missing: []string{"rm.t"}, Changed: []string{"rm.c"}},
			MetaDB: &MetaDB{LockedUsers: []string{"admin"}, UpgradedAgo: time.Hour}},
			"schema.missing schema.changed files.drift console.locked files.edited console.browser"},
	} {
		f := tc.facts
		f.Limits = Thresholds{Memory: 85, Disk: 90}
		var got []string
		for _, c := range judge(f, Input{}) {
			text := c.ID
			if c.From > 0 {
				text += "<" + string(rune('0'+c.From))
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, " "), tc.want)
		}
	}
}

// TestThresholds: people set those of the CM by hand.
func TestThresholds(t *testing.T) {
	in := input(t)
	if got := in.thresholds(); got.Memory != 85 || got.Disk != 90 || got.CPU != 85 {
		t.Errorf("documented: %+v", got)
	}
	write(t, in.Layout.Path("/home/ds/cm/package/config/drc-cm.properties"),
		"drcCfg.memUsedPercentThresHold = 0.95\ndrcCfg.diskUsedPercentThresHold=nonsense\n", now)
	if got := in.thresholds(); got.Memory != 95 || got.Disk != 90 {
		t.Errorf("by hand: %+v", got)
	}
}

// TestPrint: both forms hold every cause, and the JSON can be read.
func TestPrint(t *testing.T) {
	in := input(t)
	in.Status = func(context.Context) (*api.Status, error) { return nil, errors.New("nobody") }
	in.Symptoms = func() (*pack.Symptoms, error) { return nil, errors.New("a wrong table") }
	d := Run(t.Context(), in)
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		var b bytes.Buffer
		if err := d.Print(&b, lang); err != nil || !strings.Contains(b.String(), "[pid1.silent]") ||
			!strings.Contains(b.String(), "[check.symptoms]") {
			t.Errorf("%v\n%s", err, &b)
		}
	}
	data, err := json.Marshal(d.JSON(msg.English))
	var back struct {
		Version int
		Status  string
		Causes  []struct{ ID string }
	}
	if err != nil || json.Unmarshal(data, &back) != nil || back.Version != 1 || back.Status != "failed" ||
		len(back.Causes) != len(d.Causes) {
		t.Errorf("%v\n%s", err, data)
	}
}
