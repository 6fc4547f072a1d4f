package flow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/check"
	"omsinit/init/component"
	"omsinit/internal/finding"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
	"omsinit/testdata/testmaria"
)

// TestInit: the five steps in their order, with the documented headlines, and what is left of them for PID 1, for other
// tools and for the next run.
func TestInit(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	if err := w.flow().Init(t.Context(), Steps{}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	want := []string{"Step 1", "Step 2", "Step 3", "Step 4", "Step 5", "Completed"}
	if diff := cmp.Diff(want, banners(w.out.String())); diff != "" {
		t.Errorf("the headlines (-want +got):\n%s", diff)
	}
	want = []string{"running 1", "running 2", "running 3", "running 4", "running 5", "done"}
	if diff := cmp.Diff(want, w.pid1.told()); diff != "" {
		t.Errorf("what PID 1 was told (-want +got):\n%s", diff)
	}
	for i, r := range w.pid1.reports {
		if r.PID != os.Getpid() || i < 5 && (r.StepName.English != Phases[i].Name ||
			!slices.Contains(r.Programs, "oms_drc_cm")) {
			t.Errorf("report %d: %+v", i, r)
		}
		for j, step := range r.Steps {
			state := ""
			if j < i {
				state = api.SetupDone
			} else if j == i {
				state = api.SetupRunning
			}
			if step.Name != Phases[j].Name || step.State != state || (step.StartedAt != nil) != (state != "") ||
				(step.Seconds > 0) != (state == api.SetupDone) {
				t.Errorf("report %d: step %d: %+v", i, j+1, step)
			}
		}
		if len(r.Steps) != len(Phases) {
			t.Errorf("report %d: %d steps", i, len(r.Steps))
		}
	}
	var steps []string
	for _, s := range w.pid1.steps {
		steps = append(steps, s.Name)
		if s.Failed || s.Seconds <= 0 {
			t.Errorf("a step for the metrics: %+v", s)
		}
	}
	if diff := cmp.Diff(names(Phases), steps); diff != "" {
		t.Errorf("the metrics (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"restart nginx oms_console oms_drc_cm oms_drc_supervisor"},
		w.pid1.asked()); diff != "" {
		t.Errorf("step 4 (-want +got):\n%s", diff)
	}
	w.said("step 1 finished in ", "omsinit init --only metadb", "all components are ready: nginx oms_console")
	if log := w.read(filepath.Join(w.layout.LogDir(), "docker_init.log.2026-01-04.10:42:11")); log != w.out.String() {
		t.Errorf("the init log is another text than the output:\n%s", log)
	}
	if flag := w.read(w.layout.InitFlag()); !strings.Contains(flag,
		"release=4.2.3-CE\nfinished=2026-01-04T10:42:11Z\n") {
		t.Errorf("the marker: %s", flag)
	}
	for _, path := range []string{w.layout.InitFlag(), w.layout.RenderedRecord()} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info, err)
		}
	}
	if record := w.read(w.layout.RenderedRecord()); strings.Contains(record, w.values["oms_meta_password"]) {
		t.Errorf("a password in %s", record)
	}
}

// tree returns the state of every file below a folder: its contents would change its time.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files[strings.TrimPrefix(path, root)] = info.ModTime().Format(time.RFC3339Nano)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// checksums returns the checksum of every table of OMS.
func checksums(t *testing.T, db *testmaria.Server) string {
	t.Helper()
	server := db.DB("")
	defer server.Close()
	var tables sql.NullString
	query := "SELECT GROUP_CONCAT(CONCAT(table_schema, '.', table_name) ORDER BY 1) FROM information_schema.tables WHERE table_schema LIKE 'oms%'"
	if _, err := server.Exec("SET SESSION group_concat_max_len = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := server.QueryRow(query).Scan(&tables); err != nil {
		t.Fatal(err)
	}
	if !tables.Valid {
		return ""
	}
	rows, err := server.Query("CHECKSUM TABLE " + tables.String)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all strings.Builder
	for rows.Next() {
		var name string
		var sum sql.NullInt64
		if err := rows.Scan(&name, &sum); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&all, name, sum.Int64)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestSecondRun: a finished node is left as it is, but for the marker, the lock and the log.
func TestSecondRun(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.initialise()
	before, rows := tree(t, w.layout.Root()), checksums(t, db)
	if err := w.flow().Init(t.Context(), Steps{}); err != nil {
		t.Fatal(err)
	}
	after := tree(t, w.layout.Root())
	for path := range after {
		rewritten := path == "/root/init_flag.txt" || path == "/var/lib/omsinit/init.lock" ||
			strings.HasPrefix(path, "/home/admin/logs/docker_init.log")
		if (after[path] != before[path]) != rewritten {
			t.Errorf("%s: written %v, want %v", path, !rewritten, rewritten)
		}
	}
	if len(after) != len(before) || checksums(t, db) != rows {
		t.Errorf("%d files became %d, or rows have changed", len(before), len(after))
	}
	if calls := w.pid1.asked(); len(calls) > 0 {
		t.Errorf("programs were restarted: %v", calls)
	}
	w.said("are up to date", "all files are up to date", "all components are ready, and run with their current files",
		"the resource group, the hosts and the region are registered already")
}

// TestStepFails: each step that fails ends the run there. It is said on standard error with where to look further, PID
// 1 is told whether it is worth trying again, and once it is mended the next run ends where an unbroken one ends.
func TestStepFails(t *testing.T) {
	db := testmaria.Start(t)
	var edited string
	for _, tc := range []struct {
		name      string
		disturb   func(*world)
		mend      func(*world)
		step      int
		transient bool
		want      string // in the error
	}{
		{"a MetaDB that is away", func(w *world) { db.Stop() }, func(w *world) { db.Restart() }, 1, true,
			"nothing listens there"},
		{"a wrong address", func(w *world) { w.given.HostIP = "10.9.9.9" },
			func(w *world) { w.given.HostIP = "127.0.0.1" }, 1, false, "10.9.9.9"},
		{"a value that is wrong", func(w *world) { w.values["cm_location"] = "many"; w.writeConfig() },
			func(w *world) { w.values["cm_location"] = "1"; w.writeConfig() }, 1, false, "cm_location"},
		{"databases of something else",
			func(w *world) { db.Exec("CREATE DATABASE oms_rm", "CREATE TABLE oms_rm.wiki (id int)") },
			func(w *world) { db.Exec("DROP DATABASE oms_rm") }, 1, false, "oms_rm"},
		{"a folder in the place of a file", func(w *world) {
			edited = w.layout.Path("/home/ds/cm/package/config/drc-cm.properties")
			if err := os.MkdirAll(edited, 0o755); err != nil {
				t.Fatal(err)
			}
		}, func(w *world) { os.Remove(edited) }, 3, false, "drc-cm.properties"},
		{"a component that does not come up", func(w *world) { w.pid1.refuse["restart"] = "oms_drc_cm is FATAL" },
			func(w *world) { delete(w.pid1.refuse, "restart") }, 4, true, "oms_drc_cm is FATAL"},
		{"a component that is given up after step 4", func(w *world) {
			w.pid1.onCall = func(string) { w.pid1.programs[2].State = api.Fatal.String() }
		}, func(w *world) { w.pid1.onCall, w.pid1.programs[2].State = nil, "" }, 5, true, "oms_drc_cm is FATAL"},
		{"a CM that refuses", func(w *world) { w.cm.refuse = true }, func(w *world) { w.cm.refuse = false }, 5, false,
			"refused by the test"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db.Exec("DROP DATABASE IF EXISTS oms_rm", "DROP DATABASE IF EXISTS oms_cm",
				"DROP DATABASE IF EXISTS oms_hb")
			w := newWorld(t, db)
			tc.disturb(w)
			err := w.flow().Init(t.Context(), Steps{})
			var step *StepError
			if !errors.As(err, &step) || step.Phase.number() != tc.step || !Printed(err) ||
				finding.IsTransient(err) != tc.transient {
				t.Fatalf("got %v (transient %v)\n%s%s", err, finding.IsTransient(err), &w.out, &w.errOut)
			}
			said := step.Error()
			if step.Phase.Name == "check" { // its findings are printed by the check itself
				said = "step 1 (check) failed after "
			}
			w.failed(said, "the output of this run is kept in "+w.layout.LogDir())
			contains(t, "the error", err.Error(), tc.want)
			if got := len(banners(w.out.String())); got != tc.step {
				t.Errorf("%d steps were begun", got)
			}
			last := fmt.Sprint("failed ", tc.step)
			if tc.transient {
				last += " transient"
			}
			if told := w.pid1.told(); len(told) != tc.step+1 || told[tc.step] != last {
				t.Errorf("PID 1 was told %v, and at last not %q", told, last)
			}
			if r := w.pid1.reports[tc.step]; r.StepName.English != Phases[tc.step-1].Name ||
				!strings.Contains(r.Message.English, tc.want) || r.Message.Chinese == "" {
				t.Errorf("the report: %+v", r)
			}
			if s := w.pid1.steps[len(w.pid1.steps)-1]; !s.Failed || s.Name != Phases[tc.step-1].Name {
				t.Errorf("the metrics: %+v", s)
			}
			if _, err := os.Stat(w.layout.InitFlag()); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the marker of a finished run: %v", err)
			}
			log := w.read(filepath.Join(w.layout.LogDir(), "docker_init.log.2026-01-04.10:42:11"))
			contains(t, "the init log", log, said)

			tc.mend(w)
			if err := w.flow().Init(t.Context(), Steps{}); err != nil {
				t.Fatalf("the next run: %v\n%s%s", err, &w.out, &w.errOut)
			}
			if !finished(w.flow().Node) {
				t.Error("the node does not count as finished")
			}
		})
	}
}

// TestFailBeforeTheSteps: what ends a run before its first step is told as well, once.
func TestFailBeforeTheSteps(t *testing.T) {
	w := newWorld(t, nil)
	w.given.PackDir = t.TempDir()
	w.write(filepath.Join(w.given.PackDir, "pack.yaml"), "version: [\n")
	err := w.flow().Init(t.Context(), Steps{})
	if err == nil || !Printed(err) || strings.Count(w.errOut.String(), "pack.yaml") != 1 {
		t.Errorf("got %v\n%s", err, &w.errOut)
	}
	w.failed("omsinit: cannot use the pack")
	if diff := cmp.Diff([]string{"failed"}, w.pid1.told()); diff != "" {
		t.Errorf("PID 1 (-want +got):\n%s", diff)
	}
	// A run of some steps is no initialisation, and is not told.
	w.pid1.forget()
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"restart"}}); err == nil || len(w.pid1.told()) > 0 {
		t.Errorf("got %v, told %v", err, w.pid1.told())
	}
}

// TestInterrupted: Ctrl-C ends a step with what to do, and PID 1 hears of it all the same.
func TestInterrupted(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	ctx, cancel := context.WithCancel(t.Context())
	w.pid1.onCall = func(string) { cancel(); time.Sleep(50 * time.Millisecond) }
	err := w.flow().Init(ctx, Steps{})
	if err == nil || !strings.Contains(err.Error(),
		"step 4 (restart) failed: interrupted; run the same command again to continue") {
		t.Errorf("got %v", err)
	}
	if told := w.pid1.told(); len(told) != 5 || told[4] != "failed 4" {
		t.Errorf("PID 1 was told %v", told)
	}
	w.pid1.onCall = nil
	if err := w.flow().Init(t.Context(), Steps{}); err != nil {
		t.Error(err)
	}
	// Of a check that was cut, what it found says nothing.
	err = w.flow().Init(canceled(t), Steps{Only: []string{"check"}})
	if err == nil || !strings.Contains(err.Error(), "step 1 (check) failed: interrupted") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(w.out.String(), "[CHECK]") {
		t.Errorf("findings of a check that was cut:\n%s", &w.out)
	}
}

// TestSomeSteps: --only and --skip run steps without the marker and the reports of an initialisation.
func TestSomeSteps(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"component", "metadb"}}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(banners(w.out.String()), ", "); got != "Step 2, Step 3" {
		t.Errorf("steps %s", got)
	}
	if told, calls := w.pid1.told(), w.pid1.asked(); len(told)+len(calls) > 0 {
		t.Errorf("PID 1 was told %v, and asked %v", told, calls)
	}
	if _, err := os.Stat(w.layout.InitFlag()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the marker: %v", err)
	}
	w.said("these programs read the changed files and must be restarted: omsinit restart ")

	if err := w.flow().Init(t.Context(), Steps{Skip: []string{"check", "metadb"}}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(banners(w.out.String()), ", "); got != "Step 3, Step 4, Step 5" {
		t.Errorf("steps %s", got)
	}
	if strings.Contains(w.out.String(), "must be restarted") {
		t.Error("step 4 was among them")
	}
	var seen int
	if err := db.DB("oms_rm").QueryRow("SELECT COUNT(*) FROM cluster_info").Scan(&seen); err != nil || seen != 1 {
		t.Errorf("%d regions, %v", seen, err)
	}
}

// TestReconfigure: a changed port reaches the files and the programs that read them, and history says why.
func TestReconfigure(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	w.values["nginx_server_port"] = fmt.Sprint(freePort(t))
	w.writeConfig()
	w.pid1.programs[0].Stale = true // what PID 1 sees once a file of nginx has changed
	if err := w.flow().Reconfigure(t.Context()); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if got := strings.Join(banners(w.out.String()), ", "); got != "Step 1, Step 3, Step 4" {
		t.Errorf("steps %s", got)
	}
	w.said("written: /home/ds/ghana/config/tengine.conf", w.values["nginx_server_port"], "restarting nginx\n")
	if diff := cmp.Diff([]string{"restart nginx"}, w.pid1.asked()); diff != "" {
		t.Errorf("step 4 (-want +got):\n%s", diff)
	}
	versions, err := component.NewHistory(w.layout).List()
	if err != nil || len(versions) != 1 || versions[0].Reason != "omsinit init --only check,component,restart" {
		t.Errorf("%+v, %v", versions, err)
	}
	// The promise that the files fit the configuration was renewed.
	if !recordOf(w.layout).matches(w.flow().Node) {
		t.Error("the record is of the old configuration")
	}
}

// TestSteps: which steps a choice means.
func TestSteps(t *testing.T) {
	for _, tc := range []struct {
		name string
		Steps
		want  string // names, or part of the error
		usage bool
	}{
		{"all", Steps{}, "check metadb component restart resource", false},
		{"only, in the order of the steps", Steps{Only: []string{"restart", "check"}}, "check restart", false},
		{"skip", Steps{Skip: []string{"check", "resource"}}, "metadb component restart", false},
		{"unknown", Steps{Only: []string{"databases"}}, `"databases"`, true},
		{"both", Steps{[]string{"check"}, []string{"restart"}}, "contradict", true},
		{"nothing left", Steps{Skip: []string{"check", "metadb", "component", "restart", "resource"}},
			"nothing to do", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			phases, err := tc.phases()
			var usage *UsageError
			if errors.As(err, &usage) != tc.usage {
				t.Fatalf("error %v", err)
			}
			got := strings.Join(names(phases), " ")
			if tc.usage {
				got = err.Error()
			}
			if tc.usage && !strings.Contains(got, tc.want) || !tc.usage && got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			for i, p := range Phases {
				if p.number() != i+1 {
					t.Errorf("%s is step %d", p.Name, p.number())
				}
			}
		})
	}
}

// TestWrongChoice: nothing is printed, written or told when the command line means nothing.
func TestWrongChoice(t *testing.T) {
	w := newWorld(t, nil)
	for _, err := range []error{
		w.flow().Init(t.Context(), Steps{Only: []string{"nosuch"}}),
		w.with(Options{Prefer: "mine"}).Init(t.Context(), Steps{}),
		w.with(Options{Prefer: "mine"}).Reconfigure(t.Context()),
	} {
		var usage *UsageError
		if !errors.As(err, &usage) || Printed(err) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := os.Stat(w.layout.LogDir()); err == nil || w.out.Len()+w.errOut.Len()+len(w.pid1.told()) > 0 {
		t.Errorf("%v: %s%s%v", err, &w.out, &w.errOut, w.pid1.told())
	}
}

// TestNobodySupervises: step 4 without PID 1 says what to start.
func TestNobodySupervises(t *testing.T) {
	w := newWorld(t, nil)
	w.pid1.stop()
	err := w.flow().Init(t.Context(), Steps{Only: []string{"restart"}})
	if !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("got %v", err)
	}
	w.failed("start `omsinit run` first")
}

// TestUnknownNode: steps that write the address of this node must know it.
func TestUnknownNode(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.given.HostIP = ""
	w.values["cm_nodes"] = "[127.0.0.1, 127.0.0.2]"
	w.writeConfig()
	for _, step := range []string{"component", "resource"} {
		err := w.flow().Init(t.Context(), Steps{Only: []string{step}})
		if err == nil || !strings.Contains(err.Error(), "OMS_HOST_IP is not set") {
			t.Errorf("%s: %v", step, err)
		}
	}
	if _, err := os.Stat(w.layout.RenderedRecord()); err == nil {
		t.Error("files were made")
	}
}

// TestWarnings: a step without step 1 says what step 1 would have said of the file.
func TestWarnings(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.values["my_key"] = "1"
	w.writeConfig()
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"metadb", "component"}}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(w.out.String(), "my_key"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &w.out)
	}
	w.values["cm_location"] = "many"
	w.writeConfig()
	var wrong *check.FailedError
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"metadb"}}); !errors.As(err, &wrong) ||
		!strings.Contains(err.Error(), "cm_location") {
		t.Errorf("got %v", err)
	}
}

// TestReportedFindings: PID 1 is told what step 1 has found, without the values.
func TestReportedFindings(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.values["cm_location"], w.values["my_key"] = "4711", "0815"
	w.writeConfig()
	if err := w.flow().Init(t.Context(), Steps{}); err == nil {
		t.Fatal("not refused")
	}
	report := w.pid1.reports[len(w.pid1.reports)-1]
	if report.State != api.SetupFailed || report.Steps[0].State != api.SetupFailed || len(report.Findings) < 2 {
		t.Fatalf("%+v", report)
	}
	first := report.Findings[0]
	if first.ID != "config.value" || first.Severity != "error" || !strings.HasSuffix(first.Place, "cm_location") ||
		first.Fix.Chinese == "" {
		t.Errorf("the first finding: %+v", first)
	}
	if said := fmt.Sprint(report.Findings); strings.Contains(said, "4711") || strings.Contains(said, "0815") {
		t.Errorf("a value is in %s", said)
	}
}

// TestChangedMeanwhile: what was edited during a run is not taken for what the run has applied.
func TestChangedMeanwhile(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*world)
		said bool
	}{
		"a value": {func(w *world) { w.values["cm_region"] = "cn-edited"; w.writeConfig() }, true},
		"a comment": {func(w *world) { w.write(w.layout.ConfigFile(), "# c\n"+w.read(w.layout.ConfigFile())) },
			false},
		"a certificate": {func(w *world) { w.write(w.layout.CertFile(), "c"); w.write(w.layout.KeyFile(), "k") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testmaria.Start(t))
			w.pid1.onCall = func(string) { tc.edit(w) }
			if err := w.flow().Init(t.Context(), Steps{}); err != nil {
				t.Fatal(err)
			}
			if said := strings.Contains(w.out.String(), "have changed since this run began"); said != tc.said {
				t.Errorf("said %v:\n%s", said, &w.out)
			}
			if finished(w.flow().Node) == tc.said {
				t.Errorf("finished %v", !tc.said)
			}
		})
	}
}

// TestNoLog: a log folder that cannot be written does not stop the work.
func TestNoLog(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.write(w.layout.LogDir(), "a file")
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"metadb"}}); err != nil {
		t.Fatal(err)
	}
	w.failed("warning: no copy of this output is kept in "+w.layout.LogDir(), syscall.ENOTDIR.Error())
}

// TestOneLogForABoot: the attempts of one boot share one log.
func TestOneLogForABoot(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	t.Setenv(bootTimeEnv, "2026-02-03.04:05:06")
	for range 2 {
		if err := w.flow().Init(t.Context(), Steps{Only: []string{"metadb"}}); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := os.ReadDir(w.layout.LogDir())
	if err != nil || len(logs) != 1 || logs[0].Name() != "docker_init.log.2026-02-03.04:05:06" {
		t.Fatalf("%v, %v", logs, err)
	}
	if n := len(banners(w.read(filepath.Join(w.layout.LogDir(), logs[0].Name())))); n != 2 {
		t.Errorf("%d runs in it", n)
	}
}
