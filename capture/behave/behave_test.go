package behave

import (
	"testing"
	"time"

	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
	"omsinit/testdata/testmaria"
)

// TestRowsThatAreMissing: a table that has rows in every installation and none in the booted node is named, and no
// other.
func TestRowsThatAreMissing(t *testing.T) {
	s := testmaria.Start(t)
	var c config.Config
	c.MetaHost, c.MetaPort, c.MetaUser, c.MetaPassword = s.Host, s.Port, s.User, config.Secret(s.Password)
	c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase = "b_rm", "b_cm", "b_hb"
	for _, name := range []string{"b_rm", "b_cm", "b_hb"} {
		s.Exec("CREATE DATABASE " + name)
	}
	row := tables.Rows{Columns: []tables.Column{{Name: "a"}}, Values: [][]string{{"1"}}}
	contents := tables.Contents{Rows: map[string]tables.Rows{"there": row, "missing": row, "only_here": row}}
	for _, name := range []string{"there", "missing", "only_here", "empty"} {
		s.Exec("CREATE TABLE b_rm." + name + " (a int)")
		contents.Objects.Tables = append(contents.Objects.Tables, tables.Object{Kind: "table", Name: name})
	}
	s.Exec("INSERT INTO b_rm.there VALUES (1)")
	installation := func(c tables.Contents) *source.Installation {
		return &source.Installation{Bundle: &source.Bundle{Tables: &tables.Snapshot{
			Databases: map[config.Role]tables.Contents{config.RM: c}}}}
	}
	second := contents
	second.Rows = map[string]tables.Rows{"there": row, "missing": row}
	p := Proof{Installations: []*source.Installation{installation(contents), installation(second)}, config: &c, RowsTime: time.Millisecond}
	if err := p.rows(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if len(p.found) != 1 || p.found[0].Place.File != "rm.missing" {
		t.Errorf("%v", p.found)
	}
}

// TestGaveUp: an initialisation that waits for a person has failed, and one that fails again and again.
func TestGaveUp(t *testing.T) {
	for _, tc := range []struct {
		state   string
		attempt int
		want    bool
	}{
		{api.SetupRunning, 1, false}, {api.SetupRetrying, 1, false}, {api.SetupRunning, 2, false}, {api.SetupRetrying, 2, true},
		{api.SetupRunning, 3, true}, {api.SetupWaiting, 1, true}, {api.SetupDone, 4, false},
	} {
		if got := gaveUp(&api.SetupStatus{State: tc.state, Attempt: tc.attempt}); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

// TestUnready: a program of step 4 that is not ready is named, and any that is down.
func TestUnready(t *testing.T) {
	p := Proof{Pack: &pack.Pack{Manifest: pack.Manifest{Restart: []string{"cm"}}}}
	for _, tc := range []struct {
		program api.ProgramStatus
		ready   bool
	}{
		{api.ProgramStatus{Name: "cm", State: "RUNNING", Ready: true}, true},
		{api.ProgramStatus{Name: "cm", State: "RUNNING"}, false},
		{api.ProgramStatus{Name: "other", State: "STOPPED"}, true},
		{api.ProgramStatus{Name: "other", State: "FATAL"}, false},
	} {
		if why := p.unready(&api.Status{Programs: []api.ProgramStatus{tc.program}}); why.IsZero() != tc.ready {
			t.Errorf("%+v: %v", tc.program, why)
		}
	}
}
