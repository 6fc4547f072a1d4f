package metadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

func TestBadFile(t *testing.T) {
	s := testmaria.Start(t)
	t.Run("slip", func(t *testing.T) {
		c := configFor(s, "slip")
		_, err := (&Step{Config: c, Pack: packWith(t,
			map[string]string{"schema/hb/4.2.0.sql": "CREATE TABLE x (a int;"})}).Apply(context.Background())
		if err == nil || !strings.Contains(err.Error(), "schema/hb/4.2.0.sql") {
			t.Errorf("%v", err)
		}
		if s.DB("").QueryRow("SELECT 1 FROM information_schema.schemata WHERE schema_name LIKE 'slip%'").Scan(new(
			int)) != sql.ErrNoRows {
			t.Error("something was created although a file cannot be read")
		}
	})
	t.Run("refused", func(t *testing.T) {
		c := configFor(s, "refused")
		files := map[string]string{"schema/cm/4.2.0.sql": "-- new\nCREATE TABLE good (a int);\n\nCREATE TABLE x (a nosuchtype);"}
		r, err := (&Step{Config: c, Pack: packWith(t, files)}).Apply(context.Background())
		if err == nil {
			t.Fatal("no error")
		}
		for _, want := range []string{"schema/cm/4.2.0.sql", "refused_cm", "statement 2 of 2", "line 4",
			"CREATE TABLE x (a nosuchtype)"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
		if !slices.Contains(r.Tables, "refused_cm.good") {
			t.Errorf("the result does not say what was done: %+v", r)
		}
		// Corrected, the next run completes it.
		apply(t, &Step{Config: c, Pack: packWith(t,
			map[string]string{"schema/cm/4.2.0.sql": "CREATE TABLE good (a int); CREATE TABLE x (a int);"})})
	})
}

// OceanBase's one harmless error is passed over; the same number with another
// text, or for another statement, is not.
func TestOceanBaseLOB(t *testing.T) {
	s := testmaria.Start(t)
	const alter = "ALTER TABLE `config_job` MODIFY COLUMN `value` longtext"
	const lob = "Modify large text/lob column not supported"
	for _, tc := range []struct {
		name, statement, message string
		number                   int
		fails                    bool
	}{
		{"the documented one", alter, lob, 1235, false},
		{"another text", alter, "This version doesn't yet support 'x'", 1235, true},
		{"another number", alter, lob, 1064, true},
		{"another statement", "UPDATE `config_job` SET `value` = ''", lob, 1235, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log []string
			step := &Step{
				Config: configFor(s, fmt.Sprintf("x%d", time.Now().UnixNano())),
				Pack: packWith(t, map[string]string{"schema/cm/4.2.0-CE.sql": tc.statement +
					";\nCREATE TABLE after_it (a int);"}),
				Log: func(m msg.Message) { log = append(log, m.String()) },
			}
			step.run = func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
				if text == tc.statement {
					text = fmt.Sprintf("SIGNAL SQLSTATE '0A000' SET MYSQL_ERRNO=%d, MESSAGE_TEXT='%s'", tc.number,
						strings.ReplaceAll(tc.message, "'", "''"))
				}
				return runStatement(ctx, conn, text, args...)
			}
			r, err := step.Apply(context.Background())
			if tc.fails {
				if err == nil {
					t.Error("the error was passed over")
				}
				return
			}
			if err != nil || !slices.Contains(r.Tables, step.Config.CMDatabase+".after_it") {
				t.Fatalf("%+v, %v", r, err)
			}
			if !slices.ContainsFunc(log, func(l string) bool { return strings.Contains(l, lob) }) {
				t.Errorf("it was not said: %q", log)
			}
		})
	}
}

func TestMetaDBErrors(t *testing.T) {
	s := testmaria.Start(t)
	p := packWith(t, nil)
	s.Exec("CREATE USER poor@'%' IDENTIFIED BY 's3cret'", "CREATE DATABASE poor_rm",
		"GRANT ALL ON poor_rm.* TO poor@'%'")
	for _, tc := range []struct {
		name    string
		change  func(*config.Config)
		passing bool
		want    string
	}{
		{"wrong password", func(c *config.Config) { c.MetaPassword = "s3cret" }, false, "refuses the login"},
		{"may not create databases", func(c *config.Config) { c.MetaUser, c.MetaPassword = "poor", "s3cret" }, false,
			"cannot create the database poor_cm: in the MetaDB"},
		{"unreachable", func(c *config.Config) { c.MetaPort = 1 }, true, "nothing listens there"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := configFor(s, "poor")
			tc.change(c)
			_, err := (&Step{Config: c, Pack: p}).Apply(context.Background())
			if err == nil || !strings.Contains(err.Error(), tc.want) || finding.IsTransient(err) != tc.passing {
				t.Errorf("passing %v: %v", finding.IsTransient(err), err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Error("the password is in the error")
			}
		})
	}
	t.Run("the release is none", func(t *testing.T) {
		q := packWith(t, nil)
		q.Release = "newest"
		if _, err := (&Step{Config: configFor(s, "x"), Pack: q}).Apply(context.Background()); err == nil ||
			!strings.Contains(err.Error(), `"newest"`) {
			t.Errorf("%v", err)
		}
	})
}

// The connection breaks before each statement in turn; the run connects again
// and completes the work.
func TestLostConnection(t *testing.T) {
	s := testmaria.Start(t)
	full := configFor(s, "full")
	p := packWith(t, richFiles)
	sent := 0
	apply(t, &Step{Config: full, Pack: p, inTurn: true,
		run: func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
			sent++
			return runStatement(ctx, conn, text, args...)
		}})
	want := snapshot(t, s, full)
	for n := range sent {
		if testing.Short() && n%4 != 0 {
			continue // with the other servers, at every fourth
		}
		c := configFor(s, fmt.Sprintf("cut%d", n))
		i := 0
		step := &Step{Config: c, Pack: p, inTurn: true,
			run: func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
				if i++; i == n+1 {
					s.Exec(fmt.Sprintf("KILL %d", connectionID(t, conn)))
				}
				return runStatement(ctx, conn, text, args...)
			}}
		if r := apply(t, step); len(r.Databases) != 3 || !r.VersionRow {
			t.Errorf("cut before statement %d: %+v", n+1, r)
		}
		if d := cmp.Diff(want, snapshot(t, s, c)); d != "" {
			t.Fatalf("cut before statement %d:\n%s", n+1, d)
		}
		s.Exec("DROP DATABASE "+c.RMDatabase, "DROP DATABASE "+c.CMDatabase, "DROP DATABASE "+c.HeartbeatDatabase)
	}
}

func connectionID(t *testing.T, conn *sql.Conn) (id int64) {
	t.Helper()
	if err := conn.QueryRowContext(context.Background(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Error(err)
	}
	return id
}

// A connection that breaks again and again is an error that passes, with all
// that a person needs.
func TestConnectionKeepsBreaking(t *testing.T) {
	s := testmaria.Start(t)
	step := &Step{Config: configFor(s, "oms"), Pack: packWith(t, nil), inTurn: true}
	step.run = func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
		if strings.Contains(text, "CREATE TABLE IF NOT EXISTS `host`") {
			s.Exec(fmt.Sprintf("KILL %d", connectionID(t, conn)))
		}
		return runStatement(ctx, conn, text, args...)
	}
	_, err := step.Apply(context.Background())
	if !finding.IsTransient(err) {
		t.Errorf("not passing: %v", err)
	}
	for _, want := range []string{"lost the connection", "oms_cm", "schema/cm/4.1.1-CE.sql", "statement 2 of 5"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	step.run = nil
	apply(t, step)
}

// The server restarts in the middle; the next run ends in the same schema.
func TestServerRestart(t *testing.T) {
	s := testmaria.Start(t)
	p := packWith(t, richFiles)
	full := configFor(s, "full")
	apply(t, &Step{Config: full, Pack: p})
	want := snapshot(t, s, full)
	for n, at := range []string{"INSERT INTO ledger", "CREATE INDEX idx_what", "heart_beat",
		"omsinit_journal SET applied = ?, applied_sum"} {
		c := configFor(s, fmt.Sprintf("restart%d", n))
		var once sync.Once
		step := &Step{Config: c, Pack: p, run: func(ctx context.Context, conn *sql.Conn, text string,
			args ...any) (int64, error) {
			if strings.Contains(text, at) {
				once.Do(s.Restart)
			}
			return runStatement(ctx, conn, text, args...)
		}}
		_, err := step.Apply(context.Background())
		if err != nil && !finding.IsTransient(err) {
			t.Errorf("%s: %v", at, err)
		}
		step.run = nil
		apply(t, step)
		if d := cmp.Diff(want, snapshot(t, s, c)); d != "" {
			t.Errorf("restart at %s:\n%s", at, d)
		}
	}
}

// A statement that takes longer than a server may otherwise take to answer is sent once, and waited for.
func TestLongStatement(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "long")
	const long = "UPDATE ledger SET n = n + 1 + SLEEP(5)"
	var sent int
	step := &Step{Config: c, Pack: packWith(t,
		map[string]string{"schema/cm/4.2.0.sql": "CREATE TABLE ledger (n int); INSERT INTO ledger VALUES (1); " +
			long + ";"}),
		connecting: []mysql.Option{func(c *driver.Config) { c.ReadTimeout = 2 * time.Second }}}
	step.run = func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
		if text == long {
			sent++ // of one database alone
		}
		return runStatement(ctx, conn, text, args...)
	}
	apply(t, step)
	var n int
	if err := s.DB("").QueryRow("SELECT n FROM long_cm.ledger").Scan(&n); err != nil || n != 2 || sent != 1 {
		t.Errorf("sent %d times, the row says %d, %v", sent, n, err)
	}
}

// Whoever loses the lock stops at once, on the connections that still work too.
func TestLostLockStops(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	var mu sync.Mutex
	after, lost, begun := 0, false, 0
	// only the fence is left
	step := &Step{Config: c, Pack: packWith(t, richFiles), locking: mysql.LockOptions{KeepAlive: time.Hour}}
	step.run = func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
		mu.Lock()
		if strings.Contains(text, "CREATE TABLE ledger") && !lost {
			lost = true
			var holder int64
			if err := s.DB("").QueryRow("SELECT IS_USED_LOCK(?)", mysql.LockName(c)).Scan(&holder); err != nil {
				t.Error(err)
			}
			s.Exec(fmt.Sprintf("KILL %d", holder))
			for s.DB("").QueryRow("SELECT IS_USED_LOCK(?)", mysql.LockName(c)).Scan(&holder) == nil {
			}
		} else if lost && begun == 1 && !strings.Contains(text, JournalTable) {
			after++
		}
		mu.Unlock()
		return runStatement(ctx, conn, text, args...)
	}
	step.Log = func(m msg.Message) {
		if strings.Contains(m.String(), "connecting to the MetaDB again") {
			mu.Lock()
			begun = 2
			mu.Unlock()
		}
	}
	begun = 1
	apply(t, step) // it takes the lock again and goes on
	if begun != 2 {
		t.Error("nobody noticed")
	}
	if after > 2 { // what the other two databases had begun
		t.Errorf("%d statements were begun after the lock was lost", after)
	}
	alone := configFor(s, "alone")
	apply(t, &Step{Config: alone, Pack: packWith(t, richFiles)})
	if d := cmp.Diff(snapshot(t, s, alone), snapshot(t, s, c)); d != "" {
		t.Error(d)
	}
}

func TestCancelled(t *testing.T) {
	s := testmaria.Start(t)
	p := packWith(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := configFor(s, "oms")
	step := &Step{Config: c, Pack: p, run: func(ctx context.Context, conn *sql.Conn, text string,
		args ...any) (int64, error) {
		if strings.Contains(text, "EXISTS `host`") {
			cancel()
		}
		return runStatement(ctx, conn, text, args...)
	}}
	if _, err := step.Apply(ctx); !errors.Is(err, context.Canceled) || finding.IsTransient(err) {
		t.Errorf("%v", err)
	}
	// The lock is free again.
	step.run, step.LockTimeout = nil, 5*time.Second
	apply(t, step)
}

func TestLockedByAnother(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	db, err := mysql.Open(c, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	held, err := mysql.Acquire(context.Background(), c, db, mysql.LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	step := &Step{Config: c, Pack: packWith(t, nil), LockTimeout: time.Second,
		Log: func(m msg.Message) { log = append(log, m.String()) }}
	r, err := step.Apply(context.Background())
	if !errors.Is(err, mysql.ErrLocked) || !finding.IsTransient(err) || r.Changed() {
		t.Errorf("%+v, %v", r, err)
	}
	if len(log) != 1 || !strings.Contains(log[0], "waiting for another node that works on the MetaDB: connection ") {
		t.Errorf("log %q", log)
	}
	held.Release()
	apply(t, step)
}

func TestHappenedBefore(t *testing.T) {
	for _, tc := range []struct {
		kind   kind
		number mysql.Code
		want   bool
	}{
		{createTable, mysql.ErrTableExists, true},
		{alterTable, mysql.ErrDupFieldname, true},
		{alterTable, mysql.ErrDupKeyname, true},
		{alterTable, mysql.ErrCantDropFieldOrKey, true},
		{alterTable, mysql.ErrTableExists, false},
		{createIndex, mysql.ErrDupKeyname, true},
		{dropTable, mysql.ErrBadTable, true},
		{other, mysql.ErrDupEntry, false},
		{createTable, 1064, false},
	} {
		st := statement{effect: effect{kind: tc.kind}}
		if got := happenedBefore(st, &driver.MySQLError{Number: uint16(tc.number)}); got != tc.want {
			t.Errorf("kind %d, error %d: %v, want %v", tc.kind, tc.number, got, tc.want)
		}
		if happenedBefore(st, errors.New("lost")) {
			t.Errorf("kind %d: a lost connection is no answer", tc.kind)
		}
	}
}

// Where the MetaDB has no GET_LOCK a lease keeps the others out.
func TestWithoutLocks(t *testing.T) {
	s := testmaria.Start(t)
	p := packWith(t, richFiles)
	full := configFor(s, "full")
	apply(t, &Step{Config: full, Pack: p})
	want := snapshot(t, s, full)

	c := configFor(s, "oms")
	c.MetaPort = s.Without("GET_LOCK")
	var mu sync.Mutex
	changed := 0
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			r, err := (&Step{Config: c, Pack: p, Node: "node"}).Apply(context.Background())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if len(r.Tables) > 0 {
				changed++
			}
		})
	}
	wg.Wait()
	if changed != 1 {
		t.Errorf("%d did the work, want 1", changed)
	}
	if d := cmp.Diff(want, snapshot(t, s, c)); d != "" {
		t.Error(d)
	}
	if r := apply(t, &Step{Config: c, Pack: p}); r.Changed() {
		t.Errorf("the run after it changed %+v", r)
	}
}
