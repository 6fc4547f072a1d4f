package upgrade

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"omsinit/init/metadb"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// schemaFiles are what the releases of the tests add: a statement of each kind.
var schemaFiles = map[string]string{
	"schema/rm/4.2.0-CE.sql": "ALTER TABLE oms_project ADD COLUMN priority int NOT NULL DEFAULT 0;\nCREATE TABLE ledger (id int NOT NULL AUTO_INCREMENT, what varchar(32) NOT NULL, PRIMARY KEY (id));\nINSERT INTO ledger (id, what) VALUES (1, 'once');",
	"schema/rm/4.2.1-CE.sql": "UPDATE ledger SET what = CONCAT(what, ' more');\nCREATE VIEW seen AS SELECT what FROM ledger;",
	"schema/cm/4.2.1-CE.sql": "ALTER TABLE `host` ADD COLUMN zone varchar(16) DEFAULT NULL, ADD KEY idx_zone (zone);",
	"schema/cm/4.2.2-CE.sql": "DELETE FROM config_job WHERE `key` = 'old';\nALTER TABLE config_job CHANGE COLUMN value value mediumtext;",
	"schema/hb/4.2.2-CE.sql": "ALTER TABLE heart_beat ADD COLUMN zone varchar(16) DEFAULT NULL;\nUPDATE heart_beat SET zone = 'moved';",
}

// packAt is the reference pack as another release, with the schema of the
// tests, and with routes from 4.1.1 onwards, one by one and directly.
func packAt(t testing.TB, release string) *pack.Pack {
	t.Helper()
	p, err := pack.Open(packDir(t, release))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func packDir(t testing.TB, release string) string {
	t.Helper()
	reference, err := os.ReadFile("../../scripts/pack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(reference), "release: 4.2.3-CE", "release: "+release, 1)
	text = strings.Replace(text, "  routes:\n", "  routes:\n    - {edition: CE, to: 4.2.3, from: [4.1.1]}\n", 1)
	dir := t.TempDir()
	files := map[string]string{"pack.yaml": text}
	for name, sql := range schemaFiles {
		files[name] = sql
	}
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

// installed makes an installation of a release as the old scripts left it,
// without journals, with rows: databases PREFIX_rm, PREFIX_cm, PREFIX_hb.
func installed(t testing.TB, s *testmaria.Server, prefix, release string, rows int) *config.Config {
	t.Helper()
	c := &config.Config{
		MetaHost: s.Host, MetaPort: s.Port, MetaUser: s.User, MetaPassword: config.Secret(s.Password),
		RMDatabase: prefix + "_rm", CMDatabase: prefix + "_cm", HeartbeatDatabase: prefix + "_hb", CMLocation: 1,
		CMNodes: []string{"10.0.0.1"},
	}
	tables := release
	if release == "4.1.0-CE" {
		tables = "4.1.1-CE" // the first that the pack knows
	}
	if _, err := (&metadb.Step{Config: c, Pack: packAt(t, tables)}).Apply(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase} {
		s.Exec("DROP TABLE " + name + "." + metadb.JournalTable)
	}
	s.Exec(
		"INSERT INTO "+c.RMDatabase+
			".cluster_info (region, region_cn, cm_url, code) VALUES ('hz', '杭州', 'http://a:8088', 1)",
		"INSERT INTO "+c.RMDatabase+
			".oms_project (project_name, project_status) VALUES ('first', 'FINISHED'), ('it''s \"second\"', 'DELETED')",
		"INSERT INTO "+c.RMDatabase+".oms_normal_config (cfg_name, cfg_value) VALUES ('ha.config', '"+ha.Default+"')",
		"INSERT INTO "+c.CMDatabase+".config_job (`key`, value) VALUES ('old', '1'), ('sourceFile.blackRegionNo', '1')",
		"INSERT INTO "+c.CMDatabase+
			".host (resource_group_id, ip, host_status) VALUES (1, '10.0.0.1', 'ONLINE'), (1, '10.0.0.2', 'ONLINE')",
		"INSERT INTO "+c.HeartbeatDatabase+".heart_beat (task_type, task_name, host_ip, gmt_modified) VALUES ('HOST', 'supervisor', '10.0.0.1', NOW() - INTERVAL 10 MINUTE)",
		"INSERT INTO "+c.HeartbeatDatabase+
			".heatbeat_sequence (id, gmt_created, gmt_modified) VALUES (7, NOW(), NOW())",
	)
	// All installations of a test are alike, whenever they were made.
	const then = "gmt_created = '2024-01-01', gmt_modified = '2024-01-02'"
	for _, table := range []string{c.RMDatabase + ".cluster_info", c.RMDatabase + ".oms_project",
		c.RMDatabase + ".oms_normal_config", c.CMDatabase + ".config_job", c.CMDatabase + ".host",
		c.HeartbeatDatabase + ".heart_beat", c.HeartbeatDatabase + ".heatbeat_sequence"} {
		s.Exec("UPDATE " + table + " SET " + then)
	}
	if rows > 0 {
		s.Generate(c.RMDatabase, rows)
		s.Generate(c.CMDatabase, rows/2+1)
	}
	if release != "4.1.0-CE" {
		s.Exec("CREATE TABLE IF NOT EXISTS "+c.RMDatabase+".oms_version "+versionDDL,
			"REPLACE INTO "+c.RMDatabase+".oms_version (version) VALUES ('"+release+"')")
	}
	return c
}

// programs remembers what was stopped and started.
type programs struct{ stopped, started []string }

func (p *programs) Running(_ context.Context, names []string) ([]string, error) {
	return slices.Clone(names), nil
}

func (p *programs) Start(_ context.Context, names []string) error {
	p.started = append(p.started, names...)
	return nil
}

func (p *programs) Stop(_ context.Context, names []string) error {
	p.stopped = append(p.stopped, names...)
	return nil
}

// nodeFor is an upgrade on a node of its own, with mounts of an old installation.
func nodeFor(t testing.TB, c *config.Config, p *pack.Pack, node string) *Upgrade {
	t.Helper()
	root := t.TempDir()
	u := upgradeIn(root, c, p, node)
	for path, text := range map[string]string{u.ConfigFile: string(u.ConfigText),
		u.Layout.LogDir() + "/oms_console_stdout.log": "old", u.Layout.InitFlag(): "done",
		u.Layout.Path("/home/ds/cm/package/config/jdbc.properties"): "old=1\n"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u.Log = func(m msg.Message) { t.Logf("%s: %v", node, m) }
	return u
}

func upgradeIn(root string, c *config.Config, p *pack.Pack, node string) *Upgrade {
	l := layout.New(root)
	text := []byte("drc_rm_db: " + c.RMDatabase + "\n")
	return &Upgrade{Config: c, ConfigFile: l.ConfigFile(), ConfigText: text, Pack: p, Layout: l, Node: node,
		Tool: "test", Options: Options{LockTimeout: 90 * time.Second}, Programs: &programs{}}
}

// drive does what the steps of an initialisation do around an upgrade.
func drive(ctx context.Context, u *Upgrade) (due bool, err error) {
	s, err := u.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer s.Close()
	if !s.Due() {
		return false, nil
	}
	err = s.MetaDB(ctx)
	for _, stage := range []string{StageComponents, StageStart, StageResources} {
		if err == nil {
			err = s.Local(ctx, stage, func(context.Context) error { return nil })
		}
	}
	if err == nil {
		err = s.Finish(ctx)
	}
	if err != nil {
		page, failure := s.Fail(ctx, err)
		for _, m := range page {
			u.log(m)
		}
		return true, failure
	}
	return true, nil
}

// contents is all there is to know of the databases, bit for bit: definitions,
// views and table checksums. The times in omsinit's own journal and in
// oms_version are those of a run, and only its rows count.
func contents(t testing.TB, s *testmaria.Server, c *config.Config) []string {
	t.Helper()
	db := s.DB("")
	defer db.Close()
	var out []string
	for _, name := range []string{c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase} {
		short := name[strings.LastIndex(name, "_")+1:]
		tables, err := database.Column(t.Context(), db, "SELECT CONCAT(table_type, ' ', table_name) FROM information_schema.tables WHERE table_schema = ? ORDER BY table_name", name)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range tables {
			at := strings.LastIndex(entry, " ")
			kind, table := entry[:at], entry[at+1:]
			if table == database.LeaseTable {
				continue // who works on the MetaDB right now is not part of a backup
			}
			if kind == "VIEW" {
				v, err := database.Column(t.Context(), db, "SELECT REPLACE(view_definition, ?, 'DB') FROM information_schema.views WHERE table_schema = ? AND table_name = ?", name, name, table)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, short+" view "+table+" "+strings.Join(v, ""))
				continue
			}
			var ignored, definition string
			if err := db.QueryRow("SHOW CREATE TABLE `"+name+"`.`"+table+"`").Scan(&ignored, &definition); err != nil {
				t.Fatal(err)
			}
			var sum any
			switch table {
			case metadb.JournalTable, "oms_version":
				v, err := database.Column(t.Context(), db, "SELECT version FROM `"+name+"`.`"+table+"` ORDER BY 1")
				if err != nil {
					t.Fatal(err)
				}
				sum = v
			default:
				if err := db.QueryRow("CHECKSUM TABLE `"+name+"`.`"+table+"`").Scan(&ignored, &sum); err != nil {
					t.Fatal(err)
				}
			}
			out = append(out, fmt.Sprintf("%s %s %v %s", short, table, sum, definition))
		}
	}
	return out
}
