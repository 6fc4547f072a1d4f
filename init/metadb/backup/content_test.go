package backup

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// dumpOf returns what the server's own dump program says of the databases, with everything in them.
func dumpOf(t *testing.T, k testmaria.Kind, s *testmaria.Server, databases ...string) string {
	t.Helper()
	name := map[bool]string{true: "mysqldump", false: "mariadb-dump"}[k == testmaria.MySQL]
	args := append([]string{"--no-defaults", "--skip-dump-date", "--protocol=tcp", "--host=" + s.Host,
		fmt.Sprint("--port=", s.Port), "--user=root", "--hex-blob",
		"--routines", "--triggers", "--events", "--force", "--single-transaction", "--max-allowed-packet=1G",
		"--ignore-table=oms_rm.omsinit_lease", "--databases"}, databases...)
	path := filepath.Join(k.Tools(t), name)
	if k == testmaria.MariaDB {
		path = "/usr/bin/" + name // whatever the PATH
	} else {
		args = append(args[:1:1], append([]string{"--no-tablespaces"}, args[1:]...)...)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+s.Password)
	out, err := cmd.Output()
	if !strings.Contains(string(out), "-- Dump completed") { // a view may be broken
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	return string(out)
}

var all = []string{"oms_rm", "oms_cm", "oms_hb_1", "oms_hb_2"}

// user is an account with the rights that are given, and a config that logs in with it.
func user(t *testing.T, s *testmaria.Server, c *config.Config, grants ...string) *config.Config {
	t.Helper()
	s.Exec("CREATE USER 'oms'@'%' IDENTIFIED BY 'secret'")
	for _, g := range grants {
		s.Exec("GRANT " + g + " TO 'oms'@'%'")
	}
	with := *c
	with.MetaUser, with.MetaPassword = "oms", "secret"
	return &with
}

// everything is what a MetaDB may hold. Rows are of a kind of server where that alone knows them.
func everything(k testmaria.Kind) []string {
	out := []string{
		"CREATE USER gone@'%'", "CREATE USER other@'%'", "GRANT ALL ON *.* TO other@'%'",
		"GRANT ALL ON *.* TO gone@'%'",
		"CREATE DATABASE elsewhere", "CREATE TABLE elsewhere.t (a int PRIMARY KEY)",
		"INSERT INTO elsewhere.t VALUES (1)",
		// Values.
		"CREATE TABLE oms_cm.vals (id int NOT NULL AUTO_INCREMENT, f float, fd float(8,2), d double, b bit(9), bl blob, e enum('a','b'), s set('x','y'), y year, z int(6) zerofill, dt datetime NULL, ts timestamp NULL, t time(3), g geometry, j json, l varchar(20) CHARACTER SET latin1, u bigint unsigned, PRIMARY KEY (id)) AUTO_INCREMENT=77 COMMENT='it''s;\\n; `x`'",
		"SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
		"INSERT INTO oms_cm.vals VALUES (0, 0.1, 1.25, 0.1, b'101010101', x'00ff275c0a', 'b', 'x,y', 2024, 42, '0000-00-00 00:00:00', '2024-02-29 01:02:03', '-12:00:00.123', ST_GeomFromText('POINT(1 2)'), '{\"a\": 1}', 'é', 18446744073709551615), (1, 16777216, NULL, 1e-300, 0, '', NULL, '', 0, NULL, '2024-01-01', NULL, NULL, NULL, NULL, '', 0)",
		// Generated, in between and at the end.
		"CREATE TABLE oms_cm.gen (a int PRIMARY KEY, v int GENERATED ALWAYS AS (a + 1) VIRTUAL, b int, st int GENERATED ALWAYS AS (a * 2) STORED, KEY (v))",
		"INSERT INTO oms_cm.gen (a, b) VALUES (1, 2), (3, 4)",
		"CREATE TABLE oms_cm.nopk (a int, b text)", "INSERT INTO oms_cm.nopk VALUES (1, 'x'), (1, 'x'), (NULL, NULL)",
		"CREATE TABLE oms_cm.parts (a int NOT NULL, PRIMARY KEY (a)) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
		"INSERT INTO oms_cm.parts VALUES (1), (11)",
		"CREATE TABLE oms_cm.b_parent (a int PRIMARY KEY)", "CREATE TABLE oms_cm.a_child (a int, CONSTRAINT fk FOREIGN KEY (a) REFERENCES b_parent (a) ON DELETE CASCADE)",
		"INSERT INTO oms_cm.b_parent VALUES (1)", "INSERT INTO oms_cm.a_child VALUES (1)",
		"CREATE TABLE oms_rm.far (a int, CONSTRAINT far_fk FOREIGN KEY (a) REFERENCES oms_cm.b_parent (a))",
		"INSERT INTO oms_rm.far VALUES (1)",
		// Objects.
		"CREATE FUNCTION oms_cm.twice(a int) RETURNS int DETERMINISTIC RETURN a * 2",
		"CREATE VIEW oms_cm.z_view AS SELECT a, b FROM oms_cm.gen",
		// made after the next: names sort the other way
		"CREATE DEFINER=other@'%' VIEW oms_cm.a_view AS SELECT a, oms_cm.twice(b) AS b FROM oms_cm.z_view",
		"CREATE DEFINER=gone@'%' SQL SECURITY INVOKER VIEW oms_cm.far_view AS SELECT h.a, e.a AS `e``'` FROM oms_cm.gen h JOIN elsewhere.t e ON e.a = h.a WHERE 'x`oms_cm`.y' <> ''",
		"CREATE VIEW oms_rm.cross_view AS SELECT * FROM oms_cm.gen",
		"CREATE TRIGGER oms_cm.tr2 BEFORE INSERT ON oms_cm.gen FOR EACH ROW SET NEW.b = NEW.b + 1",
		"CREATE DEFINER=other@'%' TRIGGER oms_cm.tr1 BEFORE INSERT ON oms_cm.gen FOR EACH ROW BEGIN SET NEW.b = 2; INSERT INTO oms_cm.nopk VALUES (1, 'é;;'); END",
		"CREATE PROCEDURE oms_cm.p(IN a int, OUT b int) COMMENT 'it''s' BEGIN SET b = a; SELECT 'x;;y'; END",
		"CREATE EVENT oms_cm.ev ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' COMMENT 'é' DO DELETE FROM oms_cm.nopk",
		"CREATE EVENT oms_cm.ev_off ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
		"DROP USER gone@'%'",
	}
	if k == testmaria.MySQL {
		out = append(out,
			"SET SESSION sql_generate_invisible_primary_key = 1", "CREATE TABLE oms_cm.hidden (a int)",
			"SET SESSION sql_generate_invisible_primary_key = 0",
			"INSERT INTO oms_cm.hidden VALUES (1), (2)", "DELETE FROM oms_cm.hidden WHERE a = 1",
			"CREATE TABLE oms_cm.invisible (a int INVISIBLE, b int)",
			"INSERT INTO oms_cm.invisible (a, b) VALUES (1, 2)",
			"SET GLOBAL sql_require_primary_key = 1")
	} else {
		out = append(out, "CREATE TABLE oms_cm.invisible (a int INVISIBLE, b int)",
			"INSERT INTO oms_cm.invisible (a, b) VALUES (1, 2)",
			"SET SESSION check_constraint_checks = 0", "CREATE TABLE oms_cm.checked (a int CHECK (a > 5))",
			"INSERT INTO oms_cm.checked VALUES (1)",
			"CREATE TABLE oms_cm.ids (a uuid, b inet6)", "INSERT INTO oms_cm.ids VALUES (UUID(), '::1')")
	}
	return out
}

// session runs statements in one session.
func session(t *testing.T, s *testmaria.Server, statements []string) {
	t.Helper()
	conn, err := s.DB("").Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, q := range statements {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// Whatever a MetaDB holds comes back as it was.
func TestEverythingComesBack(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s, c := oms(t, testmaria.On(k), testmaria.Args("--max-allowed-packet=64M"))
		session(t, s, everything(k))
		t.Setenv("PATH", "/nowhere") // none of the server's programs is needed
		j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup"), Quiet: true,
			Log: func(m msg.Message) { t.Log(m.In(msg.English)) }}
		m, err := j.Backup(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := dumpOf(t, k, s, all...)
		for _, d := range m.Databases {
			if len(d.Unseen) > 0 {
				t.Errorf("%s: %v", d.Name, d.Unseen)
			}
		}
		for _, mode := range []ProofMode{Full, Sample} {
			if _, err := j.Prove(t.Context(), mode, Limits{}); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(want, dumpOf(t, k, s, all...)); d != "" {
			t.Error(d)
		}
		s.Exec("DROP TABLE oms_cm.gen", "DROP PROCEDURE oms_cm.p", "DROP EVENT oms_cm.ev", "DROP DATABASE oms_hb_2",
			"CREATE TABLE oms_rm.new (a int PRIMARY KEY)")
		if _, err := j.Restore(t.Context(), "oms_rm"); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, dumpOf(t, k, s, all...)); d != "" {
			t.Error(d)
		}
		noScratch(t, s)
	})
}

// A limit for the time of statements does not cut a dump, nor a restore.
func TestStatementTime(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s, c := oms(t, testmaria.On(k))
		s.Exec("CREATE TABLE oms_cm.large (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, a varchar(200))",
			"INSERT INTO oms_cm.large (a) VALUES (REPEAT('x', 200))")
		for range 15 {
			s.Exec("INSERT INTO oms_cm.large (a) SELECT a FROM oms_cm.large")
		}
		limit := map[bool]string{true: "max_execution_time = 15",
			false: "max_statement_time = 0.015"}[k == testmaria.MySQL]
		s.Exec("SET GLOBAL " + limit)
		rows, err := s.DB("").Query("SELECT COUNT(*) FROM oms_cm.large a JOIN oms_cm.large b ON a.a < b.a")
		if err == nil {
			rows.Next()
			err = rows.Err()
		}
		if err == nil {
			t.Fatal("the limit cuts nothing")
		}
		j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup")}
		if _, err := j.Backup(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p, err := j.Prove(t.Context(), Full, Limits{}); err != nil || p.Rows < 1<<15 {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// An account with nothing but its databases takes and restores a backup. It needs no LOCK TABLES, and no right on the
// whole server.
func TestRightsOnTheDatabasesAlone(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s, c := oms(t, testmaria.On(k))
		s.Exec("CREATE VIEW oms_cm.v AS SELECT ip FROM oms_cm.host",
			"ALTER TABLE oms_cm.host ADD COLUMN twice int GENERATED ALWAYS AS (1 + 1) STORED")
		c = user(t, s, c, "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW ON `oms\\_%`.*")
		s.Exec("DROP VIEW oms_cm.v")
		own := *s
		own.User, own.Password = "oms", "secret"
		own.Exec("CREATE VIEW oms_cm.v AS SELECT ip FROM oms_cm.host")
		var warnings []msg.Message
		j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup"),
			Log: func(m msg.Message) { warnings = append(warnings, m) }}
		m, err := j.Backup(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := dumpOf(t, k, s, all...)
		for _, d := range m.Databases {
			if diff := cmp.Diff([]string{"TRIGGER", "EVENT", "EXECUTE"}, d.Unseen); diff != "" {
				t.Errorf("%s: %s", d.Name, diff)
			}
		}
		if len(warnings) != len(m.Databases) {
			t.Errorf("%v", warnings)
		}
		if _, err := j.Prove(t.Context(), Full, Limits{}); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Restore(t.Context(), "oms_rm"); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, dumpOf(t, k, s, all...)); d != "" {
			t.Error(d)
		}
		// Triggers that the account did not see are not dropped when it sees them.
		s.Exec("CREATE TRIGGER oms_cm.tr BEFORE INSERT ON oms_cm.host FOR EACH ROW SET NEW.ip = NEW.ip",
			"GRANT ALL ON `oms\\_cm`.* TO 'oms'@'%'")
		refused(t, k, s, "trigger tr", func() error { _, err := j.Restore(t.Context(), "oms_rm"); return err })
	})
}

// refused runs something that must be refused, naming what is in its way, before anything is touched.
func refused(t *testing.T, k testmaria.Kind, s *testmaria.Server, names string, do func() error) {
	t.Helper()
	want := dumpOf(t, k, s, all...)
	if err := do(); err == nil || !strings.Contains(err.Error(), names) {
		t.Errorf("it does not name %q: %v", names, err)
	}
	if d := cmp.Diff(want, dumpOf(t, k, s, all...)); d != "" {
		t.Error(d)
	}
	noScratch(t, s)
}

// What cannot come back is refused by name: by the backup, by the probe before an upgrade, by the proof, and by the
// restore before it touches anything.
func TestRefusedByName(t *testing.T) {
	const mysql, maria = 1, 2
	for _, tc := range []struct {
		name   string
		on     int
		set    []string // as root
		grants []string
		names  string // what is named
		id     string // of the probe
	}{
		{"the definer is another account", mysql | maria,
			[]string{"CREATE USER boss@'%'", "GRANT ALL ON *.* TO boss@'%'",
				"CREATE DEFINER=boss@'%' VIEW oms_cm.v AS SELECT 1 AS a"},
			[]string{"ALL ON `oms\\_%`.*"}, "view v", "backup.restore"},
		{"the definer is gone", mysql | maria, []string{"CREATE USER boss@'%'", "GRANT ALL ON *.* TO boss@'%'",
			"CREATE DEFINER=boss@'%' PROCEDURE oms_cm.p() SELECT 1", "DROP USER boss@'%'"},
			[]string{"ALL ON `oms\\_%`.*", "SELECT ON mysql.*", "SHOW_ROUTINE ON *.*"}, "procedure p",
			"backup.restore"},
		{"the other database of a view is gone", mysql | maria,
			[]string{"CREATE DATABASE elsewhere", "CREATE TABLE elsewhere.t (a int)",
				"CREATE VIEW oms_cm.v AS SELECT a FROM elsewhere.t", "DROP DATABASE elsewhere"},
			[]string{"ALL ON *.*"}, "view v", ""},
		{"the definition of a routine is hidden", mysql | maria, []string{"CREATE PROCEDURE oms_cm.p() SELECT 1"},
			[]string{"ALL ON `oms\\_%`.*"}, "procedure p", ""},
		{"tables need a primary key", mysql, []string{"SET GLOBAL sql_require_primary_key = 1"},
			[]string{"ALL ON `oms\\_%`.*"}, "oms_rm.odd`name", "backup.restore"},
		{"a primary key would be added", mysql, []string{"SET GLOBAL sql_generate_invisible_primary_key = 1"},
			[]string{"ALL ON `oms\\_%`.*"}, "oms_rm.odd`name", "backup.restore"},
		{"a sequence", maria, []string{"CREATE SEQUENCE oms_cm.sq"}, []string{"ALL ON *.*"}, "sq", "backup.objects"},
		{"a table with its history", maria, []string{"CREATE TABLE oms_cm.sv (a int) WITH SYSTEM VERSIONING"},
			[]string{"ALL ON *.*"}, "sv", "backup.objects"},
		{"no right to the databases beside", mysql | maria, nil,
			[]string{"ALL ON oms_rm.*", "ALL ON oms_cm.*", "ALL ON oms_hb_1.*", "ALL ON oms_hb_2.*"},
			"oms_rm_omsinit_restore", "backup.restore"},
		{"no right to drop", mysql | maria, nil,
			[]string{"ALL ON `oms\\_%`.*", "SELECT, INSERT, CREATE, ALTER, TRIGGER, EVENT, EXECUTE ON `oms\\_cm`.*"},
			"DROP", "backup.rights"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
				if kind := map[bool]int{true: mysql, false: maria}[k == testmaria.MySQL]; tc.on&kind == 0 {
					return
				}
				s, c := oms(t, testmaria.On(k))
				s.Exec(tc.set...)
				s.Exec("CREATE USER 'oms'@'%' IDENTIFIED BY 'secret'")
				for _, g := range tc.grants {
					if _, err := s.DB("").Exec("GRANT " + g + " TO 'oms'@'%'"); err != nil && !strings.Contains(
						g, "SHOW_ROUTINE") {
						t.Fatal(err)
					}
				}
				c.MetaUser, c.MetaPassword = "oms", "secret"
				j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup")}
				found, err := j.Probe(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				told := ""
				for _, f := range found {
					if f.ID == tc.id || tc.id == "" {
						told += f.Message.String()
					}
				}
				if told == "" || !strings.Contains(told, tc.names) {
					t.Errorf("the probe does not name %q: %v", tc.names, found)
				}
				noScratch(t, s)
				_, err = j.Backup(t.Context())
				if err != nil {
					if !strings.Contains(err.Error(), tc.names) {
						t.Errorf("%v", err)
					}
					return
				}
				if tc.id == "backup.rights" { // a proof stays beside the databases
					return
				}
				for _, mode := range []ProofMode{Full, Sample} {
					refused(
						t, k, s, tc.names, func() error { _, err := j.Prove(t.Context(), mode, Limits{}); return err })
				}
				refused(t, k, s, tc.names, func() error { _, err := j.Restore(t.Context(), "oms_rm"); return err })
			})
		})
	}
}

// Nothing stands against a MetaDB that is as OMS makes it, and a probe leaves nothing behind.
func TestProbe(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s, c := oms(t, testmaria.On(k))
		session(t, s, everything(k))
		want := dumpOf(t, k, s, all...)
		found, err := (&Job{Config: c}).Probe(t.Context())
		if err != nil || len(found) > 0 {
			t.Errorf("%v, %v", found, err)
		}
		if d := cmp.Diff(want, dumpOf(t, k, s, all...)); d != "" {
			t.Error(d)
		}
		noScratch(t, s)
	})
}

// Values of more than 24 MB come back, also where their statement is more than the server takes.
func TestLargeRows(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s, c := oms(t, testmaria.On(k), testmaria.Args("--max-allowed-packet=32M", "--innodb-buffer-pool-size=128M",
			largeRedo(k)))
		s.Exec("CREATE TABLE oms_cm.large (id int PRIMARY KEY, b longblob, t longtext CHARACTER SET utf8mb4, n int)")
		for i, q := range []string{"REPEAT(x'00ff275c', 5 << 20), '', NULL", "'', REPEAT('it''s \\\\', 4 << 20), 2"} {
			s.Exec(fmt.Sprintf("INSERT INTO oms_cm.large VALUES (%d, %s)", i, q))
		}
		sums := func() (out string) {
			if err := s.DB("").QueryRow("SELECT GROUP_CONCAT(CONCAT(id, ' ', SHA2(b, 256), ' ', SHA2(t, 256), ' ', COALESCE(n, 'NULL'))) FROM oms_cm.large").Scan(&out); err != nil {
				t.Fatal(err)
			}
			return out
		}
		want := sums()
		j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup")}
		if _, err := j.Backup(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Exec("DELETE FROM oms_cm.large")
		if _, err := j.Restore(t.Context(), "oms_rm"); err != nil {
			t.Fatal(err)
		}
		if got := sums(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// largeRedo lets the log hold large values.
func largeRedo(k testmaria.Kind) string {
	if k == testmaria.MySQL {
		return "--innodb-redo-log-capacity=1G"
	}
	return "--innodb-log-file-size=1G"
}

// A dump of one kind of server goes into another one, where that knows its collations; else they are named, with the
// tables, and others can be chosen.
func TestOtherServer(t *testing.T) {
	for _, tc := range []struct {
		from, to testmaria.Kind
		unknown  string
	}{
		{testmaria.MySQL, testmaria.MariaDB, "utf8mb4_0900_ai_ci"},
		{testmaria.MariaDB118, testmaria.MySQL, "utf8mb4_uca1400_ai_ci"},
		{testmaria.MariaDB, testmaria.MySQL, ""},
		{testmaria.MariaDB, testmaria.MariaDB118, ""},
	} {
		t.Run(string(tc.from)+" to "+string(tc.to), func(t *testing.T) {
			old, c := oms(t, testmaria.On(tc.from))
			old.Exec(
				"CREATE TABLE oms_cm.words (a varchar(20) COLLATE utf8mb4_bin, b varchar(20)) DEFAULT CHARSET utf8mb4", "INSERT INTO oms_cm.words VALUES ('库', 'é')",
				"CREATE VIEW oms_cm.v AS SELECT b FROM oms_cm.words", "CREATE TABLE oms_cm.j (a json, t timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, g int GENERATED ALWAYS AS (1 + 1) STORED)", "INSERT INTO oms_cm.j (a) VALUES ('{\"a\": [1]}')")
			j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup")}
			m, err := j.Backup(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s := testmaria.Start(t, testmaria.On(tc.to))
			c.MetaPort = s.Port
			if tc.unknown != "" {
				_, err := j.Restore(t.Context(), "")
				if err == nil || !strings.Contains(err.Error(), tc.unknown) ||
					!strings.Contains(err.Error(), "oms_rm.cluster_info") ||
					!strings.Contains(err.Error(), "--collation") {
					t.Errorf("%v", err)
				}
				noScratch(t, s)
				j.Collations = map[string]string{tc.unknown: "utf8mb4_general_ci",
					"utf8mb3_uca1400_ai_ci": "utf8mb3_general_ci"}
			}
			if _, err := j.Restore(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			for _, d := range m.Databases {
				for _, table := range d.Tables {
					var n int64
					if err := s.DB("").QueryRow("SELECT COUNT(*) FROM `" + d.Name + "`.`" + strings.ReplaceAll(
						table.Name, "`", "``") + "`").Scan(&n); err != nil || n != table.Rows {
						t.Errorf("%s.%s: %d, %v", d.Name, table.Name, n, err)
					}
				}
			}
			var word string
			if err := s.DB("").QueryRow("SELECT b FROM oms_cm.v").Scan(&word); err != nil || word != "é" {
				t.Errorf("%q, %v", word, err)
			}
		})
	}
}

// Each database is backed up as of one moment, while OMS writes to it, which notices nothing.
func TestOneMoment(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s, c := oms(t, testmaria.On(k))
		s.Exec("CREATE TABLE oms_cm.a (id int NOT NULL AUTO_INCREMENT PRIMARY KEY)",
			"CREATE TABLE oms_cm.b (id int NOT NULL AUTO_INCREMENT PRIMARY KEY)")
		db := s.DB("")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan int)
		go func() {
			n := 0
			for ; ctx.Err() == nil; n++ {
				tx, err := db.Begin()
				if err != nil {
					t.Error(err)
					break
				}
				for _, q := range []string{"INSERT INTO oms_cm.a VALUES ()", "INSERT INTO oms_cm.b VALUES ()"} {
					if _, err := tx.Exec(q); err != nil {
						t.Error(err)
					}
				}
				if err := tx.Commit(); err != nil {
					t.Error(err)
				}
			}
			done <- n
		}()
		for range 5 {
			m, err := (&Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup")}).Backup(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			rows := map[string]int64{}
			for _, d := range m.Databases {
				for _, table := range d.Tables {
					rows[d.Name+"."+table.Name] = table.Rows
				}
			}
			if rows["oms_cm.a"] != rows["oms_cm.b"] {
				t.Errorf("%d and %d rows", rows["oms_cm.a"], rows["oms_cm.b"])
			}
		}
		stop()
		if n := <-done; n < 10 {
			t.Errorf("only %d transactions", n)
		}
	})
}

// What the objects of databases demand is known without making anything, as far as the account sees them.
func TestDemands(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s, c := oms(t, testmaria.On(k))
		s.Exec("CREATE VIEW oms_rm.seen AS SELECT 1 AS a", "CREATE PROCEDURE oms_cm.p() SELECT 1",
			"CREATE USER 'oms'@'%' IDENTIFIED BY 'secret'",
			"GRANT SELECT, CREATE VIEW, TRIGGER, EVENT ON oms_rm.* TO 'oms'@'%'", "GRANT EXECUTE ON oms_cm.* TO 'oms'@'%'")
		c.MetaUser, c.MetaPassword = "oms", "secret"
		want := dumpOf(t, k, s, all...)
		db, err := database.Open(c, "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		found, err := Demands(t.Context(), db, c)
		if err != nil {
			t.Fatal(err)
		}
		var lacking []string
		for _, use := range found.Lacking {
			for _, r := range use.Rights {
				lacking = append(lacking, string(r)+" ON "+use.On())
			}
		}
		names := "SET USER ON *.*"
		routine := "SELECT ON mysql.proc"
		if k == testmaria.MySQL {
			names, routine = "SET_ANY_DEFINER ON *.*", "SHOW_ROUTINE ON *.*"
		}
		for _, want := range []string{"SHOW VIEW ON oms_rm.*", "CREATE ROUTINE ON oms_cm.*",
			"CREATE ROUTINE ON oms_cm_omsinit_restore.*", "CREATE VIEW ON oms_rm_omsinit_restore.*", names, routine} {
			if !slices.Contains(lacking, want) {
				t.Errorf("%s is not among %q", want, lacking)
			}
		}
		for _, kind := range []string{"EVENT", "TRIGGER", "VIEW"} { // of oms_cm_hb, which it does not see, and oms_cm
			if !slices.Contains(found.Unseen, kind) {
				t.Errorf("%s is not among %q", kind, found.Unseen)
			}
		}
		if d := cmp.Diff(want, dumpOf(t, k, s, all...)); d != "" {
			t.Error(d)
		}
		noScratch(t, s)
	})
}

// TestProbeOfLongName: a name that leaves no room for a database beside it is reported, and nothing is left of a trial.
func TestProbeOfLongName(t *testing.T) {
	s := testmaria.Start(t)
	c := &config.Config{MetaHost: s.Host, MetaPort: s.Port, MetaUser: s.User, MetaPassword: config.Secret(s.Password),
		RMDatabase: strings.Repeat("r", 64), CMDatabase: "oms_cm", HeartbeatDatabase: "oms_hb"}
	found, err := (&Job{Config: c}).Probe(t.Context())
	if err != nil || len(found) != 1 || found[0].ID != "backup.restore" {
		t.Errorf("%v, %v", found, err)
	}
	left, err := database.Column(t.Context(), s.DB(""), "SHOW DATABASES LIKE '%"+scratchSuffix+"'")
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}
