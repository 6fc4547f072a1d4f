package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/testdata/testmaria"
)

// childEnv makes the test binary do a job and end.
const childEnv = "BACKUP_TEST_CHILD"

type order struct {
	Host, User, Password, Dir, Restore string
	Prove                              ProofMode
	Port                               int
	KillAt, KillPlacing                int // kill at that progress, or before that statement at the end of a restore
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
	seen, placed := 0, 0
	j := &Job{Dir: o.Dir, Config: &config.Config{
		MetaHost: o.Host, MetaPort: o.Port, MetaUser: o.User, MetaPassword: config.Secret(o.Password),
		RMDatabase: "oms_rm", CMDatabase: "oms_cm", HeartbeatDatabase: "oms_hb_1", CMLocation: 1,
	}, Progress: func(Progress) {
		if seen++; seen == o.KillAt {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}, placing: func(string) {
		if placed++; placed == o.KillPlacing {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}}
	var err error
	switch {
	case o.Prove != "":
		_, err = j.Prove(context.Background(), o.Prove, Limits{})
	case o.Restore != "":
		_, err = j.Restore(context.Background(), strings.TrimPrefix(o.Restore, "fresh"))
	default:
		_, err = j.Backup(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runner returns a function that has a process of its own do something, and reports whether that was killed.
func runner(t *testing.T, s *testmaria.Server) func(order) bool {
	return func(o order) bool {
		t.Helper()
		o.Host, o.User, o.Password, o.Port = s.Host, s.User, s.Password, s.Port
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), childEnv+"="+string(text))
		out, err := cmd.CombinedOutput()
		if status, ok := err.(*exec.ExitError); ok && status.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			return true
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return false
	}
}

// A proof that was killed has touched nothing, and the next one clears what it left, whatever that wants to prove.
func TestKilledProof(t *testing.T) {
	s, c := oms(t)
	s.Exec("CREATE VIEW oms_cm.v AS SELECT ip FROM oms_cm.host",
		"CREATE TRIGGER oms_cm.tr BEFORE INSERT ON oms_cm.host FOR EACH ROW SET NEW.ip = NEW.ip")
	run := runner(t, s)
	j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup"), LockTimeout: 10 * time.Second}
	if _, err := j.Backup(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := dumpAll(t, s)
	killed, left := 0, 0
	for at := 1; run(order{Dir: j.Dir, KillAt: at, Prove: Full}); at++ {
		killed++
		var scratch int
		if err := s.DB("").QueryRow(
			"SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE '%omsinit%'").Scan(
			&scratch); err != nil {
			t.Fatal(err)
		}
		left += scratch
		if m, err := Read(j.Dir); err != nil || m.Proof != nil {
			t.Errorf("killed at progress %d the backup is proven: %v", at, err)
		}
		if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
			t.Errorf("killed at progress %d:\n%s", at, d)
		}
		if at%5 == 0 {
			if _, err := j.Prove(t.Context(), Sample, Limits{}); err != nil {
				t.Fatal(err)
			}
			noScratch(t, s)
			m, err := Read(j.Dir)
			if err != nil {
				t.Fatal(err)
			}
			m.Proof = nil
			if err := m.write(j.Dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	if killed < 4 || left == 0 {
		t.Errorf("killed %d times, with %d databases left", killed, left)
	}
	noScratch(t, s)
	if m, err := Read(j.Dir); err != nil || m.Proof == nil {
		t.Errorf("%+v, %v", m, err)
	}
}

// A backup or a restore that was killed is run again, and ends as if nothing
// had been. Until the end a backup is none, and a restore has touched nothing.
func TestKilled(t *testing.T) {
	s, c := oms(t)
	run := runner(t, s)
	dir := filepath.Join(t.TempDir(), "backup")
	for at := 1; run(order{Dir: dir, KillAt: at}); at++ {
		if _, err := Read(dir); err == nil {
			t.Errorf("killed at progress %d there is a backup", at)
		}
	}
	if _, err := Read(dir); err != nil {
		t.Fatal(err)
	}
	want := dumpAll(t, s)
	killed := 0
	for at := 1; run(order{Dir: dir, KillAt: at, Restore: "oms_rm"}); at++ {
		killed++
		if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
			t.Errorf("killed at progress %d:\n%s", at, d)
		}
	}
	if killed < 4 {
		t.Errorf("killed %d times only", killed)
	}
	if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
		t.Error(d)
	}
	// While the databases are put in their places they are in between. Whatever
	// that is, the next run brings them all back, from each of these moments.
	// Until then it is known not to be complete, also when the next run is killed too.
	placing := 0
	begun := func(what string, want bool) {
		t.Helper()
		err := Unfinished(t.Context(), s.DB(""), c)
		if errors.As(err, new(*UnfinishedError)) != want ||
			want && !strings.Contains(err.Error(), "omsinit metadb restore --replace=oms_rm "+dir) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for at := 1; run(order{Dir: dir, KillPlacing: at, Restore: "oms_rm"}); at++ {
		placing++
		some := at > 1 && at < 4*5+1 // the last database is another region's
		if at == 5 {
			// What was read into the databases beside the others stays.
			beside := func() []string {
				tables, err := database.Column(t.Context(), s.DB(""), "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables WHERE table_schema LIKE '%restore' ORDER BY 1")
				if err != nil || len(tables) < 10 {
					t.Fatal(tables, err)
				}
				return tables
			}
			before := beside()
			if found, err := (&Job{Config: c}).Probe(t.Context()); err != nil || len(found) > 0 {
				t.Errorf("%+v, %v", found, err)
			}
			if d := cmp.Diff(before, beside()); d != "" {
				t.Errorf("the probe has changed it: %s", d)
			}
		}
		begun(fmt.Sprintf("killed before statement %d of the end", at), some)
		if at%5 == 2 && run(order{Dir: dir, KillAt: 2, Restore: "oms_rm"}) {
			begun("killed again", some)
		}
		if at%4 != 0 {
			continue // the next run begins with what this one left
		}
		if run(order{Dir: dir, Restore: "oms_rm"}) {
			t.Fatal("killed without being asked to")
		}
		if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
			t.Errorf("after one that was killed before statement %d of the end:\n%s", at, d)
		}
	}
	// For each database: mark, drop, create, rename, drop the empty one; and omsinit's own table.
	if placing != 4*5+1 {
		t.Errorf("killed %d times at the end of a restore", placing)
	}
	begun("complete", false)
	if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
		t.Error(d)
	}
	// Into databases that were empty it goes on with what it had put there.
	for _, name := range []string{"oms_rm", "oms_cm", "oms_hb_1", "oms_hb_2"} {
		s.Exec("DROP DATABASE " + name)
	}
	j := &Job{Config: c, Dir: dir, LockTimeout: 10 * time.Second}
	for _, at := range []int{5, 9, 14} {
		if !run(order{Dir: dir, KillPlacing: at, Restore: "fresh"}) {
			t.Fatal("not killed")
		}
	}
	if _, err := j.Restore(t.Context(), ""); err != nil {
		t.Error(err)
	}
	begun("complete", false)
	if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
		t.Error(d)
	}
	// Databases that are made anew have nothing to do with it any more.
	if !run(order{Dir: dir, KillPlacing: 9, Restore: "oms_rm"}) {
		t.Fatal("not killed")
	}
	begun("killed before the databases are made anew", true)
	if err := j.Forget(t.Context()); err != nil {
		t.Error(err)
	}
	begun("made anew", false)
	if _, err := j.Restore(t.Context(), "oms_rm"); err != nil {
		t.Fatal(err)
	}
	// The dumps' login is nowhere on disk.
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*login*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	_, err = (&Job{Config: c, Dir: filepath.Join(t.TempDir(), "again"),
		LockTimeout: 10 * time.Second}).Backup(context.Background())
	if err != nil {
		t.Error(err)
	}
}
