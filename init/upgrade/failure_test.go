package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"omsinit/init/metadb/backup"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/testmaria"
)

// childEnv makes the test binary upgrade and end.
const childEnv = "UPGRADE_TEST_CHILD"

// order is what a child is told.
type order struct {
	Host, User, Password, RM, CM, HB, Pack, Root, Node string
	Port                                               int
	DieAt                                              string // a point of a stage
	Start                                              string // a file that children wait for, so that they start together
	RollBack                                           bool
}

func orderFor(c *config.Config, pack, root, node string) order {
	return order{Host: c.MetaHost, Port: c.MetaPort, User: c.MetaUser, Password: c.MetaPassword.Reveal(), RM: c.RMDatabase, CM: c.CMDatabase, HB: c.HeartbeatDatabase, Pack: pack, Root: root, Node: node}
}

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
	}
	goleak.VerifyTestMain(m)
}

func child() {
	var o order
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &o); err != nil {
		panic(err)
	}
	p, err := pack.Open(o.Pack)
	if err != nil {
		panic(err)
	}
	u := upgradeIn(o.Root, &config.Config{MetaHost: o.Host, MetaPort: o.Port, MetaUser: o.User, MetaPassword: config.Secret(o.Password),
		RMDatabase: o.RM, CMDatabase: o.CM, HeartbeatDatabase: o.HB, CMLocation: 1, CMNodes: []string{"10.0.0.1"}}, p, o.Node)
	u.Log = func(m msg.Message) { fmt.Println(m) }
	u.fault = func(at string) error {
		if at == o.DieAt {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	for o.Start != "" && !exists(o.Start) {
		time.Sleep(time.Millisecond)
	}
	due := false
	if o.RollBack {
		_, err = u.RollBack(context.Background(), Rollback{})
	} else {
		due, err = drive(context.Background(), u)
	}
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("due:", due)
	os.Exit(0)
}

func command(o order) *exec.Cmd {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	return cmd
}

func killed(err error) bool {
	var status *exec.ExitError
	return errors.As(err, &status) && status.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// points are all moments of an upgrade between which something is done: before
// the first stage, and after each.
func points() []string {
	out := []string{"before " + stageHAOff}
	for _, stage := range []string{stageHAOff, stageStop, stageBackup, stageVerify, stageFiles, stageAdopt, stageSchema, StageComponents, StageStart, StageResources} {
		out = append(out, "after "+stage)
	}
	return out
}

// changed reports whether the databases have been changed at a point.
func changed(point string) bool {
	_, stage, _ := strings.Cut(point, " ")
	return (&record{Stage: stage}).reached(firstChange)
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
			for _, says := range []string{"failed at the stage", "belong to 4.1.1-CE as before", "next: ", "the report is"} {
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

func newestRecord(t *testing.T, s *testmaria.Server, c *config.Config) *record {
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
	s.Exec("DROP DATABASE "+c.RMDatabase, "DROP DATABASE "+c.CMDatabase, "DROP DATABASE "+c.HeartbeatDatabase, "DROP DATABASE IF EXISTS "+journalDatabase(c))
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
			u.Unattended = true // as the container starts again
			if due, err := drive(t.Context(), u); !due || err != nil {
				t.Fatal(due, err)
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
			if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "the old data is back") {
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
				if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "the old data is back") {
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
func cutAll(t testing.TB, s *testmaria.Server) {
	db := s.DB("")
	defer db.Close()
	ids, err := column(t.Context(), db, "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'root'")
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
	statements, err := nodeFor(t, reference, packAt(t, "4.2.3-CE"), "n").step().Statements(t.Context())
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
	fates := map[string]testmaria.Fate{"error": {Instead: "THIS IS NO STATEMENT"}, "disk full": {Instead: full}, "cut": {Cut: true}, "cut after": {CutAfter: true}, "killed": {CutAfter: true}}
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

// Of nodes that begin together one upgrades, and the others find it done.
func TestNodesTogether(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	want := wanted(t, s, dir)
	for _, nodes := range []int{2, 6} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("n", nodes), "4.1.1-CE", 40)
			start := filepath.Join(t.TempDir(), "go")
			outputs := make(chan string, nodes)
			for n := range nodes {
				node := fmt.Sprintf("10.0.0.%d", n+1)
				o := orderFor(c, dir, nodeFor(t, c, packAt(t, "4.2.3-CE"), node).Layout.Root(), node)
				o.Start = start
				go func() {
					out, err := command(o).CombinedOutput()
					if err != nil {
						out = append(out, "error: "+err.Error()...)
					}
					outputs <- string(out)
				}()
			}
			if err := os.WriteFile(start, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			did := 0
			for range nodes {
				out := <-outputs
				if strings.Contains(out, "error: ") {
					t.Error(out)
				}
				if strings.Contains(out, "due: true") {
					did++
				}
			}
			if did != 1 {
				t.Errorf("%d nodes upgraded", did)
			}
			if d := cmp.Diff(want, contents(t, s, c)); d != "" {
				t.Error(d)
			}
		})
	}
}

// A node that dies is replaced by another one: before the first change with a
// backup of its own, after it by going on.
func TestAnotherNodeGoesOn(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	want := wanted(t, s, dir)
	for i, point := range []string{"before " + stageVerify, "before " + stageAdopt, "after " + stageSchema} {
		t.Run(point, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("a", i), "4.1.1-CE", 40)
			first := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			o := orderFor(c, dir, first.Layout.Root(), "10.0.0.1")
			o.DieAt = point
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			second := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.2")
			if due, err := drive(t.Context(), second); !due || err != nil {
				t.Fatal(due, err)
			}
			if d := cmp.Diff(want, contents(t, s, c)); d != "" {
				t.Error(d)
			}
			r := newestRecord(t, s, c)
			if own := r.Node == "10.0.0.2"; own != (i == 0) {
				t.Errorf("the backup is on %s", r.Node)
			}
			if i == 0 {
				// Its backup is out of reach for the other one.
				if err := os.Rename(r.Backup, r.Backup+".away"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := first.RollBack(t.Context(), Rollback{}); (err == nil) != (i > 0) {
				t.Errorf("a rollback on the first node: %v", err)
			}
		})
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
		if plan, err := u.Plan(t.Context(), nil); err != nil || !plan.Refused() || !hasObjection(plan, "upgrade.disk") || plan.Backup.Fits {
			t.Errorf("%+v, %v", plan, err)
		}
	} else {
		// Only root can mount: a dump program with a full disk of its own does instead.
		t.Logf("no small file system here: %v", err)
		bin := t.TempDir()
		script := "#!/bin/sh\n[ \"$2\" = --version ] && { echo MariaDB; exit; }\necho 'Got error: 28 on write' >&2\nexit 2\n"
		if err := os.WriteFile(filepath.Join(bin, "mariadb-dump"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
		says = "Got error: 28"
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

// What was written between a run that was cut and the next one is not lost: the
// next one takes a backup of its own, and where the databases were changed
// already, the old backup is not restored without being asked.
func TestWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	for i, point := range []string{"after " + stageFiles, "after " + stageAdopt} {
		t.Run(point, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("w", i), "4.1.1-CE", 40)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			o := orderFor(c, dir, u.Layout.Root(), "10.0.0.1")
			o.DieAt = point
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			// Somebody starts the old container, which works for a while.
			s.Exec("UPDATE "+c.RMDatabase+".oms_project SET project_status = 'new work'", "UPDATE "+c.HeartbeatDatabase+".heart_beat SET gmt_modified = NOW() + INTERVAL 1 SECOND")
			old := contents(t, s, c)
			u.fault = func(at string) error {
				if at == "after "+stageSchema {
					return errors.New("an error of the test")
				}
				return nil
			}
			if due, err := drive(t.Context(), u); !due || err == nil {
				t.Fatal(due, err)
			}
			if i == 0 {
				if d := cmp.Diff(old, contents(t, s, c)); d != "" {
					t.Error(d)
				}
				return
			}
			if r := newestRecord(t, s, c); r.State != Failed {
				t.Errorf("%+v", r)
			}
			if got, err := column(t.Context(), s.DB(""), "SELECT DISTINCT project_status FROM "+c.RMDatabase+".oms_project"); err != nil || len(got) != 1 || got[0] != "new work" {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// OMS has run for days, and only the end of its upgrade is missing: when the
// run that makes up for it fails at a step before, nothing is undone.
func TestUsedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	for i, point := range []string{"after " + StageStart, "before " + stageHAOn} {
		t.Run(point, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("u", i), "4.1.1-CE", 40)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			o := orderFor(c, dir, u.Layout.Root(), "10.0.0.1")
			o.DieAt = point
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			s.Exec("INSERT INTO "+c.RMDatabase+".oms_project (project_name, project_status) VALUES ('of the new release', 'RUNNING')",
				"UPDATE "+c.HeartbeatDatabase+".heart_beat SET gmt_modified = NOW() + INTERVAL 1 SECOND")
			used := contents(t, s, c)
			u.Unattended = true
			u.fault = func(at string) error {
				if at == "before "+StageComponents {
					return errors.New("an error of the test")
				}
				return nil
			}
			if due, err := drive(t.Context(), u); !due || err == nil {
				t.Fatal(due, err)
			}
			if d := cmp.Diff(used, contents(t, s, c)); d != "" {
				t.Error(d)
			}
			u.fault, u.Unattended = nil, false
			if due, err := drive(t.Context(), u); !due || err != nil {
				t.Fatal(due, err)
			}
			if d := cmp.Diff(used, contents(t, s, c)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Before a run goes on it is asked again what may have changed since it was
// cut: an old container that runs again, and high availability that is on.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	for i, tc := range []struct{ point, want string }{
		{"after " + stageBackup, "upgrade.node-alive upgrade.ha"},
		{"after " + stageAdopt, "upgrade.node-alive"},
		{"before " + StageStart, ""}, // the new release
	} {
		t.Run(tc.point, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("q", i), "4.1.1-CE", 4)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			u.Programs = &idle{}
			o := orderFor(c, dir, u.Layout.Root(), "10.0.0.1")
			o.DieAt = tc.point
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			ids := func() string {
				t.Helper()
				list, err := u.Objections(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var out []string
				for _, o := range list {
					out = append(out, o.ID)
				}
				return strings.Join(out, " ")
			}
			if got := ids(); got != "" {
				t.Errorf("as it was cut: %s", got)
			}
			s.Exec("UPDATE "+c.HeartbeatDatabase+".heart_beat SET gmt_modified = NOW()", "UPDATE "+c.RMDatabase+".oms_normal_config SET cfg_value = '{\"enable\":true}' WHERE cfg_name = 'ha.config'")
			if got := ids(); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// An old container that is started while the backup is made ends the upgrade
// before its first change, also when it leaves the number of rows as it is.
func TestStartedDuringTheBackup(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 4)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	u.fault = func(at string) error {
		if at == "after "+stageBackup {
			s.Exec("UPDATE oms_rm.oms_project SET project_status = 'new work'", "UPDATE oms_hb.heart_beat SET gmt_modified = NOW()")
		}
		return nil
	}
	if due, err := drive(t.Context(), u); !due || err == nil || !strings.Contains(err.Error(), "OMS was started on 10.0.0.1") {
		t.Error(due, err)
	}
	if r := newestRecord(t, s, c); r.State != Abandoned {
		t.Errorf("%+v", r)
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
	if due, err := drive(t.Context(), u); !due || err == nil || !strings.Contains(err.Error(), "is not what was backed up") {
		t.Error(due, err)
	}
	if text := page.String(); strings.Contains(text, "unharmed") || !strings.Contains(text, "next: bring the backup back") {
		t.Error(text)
	}
	if r := newestRecord(t, s, c); r.State != Failed {
		t.Errorf("%+v", r)
	}
	if got, err := column(t.Context(), s.DB(""), "SELECT version FROM oms_rm.oms_version ORDER BY 1"); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

// An attempt that changed nothing does not bar the way back of the upgrade
// before, and an upgrade that was undone is not done again by itself.
func TestAbandonedAfterUpgrade(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 4)
	old := contents(t, s, c)
	first := nodeFor(t, c, packAt(t, "4.2.0-CE"), "10.0.0.1")
	if due, err := drive(t.Context(), first); !due || err != nil {
		t.Fatal(due, err)
	}
	way := newestRecord(t, s, c).Backup
	next := upgradeIn(first.Layout.Root(), c, packAt(t, "4.2.1-CE"), "10.0.0.1")
	next.Keep = 1
	next.fault = func(at string) error {
		if at == "after "+stageBackup {
			return errors.New("an error of the test")
		}
		return nil
	}
	if due, err := drive(t.Context(), next); !due || err == nil {
		t.Fatal(due, err)
	}
	if _, _, err := next.TakeBackup(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if list, err := next.Backups(t.Context()); err != nil || len(list) != 2 || !exists(way) {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := first.RollBack(t.Context(), Rollback{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	first.Unattended = true
	if due, err := drive(t.Context(), first); due || err == nil || !strings.Contains(err.Error(), "ended with rolled-back") {
		t.Error(due, err)
	}
}

// A restore was cut, and somebody started the old container: what that has
// written is not lost without being asked.
func TestUsedAfterCutRestore(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 4)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	o := orderFor(c, packDir(t, "4.2.3-CE"), u.Layout.Root(), "10.0.0.1")
	o.DieAt, o.RollBack = "after "+stageRestore, true
	if out, err := command(o).CombinedOutput(); !killed(err) {
		t.Fatalf("%v\n%s", err, out)
	}
	// Later by more than a node counts as running.
	s.Exec("UPDATE oms_rm_omsinit_upgrade.stages SET started_at = started_at - INTERVAL 10 MINUTE", "UPDATE oms_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE",
		"UPDATE oms_rm.oms_project SET project_status = 'new work'")
	used := contents(t, s, c)
	for _, unattended := range []bool{true, false} {
		u.Unattended = unattended
		_, err := drive(t.Context(), u)
		if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "OMS has run at") {
			t.Errorf("%v", err)
		}
	}
	if _, err := u.RollBack(t.Context(), Rollback{}); err == nil || !strings.Contains(err.Error(), "--accept-loss") {
		t.Errorf("%v", err)
	}
	if d := cmp.Diff(used, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	if _, err := u.RollBack(t.Context(), Rollback{AcceptLoss: true}); err != nil {
		t.Error(err)
	}
}

// idle is a node on which no program runs.
type idle struct{ programs }

func (*idle) Running(context.Context, []string) ([]string, error) { return nil, nil }

// A server without GET_LOCK, as OceanBase was for long: a lease in the journal
// takes the place of the lock, which a restore does not drop.
func TestWithoutLocks(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 40)
	old := contents(t, s, c)
	through := *c
	through.MetaPort = s.Without("GET_LOCK")
	u := nodeFor(t, &through, packAt(t, "4.2.3-CE"), "10.0.0.1")
	fail := true
	u.fault = func(at string) error {
		if fail && at == "after "+stageSchema {
			return errors.New("an error of the test")
		}
		return nil
	}
	if due, err := drive(t.Context(), u); !due || err == nil {
		t.Fatal(due, err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	fail = false
	outcomes := make(chan error, 2)
	did := atomic.Int32{}
	for n := range 2 {
		node := nodeFor(t, &through, packAt(t, "4.2.3-CE"), fmt.Sprintf("10.0.0.%d", n+1))
		go func() {
			due, err := drive(context.Background(), node)
			if due {
				did.Add(1)
			}
			outcomes <- err
		}()
	}
	for range 2 {
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
	}
	if did.Load() != 1 {
		t.Errorf("%d nodes upgraded", did.Load())
	}
	u.Node = newestRecord(t, s, c).Node
	if _, err := u.RollBack(t.Context(), Rollback{}); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
}
