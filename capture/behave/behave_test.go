package behave

import (
	"fmt"
	"slices"
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
	p := Proof{Installations: []*source.Installation{installation(contents), installation(second)}, config: &c,
		RowsTime: time.Millisecond}
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
		{api.SetupRunning, 1, false}, {api.SetupRetrying, 1, false}, {api.SetupRunning, 2, false},
		{api.SetupRetrying, 2, true},
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

// TestRowsThatKeepTheCapturedOnes: numbers of rows that are not there, and values of config.yaml that do not follow it,
// are named, whatever the pack says of them.
func TestRowsThatKeepTheCapturedOnes(t *testing.T) {
	s := testmaria.Start(t)
	c := config.Config{MetaHost: s.Host, MetaPort: s.Port, MetaUser: s.User, MetaPassword: config.Secret(s.Password),
		RMDatabase: "k_rm", CMDatabase: "k_cm", HeartbeatDatabase: "k_hb", GhanaPort: 28090, CMLocation: 38}
	for _, name := range []string{"k_rm", "k_cm", "k_hb"} {
		s.Exec("CREATE DATABASE " + name)
	}
	s.Exec("CREATE TABLE k_rm.cluster_info (id int AUTO_INCREMENT PRIMARY KEY, code int) AUTO_INCREMENT = 40000",
		"CREATE TABLE k_rm.entry (node varchar(20) PRIMARY KEY, cluster_id int, at varchar(40))",
		"CREATE TABLE k_rm.kv (k varchar(20) PRIMARY KEY, v text)",
		"INSERT INTO k_rm.cluster_info (code) VALUES (38)", "INSERT INTO k_rm.entry VALUES ('n3', 1, 'n3:28090')",
		`INSERT INTO k_rm.kv VALUES ('port', '{"p": 18090}'), ('constant', '18090'), ('chance', '18091')`)
	installation := func(code, port int, node string) *source.Installation {
		text := func(v any) string { return fmt.Sprint(v) }
		rows := map[string]tables.Rows{
			"cluster_info": {Columns: []tables.Column{{Name: "id", Kind: "int", Auto: true},
				{Name: "code", Kind: "int"}}, Values: [][]string{{"1", text(code)}}},
			"entry": {Columns: []tables.Column{{Name: "node", Key: true}, {Name: "cluster_id", Kind: "int"},
				{Name: "at"}},
				Values: [][]string{{node, "1", node + ":" + text(port)}}},
			"kv": {Columns: []tables.Column{{Name: "k", Key: true}, {Name: "v"}},
				Values: [][]string{{"port", `{"p": ` + text(port) + `}`}, {"constant", "18090"}, {"chance", "18091"}}},
		}
		contents := tables.Contents{Rows: rows}
		for _, name := range []string{"cluster_info", "entry", "kv"} {
			contents.Objects.Tables = append(contents.Objects.Tables, tables.Object{Kind: "table", Name: name})
		}
		return &source.Installation{Config: &config.Config{GhanaPort: port, CMLocation: code}, Bundle: &source.Bundle{
			Tables: &tables.Snapshot{Databases: map[config.Role]tables.Contents{config.RM: contents}}}}
	}
	p := Proof{Installations: []*source.Installation{installation(1, 18090, "n1"), installation(12, 19090, "n2")},
		config: &c, RowsTime: time.Millisecond}
	look := func(want ...string) {
		t.Helper()
		p.found = nil
		if err := p.holds(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range p.found {
			got = append(got, f.Place.File)
		}
		if !slices.Equal(got, want) {
			t.Errorf("found %v", p.found)
		}
	}
	look("rm.entry", "rm.kv")
	s.Exec("UPDATE k_rm.entry SET cluster_id = 40000", `UPDATE k_rm.kv SET v = '{"p": 28090}' WHERE k = 'port'`)
	look()
	c.GhanaPort = 29999
	p.found = nil
	if err := p.held(t.Context(), "ghana_server_port", time.Millisecond); err != nil || len(p.found) != 2 {
		t.Errorf("a port that nothing follows: %v, %v", p.found, err)
	}
	p.found = nil
	if err := p.held(t.Context(), "cm_location", time.Millisecond); err != nil || len(p.found) > 0 {
		t.Errorf("another key: %v, %v", p.found, err)
	}
}
