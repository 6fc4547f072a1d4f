package metadb

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	"omsinit/testdata/testmaria"
)

func dropJournals(s *testmaria.Server, c *config.Config) {
	for _, d := range config.Roles {
		s.Exec(fmt.Sprintf("DROP TABLE %s.%s", c.Database(d), JournalTable))
	}
}

// A file that was applied must stay as it is, comments apart.
func TestChangedFile(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	apply(t, &Step{Config: c, Pack: packWith(t, richFiles)})
	with := func(from, to string) *Step {
		files := maps.Clone(richFiles)
		files["schema/cm/4.2.1-CE.sql"] = strings.Replace(files["schema/cm/4.2.1-CE.sql"], from, to, 1)
		return &Step{Config: c, Pack: packWith(t, files)}
	}
	if r := apply(t, with("INSERT", "-- said since\nINSERT")); r.Changed() {
		t.Errorf("a comment changed %+v", r)
	}
	_, err := with("'last'", "'latest'").Apply(context.Background())
	if err == nil || !strings.Contains(err.Error(),
		"schema/cm/4.2.1-CE.sql has changed after it was applied to the database oms_cm") {
		t.Errorf("%v", err)
	}
	_, err = with(";\nALTER", ";\nSELECT 1;\nALTER").Apply(context.Background())
	if err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("%v", err)
	}
}

// What failed may be corrected; what was applied of the same file may not.
func TestCorrectedFile(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	step := func(sql string) *Step {
		return &Step{Config: c, Pack: packWith(t, map[string]string{"schema/cm/4.2.0.sql": sql})}
	}
	if _, err := step("CREATE TABLE good (a int); CREATE TABLE x (a nosuchtype); CREATE TABLE y (a int);").Apply(
		context.Background()); err == nil {
		t.Fatal("no error")
	}
	status, err := step("CREATE TABLE good (a int); CREATE TABLE x (a nosuchtype); CREATE TABLE y (a int);").Status(
		context.Background())
	if err != nil {
		t.Fatal(err)
	}
	f := status.Databases[1].Files[1]
	if f.Applied != 1 || f.Total != 3 || f.State != "failed" || !strings.Contains(f.Error, "nosuchtype") {
		t.Errorf("%+v", f)
	}
	_, err = step("CREATE TABLE good (b int); CREATE TABLE x (a int);").Apply(context.Background())
	if err == nil || !strings.Contains(err.Error(), "has changed after") {
		t.Errorf("%v", err)
	}
	apply(t, step("CREATE TABLE good (a int); CREATE TABLE x (a int);"))
}

// An installation from before the journal is noted as found: nothing runs.
func TestAdoptsEarlierInstallation(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	step := &Step{Config: c, Pack: packWith(t, richFiles)}
	apply(t, step)
	s.Exec("INSERT INTO oms_cm.ledger (what) VALUES ('mine')",
		"UPDATE oms_rm.oms_version SET gmt_modified = '2020-02-02'")
	before := snapshot(t, s, c)
	dropJournals(s, c)
	r := apply(t, step)
	if d := cmp.Diff(Result{Adopted: []string{"oms_rm 4.1.1-CE", "oms_rm 4.2.3-CE", "oms_cm 4.1.1-CE",
		"oms_cm 4.2.0-CE", "oms_cm 4.2.1-CE", "oms_hb 4.1.1-CE", "oms_hb 4.2.2-CE", "oms_hb 4.2.3-CE"}}, r); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(before, snapshot(t, s, c)); d != "" {
		t.Error(d)
	}
	if r := apply(t, step); r.Changed() {
		t.Errorf("the second run changed %+v", r)
	}
}

// One that was cut before there was a journal is completed; what is there stays.
func TestCompletesEarlierInstallation(t *testing.T) {
	s := testmaria.Start(t)
	full := configFor(s, "full")
	p := packWith(t, nil)
	apply(t, &Step{Config: full, Pack: p})
	want := snapshot(t, s, full)
	for name, cut := range map[string][]string{
		"unrecorded": {"DELETE FROM oms_rm.oms_version", "DROP TABLE oms_hb.heart_beat", "DROP TABLE oms_cm.host"},
		"no version": {"DROP TABLE oms_rm.oms_version", "DROP DATABASE oms_hb"},
		"recorded":   {"DROP TABLE oms_rm.ocp_info", "DROP TABLE oms_cm.host"},
	} {
		t.Run(name, func(t *testing.T) {
			c := configFor(s, "oms")
			apply(t, &Step{Config: c, Pack: p})
			defer s.Exec("DROP DATABASE oms_rm", "DROP DATABASE oms_cm", "DROP DATABASE oms_hb")
			dropJournals(s, c)
			s.Exec("INSERT INTO oms_cm.location_cm (location, region, cm_url) VALUES (7, 'r', 'u')")
			s.Exec(cut...)
			apply(t, &Step{Config: c, Pack: p})
			if d := cmp.Diff(want, snapshot(t, s, c)); d != "" {
				t.Error(d)
			}
			var n int
			if err := s.DB("").QueryRow("SELECT COUNT(*) FROM oms_cm.location_cm").Scan(&n); err != nil || n != 1 {
				t.Errorf("%d rows are left, %v", n, err)
			}
		})
	}
}

// Rows and dropped tables of a release that was initialised do not come back.
func TestAdoptionRunsNothingDestructive(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	step := &Step{Config: c, Pack: packWith(t, richFiles)}
	apply(t, step)
	dropJournals(s, c)
	s.Exec("DROP TABLE oms_cm.config_job", "CREATE TABLE oms_cm.goes (kept int)")
	apply(t, step)
	var rows, kept, job int
	err := s.DB("").QueryRow("SELECT (SELECT COUNT(*) FROM oms_cm.ledger), (SELECT COUNT(*) FROM oms_cm.goes), (SELECT COUNT(*) FROM oms_cm.config_job)").Scan(&rows, &kept, &job)
	if err != nil || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func TestForeignDatabase(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	s.Exec("CREATE DATABASE oms_cm", "CREATE TABLE oms_cm.shop (a int)", "INSERT INTO oms_cm.shop VALUES (7)")
	step := &Step{Config: c, Pack: packWith(t, nil)}
	_, err := step.Apply(context.Background())
	if err == nil || !strings.Contains(err.Error(), "oms_cm holds something else than OMS (tables: shop)") ||
		!strings.Contains(err.Error(), "--adopt") {
		t.Fatalf("%v", err)
	}
	var n int
	if s.DB("").QueryRow("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'oms\\_%'").Scan(
		&n); n != 1 {
		t.Error("something was created")
	}
	step.Adopt = true
	apply(t, step)
	step.Adopt = false
	if r := apply(t, step); r.Changed() {
		t.Errorf("%+v", r)
	}
	if err := s.DB("").QueryRow("SELECT a FROM oms_cm.shop").Scan(&n); err != nil || n != 7 {
		t.Errorf("%d, %v", n, err)
	}
}

// A table that goes away after it was made does not come back empty by itself.
func TestDroppedTable(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	step := &Step{Config: c, Pack: packWith(t, richFiles)}
	apply(t, step)
	want := snapshot(t, s, c)
	s.Exec("DROP TABLE oms_cm.host")
	r, err := step.Apply(context.Background())
	if err == nil || r.Changed() || !strings.Contains(err.Error(), "oms_cm lacks the table host") {
		t.Fatalf("%+v, %v", r, err)
	}
	_, fix, _ := strings.Cut(err.Error(), "empty: ")
	db := s.DB("oms_cm")
	for _, q := range strings.Split(strings.TrimSuffix(fix, ";"), "; ")[1:] {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	if r := apply(t, step); r.Changed() {
		t.Errorf("%+v", r)
	}
	if d := cmp.Diff(want, snapshot(t, s, c)); d != "" {
		t.Error(d)
	}
}

func TestPlan(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	plan := func(step *Step) Pending {
		t.Helper()
		p, err := step.Plan(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	step := &Step{Config: c, Pack: packWith(t, nil)}
	p := plan(step)
	if len(p.Databases) != 3 || len(p.Tables) != 13 || !p.VersionRow || !p.Any() {
		t.Errorf("%+v", p)
	}
	apply(t, step)
	if p := plan(step); p.Any() {
		t.Errorf("%+v", p)
	}
	want := Pending{
		Tables:  []string{"oms_cm.ledger", "oms_cm.passing_by", "oms_cm.goes"},
		Columns: []string{"oms_cm.host.zone", "oms_hb.heart_beat.zone"},
		Files:   []string{"oms_cm 4.2.0-CE", "oms_cm 4.2.1-CE", "oms_hb 4.2.2-CE", "oms_hb 4.2.3-CE"},
	}
	later := &Step{Config: c, Pack: packWith(t, richFiles)}
	if d := cmp.Diff(want, plan(later)); d != "" {
		t.Error(d)
	}
	dropJournals(s, c) // only to be noted
	if p := plan(step); p.Any() {
		t.Errorf("%+v", p)
	}
}

// What the dry run prints does what the run does.
func TestDryRun(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	step := &Step{Config: c, Pack: packWith(t, richFiles)}
	var sql strings.Builder
	if changes, err := step.DryRun(context.Background(), &sql); err != nil || !changes {
		t.Fatalf("%v, %v", changes, err)
	}
	db := s.DB("")
	db.SetMaxOpenConns(1) // USE
	statements, err := split([]byte(strings.ReplaceAll(strings.ReplaceAll(sql.String(), "CREATE DATABASE",
		"CREATE  TABLESPACE"), "USE `", "SET @use = `")))
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range statements {
		text := strings.ReplaceAll(strings.ReplaceAll(st.text, "CREATE  TABLESPACE", "CREATE DATABASE"),
			"SET @use = `", "USE `")
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM oms_cm.ledger WHERE what IN ('once more', 'last')").Scan(
		&n); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	dropJournals(s, c)
	if r := apply(t, step); len(r.Tables) > 0 || len(r.Adopted) != 8 {
		t.Errorf("%+v", r)
	}
	sql.Reset()
	if changes, err := step.DryRun(context.Background(), &sql); err != nil || changes || sql.Len() > 0 {
		t.Errorf("%v, %v: %s", changes, err, sql.String())
	}
}
