package flow

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omsinit/check"
	"omsinit/init/upgrade"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// TestRightsAreWhatCanBeDone: whatever an account was granted, and in whichever way, the verdict of the check is what
// then happens when the databases are made and used, backed up, restored, and when an upgrade keeps its journal. After
// the statements of the advice everything works.
func TestRightsAreWhatCanBeDone(t *testing.T) {
	later := func(name string) []string {
		return []string{"ALL ON `" + name + "`.*", "ALL ON `" + name + "\\_omsinit\\_restore`.*",
			"ALL ON `" + name + "\\_omsinit\\_upgrade`.*"}
	}
	everything := slices.Concat(later(`OMS\_rm`), later(`OMS\_cm`), later(`OMS\_hb`))
	const global = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, TRIGGER, EVENT, EXECUTE, CREATE VIEW, LOCK TABLES"
	but := func(right string) string {
		return strings.Replace(global+",", " "+right+",", "", 1) + " INDEX ON *.*"
	}
	// without grants all but some rights in the databases alone.
	without := func(rights ...string) []string {
		all := strings.Split("SELECT,INSERT,UPDATE,DELETE,CREATE,DROP,REFERENCES,INDEX,ALTER,LOCK TABLES,EXECUTE,CREATE VIEW,SHOW VIEW,CREATE ROUTINE,ALTER ROUTINE,EVENT,TRIGGER", ",")
		all = slices.DeleteFunc(all, func(r string) bool { return slices.Contains(rights, r) })
		return []string{strings.Join(all, ", ") + " ON `OMS\\_%`.*"}
	}
	beside := []string{"ALL ON `OMS\\_cm\\_omsinit\\_restore`.*"}
	view := []string{"CREATE DEFINER = USER VIEW OMS_rm.v AS SELECT version FROM OMS_rm.oms_version"}
	procedure := []string{"CREATE DEFINER = USER PROCEDURE OMS_cm.p() SELECT 1"}
	function := []string{"CREATE DEFINER = USER FUNCTION OMS_cm.f() RETURNS int DETERMINISTIC RETURN 1"}
	trigger := []string{"CREATE DEFINER = USER TRIGGER OMS_cm.t BEFORE INSERT ON OMS_cm.host FOR EACH ROW SET @a = 1"}
	cases := []struct {
		name   string
		grants []string // to the account; those of a role begin with "ROLE "
		kinds  []testmaria.Kind
		holds  []string // what people have put into the databases; USER is the account
	}{
		{"nothing", nil, nil, nil},
		{"all", []string{"ALL ON *.*"}, nil, nil},
		{"all of these names", everything, nil, nil},
		{"the three alone", []string{everything[0], everything[3], everything[6]}, nil, nil},
		{"no journal of upgrades", slices.DeleteFunc(slices.Clone(everything),
			func(g string) bool { return strings.Contains(g, "rm\\_omsinit\\_upgrade") }), nil, nil},
		{"a wildcard", []string{"ALL ON `OMS\\_%`.*"}, nil, nil},
		{"a wildcard for one sign", []string{"ALL ON `OMS___%`.*"}, nil, nil},
		{"an exact grant beside a wildcard", []string{"ALL ON `OMS\\_%`.*", "SELECT ON `OMS\\_cm`.*"}, nil, nil},
		{"a default role", []string{"ROLE ALL ON `OMS\\_%`.*"}, nil, nil},
		{"a role for part of it", []string{"ROLE " + everything[0], "ALL ON `OMS\\_cm%`.*", "ALL ON `OMS\\_hb%`.*",
			"ALL ON `OMS\\_rm\\_%`.*"}, nil, nil},
		// MySQL lets no member of one with SYSTEM_USER create a view
		{"a role that is not on", []string{"IDLE ALL ON `OMS\\_%`.*"}, nil, nil},
		{"revoked in part", []string{"ALL ON *.*", "REVOKE INSERT ON OMS_cm.*"},
			[]testmaria.Kind{testmaria.MySQL}, nil},
		{"no CREATE", []string{but("CREATE")}, nil, nil},
		{"no DELETE", []string{but("DELETE")}, nil, nil},
		{"no DROP", []string{but("DROP")}, nil, nil},
		{"no ALTER", []string{but("ALTER")}, nil, nil},
		{"no TRIGGER", []string{but("TRIGGER")}, nil, nil},
		{"no EVENT", []string{but("EVENT")}, nil, nil},
		{"no EXECUTE", []string{but("EXECUTE")}, nil, nil},
		{"no CREATE VIEW", []string{but("CREATE VIEW")}, nil, nil},
		{"no LOCK TABLES", []string{strings.Replace(but("ALTER"), " LOCK TABLES,", " ALTER,", 1)}, nil, nil},
		{"a view, without SHOW VIEW", without("SHOW VIEW"), nil, view},
		{"no view, without SHOW VIEW", without("SHOW VIEW"), nil, nil},
		{"a view, all else", without(""), nil, view},
		{"a procedure, without CREATE ROUTINE", without("CREATE ROUTINE"), nil, procedure},
		{"a procedure, without CREATE ROUTINE and ALTER ROUTINE", without("CREATE ROUTINE", "ALTER ROUTINE"), nil,
			procedure},
		{"a procedure, without ALTER ROUTINE", without("ALTER ROUTINE"), nil, procedure},
		{"a function, without CREATE ROUTINE in its place", slices.Concat(without("CREATE ROUTINE"), beside),
			nil, function},
		{"no routine, without CREATE ROUTINE", without("CREATE ROUTINE"), nil, nil},
		{"a trigger, without TRIGGER beside it", slices.Concat(without("TRIGGER"), []string{"TRIGGER ON OMS_cm.*"}),
			nil, trigger},
		{"a view of another account", without(""), nil,
			[]string{strings.Replace(view[0], "= USER", "= CURRENT_USER", 1)}},
		{"a procedure of another account", without(""), nil,
			[]string{strings.Replace(procedure[0], "= USER", "= CURRENT_USER", 1)}},
		{"a view, without SHOW VIEW and DELETE", without("SHOW VIEW", "DELETE"), nil, view},
		{"a procedure, without CREATE ROUTINE and DELETE", without("CREATE ROUTINE", "DELETE"), nil, procedure},
		{"a procedure, without EXECUTE, CREATE ROUTINE and ALTER ROUTINE",
			without("EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE"), nil, procedure},
		{"a procedure of another account, without DELETE", without("DELETE"), nil,
			[]string{strings.Replace(procedure[0], "= USER", "= CURRENT_USER", 1)}},
		{"nothing, and everything there", nil, nil, slices.Concat(view, procedure, function, trigger)},
		{"a role with everything that is not on", slices.Concat(without(""), []string{"IDLE ALL ON *.*"}), nil, nil},
		{"a role with everything that is not on, and a view", slices.Concat(without(""), []string{"IDLE ALL ON *.*"}),
			nil, view},
	}
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		t.Parallel()
		for _, fold := range []string{"0", "1"} {
			s := testmaria.Start(t, testmaria.On(k), testmaria.Args("--lower-case-table-names="+fold))
			for i, tc := range cases {
				if tc.kinds != nil && !slices.Contains(tc.kinds, k) ||
					fold == "1" && i%3 != 1 && !strings.Contains(tc.name, "role") {
					continue
				}
				t.Run(tc.name+" "+fold, func(t *testing.T) {
					user := fmt.Sprintf("u%d", i)
					if tc.kinds != nil {
						s.Exec("SET GLOBAL partial_revokes = ON")
						defer s.Exec("DROP USER "+user+"@'%'", "SET GLOBAL partial_revokes = OFF")
					}
					s.Exec("CREATE USER "+user+"@'%' IDENTIFIED BY 'Secret42'", "CREATE ROLE r_"+user)
					for _, g := range tc.grants {
						role, isRole := strings.CutPrefix(g, "ROLE ")
						idle, isIdle := strings.CutPrefix(g, "IDLE ")
						switch {
						case isRole:
							s.Exec("GRANT "+role+" TO r_"+user, "GRANT r_"+user+" TO "+user+"@'%'", setDefault(k, user))
						case isIdle:
							s.Exec("GRANT "+idle+" TO r_"+user, "GRANT r_"+user+" TO "+user+"@'%'")
						case strings.HasPrefix(g, "REVOKE"):
							s.Exec(g + " FROM " + user + "@'%'")
						default:
							s.Exec("GRANT " + g + " TO " + user + "@'%'")
						}
					}
					w := newWorld(t, s)
					w.values["drc_rm_db"], w.values["drc_cm_db"], w.values["drc_cm_heartbeat_db"] = "OMS_rm",
						"OMS_cm", "OMS_hb"
					blind := false // the check says that there may be more
					try := func() (verdict string, grants []string, did string) {
						t.Helper()
						if len(tc.holds) > 0 {
							w.furnish(s, user, tc.holds)
						}
						w.values["oms_meta_user"], w.values["oms_meta_password"] = user, "Secret42"
						w.writeConfig()
						verdict, grants, blind = w.verdict()
						return verdict, grants, w.whatHappens(s)
					}
					verdict, grants, did := try()
					if did != verdict {
						t.Fatalf("the check says %q, and it is %q", verdict, did)
					}
					// The first advice is the whole one, but for what the account does not see, which is said.
					more := blind
					for round := 0; round < 3 && verdict != "works"; round++ {
						if len(grants) == 0 {
							break
						}
						if round > 0 && !more {
							t.Errorf("a further advice: %q", grants)
						}
						for _, g := range grants {
							s.Exec(g)
						}
						asked := grants
						if verdict, grants, did = try(); did != verdict {
							t.Errorf("after %q the check says %q, and it is %q", asked, verdict, did)
						}
					}
					if verdict != "works" {
						t.Errorf("after all advice the check says %q, and advises %q", verdict, grants)
					}
				})
			}
		}
	})
}

// furnish makes the databases as an administrator, with what people have put there.
func (w *world) furnish(s *testmaria.Server, user string, statements []string) {
	w.t.Helper()
	w.values["oms_meta_user"], w.values["oms_meta_password"] = s.User, s.Password
	w.writeConfig()
	f := w.flow()
	cfg, err := f.Config()
	if err == nil {
		f.pack, err = f.Pack()
	}
	if err == nil {
		_, err = f.metadbStep(cfg).Apply(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for _, q := range statements {
		s.Exec(strings.Replace(q, "= USER", "= "+user+"@'%'", 1))
	}
}

func setDefault(k testmaria.Kind, user string) string {
	if k == testmaria.MySQL {
		return "SET DEFAULT ROLE r_" + user + " TO " + user + "@'%'"
	}
	return "SET DEFAULT ROLE r_" + user + " FOR " + user + "@'%'"
}

// verdict returns what the check says of the account, the statements that it advises, and whether a further check may
// find more.
func (w *world) verdict() (verdict string, grants []string, blind bool) {
	w.t.Helper()
	report, err := w.flow().Check(w.t.Context(), CheckOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	verdict = "works"
	for _, f := range rightsFindings(report) {
		if f.ID == "metadb.rights" {
			verdict = "cannot be initialised"
		} else if verdict == "works" {
			verdict = "cannot be upgraded"
		}
		for _, fact := range f.Facts {
			if fact.Name == "grants" {
				grants = append(grants, fact.Value.([]string)...)
			}
			blind = blind || fact.Name == "unseen"
		}
	}
	return verdict, grants, blind
}

func rightsFindings(r check.Report) (found []finding.Finding) {
	for _, result := range r.Results {
		if result.ID == "metadb.rights" || result.ID == "metadb.restore" {
			found = append(found, result.Findings...)
		}
	}
	return found
}

// whatHappens does with the account of the node what OMS and this program do, and removes it again.
func (w *world) whatHappens(s *testmaria.Server) string {
	t := w.t
	t.Helper()
	f := w.flow()
	cfg, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	journal := cfg.RMDatabase + "_omsinit_upgrade"
	defer func() {
		for _, d := range config.Roles {
			s.Exec("DROP DATABASE IF EXISTS "+cfg.Database(d),
				"DROP DATABASE IF EXISTS "+cfg.Database(d)+"_omsinit_restore")
		}
		s.Exec("DROP DATABASE IF EXISTS " + journal)
	}()
	if f.pack, err = f.Pack(); err != nil {
		t.Fatal(err)
	}
	step := f.metadbStep(cfg)
	if _, err := step.Apply(t.Context()); err != nil {
		t.Logf("step 2: %v", err)
		return "cannot be initialised"
	}
	db, err := database.Open(cfg, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	run := func(statements ...string) bool {
		for _, q := range statements {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Logf("%s: %v", q, err)
				return false
			}
		}
		return true
	}
	for _, d := range config.Roles {
		table := cfg.Database(d) + ".a_component"
		if !run("CREATE TABLE "+table+" (a int PRIMARY KEY)", "INSERT INTO "+table+" VALUES (1)",
			"SELECT * FROM "+table,
			"UPDATE "+table+" SET a = 2", "DELETE FROM "+table) {
			return "cannot be initialised"
		}
	}
	s.Exec(fmt.Sprintf("INSERT INTO %s.cluster_info (code, region, region_cn, cm_url, is_default_cm) VALUES (1, 'cn-test', '', 'x', 1)", cfg.RMDatabase),
		// the first is trimmed away
		fmt.Sprintf("INSERT INTO %s.heatbeat_sequence (id, gmt_created, gmt_modified) VALUES (1, NOW(), NOW()), (2, NOW(), NOW())", cfg.HeartbeatDatabase))
	j := backupJob(step, filepath.Join(t.TempDir(), "backup"))
	if _, err := j.Backup(t.Context()); err != nil {
		t.Logf("backup: %v", err)
		return "cannot be upgraded"
	}
	if _, err := j.Restore(t.Context(), cfg.RMDatabase); err != nil {
		t.Logf("restore: %v", err)
		return "cannot be upgraded"
	}
	if !run("CREATE DATABASE IF NOT EXISTS "+journal, "CREATE TABLE "+journal+".upgrades (a int)",
		"INSERT INTO "+journal+".upgrades VALUES (1)", "UPDATE "+journal+".upgrades SET a = 2",
		"SELECT * FROM "+journal+".upgrades") {
		return "cannot be upgraded"
	}
	// What an upgrade of such a MetaDB asks of the account.
	s.Exec("DROP DATABASE "+journal, "REPLACE INTO "+cfg.RMDatabase+".oms_version (version) VALUES ('4.2.2-CE')",
		"DELETE FROM "+cfg.RMDatabase+".oms_version WHERE version <> '4.2.2-CE'")
	plan, err := w.flow().PlanUpgrade(t.Context(), upgrade.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range plan.Objections {
		if !o.Warning && (strings.HasPrefix(o.ID, "backup.") || o.ID == "upgrade.journal") {
			t.Logf("upgrade: %s: %s", o.ID, o.Message)
			return "cannot be upgraded"
		}
	}
	return "works"
}
