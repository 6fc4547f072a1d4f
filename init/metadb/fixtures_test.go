package metadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// configFor returns databases of their own to each part of a test.
func configFor(s *testmaria.Server, prefix string) *config.Config {
	return &config.Config{
		MetaHost: s.Host, MetaPort: s.Port, MetaUser: s.User, MetaPassword: config.Secret(s.Password),
		RMDatabase: prefix + "_rm", CMDatabase: prefix + "_cm", HeartbeatDatabase: prefix + "_hb",
	}
}

// packWith is the reference pack with files added or replaced.
func packWith(t testing.TB, files map[string]string) *pack.Pack {
	t.Helper()
	p, err := pack.Open(packDir(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// richFiles holds a statement of each kind, most of which fail, or do it once
// more, when they run twice.
var richFiles = map[string]string{
	"schema/cm/4.2.0-CE.sql": `
CREATE TABLE ledger (id int NOT NULL AUTO_INCREMENT, what varchar(32) NOT NULL, PRIMARY KEY (id));
INSERT INTO ledger (what) VALUES ('once');
ALTER TABLE ledger ADD COLUMN note varchar(32) DEFAULT NULL, ADD KEY idx_note (note);
UPDATE ledger SET what = CONCAT(what, ' more');
CREATE INDEX idx_what ON ledger (what);
DROP INDEX idx_note ON ledger;
ALTER TABLE ledger CHANGE COLUMN note remark varchar(64) DEFAULT NULL;
CREATE TABLE passing_by (a int);
RENAME TABLE passing_by TO stays;
ALTER TABLE stays RENAME TO stayed;
ALTER TABLE ledger DROP COLUMN remark;
CREATE TABLE goes (a int);
DROP TABLE goes;
ALTER TABLE stayed ADD PRIMARY KEY (a);
CREATE VIEW seen AS SELECT what FROM ledger;
CREATE VIEW unseen AS SELECT what FROM ledger;
DROP VIEW unseen;
CREATE PROCEDURE nothing() BEGIN SELECT 1; SELECT 2; END;
DROP PROCEDURE nothing;`,
	"schema/cm/4.2.1-CE.sql": "INSERT INTO ledger (what) VALUES ('last');\nALTER TABLE `host` ADD COLUMN zone varchar(16) DEFAULT NULL;",
	"schema/hb/4.2.2-CE.sql": "-- nothing\n",
	"schema/hb/4.2.3-CE.sql": "ALTER TABLE heart_beat ADD COLUMN zone varchar(16) DEFAULT NULL;",
}

// packDir is a pack directory, "" for none.
func packDir(t testing.TB, files map[string]string) string {
	t.Helper()
	if len(files) == 0 {
		return ""
	}
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func apply(t testing.TB, s *Step) Result {
	t.Helper()
	r, err := s.Apply(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// snapshot is everything that information_schema says of the three databases,
// with their names as rm, cm and hb, and the rows of oms_version.
func snapshot(t testing.TB, s *testmaria.Server, c *config.Config) []string {
	t.Helper()
	db := s.DB("")
	defer db.Close()
	which := fmt.Sprintf("CASE table_schema WHEN '%s' THEN 'rm' WHEN '%s' THEN 'cm' ELSE 'hb' END", c.RMDatabase,
		c.CMDatabase)
	in := fmt.Sprintf("table_schema IN ('%s', '%s', '%s')", c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase)
	var out []string
	for _, q := range []string{
		"SELECT CONCAT_WS(' ', " + which +
			", table_name, table_collation, table_comment) FROM information_schema.tables WHERE " + in + " ORDER BY 1",
		"SELECT CONCAT_WS(' ', " + which + ", table_name, ordinal_position, column_name, column_type, is_nullable, column_default, extra, column_comment) FROM information_schema.columns WHERE " + in + " ORDER BY 1",
		"SELECT CONCAT_WS(' ', " + which + ", table_name, index_name, seq_in_index, column_name, non_unique) FROM information_schema.statistics WHERE " + in + " ORDER BY 1",
		"SELECT CONCAT('version ', version) FROM " + mysql.Quote(c.RMDatabase) + ".oms_version ORDER BY 1",
		"SELECT CONCAT_WS(' ', 'rm', version, checksum, total, applied, applied_sum, in_flight, statement, error, finished_at IS NOT NULL) FROM " + mysql.Quote(c.RMDatabase) + ".omsinit_journal ORDER BY 1",
		"SELECT CONCAT_WS(' ', 'cm', version, checksum, total, applied, applied_sum, in_flight, statement, error, finished_at IS NOT NULL) FROM " + mysql.Quote(c.CMDatabase) + ".omsinit_journal ORDER BY 1",
		"SELECT CONCAT_WS(' ', 'hb', version, checksum, total, applied, applied_sum, in_flight, statement, error, finished_at IS NOT NULL) FROM " + mysql.Quote(c.HeartbeatDatabase) + ".omsinit_journal ORDER BY 1",
		ledger(db, c),
	} {
		rows, err := db.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			out = append(out, line)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// ledger asks for the rows of richFiles, where they are.
func ledger(db *sql.DB, c *config.Config) string {
	q := "SELECT what FROM " + mysql.Quote(c.CMDatabase) + ".ledger ORDER BY id"
	if rows, err := db.Query(q); err == nil {
		rows.Close()
		return q
	}
	return "SELECT 1 FROM DUAL WHERE 1 = 0"
}
