package metadb

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
	}
	goleak.VerifyTestMain(m)
}

func TestApply(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	var log []string
	step := &Step{Config: c, Pack: packWith(t, nil), Node: "10.0.0.1", Log: func(m msg.Message) {
		log = append(log, m.String())
		if zh := m.In(msg.Chinese); zh == m.String() {
			t.Errorf("no Chinese for %q", zh)
		}
	}}
	first := apply(t, step)
	want := Result{
		Databases: []string{"oms_rm", "oms_cm", "oms_hb"},
		Tables: []string{
			"oms_rm.cluster_info", "oms_rm.oms_normal_config", "oms_rm.oms_project", "oms_rm.oms_sync_project",
			"oms_rm.ocp_info", "oms_rm.oms_version",
			"oms_cm.resource_group", "oms_cm.host", "oms_cm.location_cm", "oms_cm.config_job", "oms_cm.resource_label",
			"oms_hb.heatbeat_sequence", "oms_hb.heart_beat",
		},
		Files:      []string{"oms_rm 4.1.1-CE", "oms_rm 4.2.3-CE", "oms_cm 4.1.1-CE", "oms_hb 4.1.1-CE"},
		VersionRow: true,
	}
	if d := cmp.Diff(want, first); d != "" {
		t.Error(d)
	}
	if !first.Changed() || !slices.Contains(log, "release 4.2.3-CE recorded in oms_rm.oms_version") {
		t.Errorf("log: %q", log)
	}
	before := snapshot(t, s, c)

	// The second run only reads: it works without any right to write.
	s.Exec("CREATE USER reader@'%' IDENTIFIED BY 'pw'", "GRANT SELECT ON `oms\\_%`.* TO reader@'%'",
		"UPDATE oms_rm.oms_version SET gmt_modified = '2020-02-02 02:02:02'")
	c.MetaUser, c.MetaPassword, log = "reader", "pw", nil
	if second := apply(t, step); second.Changed() || len(log) > 0 {
		t.Errorf("second run changed %+v and said %q", second, log)
	}
	if d := cmp.Diff(before, snapshot(t, s, c)); d != "" {
		t.Error(d)
	}
	var when time.Time
	if err := s.DB("oms_rm").QueryRow("SELECT gmt_modified FROM oms_version").Scan(&when); err != nil ||
		when.Year() != 2020 {
		t.Errorf("the version row was touched: %v, %v", when, err)
	}
	var charset string
	s.DB("").QueryRow(
		"SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = 'oms_cm'").Scan(
		&charset)
	if charset != "utf8mb4" {
		t.Errorf("oms_cm is in %s", charset)
	}
}

// A no-op run is what every container start does.
func TestNoOpRoundTrips(t *testing.T) {
	s := testmaria.Start(t)
	step := &Step{Config: configFor(s, "oms"), Pack: packWith(t, nil)}
	apply(t, step)
	questions := func() (n int) {
		var name string
		if err := s.DB("").QueryRow("SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	// The server also counts what it does by itself, and connections that end
	// late: the least of a few runs is the run's own.
	least := 1 << 30
	for range 3 {
		a := questions()
		b := questions() // what asking costs
		apply(t, step)
		least = min(least, questions()-b-(b-a))
	}
	if least > 5 {
		t.Errorf("a run that changes nothing sent %d statements, want at most 5", least)
	}
}

func TestApplyCompletes(t *testing.T) {
	s := testmaria.Start(t)
	full := configFor(s, "full")
	p := packWith(t, nil)
	apply(t, &Step{Config: full, Pack: p})
	want := snapshot(t, s, full)
	for name, prepare := range map[string]func(c *config.Config){
		"databases are there": func(c *config.Config) { s.Exec("CREATE DATABASE " + c.RMDatabase + " CHARACTER SET latin1") },
		"a database is gone":  func(c *config.Config) { s.Exec("DROP DATABASE " + c.HeartbeatDatabase) },
		"the version is gone": func(c *config.Config) { s.Exec("DELETE FROM " + c.RMDatabase + ".oms_version") },
	} {
		t.Run(name, func(t *testing.T) {
			c := configFor(s, fmt.Sprintf("x%d", time.Now().UnixNano()))
			step := &Step{Config: c, Pack: p}
			if name != "databases are there" {
				apply(t, step)
			}
			prepare(c)
			if r := apply(t, step); !r.Changed() {
				t.Errorf("nothing changed: %+v", r)
			}
			if d := cmp.Diff(want, snapshot(t, s, c)); d != "" {
				t.Error(d)
			}
			if r := apply(t, step); r.Changed() {
				t.Errorf("the run after it changed %+v", r)
			}
		})
	}
}

// What does not belong to OMS stays, and old versions stay recorded.
func TestForeignTables(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	s.Exec("CREATE DATABASE oms_rm", "CREATE TABLE oms_rm.mine (a int)", "INSERT INTO oms_rm.mine VALUES (7)",
		"CREATE DATABASE other", "CREATE TABLE other.host (a int)",
		"CREATE TABLE oms_rm.oms_version (version varchar(64) NOT NULL, gmt_modified timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (version), remark int)",
		"INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.2-CE')")
	r := apply(t, &Step{Config: c, Pack: packWith(t, nil)})
	if slices.Contains(r.Tables, "oms_rm.oms_version") || !r.VersionRow {
		t.Errorf("%+v", r)
	}
	var a, versions, columns int
	if err := s.DB("").QueryRow("SELECT (SELECT a FROM oms_rm.mine), (SELECT COUNT(*) FROM oms_rm.oms_version), (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'other')").Scan(&a, &versions, &columns); err != nil {
		t.Fatal(err)
	}
	if a != 7 || versions != 2 || columns != 1 {
		t.Errorf("a = %d, versions = %d, columns of the other database = %d", a, versions, columns)
	}
}

// A server that folds names lists OMS_RM as oms_rm.
func TestFoldedNames(t *testing.T) {
	s := testmaria.Start(t, testmaria.Args("--lower-case-table-names=1"))
	c := configFor(s, "OMS_Prod")
	step := &Step{Config: c, Pack: packWith(t, nil)}
	apply(t, step)
	if r := apply(t, step); r.Changed() {
		t.Errorf("the second run changed %+v", r)
	}
}

// On a server that does not fold, another spelling is another database.
func TestUnfoldedNames(t *testing.T) {
	s := testmaria.Start(t)
	p := packWith(t, nil)
	apply(t, &Step{Config: configFor(s, "oms"), Pack: p})
	upper := configFor(s, "oms")
	upper.RMDatabase, upper.CMDatabase, upper.HeartbeatDatabase = "OMS_RM", "OMS_CM", "OMS_HB"
	if r := apply(t, &Step{Config: upper, Pack: p}); len(r.Databases) != 3 || len(r.Tables) != 13 {
		t.Errorf("%+v", r)
	}
}

func TestDrift(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	s.Exec("CREATE DATABASE oms_cm", "CREATE TABLE oms_cm.host (hostid int, host varchar(99), ip varchar(64))")
	step := &Step{Config: c, Pack: packWith(t, nil)}
	r, err := step.Apply(context.Background())
	if err == nil || r.Changed() {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, want := range []string{
		"oms_cm.host lacks the column id",
		"ALTER TABLE `oms_cm`.`host` ADD COLUMN `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK', ADD COLUMN `resource_group_id` bigint NOT NULL, ADD COLUMN `host_status` varchar(32) NOT NULL",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not say %q", err, want)
		}
	}
	if finding.IsTransient(err) {
		t.Error("drift does not pass by itself")
	}
	if db := s.DB(""); db.QueryRow("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'oms_rm'").Scan(new(
		int)) != sql.ErrNoRows {
		t.Error("something was created before the error")
	}

	// The statement in the error mends it, as far as a statement can.
	s.Exec("DROP TABLE oms_cm.host")
	apply(t, step)
	s.Exec("ALTER TABLE oms_cm.host DROP COLUMN host_status")
	_, err = step.Apply(context.Background())
	if err == nil {
		t.Fatal("a dropped column was not noticed")
	}
	_, fix, _ := strings.Cut(err.Error(), "run: ")
	fix, _, _ = strings.Cut(fix, ";")
	s.Exec(fix)
	if r := apply(t, step); r.Changed() {
		t.Errorf("%+v", r)
	}
}

// A later release adds columns and tables to what is there.
func TestLaterRelease(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	apply(t, &Step{Config: c, Pack: packWith(t, nil)})
	later := &Step{Config: c, Pack: packWith(t, map[string]string{
		"schema/cm/4.2.3-bp1.sql": "ALTER TABLE host ADD COLUMN zone varchar(32) DEFAULT NULL, ADD KEY idx_zone (zone);\nCREATE INDEX idx_status ON host (host_status);\nCREATE TABLE IF NOT EXISTS zone (id bigint NOT NULL, PRIMARY KEY (id));",
	})}
	later.Pack.Release = "4.2.3-bp1"
	r := apply(t, later)
	if d := cmp.Diff(Result{Tables: []string{"oms_cm.zone"}, Files: []string{"oms_cm 4.2.3-bp1"}, VersionRow: true},
		r); d != "" {
		t.Error(d)
	}
	if r := apply(t, later); r.Changed() {
		t.Errorf("the second run changed %+v", r)
	}
	// Killed after its last statement and before the version row.
	s.Exec("DELETE FROM oms_rm.oms_version WHERE version = '4.2.3-bp1'")
	if d := cmp.Diff(Result{VersionRow: true}, apply(t, later)); d != "" {
		t.Error(d)
	}
}
