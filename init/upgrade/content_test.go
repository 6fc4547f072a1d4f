package upgrade

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// everything is what a MetaDB may hold, with how a kind of server is set up for it. DB is the rm database.
func everything(k testmaria.Kind) (sql, settings []string) {
	sql = []string{
		// Views: of another definer, of one that is gone, on another database, on a view.
		"CREATE USER other@'%' IDENTIFIED BY 'x'", "CREATE DEFINER = other@'%' VIEW DB.of_another AS SELECT 1 AS one",
		"CREATE USER gone@'%' IDENTIFIED BY 'x'", "CREATE DEFINER = gone@'%' VIEW DB.of_gone AS SELECT 1 AS one",
		"DROP USER gone@'%'",
		"CREATE DATABASE elsewhere", "CREATE TABLE elsewhere.t (a int)",
		"CREATE VIEW DB.on_another AS SELECT a FROM elsewhere.t",
		"CREATE VIEW DB.v2 AS SELECT id FROM DB.oms_project", "CREATE VIEW DB.v1 AS SELECT id FROM DB.v2",
		"CREATE TABLE DB.g (a int NOT NULL PRIMARY KEY, b int GENERATED ALWAYS AS (a + 1) STORED, c int GENERATED ALWAYS AS (a * 2) VIRTUAL, KEY k (b))", "INSERT INTO DB.g (a) VALUES (1), (2)",
		"CREATE TABLE DB.t (a int)", "CREATE TRIGGER DB.tr BEFORE INSERT ON DB.t FOR EACH ROW SET NEW.a = NEW.a + 1",
		"INSERT INTO DB.t VALUES (1)",
		"CREATE PROCEDURE DB.p() SELECT 1", "CREATE FUNCTION DB.f(a int) RETURNS int DETERMINISTIC RETURN a + 1",
		"CREATE EVENT DB.e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
		// without a primary key
		"CREATE TABLE DB.n (a int, b varchar(10))", "INSERT INTO DB.n VALUES (1, 'x'), (1, 'x'), (NULL, '')",
		"CREATE TABLE DB.big (id int PRIMARY KEY, b longblob)", "INSERT INTO DB.big VALUES (1, REPEAT('x', 25 << 20))",
		"CREATE TABLE DB.fl (a float, b double, c decimal(30,10))",
		"INSERT INTO DB.fl VALUES (1.2345678, 0.1, 12345678901234567890.0123456789)",
		"CREATE TABLE DB.b (a bit(9), b varbinary(9), c longblob, d json, e geometry, f year, g time(6), h datetime(6), i enum('x','ä'), j set('a','b'))", "INSERT INTO DB.b VALUES (b'100000001', x'00FF', x'0027225C0A0D1A', '{\"k\": [1, null]}', ST_GeomFromText('POINT(1 2)'), 2024, '-01:02:03.000001', '2024-01-02 03:04:05.000006', 'ä', 'a,b')",
		"CREATE TABLE DB.p1 (a int NOT NULL PRIMARY KEY COMMENT 'it''s') PARTITION BY HASH (a) PARTITIONS 3",
		"INSERT INTO DB.p1 VALUES (1), (2), (3)",
		"CREATE TABLE DB.a1 (id int PRIMARY KEY)",
		"CREATE TABLE DB.z0 (id int, FOREIGN KEY (id) REFERENCES DB.a1 (id))", "INSERT INTO DB.a1 VALUES (1)",
		"INSERT INTO DB.z0 VALUES (1)",
		"CREATE TABLE DB.words (a varchar(9) COLLATE utf8mb4_bin, b varchar(9) CHARACTER SET latin1 COLLATE latin1_german2_ci)", "INSERT INTO DB.words VALUES ('库', 'ß')",
	}
	if k != testmaria.MySQL {
		return sql, []string{"SET GLOBAL max_statement_time = 30"}
	}
	return append(sql,
			"CREATE TABLE DB.i (my_row_id bigint unsigned NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY, a int)",
			"INSERT INTO DB.i (a) VALUES (1), (2)"),
		[]string{"SET GLOBAL sql_require_primary_key = ON", "SET GLOBAL sql_generate_invisible_primary_key = ON",
			"SET GLOBAL max_execution_time = 30000"}
}

// Whatever a MetaDB holds is there again, bit for bit, after an upgrade that fails past its first change. None of the
// server's programs is needed for it, and no option file of a person is read.
func TestContentComesBack(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		t.Parallel()
		s := testmaria.Start(t, testmaria.On(k), testmaria.Args("--max-allowed-packet=64M"))
		c := installed(t, s, "c", "4.1.1-CE", 0)
		sql, settings := everything(k)
		for _, q := range sql {
			s.Exec(strings.ReplaceAll(q, "DB.", "`"+c.RMDatabase+"`."))
		}
		old := append(contents(t, s, c), objects(t, s, c)...)
		s.Exec(settings...)
		u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
		if found, err := u.Objections(t.Context()); err != nil || len(found) > 0 {
			t.Fatalf("%v, %v", found, err)
		}
		home := t.TempDir()
		for _, name := range []string{".my.cnf", ".mylogin.cnf"} {
			if err := os.WriteFile(filepath.Join(home, name), []byte("[client]\nhost = 192.0.2.1\nuser = nobody\n"),
				0o600); err != nil {
				t.Fatal(err)
			}
		}
		o := orderFor(c, packDir(t, "4.2.3-CE"), u.Layout.Root(), "10.0.0.1")
		o.FailAt = "after " + stageSchema
		cmd := command(o)
		cmd.Env = append(cmd.Env, "PATH=/nowhere", "HOME="+home, "MYSQL_HOME="+home,
			"MYSQL_TEST_LOGIN_FILE="+filepath.Join(home, ".mylogin.cnf"))
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "an error of the test") {
			t.Fatalf("%v\n%s", err, out)
		}
		if r := newestRecord(t, s, c); r.State != Restored {
			t.Errorf("not restored: %s at %s: %s", r.State, r.Stage, r.Error)
		}
		if d := cmp.Diff(old, append(contents(t, s, c), objects(t, s, c)...)); d != "" {
			t.Error(d)
		}
	})
}

// A limit of the server for the time of statements does not cut the comparison of the backup with the tables.
func TestCountTakesItsTime(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		t.Parallel()
		s := testmaria.Start(t, testmaria.On(k))
		s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (a int PRIMARY KEY)", "INSERT INTO d.t VALUES (1), (2)")
		other, err := s.DB("d").Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if _, err := other.ExecContext(t.Context(), "LOCK TABLES t WRITE"); err != nil {
			t.Fatal(err)
		}
		s.Exec(map[bool]string{true: "SET GLOBAL max_execution_time = 200",
			false: "SET GLOBAL max_statement_time = 0.2"}[k == testmaria.MySQL])
		db := s.DB("")
		if _, err := db.Exec("SELECT 1 FROM d.t"); err == nil {
			t.Fatal("the limit cuts nothing")
		}
		counted := make(chan error)
		go func() {
			n, err := (&Session{Upgrade: &Upgrade{Config: &config.Config{}}, db: db}).count(context.Background(), "d",
				"t")
			if err == nil && n != 2 {
				err = fmt.Errorf("%d rows", n)
			}
			counted <- err
		}()
		select {
		case err := <-counted:
			t.Fatal(err)
		case <-time.After(time.Second):
		}
		if _, err := other.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
			t.Fatal(err)
		}
		if err := <-counted; err != nil {
			t.Error(err)
		}
	})
}

var definedAt = regexp.MustCompile(`(?i)STARTS '[^']*'`)

// objects are the definitions of everything that is no table, with their definers.
func objects(t testing.TB, s *testmaria.Server, c *config.Config) (out []string) {
	t.Helper()
	db := s.DB("")
	defer db.Close()
	for _, q := range []struct{ show, names string }{
		{"VIEW", "SELECT table_name FROM information_schema.views WHERE table_schema = ?"},
		{"TRIGGER", "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = ?"},
		{"PROCEDURE", "SELECT routine_name FROM information_schema.routines WHERE routine_schema = ? AND routine_type = 'PROCEDURE'"},
		{"FUNCTION", "SELECT routine_name FROM information_schema.routines WHERE routine_schema = ? AND routine_type = 'FUNCTION'"},
		{"EVENT", "SELECT event_name FROM information_schema.events WHERE event_schema = ?"},
	} {
		names, err := database.Column(t.Context(), db, q.names+" ORDER BY 1", c.RMDatabase)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			err := database.Each(t.Context(), db, "SHOW CREATE "+q.show+" `"+c.RMDatabase+"`.`"+name+"`", nil,
				func(rows *sql.Rows) error {
					columns, err := rows.Columns()
					if err != nil {
						return err
					}
					values, to := make([]sql.NullString, len(columns)), make([]any, len(columns))
					for i := range values {
						to[i] = &values[i]
					}
					err = rows.Scan(to...)
					for i, v := range values {
						if columns[i] != "Created" {
							out = append(out, q.show+" "+name+" "+columns[i]+" "+definedAt.ReplaceAllString(
								v.String, ""))
						}
					}
					return err
				})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// few are the rights of an account that has some alone.
const few = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, TRIGGER, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, EVENT"

func without(rights ...string) (list string) {
	list = few + ","
	for _, right := range rights {
		list = strings.Replace(list, " "+right+",", "", 1)
	}
	return strings.TrimSuffix(list, ",")
}

// What an account cannot bring back, or does not see, is refused by its name before anything is touched: by the gates,
// and by the proof where these were not asked. An account without LOCK TABLES brings back what it sees.
func TestContentIsRefused(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		t.Parallel()
		s := testmaria.Start(t, testmaria.On(k), testmaria.Args("--log-bin-trust-function-creators=ON"))
		for i, tc := range []struct {
			name     string
			sql      []string // DB is the rm database
			rights   string   // of the account
			settings []string // after the content is there
			back     []string // the settings as they were
			want     string   // ID of the finding; "" comes back
			names    string   // what it names
			unproven bool     // the proof refuses it as well
			on       []testmaria.Kind
		}{
			{name: "an account without LOCK TABLES",
				sql: []string{"CREATE TABLE DB.t (a int)", "INSERT INTO DB.t VALUES (1)"}, rights: few},
			{name: "a trigger that the account does not see",
				sql: []string{"CREATE TABLE DB.t (a int)",
					"CREATE TRIGGER DB.tr BEFORE INSERT ON DB.t FOR EACH ROW SET NEW.a = 1"},
				rights: without("TRIGGER"), want: "backup.unseen", names: "TRIGGER"},
			{name: "a procedure that the account does not see", sql: []string{"CREATE PROCEDURE DB.p() SELECT 1"},
				rights: without("CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE"), want: "backup.unseen", names: "EXECUTE"},
			{name: "an event that the account does not see",
				sql: []string{"CREATE EVENT DB.e ON SCHEDULE EVERY 1 DAY DO SELECT 1"}, rights: without("EVENT"),
				want: "backup.unseen", names: "EVENT"},
			{name: "a view of another definer", sql: []string{"CREATE VIEW DB.v AS SELECT 1 AS one"}, rights: few,
				want: "backup.restore", names: "view v", unproven: true},
			{name: "a view of a definer that is gone",
				sql: []string{"CREATE USER gone@'%' IDENTIFIED BY 'x'",
					"CREATE DEFINER = gone@'%' VIEW DB.v AS SELECT 1 AS one", "DROP USER gone@'%'"},
				rights: few, want: "backup.restore", names: "view v", unproven: true},
			{name: "a view on another database that the account may not read",
				sql: []string{"CREATE DATABASE elsewhere", "CREATE TABLE elsewhere.t (a int)",
					"CREATE DEFINER = few@'%' VIEW DB.v AS SELECT a FROM elsewhere.t"},
				rights: few, want: "backup.restore", names: "view v", unproven: true},
			{name: "no primary key where one is required", sql: []string{"CREATE TABLE DB.n (a int)"}, rights: few,
				settings: []string{"SET GLOBAL sql_require_primary_key = ON"},
				back:     []string{"SET GLOBAL sql_require_primary_key = OFF"}, want: "backup.restore", names: ".n:",
				unproven: true, on: []testmaria.Kind{testmaria.MySQL}},
			{name: "a key that the server would add", sql: []string{"CREATE TABLE DB.n (a int)"}, rights: few,
				settings: []string{"SET GLOBAL sql_generate_invisible_primary_key = ON"},
				back:     []string{"SET GLOBAL sql_generate_invisible_primary_key = OFF"}, want: "backup.restore",
				names: ".n ", unproven: true, on: []testmaria.Kind{testmaria.MySQL}},
			{name: "a sequence", sql: []string{"CREATE SEQUENCE DB.s START WITH 100"}, rights: few,
				want: "backup.objects", names: "a SEQUENCE", unproven: true,
				on: []testmaria.Kind{testmaria.MariaDB, testmaria.MariaDB118}},
		} {
			if tc.on != nil && !slices.Contains(tc.on, k) {
				continue
			}
			t.Run(tc.name, func(t *testing.T) {
				c := installed(t, s, fmt.Sprint("r", i), "4.1.1-CE", 0)
				defer dropAll(s, c)
				n := *c
				n.MetaUser, n.MetaPassword = "few", "few"
				s.Exec("CREATE USER few@'%' IDENTIFIED BY 'few'")
				defer s.Exec("DROP USER few@'%'")
				for _, q := range tc.sql {
					s.Exec(strings.ReplaceAll(q, "DB.", "`"+c.RMDatabase+"`."))
				}
				for _, name := range append(scratch(c), c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase,
					journalDatabase(c)) {
					s.Exec("GRANT " + tc.rights + " ON `" + name + "`.* TO few@'%'")
				}
				old := append(contents(t, s, c), objects(t, s, c)...)
				s.Exec(tc.settings...)
				defer s.Exec(tc.back...)
				u := nodeFor(t, &n, packAt(t, "4.2.3-CE"), "10.0.0.1")
				findings, err := u.Objections(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				found := false
				for _, f := range findings {
					if f.ID != tc.want && f.ID != "backup.objects" || f.Severity != finding.Error {
						t.Errorf("%s: %v", f.ID, f.Message)
					}
					found = found || strings.Contains(f.Message.String()+f.Fix.String(), tc.names)
				}
				if found != (tc.want != "") {
					t.Errorf("it does not name %q: %v", tc.names, findings)
				}
				state := Restored
				if tc.want != "" {
					if state = Abandoned; !tc.unproven {
						return
					}
				}
				u.fault = func(at string) error {
					if at == "after "+stageSchema {
						return errors.New("an error of the test")
					}
					return nil
				}
				if due, err := drive(t.Context(), u); !due || err == nil {
					t.Fatal(due, err)
				}
				if r := newestRecord(t, s, c); r.State != state {
					t.Errorf("%s at %s, want %s: %s", r.State, r.Stage, state, r.Error)
				}
				if d := cmp.Diff(old, append(contents(t, s, c), objects(t, s, c)...)); d != "" {
					t.Error(d)
				}
			})
		}
	})
}
