package testmaria

import "fmt"

// Generate puts tables with rows of every kind into a database, as an OMS that
// was used for long would have: all column types, blobs, JSON, characters
// beyond the basic plane, zero dates, generated columns, a view on a view. The
// rows are made by the server, a million in seconds. FLOAT is left out: dump
// programs write six digits of it.
func (s *Server) Generate(database string, rows int) {
	s.t.Helper()
	db := s.DB(database)
	defer db.Close()
	db.SetMaxOpenConns(1) // for the session's mode
	if s.kind == MySQL {
		if _, err := db.Exec("SET SESSION cte_max_recursion_depth = 4294967295"); err != nil {
			s.t.Fatalf("testmaria: %v", err)
		}
	}
	for _, q := range []string{
		"SET SESSION sql_mode = ''",
		`CREATE TABLE gen_step (
  id bigint NOT NULL AUTO_INCREMENT, project_id bigint NOT NULL, name varchar(128) COLLATE utf8mb4_bin NOT NULL, state enum('INIT','RUNNING','FINISHED','FAILED') NOT NULL,
  flags set('a','b','c') DEFAULT NULL, detail json DEFAULT NULL, note mediumtext, checkpoint datetime(6) DEFAULT NULL, gmt_created timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, never datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  PRIMARY KEY (id), KEY idx_project (project_id, state), UNIQUE KEY uk_name (name)) DEFAULT CHARSET = utf8mb4`,
		`CREATE TABLE gen_types (
  a tinyint unsigned NOT NULL, b smallint, c mediumint, d int unsigned zerofill, e bigint unsigned, f decimal(38,10), g double, h bit(17), i year, j date NOT NULL DEFAULT '0000-00-00', k time(3),
  l char(20), m binary(8), n varbinary(64), o tinyblob, p blob, q longblob, r tinytext, s longtext CHARACTER SET latin1, t point, u tinyint(1), v bigint GENERATED ALWAYS AS (b + 1) STORED, w varchar(40) GENERATED ALWAYS AS (concat('<', l, '>')) VIRTUAL,
  id bigint NOT NULL, PRIMARY KEY (id, a)) DEFAULT CHARSET = utf8mb4`,
		"CREATE TABLE gen_plain (x int, y text) DEFAULT CHARSET = utf8 COMMENT = 'no key; it''s odd'",
		fmt.Sprintf(`INSERT INTO gen_step (project_id, name, state, flags, detail, note, checkpoint, gmt_created, never)
  SELECT seq %% 97, CONCAT('项目-', seq, '-😀'), 1 + seq %% 4, seq %% 8, CONCAT('{"n": ', seq, ', "t": "it''s (\\"', seq, '\\")", "l": [1, 2, null]}'), IF(seq %% 10 = 0, NULL, REPEAT(CONCAT('line ', seq, '\n'), 1 + seq %% 5)),
  IF(seq %% 7 = 0, NULL, '2024-02-29 23:59:59.123456' + INTERVAL seq SECOND), '2024-01-01 00:00:00' + INTERVAL seq MINUTE, IF(seq %% 3 = 0, '0000-00-00', '2023-00-00') FROM %s`, s.sequence(rows)),
		fmt.Sprintf(`INSERT INTO gen_types (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, id)
  SELECT seq %% 256, -seq %% 30000, seq %% 8000000, seq, 18446744073709551615 - seq, seq / 7, 1 / seq, seq %% 131072, 1901 + seq %% 200, IF(seq %% 5 = 0, '0000-00-00', '2024-02-29'), '-12:34:56.789',
  CONCAT('c', seq), UNHEX(LPAD(HEX(seq), 16, '0')), UNHEX(SHA2(seq, 224)), NULL, REPEAT(UNHEX('00FF27225C0A0D1A'), 1 + seq %% 20), IF(seq %% 1000 = 0, REPEAT(UNHEX('0001020304'), 20000), ''), 'tiny', 'caf\xE9', POINT(seq, -seq), seq %% 2, seq FROM %s`, s.sequence(max(rows/4, 1))),
		fmt.Sprintf("INSERT INTO gen_plain SELECT IF(seq %% 4 = 0, NULL, seq), 'a\\tb\\'c\\\\d' FROM %s",
			s.sequence(max(rows/10, 2))),
		"CREATE VIEW gen_running AS SELECT id, name FROM gen_step WHERE state = 'RUNNING'",
		"CREATE VIEW gen_all AS SELECT COUNT(*) AS n FROM gen_running",
	} {
		if _, err := db.Exec(q); err != nil {
			s.t.Fatalf("testmaria: %s: %v", q, err)
		}
	}
}

// sequence is a table of the numbers from 1, in the column seq.
func (s *Server) sequence(n int) string {
	if s.kind == MySQL {
		return fmt.Sprintf("(WITH RECURSIVE numbers AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM numbers WHERE seq < %d) SELECT seq FROM numbers) AS numbers", n)
	}
	return fmt.Sprintf("seq_1_to_%d", n)
}
