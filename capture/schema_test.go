package capture_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"omsinit/capture"
	reports "omsinit/capture/report"
	"omsinit/init/metadb"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// scratch makes the databases of a pack.
func scratch(ctx context.Context, c *config.Config, p *pack.Pack) error {
	_, err := (&metadb.Step{Config: c, Pack: p}).Apply(ctx)
	return err
}

// withDB connects a job to the MetaDB of a test server.
func withDB(t *testing.T, s *testmaria.Server, prefix string) *capture.Job {
	t.Helper()
	v := values(0)
	maps.Copy(v, map[string]any{
		"oms_meta_host": s.Host, "oms_meta_port": s.Port, "oms_meta_user": s.User, "oms_meta_password": s.Password,
		"drc_rm_db": prefix + "_rm", "drc_cm_db": prefix + "_cm", "drc_cm_heartbeat_db": prefix + "_hb",
	})
	j := job(t, install(t, v, nil), nil)
	j.From.DB, j.Scratch = s.DB(""), scratch
	for _, db := range []string{"_rm", "_cm", "_hb"} {
		s.Exec("CREATE DATABASE " + prefix + db + " DEFAULT CHARACTER SET utf8mb4")
	}
	return j
}

func run(t *testing.T, j *capture.Job) *reports.Report {
	t.Helper()
	report, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func noScratch(t *testing.T, db *sql.DB) {
	t.Helper()
	var n int
	if err := db.QueryRow("SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'omsinit%'").Scan(
		&n); err != nil || n != 0 {
		t.Errorf("%d scratch databases are left, %v", n, err)
	}
}

// randomTables are definitions with every kind of column.
func randomTables(r *rand.Rand, count int) []string {
	kinds := []string{"int(11)", "bigint(20) unsigned", "tinyint(1)", "varchar(64)", "varchar(20) CHARACTER SET latin1",
		"text", "mediumblob", "datetime(3)", "date",
		"decimal(12,4)", "double", "json", "enum('a','b,c','d''e')", "set('x','y')", "binary(16)",
		"char(3) COLLATE utf8mb4_bin", "year(4)", "timestamp NULL", "bit(5)", "int(5) unsigned zerofill"}
	var out []string
	for i := range count {
		var lines []string
		lines = append(lines, "`id` bigint NOT NULL AUTO_INCREMENT COMMENT '编号; AUTO_INCREMENT=7 ) ENGINE=x'")
		columns := 1 + r.IntN(12)
		for c := range columns {
			l := fmt.Sprintf("`c%d` %s", c, kinds[r.IntN(len(kinds))])
			if r.IntN(3) == 0 && !strings.Contains(l, "timestamp") {
				l += " NOT NULL"
			}
			if r.IntN(4) == 0 {
				l += " COMMENT 'it''s {{c}} \\\\ 你好'"
			}
			lines = append(lines, l)
		}
		lines = append(lines, "`key` varchar(30) DEFAULT 'a`b'",
			"`at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")
		lines = append(lines, "PRIMARY KEY (`id`)", "UNIQUE KEY `uk` (`key`,`id`)", "KEY `pre``fix` (`key`(5))")
		if i > 0 && r.IntN(4) == 0 {
			lines = append(lines, fmt.Sprintf(
				"`other` bigint, CONSTRAINT `fk_%d` FOREIGN KEY (`other`) REFERENCES `t_%03d` (`id`)", i, i-1))
		}
		charset := []string{"utf8mb4", "utf8", "latin1"}[r.IntN(3)]
		out = append(out, fmt.Sprintf(
			"CREATE TABLE `t_%03d` (%s) ENGINE=InnoDB AUTO_INCREMENT=%d DEFAULT CHARSET=%s COMMENT='t %d'", i,
			strings.Join(lines, ", "), 100+i, charset, i))
	}
	return out
}

// A schema of 100 tables that nobody heard of is created again exactly.
func TestHundredTables(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	j := withDB(t, s, "big")
	db := s.DB("big_rm")
	db.SetMaxOpenConns(1)
	for _, text := range randomTables(rand.New(rand.NewPCG(3, 1)), 100) {
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	// Views, routines and triggers that refer to each other, and to another database.
	for _, text := range []string{
		"CREATE TABLE big_cm.target (id int PRIMARY KEY)",
		"CREATE VIEW z_base AS SELECT id, `key` FROM t_000 WHERE `key` <> 'x;y'",
		"CREATE VIEW a_over AS SELECT z.id FROM z_base z JOIN big_cm.target g ON g.id = z.id",
		"CREATE VIEW aliased AS SELECT big_cm.id AS i, '`big_cm`.`target`' AS t FROM t_000 big_cm JOIN big_cm.target g",
		"CREATE PROCEDURE p(IN a INT, OUT b VARCHAR(10)) COMMENT 'c' BEGIN DECLARE x INT DEFAULT 1; IF a > 1 THEN SET b = 'x;'; ELSE SET b = '{{'; END IF; END",
		`CREATE PROCEDURE braces(OUT b VARCHAR(20)) BEGIN SET b = '{{"{x"}}'; END`,
		"CREATE PROCEDURE elsewhere() BEGIN DELETE FROM big_cm.target WHERE id = 1; SELECT 'big_hb.beat'; END",
		"CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN a + 1",
		"CREATE TRIGGER tr BEFORE INSERT ON t_000 FOR EACH ROW BEGIN SET NEW.`key` = concat(NEW.`key`, ';'); END",
		"CREATE TABLE conf_part (id int NOT NULL, PRIMARY KEY (id)) PARTITION BY HASH (id) PARTITIONS 3",
		"INSERT INTO conf_part VALUES (1), (2)",
		"CREATE TABLE app_settings (name varchar(50) PRIMARY KEY, v mediumblob, n decimal(5,2), f double, at datetime, j json, nothing int)",
		`INSERT INTO app_settings VALUES ('a''b\\', x'00ff27', 1.50, 0.1, '2020-01-02 03:04:05', '{"a":"{{b}}"}', NULL), ('数', '', -1, 1e10, NULL, NULL, 0)`,
	} {
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	s.Exec("CREATE TABLE big_hb.beat (id int PRIMARY KEY)")
	report := run(t, j)
	for _, d := range report.Differences {
		t.Errorf("%s: %v", d.Place.File, d.Message)
	}
	if report.Tables != 104 || report.Rows != 4 {
		t.Errorf("%d tables and %d rows, want 104 and 4", report.Tables, report.Rows)
	}
	var named []string
	for _, f := range report.Findings {
		if f.ID == "capture.text" && f.Place.File == "rm.elsewhere" {
			named = append(named, finding.Facts(f.Facts)["candidates"].([]string)...)
		}
	}
	if !slices.Equal(named, []string{"{{.drc_cm_db}}"}) {
		t.Errorf("a procedure names another database, and the report says %q", named)
	}
	data, err := os.ReadFile(filepath.Join(j.Out, "schema/rm/4.2.7-CE.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "`big_cm`.`id` AS `i`,'`big_cm`.`target`' AS `t`"; !strings.Contains(string(data), want) {
		t.Errorf("an alias and a text that are named like a database have changed:\n%s",
			regexp.MustCompile("(?m)^.*aliased.*$").FindString(string(data)))
	}
	kept := strings.NewReplacer("`big_cm`.`id` AS `i`,'`big_cm`.`target`' AS `t`", "", "JOIN `big_cm`", "", "`big_cm`",
		"", "AUTO_INCREMENT=7 ) ENGINE=x", "", "DELETE FROM big_cm.target", "").Replace(string(data))
	for _, noise := range []string{"AUTO_INCREMENT=1", "DEFINER", "ENGINE=InnoDB", "big_rm", "big_cm", "utf8mb3"} {
		if strings.Contains(kept, noise) {
			t.Errorf("the schema file holds %s", noise)
		}
	}
	noScratch(t, s.DB(""))
}

// The proof must be able to fail.
func TestVerifySeesDifferences(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	j := withDB(t, s, "v")
	s.Exec("CREATE TABLE v_rm.a (id int PRIMARY KEY, name varchar(10), KEY k (name))",
		"CREATE TABLE v_cm.b (id int PRIMARY KEY)", "CREATE TABLE v_hb.c (id int PRIMARY KEY)",
		"CREATE TABLE v_rm.x_config (k varchar(10) PRIMARY KEY, v varchar(10))",
		"INSERT INTO v_rm.x_config VALUES ('a', '1')")
	if r := run(t, j); !r.Verified {
		t.Fatal(r.Differences)
	}
	p, err := pack.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{
		"ALTER TABLE v_rm.a MODIFY name varchar(11)":             "rm.a.name (column)",
		"ALTER TABLE v_rm.a DROP KEY k":                          "rm.a.k#1 (index)",
		"ALTER TABLE v_cm.b COMMENT 'x'":                         "cm.b (table)",
		"CREATE VIEW v_cm.w AS SELECT 1 AS x":                    "cm.w (view)",
		"CREATE FUNCTION v_hb.f() RETURNS INT RETURN 1":          "hb.FUNCTION f (routine)",
		"CREATE TABLE v_hb.new (id int)":                         "hb.new (table)",
		"UPDATE v_rm.x_config SET v = '2'":                       "rm.x_config",
		"ALTER TABLE v_rm.a ADD CONSTRAINT CHECK (name <> 'xx')": "rm.a (table as created)",
	} {
		s.Exec(change)
		differences, err := j.Verify(context.Background(), p, false)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(differences, func(d finding.Finding) bool { return d.Place.File == want }) {
			t.Errorf("%s: %s is not among %v", change, want, differences)
		}
	}
	noScratch(t, s.DB(""))
}

// The difference to the previous release is its upgrade file; what would lose
// data is a comment.
func TestSince(t *testing.T) {
	s := testmaria.Start(t)
	j := withDB(t, s, "s")
	s.Exec("CREATE TABLE s_rm.a (id int PRIMARY KEY, short varchar(10), old int, keep varchar(20) NOT NULL, KEY gone (old))",
		"CREATE TABLE s_rm.dropped (id int PRIMARY KEY)", "CREATE TABLE s_cm.b (id int PRIMARY KEY)",
		"CREATE TABLE s_hb.c (id int PRIMARY KEY)",
		"CREATE TABLE s_rm.oms_settings (k varchar(10) PRIMARY KEY, v varchar(10))",
		"INSERT INTO s_rm.oms_settings VALUES ('a', '1'), ('c', 'old'), ('d', 'same')",
		"CREATE TABLE s_rm.tree (id int PRIMARY KEY, parent int, flag bit(1), CONSTRAINT fk FOREIGN KEY (parent) REFERENCES tree (id))",
		"CREATE TABLE s_rm.z_menu (id int AUTO_INCREMENT PRIMARY KEY, name varchar(20) UNIQUE)",
		"CREATE TABLE s_rm.menu_option (menu_id int, pos int, PRIMARY KEY (menu_id, pos))",
		"INSERT INTO s_rm.z_menu VALUES (3, 'first')", "INSERT INTO s_rm.menu_option VALUES (3, 1)",
		"CREATE TABLE s_rm.flag_config (k varchar(10) PRIMARY KEY, f bit(1))",
		"INSERT INTO s_rm.flag_config VALUES ('zero', 0), ('one', 1), ('none', NULL)")
	j.Release, j.Rows = "4.2.6-CE", []string{"z_menu"}
	run(t, j)
	s.Exec("ALTER TABLE s_rm.a MODIFY short varchar(30) COMMENT 'longer', DROP COLUMN old, MODIFY keep varchar(5) NOT NULL, ADD COLUMN fresh int NOT NULL DEFAULT 3 AFTER short, ADD UNIQUE KEY uk (fresh), DROP KEY gone",
		"DROP TABLE s_rm.dropped", "CREATE TABLE s_cm.added (id int PRIMARY KEY)",
		"CREATE VIEW s_cm.w AS SELECT 1 AS x", "INSERT INTO s_rm.oms_settings VALUES ('b', '2')",
		"UPDATE s_rm.oms_settings SET v = 'new' WHERE k = 'c'",
		"ALTER TABLE s_rm.flag_config ADD COLUMN more varchar(10) DEFAULT 'x'",
		"UPDATE s_rm.flag_config SET more = 'y' WHERE k = 'one'")
	s.Exec("INSERT INTO s_rm.z_menu VALUES (77, 'it''s new')", "INSERT INTO s_rm.menu_option VALUES (77, 1)")
	next := *j
	next.Rows = []string{"z_menu"}
	next.Release, next.Since, next.Out = "4.2.7-CE", j.Out, filepath.Join(t.TempDir(), "next")
	report := run(t, &next)
	for _, d := range report.Differences {
		t.Errorf("%s: %v", d.Place.File, d.Message)
	}
	data, _ := os.ReadFile(filepath.Join(next.Out, "schema/rm/4.2.7-CE.sql"))
	for _, want := range []string{
		"ALTER TABLE `a` ADD COLUMN `fresh` int NOT NULL DEFAULT 3 AFTER `short`;",
		"ALTER TABLE `a` MODIFY COLUMN `short` varchar(30)", "ALTER TABLE `a` ADD UNIQUE KEY `uk` (`fresh`);",
		"-- not run, because it may lose data: DROP TABLE `dropped`",
		"-- not run, because it may lose data: ALTER TABLE `a` MODIFY COLUMN `keep` varchar(5) NOT NULL",
		"-- not run, because it may lose data: ALTER TABLE `a` DROP COLUMN `old`",
		"INSERT INTO `oms_settings` (`k`, `v`) VALUES ('b', '2');",
		"UPDATE `oms_settings` SET `v` = 'new' WHERE `k` = 'c' AND `v` <=> 'old';", "INSERT INTO `z_menu` (`name`) VALUES ('it''s new');", "INSERT INTO `menu_option` (`menu_id`, `pos`) VALUES ((SELECT `id` FROM `z_menu` WHERE `name` = 'it''s new'), 1);",
		"UPDATE `flag_config` SET `more` = 'y' WHERE `k` = 'one';",
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%q is not in\n%s", want, data)
		}
	}
	if strings.Contains(string(data), "'a'") || strings.Contains(string(data), "'d'") ||
		strings.Contains(string(data), "`fk`") {
		t.Errorf("a row of the previous release comes again:\n%s", data)
	}
	if _, err := os.Stat(filepath.Join(next.Out, "schema/rm/4.2.6-CE.sql")); err != nil {
		t.Error(err)
	}
	lossy := 0
	for _, f := range report.Findings {
		if f.ID == "capture.upgrade" {
			lossy++
		}
	}
	if lossy != 3 {
		t.Errorf("%d statements are noted, want 3: %v", lossy, report.Findings)
	}
	noScratch(t, s.DB(""))
}

// However it ends, no scratch database stays, and no half-written pack. What one that was killed has left goes with the
// next one; what one that runs has, stays.
func TestInterrupted(t *testing.T) {
	s := testmaria.Start(t)
	j := withDB(t, s, "i")
	conn, err := s.DB("").Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "DO GET_LOCK('omsinit_scratch_aaaaaaaa', 0)"); err != nil {
		t.Fatal(err)
	}
	s.Exec("CREATE DATABASE omsinit_scratch_aaaaaaaa_rm", "CREATE DATABASE omsinit_scratch_bbbbbbbb_rm",
		"CREATE USER 'omsinit_bbbbbbbb'@'%'")
	defer func() {
		var databases, users string
		err := s.DB("").QueryRow("SELECT (SELECT GROUP_CONCAT(schema_name) FROM information_schema.schemata WHERE schema_name LIKE 'omsinit%'), (SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'omsinit%')").Scan(&databases, &users)
		if err != nil || databases != "omsinit_scratch_aaaaaaaa_rm" || users != "0" {
			t.Errorf("%s, %s, %v", databases, users, err)
		}
	}()
	s.Exec("CREATE TABLE i_rm.a (id int PRIMARY KEY)", "CREATE TABLE i_cm.b (id int PRIMARY KEY)",
		"CREATE TABLE i_hb.c (id int PRIMARY KEY)")
	create := j.Scratch
	ctx, cancel := context.WithCancel(context.Background())
	j.Scratch = func(ctx context.Context, c *config.Config, p *pack.Pack) error {
		err := create(ctx, c, p)
		cancel()
		return err
	}
	if _, err := j.Run(ctx); err == nil {
		t.Error("an interrupted capture has no error")
	}
	if entries, _ := os.ReadDir(filepath.Dir(j.Out)); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
	j.Scratch = func(context.Context, *config.Config, *pack.Pack) error { return errors.New("no") }
	if r, err := j.Run(context.Background()); err != nil || r.Verified || len(r.Differences) != 1 {
		t.Errorf("a capture without a proof: %+v, %v", r, err)
	}
}
