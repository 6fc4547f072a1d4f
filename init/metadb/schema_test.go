package metadb

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	"omsinit/internal/pack"
	"omsinit/internal/release"
)

func TestSplit(t *testing.T) {
	for _, tc := range []struct {
		name, sql string
		want      []string
		lines     []int
	}{
		{"nothing", "", nil, nil},
		{"comments only", "-- a\n# b;\n/* c; */\n", nil, nil},
		{"two", "SELECT 1;\nSELECT 2;\n", []string{"SELECT 1", "SELECT 2"}, []int{1, 2}},
		{"no semicolon at the end", "SELECT 1;\nSELECT 2", []string{"SELECT 1", "SELECT 2"}, []int{1, 2}},
		{"semicolons in strings", `INSERT INTO t VALUES (';', "a;b", 'it''s;', 'x\';y');` + "SELECT `a;b` FROM t;",
			[]string{`INSERT INTO t VALUES (';', "a;b", 'it''s;', 'x\';y')`, "SELECT `a;b` FROM t"}, []int{1, 1}},
		{"comments with quotes and semicolons",
			"-- it's; \nSELECT 1; -- don't; \n# he's;\nSELECT /* isn't; */ 2;\n/* it's;\n\n */ SELECT 3;",
			[]string{"SELECT 1", "SELECT /* isn't; */ 2", "SELECT 3"}, []int{2, 4, 7}},
		{"a comment in the last line", "SELECT 1;\n-- it's the end;", []string{"SELECT 1"}, []int{1}},
		{"empty statements", ";;\nSELECT 1;;\n;", []string{"SELECT 1"}, []int{2}},
		{"delimiter", "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END//\nDELIMITER ;\nSELECT 3;",
			[]string{"CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END", "SELECT 3"}, nil},
		{"a body without a delimiter", "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END;\nSELECT 3;",
			[]string{"CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END", "SELECT 3"}, []int{1, 2}},
		{"executed comments", "/*!40101 SET NAMES utf8mb4 */;\n/* not this */;\n/*!40101 SET a=1 */ SELECT 1;",
			[]string{"/*!40101 SET NAMES utf8mb4 */", "/*!40101 SET a=1 */ SELECT 1"}, nil},
		{"Windows", "\xef\xbb\xbf-- a\r\nSELECT 1;\r\nSELECT 2;\r\n", []string{"SELECT 1", "SELECT 2"}, []int{2, 3}},
		{"Chinese", "CREATE TABLE t (a int COMMENT '心跳;表');",
			[]string{"CREATE TABLE t (a int COMMENT '心跳;表')"}, []int{1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := split([]byte(tc.sql))
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			var lines []int
			for _, s := range got {
				texts = append(texts, s.text)
				lines = append(lines, s.line)
			}
			if d := cmp.Diff(tc.want, texts); d != "" {
				t.Error(d)
			}
			if tc.lines != nil && !slices.Equal(lines, tc.lines) {
				t.Errorf("lines %v, want %v", lines, tc.lines)
			}
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	for sql, want := range map[string]string{
		"CREATE TABLE t (a int;\nSELECT 1;":                   "unclosed '('",
		"SELECT 'abc;\nSELECT 2;":                             "unclosed quote",
		"SELECT 1;\n\nSELECT 2 /* never closed":               "line 3: a comment is not closed",
		"SELECT 1);":                                          "unexpected ')'",
		"SELECT \xff;":                                        "not UTF-8",
		"-- one\nUSE other;":                                  "line 2: a schema file must not",
		"create database x;":                                  "must not create, change or choose a database",
		"DROP /* sly */ SCHEMA `x`;":                          "must not",
		"/*!40000 DROP DATABASE IF EXISTS `x`*/;":             "must not",
		"CREATE TABLE IF NOT EXISTS other.t (a int);":         "named with a database",
		"CREATE TABLE `other`.`t` (a int);":                   "named with a database",
		"ALTER TABLE `other` . `t` ADD a int;":                "named with a database",
		"DROP TABLE a, other.t;":                              "named with a database",
		"CREATE TABLE":                                        "name of the table is missing",
		"CREATE TABLE t (a int); CREATE TABLE t (b int /* );": "a comment is not closed",
	} {
		got, err := split([]byte(sql))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gave %v, %v; want an error with %q", sql, got, err, want)
		}
	}
}

func TestEffect(t *testing.T) {
	type col = column
	for sql, want := range map[string]effect{
		"CREATE TABLE IF NOT EXISTS `a``b` (\n `key` varchar(10) DEFAULT 'x,y)' COMMENT 'it''s', -- the, key\n n decimal(10,2), PRIMARY KEY (`key`, n), UNIQUE KEY u (n), KEY (n), CONSTRAINT c CHECK (n > 0), period datetime) DEFAULT CHARSET=utf8": {
			kind: createTable, table: "a`b", columns: []col{{"key", "`key` varchar(10) DEFAULT 'x,y)' COMMENT 'it''s'"},
				{"n", "n decimal(10,2)"}, {"period", "period datetime"}},
			keys:    []col{{"PRIMARY", "PRIMARY KEY (`key`, n)"}, {"u", "UNIQUE KEY u (n)"}},
			options: options{charset: "utf8mb3"}},
		"CREATE TABLE t (a int PRIMARY KEY, b int COMMENT 'UNIQUE', CONSTRAINT c UNIQUE (b)) ENGINE=InnoDB DEFAULT CHARACTER SET=utf8mb4 COLLATE utf8mb4_bin COMMENT='ENGINE=MyISAM'": {
			kind: createTable, table: "t", columns: []col{{"a", "a int PRIMARY KEY"}, {"b", "b int COMMENT 'UNIQUE'"}},
			keys:    []col{{"PRIMARY", "PRIMARY KEY (`a`)"}, {"c", "CONSTRAINT c UNIQUE (b)"}},
			options: options{"innodb", "utf8mb4", "utf8mb4_bin"}},
		"ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b), ENGINE=MyISAM": {kind: alterTable, table: "t",
			keys:        []col{{"PRIMARY", "PRIMARY KEY (b)"}},
			droppedKeys: []string{"PRIMARY"}, reshapes: true},
		"CREATE TABLE /*!32312 IF NOT EXISTS*/ t (`primary` int)": {kind: createTable, table: "t",
			columns: []col{{"primary", "`primary` int"}}},
		"create table t like u": {kind: createTable, table: "t"},
		"ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0 AFTER b, ADD KEY k (a), ADD UNIQUE INDEX (a), add (x int, y int), DROP KEY z, DROP COLUMN c, DROP d, CHANGE COLUMN o n varchar(9), MODIFY COLUMN m text, RENAME COLUMN p TO q": {
			kind: alterTable, table: "t",
			columns: []col{{"a", "a int NOT NULL DEFAULT 0 AFTER b"}, {"x", "x int"}, {"y", "y int"},
				{"n", "n varchar(9)"}, {"q", ""}},
			dropped: []string{"c", "d", "o", "p"}, keys: []col{{"k", "KEY k (a)"}}, droppedKeys: []string{"z"},
			modified: []col{{"m", "m text"}}},
		"DROP TABLE IF EXISTS a, `b`": {kind: dropTable, dropped: []string{"a", "b"}},
		"CREATE UNIQUE INDEX i ON t (a)": {kind: createIndex, table: "t",
			keys: []col{{"i", "UNIQUE INDEX `i` (a)"}}},
		"INSERT INTO t VALUES ('CREATE TABLE x (a int)')":      {kind: changeRows},
		"-- CREATE TABLE x (a int)\nREPLACE INTO t VALUES (1)": {kind: changeRows},
		"RENAME TABLE a TO b, c TO d": {kind: renameTable, dropped: []string{"a", "c"},
			columns: []col{{name: "b"}, {name: "d"}}},
		"ALTER TABLE a RENAME TO b": {kind: alterTable, table: "a", renamed: "b"},
		"ALTER TABLE a RENAME KEY x TO y": {kind: alterTable, table: "a",
			droppedKeys: []string{"x"}},
		"DROP INDEX i ON t": {kind: dropIndex, table: "t",
			droppedKeys: []string{"i"}},
	} {
		got, err := effectOf(sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(effect{}, column{}, options{})); d != "" {
			t.Errorf("%s:\n%s", sql, d)
		}
	}
}

func TestExpect(t *testing.T) {
	tree := fstest.MapFS{}
	for name, sql := range map[string]string{
		"schema/rm/4.2.0-CE.sql": "ALTER TABLE t ADD COLUMN c int; ALTER TABLE t DROP COLUMN b; CREATE TABLE u (x int); DROP TABLE gone; ALTER TABLE unknown ADD z int;",
		"schema/rm/4.1.1_ce.sql": "CREATE TABLE t (a int, b int); CREATE TABLE gone (a int);",
		"schema/rm/9.0.0.sql":    "CREATE TABLE future (a int);",
		"schema/rm/notes.txt":    "no schema",
		"schema/cm/4.1.1.sql":    "CREATE TABLE c (a int);",
		"schema/hb/4.1.1.sql":    "CREATE TABLE h (a int);",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(sql)}
	}
	target, _ := release.Parse("4.2.3-CE")
	s, err := readSchema(tree, target)
	if err != nil {
		t.Fatal(err)
	}
	e := s.expect(config.RM)
	var got []string
	for _, table := range e.tables {
		for _, c := range table.columns {
			name := table.name + "." + c.name
			if c.altered {
				name += " altered"
			}
			got = append(got, name)
		}
	}
	if d := cmp.Diff([]string{"t.a", "t.c altered", "u.x"}, got); d != "" {
		t.Error(d)
	}
}

func TestReadSchemaRefuses(t *testing.T) {
	good := map[string]string{
		"schema/rm/4.1.1.sql": "CREATE TABLE r (a int);",
		"schema/cm/4.1.1.sql": "CREATE TABLE c (a int);",
		"schema/hb/4.1.1.sql": "CREATE TABLE h (a int);",
	}
	target, _ := release.Parse("4.2.3")
	for name, tc := range map[string]struct{ file, sql, want string }{
		"same version twice": {"schema/rm/4.1.1-CE.sql", "SELECT 1;", "same version"},
		"no version": {"schema/rm/latest.sql", "SELECT 1;",
			`schema/rm/latest.sql is not a version: "latest"`},
		"slip": {"schema/cm/4.2.0.sql", "SELECT 1;\nCREATE TABLE x (",
			"schema/cm/4.2.0.sql: at line:column 2:"},
		"slip in a future file": {"schema/hb/5.0.0.sql", "USE x;",
			"schema/hb/5.0.0.sql: line 1: a schema file must not"},
	} {
		tree := fstest.MapFS{}
		for n, sql := range good {
			tree[n] = &fstest.MapFile{Data: []byte(sql)}
		}
		tree[tc.file] = &fstest.MapFile{Data: []byte(tc.sql)}
		if _, err := readSchema(tree, target); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if _, err := readSchema(fstest.MapFS{}, target); err == nil ||
		!strings.Contains(err.Error(), "no schema file for the database rm") {
		t.Errorf("empty pack: %v", err)
	}
}

// The documented tables and columns are a contract with obd, with people's
// runbooks and with the CM (oms-facts §6). Their spelling must never change.
func TestReferenceSchema(t *testing.T) {
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	target, err := release.Parse(p.Release)
	if err != nil {
		t.Fatal(err)
	}
	s, err := readSchema(p.FS(), target)
	if err != nil {
		t.Fatal(err)
	}
	for table, columns := range map[string]string{
		"rm.cluster_info":      "region region_cn cm_url code is_default_cm",
		"rm.oms_normal_config": "cfg_name cfg_value",
		"rm.oms_version":       "version gmt_modified",
		"rm.oms_project":       "id project_name project_status",
		"rm.oms_sync_project":  "id project_name project_status",
		"rm.ocp_info":          "id ocp_domain ocp_api_user ocp_api_password ocp_charset ocp_version region ocp_name ocp_proxy_host",
		"cm.resource_group":    "id name",
		"cm.host":              "resource_group_id ip host_status",
		"cm.location_cm":       "",
		"cm.config_job":        "key value",
		"cm.resource_label":    "",
		"hb.heatbeat_sequence": "id gmt_created gmt_modified",
		"hb.heart_beat":        "task_type task_name host_ip gmt_created gmt_modified",
	} {
		d, name, _ := strings.Cut(table, ".")
		e := s.expect(config.Role(d))
		found := e.find(name)
		if found == nil {
			t.Errorf("no table %s", table)
			continue
		}
		for _, c := range strings.Fields(columns) {
			if !slices.ContainsFunc(found.columns, func(have expectedColumn) bool { return have.name == c }) {
				t.Errorf("no column %s.%s", table, c)
			}
		}
	}
	for _, f := range s {
		for _, st := range f.statements {
			if st.kind != createTable || !strings.HasPrefix(st.text, "CREATE TABLE IF NOT EXISTS") {
				t.Errorf("%s line %d is not harmless when it runs twice: %s", f.name, st.line, st.short())
			}
			for _, lacking := range []string{"FOREIGN", "TRIGGER", "ALGORITHM", "0000-00-00", "FULLTEXT"} {
				if strings.Contains(strings.ToUpper(st.text), lacking) {
					t.Errorf("%s line %d uses %s", f.name, st.line, lacking)
				}
			}
		}
	}
}
