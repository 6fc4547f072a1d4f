package upgrade

import (
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// Whatever a MetaDB holds is there again, bit for bit, after an upgrade that fails past its first change, or is refused
// by its name before anything is touched.
func TestContentComesBackOrIsRefused(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		t.Parallel()
		s := testmaria.Start(t, testmaria.On(k))
		for i, tc := range []struct {
			name string
			sql  []string // DB is the rm database
			on   []testmaria.Kind
		}{
			{name: "a view of another definer", sql: []string{"CREATE USER IF NOT EXISTS other@'%' IDENTIFIED BY 'x'", "CREATE DEFINER = other@'%' VIEW DB.v AS SELECT 1 AS one"}},
			{name: "a view of a definer that is gone", sql: []string{"CREATE USER gone@'%' IDENTIFIED BY 'x'", "CREATE DEFINER = gone@'%' VIEW DB.v AS SELECT 1 AS one", "DROP USER gone@'%'"}},
			{name: "a view on another database", sql: []string{"CREATE DATABASE IF NOT EXISTS elsewhere", "CREATE TABLE IF NOT EXISTS elsewhere.t (a int)", "CREATE VIEW DB.v AS SELECT a FROM elsewhere.t"}},
			{name: "a view on a view", sql: []string{"CREATE VIEW DB.v2 AS SELECT id FROM DB.oms_project", "CREATE VIEW DB.v1 AS SELECT id FROM DB.v2"}},
			{name: "generated columns", sql: []string{"CREATE TABLE DB.g (a int NOT NULL PRIMARY KEY, b int GENERATED ALWAYS AS (a + 1) STORED, c int GENERATED ALWAYS AS (a * 2) VIRTUAL, KEY k (b))", "INSERT INTO DB.g (a) VALUES (1), (2)"}},
			{name: "a trigger", sql: []string{"CREATE TABLE DB.t (a int)", "CREATE TRIGGER DB.tr BEFORE INSERT ON DB.t FOR EACH ROW SET NEW.a = NEW.a + 1", "INSERT INTO DB.t VALUES (1)"}},
			{name: "routines", sql: []string{"CREATE PROCEDURE DB.p() SELECT 1", "CREATE FUNCTION DB.f(a int) RETURNS int DETERMINISTIC RETURN a + 1"}},
			{name: "an event", sql: []string{"CREATE EVENT DB.e ON SCHEDULE EVERY 1 DAY DO SELECT 1"}},
			{name: "a table without a primary key", sql: []string{"CREATE TABLE DB.n (a int, b varchar(10))", "INSERT INTO DB.n VALUES (1, 'x'), (1, 'x'), (NULL, '')"}},
			{name: "a FLOAT", sql: []string{"CREATE TABLE DB.fl (a float, b double, c decimal(30,10))", "INSERT INTO DB.fl VALUES (1.2345678, 0.1, 12345678901234567890.0123456789)"}},
			{name: "bits, binary, JSON, spatial", sql: []string{"CREATE TABLE DB.b (a bit(9), b varbinary(9), c longblob, d json, e geometry, f year, g time(6), h datetime(6), i enum('x','ä'), j set('a','b'))", "INSERT INTO DB.b VALUES (b'100000001', x'00FF', x'0027225C0A0D1A', '{\"k\": [1, null]}', ST_GeomFromText('POINT(1 2)'), 2024, '-01:02:03.000001', '2024-01-02 03:04:05.000006', 'ä', 'a,b')"}},
			{name: "partitions, foreign keys, a comment", sql: []string{"CREATE TABLE DB.p1 (a int NOT NULL PRIMARY KEY COMMENT 'it''s') PARTITION BY HASH (a) PARTITIONS 3", "CREATE TABLE DB.a1 (id int PRIMARY KEY)", "CREATE TABLE DB.z0 (id int, FOREIGN KEY (id) REFERENCES DB.a1 (id))", "INSERT INTO DB.a1 VALUES (1)", "INSERT INTO DB.z0 VALUES (1)", "INSERT INTO DB.p1 VALUES (1), (2), (3)"}},
			{name: "a sequence", on: []testmaria.Kind{testmaria.MariaDB, testmaria.MariaDB118}, sql: []string{"CREATE SEQUENCE DB.s START WITH 100", "SELECT NEXTVAL(DB.s)"}},
			{name: "an invisible key", on: []testmaria.Kind{testmaria.MySQL}, sql: []string{"CREATE TABLE DB.i (my_row_id bigint unsigned NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY, a int)", "INSERT INTO DB.i (a) VALUES (1), (2)"}},
		} {
			if len(tc.on) > 0 && !strings.Contains(fmt.Sprint(tc.on), fmt.Sprint(k)) {
				continue
			}
			t.Run(tc.name, func(t *testing.T) {
				c := installed(t, s, fmt.Sprint("c", i), "4.1.1-CE", 0)
				for _, q := range tc.sql {
					s.Exec(strings.ReplaceAll(q, "DB.", "`"+c.RMDatabase+"`."))
				}
				old := append(contents(t, s, c), objects(t, s, c)...)
				u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
				findings, err := u.Objections(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				refused := ""
				for _, f := range findings {
					if f.Severity == finding.Error {
						refused += f.ID + ": " + f.Message.String() + "\n"
					}
				}
				u.fault = func(at string) error {
					if at == "after "+stageSchema {
						return errors.New("an error of the test")
					}
					return nil
				}
				if refused == "" {
					if due, err := drive(t.Context(), u); !due || err == nil {
						t.Fatal(due, err)
					}
					if r := newestRecord(t, s, c); r.State != Restored {
						t.Errorf("neither refused nor restored: %s at %s: %s", r.State, r.Stage, r.Error)
					}
				} else {
					t.Logf("refused: %s", refused)
				}
				if d := cmp.Diff(old, append(contents(t, s, c), objects(t, s, c)...)); d != "" {
					t.Error(d)
				}
				dropAll(s, c)
			})
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
			err := database.Each(t.Context(), db, "SHOW CREATE "+q.show+" `"+c.RMDatabase+"`.`"+name+"`", nil, func(rows *sql.Rows) error {
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
						out = append(out, q.show+" "+name+" "+columns[i]+" "+definedAt.ReplaceAllString(v.String, ""))
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

// What needs a setting of the server, or rights that the account lacks, comes back as well, or is refused; that the
// account does not see a trigger does not make it none.
func TestContentAgainstSettingsAndRights(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		t.Parallel()
		s := testmaria.Start(t, testmaria.On(k), testmaria.Args("--max-allowed-packet=128M"))
		for i, tc := range []struct {
			name      string
			sql       []string // DB is the rm database
			rights    string   // of the account; empty is root
			settings  []string // after the content is there
			back      []string // the settings as they were
			mustNot   bool     // pass the gates
			onlyMySQL bool
		}{
			{name: "a row of 30 MB", sql: []string{"CREATE TABLE DB.big (id int PRIMARY KEY, b longblob)", "INSERT INTO DB.big VALUES (1, REPEAT('x', 30 << 20))"}},
			{name: "no primary key where one is required", onlyMySQL: true, sql: []string{"CREATE TABLE DB.n (a int)", "INSERT INTO DB.n VALUES (1), (1)"}, settings: []string{"SET GLOBAL sql_require_primary_key = ON"}, back: []string{"SET GLOBAL sql_require_primary_key = OFF"}},
			{name: "generated invisible keys", onlyMySQL: true, sql: []string{"CREATE TABLE DB.n (a int)", "INSERT INTO DB.n VALUES (1), (1)"}, settings: []string{"SET GLOBAL sql_generate_invisible_primary_key = ON"}, back: []string{"SET GLOBAL sql_generate_invisible_primary_key = OFF"}},
			{name: "an account without LOCK TABLES", rights: "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, TRIGGER, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, EVENT",
				settings: []string{"SET GLOBAL log_bin_trust_function_creators = ON"}, back: []string{"SET GLOBAL log_bin_trust_function_creators = OFF"}},
			{name: "a trigger that the account does not see", mustNot: true, sql: []string{"CREATE TABLE DB.t (a int)", "CREATE TRIGGER DB.tr BEFORE INSERT ON DB.t FOR EACH ROW SET NEW.a = 1"},
				rights: "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, LOCK TABLES, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, EVENT"},
			{name: "a procedure that the account does not see", mustNot: true, sql: []string{"CREATE PROCEDURE DB.p() SELECT 1"},
				rights: "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, LOCK TABLES, TRIGGER, EVENT"},
			{name: "an event that the account does not see", mustNot: true, sql: []string{"CREATE EVENT DB.e ON SCHEDULE EVERY 1 DAY DO SELECT 1"},
				rights: "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, LOCK TABLES, TRIGGER, CREATE ROUTINE, ALTER ROUTINE, EXECUTE"},
		} {
			if tc.onlyMySQL && k != testmaria.MySQL {
				continue
			}
			t.Run(tc.name, func(t *testing.T) {
				c := installed(t, s, fmt.Sprint("r", i), "4.1.1-CE", 0)
				defer dropAll(s, c)
				for _, q := range tc.sql {
					s.Exec(strings.ReplaceAll(q, "DB.", "`"+c.RMDatabase+"`."))
				}
				old := append(contents(t, s, c), objects(t, s, c)...)
				s.Exec(tc.settings...)
				defer s.Exec(tc.back...)
				as := c
				if tc.rights != "" {
					n := *c
					n.MetaUser, n.MetaPassword = "few", "few"
					s.Exec("CREATE USER few@'%' IDENTIFIED BY 'few'")
					defer s.Exec("DROP USER few@'%'")
					for _, name := range append(scratch(c), c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase, journalDatabase(c)) {
						s.Exec("GRANT " + tc.rights + " ON `" + name + "`.* TO few@'%'")
					}
					as = &n
				}
				u := nodeFor(t, as, packAt(t, "4.2.3-CE"), "10.0.0.1")
				findings, err := u.Objections(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				refused := false
				for _, f := range findings {
					if f.Severity == finding.Error {
						refused = true
						t.Logf("refused: %s: %v; %v", f.ID, f.Message, f.Fix)
					}
				}
				if tc.mustNot && !refused {
					t.Error("not refused")
				}
				u.fault = func(at string) error {
					if at == "after "+stageSchema {
						return errors.New("an error of the test")
					}
					return nil
				}
				if !refused {
					if due, err := drive(t.Context(), u); !due || err == nil {
						t.Fatal(due, err)
					}
					if r := newestRecord(t, s, c); r.State != Restored {
						t.Errorf("neither refused nor restored: %s at %s: %s", r.State, r.Stage, r.Error)
					}
				}
				if d := cmp.Diff(old, append(contents(t, s, c), objects(t, s, c)...)); d != "" {
					t.Error(d)
				}
			})
		}
	})
}
