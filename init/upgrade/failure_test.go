package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/init/metadb/backup"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// points are all moments of an upgrade between which something is done: before
// the first stage, and after each.
func points() []string {
	out := []string{"before " + stageHAOff}
	for _, stage := range []string{stageHAOff, stageStop, stageBackup, stageVerify, stageProve, stageFiles, stageAdopt,
		stageSchema, StageComponents, StageStart, StageResources} {
		out = append(out, "after "+stage)
	}
	return out
}

// changed reports whether the databases have been changed at a point.
func changed(point string) bool {
	_, stage, _ := strings.Cut(point, " ")
	return (&Record{Stage: stage}).reached(firstChange)
}

// wanted are the contents of an unbroken upgrade.
func wanted(t *testing.T, s *testmaria.Server, dir string) []string {
	t.Helper()
	c := installed(t, s, "wanted", "4.1.1-CE", 40)
	p, err := pack.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if due, err := drive(t.Context(), nodeFor(t, c, p, "10.0.0.1")); !due || err != nil {
		t.Fatal(due, err)
	}
	return contents(t, s, c)
}

// An error at any point of any stage leaves the old data, bit for bit, and the
// next run upgrades.
func TestErrorAtEveryStage(t *testing.T) {
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	want := wanted(t, s, dir)
	for i, point := range points() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			c := installed(t, s, fmt.Sprint("e", i), "4.1.1-CE", 40)
			old := contents(t, s, c)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			var page strings.Builder
			u.Log = func(m msg.Message) { fmt.Fprintln(&page, m) }
			u.fault = func(at string) error {
				if at == point {
					return errors.New("an error of the test")
				}
				return nil
			}
			due, err := drive(t.Context(), u)
			if !due || err == nil || !strings.Contains(err.Error(), "an error of the test") {
				t.Fatal(due, err)
			}
			if d := cmp.Diff(old, contents(t, s, c)); d != "" {
				t.Error(d)
			}
			state := Abandoned
			if changed(point) {
				state = Restored
			}
			if r := newestRecord(t, s, c); r.State != state || r.Error == "" {
				t.Errorf("%+v", r)
			}
			for _, says := range []string{"failed at the stage", "belong to 4.1.1-CE as before", "next: ",
				"the report is"} {
				if !strings.Contains(page.String(), says) {
					t.Errorf("the page does not say %q:\n%s", says, &page)
				}
			}
			u.fault = nil
			if due, err := drive(t.Context(), u); !due || err != nil {
				t.Fatal(due, err)
			}
			if d := cmp.Diff(want, contents(t, s, c)); d != "" {
				t.Error(d)
			}
			dropAll(s, c)
		})
	}
}

func newestRecord(t *testing.T, s *testmaria.Server, c *config.Config) *Record {
	t.Helper()
	db := s.DB("")
	defer db.Close()
	r, err := (&journal{db: db, c: c}).newest(t.Context())
	if err != nil || r == nil {
		t.Fatal(r, err)
	}
	return r
}

func dropAll(s *testmaria.Server, c *config.Config) {
	s.Exec("DROP DATABASE "+c.RMDatabase, "DROP DATABASE "+c.CMDatabase, "DROP DATABASE "+c.HeartbeatDatabase,
		"DROP DATABASE IF EXISTS "+journalDatabase(c))
}

// Killed at any point of any stage, the next run goes on and ends as an
// unbroken one. Killed at any point of the restore, it ends with the old data.
func TestKilledAtEveryStage(t *testing.T) {
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	want := wanted(t, s, dir)
	for i, point := range append(points(), "after "+stageHAOn) {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			c := installed(t, s, fmt.Sprint("k", i), "4.1.1-CE", 40)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			o := orderFor(c, dir, u.Layout.Root(), "10.0.0.1")
			o.DieAt = point
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			stopped := point == "after "+stageBackup
			if stopped { // two minutes before
				s.Exec("UPDATE " + journalDatabase(c) + ".stages SET started_at = started_at - INTERVAL 2 MINUTE")
			}
			var page strings.Builder
			u.Log = func(m msg.Message) { fmt.Fprintln(&page, m) }
			u.Unattended = true // as the container starts again
			if due, err := drive(t.Context(), u); !due || err != nil {
				t.Fatal(due, err)
			}
			if stopped && !strings.Contains(page.String(), "were down for 2m") {
				t.Errorf("the time since the first attempt is not in\n%s", &page)
			}
			if d := cmp.Diff(want, contents(t, s, c)); d != "" {
				t.Error(d)
			}
			dropAll(s, c)
		})
	}
	for i, point := range []string{"before " + stageRestore, "after " + stageRestore} {
		t.Run(point, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("r", i), "4.1.1-CE", 40)
			old := contents(t, s, c)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			if due, err := drive(t.Context(), u); !due || err != nil {
				t.Fatal(due, err)
			}
			o := orderFor(c, dir, u.Layout.Root(), "10.0.0.1")
			o.DieAt, o.RollBack = point, true
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			if err := Gate(t.Context(), c, u.Pack); err == nil || !strings.Contains(err.Error(), "is unfinished") {
				t.Errorf("an initialisation would begin: %v", err)
			}
			u.Unattended = true
			_, err := drive(t.Context(), u)
			if refused := (*RefusedError)(nil); !errors.As(err, &refused) ||
				!strings.Contains(err.Error(), "the old data is back") {
				t.Errorf("%v", err)
			}
			if d := cmp.Diff(old, contents(t, s, c)); d != "" {
				t.Error(d)
			}
		})
	}
}

// The server restarts, or drops every connection, at any point, by turns: the
// same run goes on.
func TestServerGoneAtEveryStage(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	want := wanted(t, s, dir)
	for i, point := range points() {
		name, strike := "restart", s.Restart
		if i%2 == 1 {
			name, strike = "cut", func() { cutAll(t, s) }
		}
		t.Run(point+" "+name, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint(name, i), "4.1.1-CE", 40)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			struck := false
			u.fault = func(at string) error {
				if at == point && !struck {
					struck = true
					strike()
				}
				return nil
			}
			if due, err := drive(t.Context(), u); !due || err != nil || !struck {
				t.Fatal(due, err, struck)
			}
			// A server that restarts forgets the gaps in its counters.
			if d := cmp.Diff(withoutCounters(want), withoutCounters(contents(t, s, c))); d != "" {
				t.Error(d)
			}
			dropAll(s, c)
		})
	}
}

// The server restarts while the backup is restored, and is away for longer: the
// restore goes on by itself, or in the next run.
func TestServerGoneInTheRestore(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	for _, back := range []bool{true, false} {
		t.Run(fmt.Sprint("back at once ", back), func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("x", back), "4.1.1-CE", 40)
			old := contents(t, s, c)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			u.fault = func(at string) error {
				switch at {
				case "after " + stageSchema:
					return errors.New("an error of the test")
				case "before " + stageRestore:
					u.fault = func(string) error { return nil }
					if back {
						s.Restart()
					} else {
						s.Stop()
						cancel() // the container is stopped meanwhile
					}
				}
				return nil
			}
			if due, err := drive(ctx, u); !due || err == nil {
				t.Fatal(due, err)
			}
			if !back {
				s.Restart()
				u.fault, u.Unattended = nil, true
				_, err := drive(t.Context(), u)
				if refused := (*RefusedError)(nil); !errors.As(err, &refused) ||
					!strings.Contains(err.Error(), "the old data is back") {
					t.Errorf("%v", err)
				}
			}
			if r := newestRecord(t, s, c); r.State != Restored {
				t.Errorf("%+v", r)
			}
			if d := cmp.Diff(withoutCounters(old), withoutCounters(contents(t, s, c))); d != "" {
				t.Error(d)
			}
		})
	}
}

func withoutCounters(contents []string) []string {
	counter := regexp.MustCompile(" AUTO_INCREMENT=[0-9]+")
	var out []string
	for _, line := range contents {
		out = append(out, counter.ReplaceAllString(line, ""))
	}
	return out
}

// cutAll ends all connections but its own.
func cutAll(t testing.TB, s *testmaria.Server) { cutAllBut(t, s, "") }

// cutAllBut is cutAll without the connections of an address.
func cutAllBut(t testing.TB, s *testmaria.Server, address string) {
	db := s.DB("")
	defer db.Close()
	ids, err := database.Column(t.Context(), db, "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'root' AND host NOT LIKE CONCAT(?, ':%')", address)
	if err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		_, _ = db.Exec("KILL " + id) // it may be gone already
	}
}

// Whatever happens at any statement of the schema, either the new release is
// complete or the old data is back.
func TestEveryStatement(t *testing.T) {
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	want := wanted(t, s, dir)
	var texts []string
	reference := installed(t, s, "texts", "4.1.1-CE", 0)
	statements, err := nodeFor(t, reference, packAt(t, "4.2.3-CE"), "n").step(reference).Statements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range statements {
		texts = append(texts, st.SQL...)
	}
	if len(texts) < 8 {
		t.Fatalf("%d statements", len(texts))
	}
	const full = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'"
	fates := map[string]testmaria.Fate{"error": {Instead: "THIS IS NO STATEMENT"}, "disk full": {Instead: full},
		"cut": {Cut: true}, "cut after": {CutAfter: true}, "killed": {CutAfter: true}}
	refused, gone := []string{"error", "disk full"}, []string{"cut", "cut after", "killed"}
	for i, text := range texts {
		// One of each kind: it is refused, and its sender is gone.
		for _, name := range []string{refused[i%len(refused)], gone[i%len(gone)]} {
			fate := fates[name]
			t.Run(fmt.Sprintf("%d %s", i, name), func(t *testing.T) {
				t.Parallel()
				c := installed(t, s, fmt.Sprintf("s%d_%s", i, strings.ReplaceAll(name, " ", "")), "4.1.1-CE", 40)
				old := contents(t, s, c)
				u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
				var once atomic.Bool
				var mu sync.Mutex
				var process *os.Process
				through := *c
				through.MetaPort = s.Intercept(func(statement string) testmaria.Fate {
					if statement != text || !once.CompareAndSwap(false, true) {
						return testmaria.Fate{}
					}
					mu.Lock()
					defer mu.Unlock()
					if process != nil {
						process.Kill()
					}
					return fate
				})
				if name == "killed" {
					cmd := command(orderFor(&through, dir, u.Layout.Root(), "10.0.0.1"))
					mu.Lock()
					err := cmd.Start()
					process = cmd.Process
					mu.Unlock()
					if err != nil {
						t.Fatal(err)
					}
					if err := cmd.Wait(); !killed(err) {
						t.Fatal(err)
					}
				}
				u.Config = &through
				due, err := drive(t.Context(), u)
				if !due || !once.Load() {
					t.Fatal(due, err, once.Load())
				}
				expect := want
				if fate.Instead != "" {
					expect = old
					if err == nil {
						t.Error("no error")
					}
				} else if err != nil {
					t.Error(err)
				}
				if d := cmp.Diff(expect, contents(t, s, c)); d != "" {
					t.Error(d)
				}
				dropAll(s, c)
			})
		}
	}
}

// A backup that cannot be written ends the upgrade before its first change.
func TestDiskFull(t *testing.T) {
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 4000)
	old := contents(t, s, c)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	small := u.Layout.BackupDir()
	if err := os.MkdirAll(small, 0o700); err != nil {
		t.Fatal(err)
	}
	says := "no space left"
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=256k"); err == nil {
		defer syscall.Unmount(small, syscall.MNT_DETACH)
		if plan, err := u.Plan(t.Context(), nil, nil); err != nil || !plan.Refused() ||
			!hasObjection(plan, "upgrade.disk") || plan.Backup.Fits {
			t.Errorf("%+v, %v", plan, err)
		}
	} else {
		// Only root can mount: a limit for files does instead.
		t.Logf("no small file system here: %v", err)
		signal.Ignore(syscall.SIGXFSZ)
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64 << 10, Max: limit.Max}); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
		says = "file too large"
	}
	if due, err := drive(t.Context(), u); !due || err == nil || !strings.Contains(err.Error(), says) {
		t.Error(due, err)
	}
	if r := newestRecord(t, s, c); r.State != Abandoned {
		t.Errorf("%+v", r)
	}
	if left, err := filepath.Glob(small + "/*/*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
}

func hasObjection(p *Plan, id string) bool {
	for _, o := range p.Objections {
		if o.ID == id {
			return true
		}
	}
	return false
}

// Kept as it is, a failed upgrade waits for a person: no start of a container
// goes on with it.
func TestKeepFailed(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 40)
	old := contents(t, s, c)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	u.KeepFailed = true
	u.fault = func(at string) error {
		if at == "after "+stageSchema {
			return errors.New("an error of the test")
		}
		return nil
	}
	if _, err := drive(t.Context(), u); err == nil {
		t.Fatal("no error")
	}
	if r := newestRecord(t, s, c); r.State != Failed {
		t.Errorf("%+v", r)
	}
	u.fault, u.Unattended = nil, true
	if _, err := drive(t.Context(), u); err == nil || !strings.Contains(err.Error(), "was left as it is") {
		t.Errorf("%v", err)
	}
	if _, err := u.RollBack(t.Context(), Rollback{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	if _, err := backup.Read(filepath.Dir(firstBackup(t, u))); err != nil {
		t.Error(err)
	}
}

// A backup that is damaged meanwhile is not restored, nothing is dropped for
// it, and the page does not call it unharmed.
func TestDamagedBackup(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 4)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	var page strings.Builder
	u.Log = func(m msg.Message) { fmt.Fprintln(&page, m) }
	u.fault = func(at string) error {
		if at != "after "+stageSchema {
			return nil
		}
		dumps, err := filepath.Glob(filepath.Join(u.Layout.BackupDir(), "*", "*.sql"))
		if err != nil || len(dumps) == 0 {
			t.Fatal(dumps, err)
		}
		return errors.Join(errors.New("an error of the test"), os.Truncate(dumps[0], 100))
	}
	if due, err := drive(t.Context(), u); !due || err == nil ||
		!strings.Contains(err.Error(), "is not what was backed up") {
		t.Error(due, err)
	}
	if text := page.String(); strings.Contains(text, "unharmed") ||
		!strings.Contains(text, "next: bring the backup back") {
		t.Error(text)
	}
	if r := newestRecord(t, s, c); r.State != Failed {
		t.Errorf("%+v", r)
	}
	if got, err := database.Column(t.Context(), s.DB(""),
		"SELECT version FROM oms_rm.oms_version ORDER BY 1"); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}
