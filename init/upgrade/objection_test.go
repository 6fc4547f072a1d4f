package upgrade

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"omsinit/init/metadb"
	"omsinit/internal/finding"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

func objectionIDs(list []finding.Finding) string {
	var out []string
	for _, o := range list {
		id := o.ID
		if o.Severity == finding.Warning {
			id += "(warning)"
		}
		out = append(out, id)
	}
	return strings.Join(out, " ")
}

func TestObjections(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.2.2-CE", 0)
	p := packAt(t, "4.2.3-CE")
	for _, tc := range []struct {
		name, want, says string
		change           func(u *Upgrade) (undo []string)
	}{
		{"ready", "", "", func(*Upgrade) []string { return nil }},
		{"high availability", "upgrade.ha", "--auto-ha", func(*Upgrade) []string {
			s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '{\"enable\":true}'")
			return []string{"UPDATE oms_rm.oms_normal_config SET cfg_value = '" + ha.Default + "'"}
		}},
		{"high availability that is taken care of", "", "", func(u *Upgrade) []string {
			u.AutoHA = true
			s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '{\"enable\":true}'")
			return []string{"UPDATE oms_rm.oms_normal_config SET cfg_value = '" + ha.Default + "'"}
		}},
		{"a node that runs", "upgrade.node-alive", "OMS still runs on 10.0.0.2", func(*Upgrade) []string {
			s.Exec("INSERT INTO oms_hb.heart_beat (task_type, task_name, host_ip, gmt_modified) VALUES ('HOST', 'supervisor', '10.0.0.2', NOW())")
			return []string{"DELETE FROM oms_hb.heart_beat WHERE host_ip = '10.0.0.2'"}
		}},
		{"the programs of this node", "", "", func(*Upgrade) []string {
			s.Exec("INSERT INTO oms_hb.heart_beat (task_type, task_name, host_ip, gmt_modified) VALUES ('HOST', 'x', '10.0.0.1', NOW())", "UPDATE oms_hb.heart_beat SET gmt_modified = NOW() WHERE host_ip = '10.0.0.1'")
			return []string{"DELETE FROM oms_hb.heart_beat WHERE task_name = 'x'",
				"UPDATE oms_hb.heart_beat SET gmt_modified = '2024-01-01'"}
		}},
		{"a project that runs", "upgrade.busy(warning)", "RUNNING: first", func(*Upgrade) []string {
			s.Exec("UPDATE oms_rm.oms_project SET project_status = 'RUNNING' WHERE id = 1")
			return []string{"UPDATE oms_rm.oms_project SET project_status = 'FINISHED' WHERE id = 1"}
		}},
		{"other mounts", "upgrade.mounts", "the same three mounts", func(u *Upgrade) []string {
			if err := os.Remove(u.Layout.LogDir() + "/oms_console_stdout.log"); err != nil {
				t.Fatal(err)
			}
			return nil
		}},
		{"a view whose table is gone", "backup.restore", "view broken", func(*Upgrade) []string {
			s.Exec("CREATE TABLE oms_cm.f (a float)", "CREATE VIEW oms_cm.broken AS SELECT a FROM oms_cm.f",
				"DROP TABLE oms_cm.f")
			return []string{"DROP VIEW oms_cm.broken"}
		}},
		{"a region whose heartbeats are not known", "upgrade.databases", "--heartbeat-db", func(*Upgrade) []string {
			s.Exec("INSERT INTO oms_rm.cluster_info (region, region_cn, cm_url, code) VALUES ('b', 'b', 'u', 2)")
			return []string{"DELETE FROM oms_rm.cluster_info WHERE code = 2"}
		}},
		{"a table that is missing", "upgrade.schema", "cannot be brought to", func(*Upgrade) []string {
			s.Exec("RENAME TABLE oms_cm.host TO oms_cm.gone",
				"CREATE TABLE oms_cm.omsinit_journal LIKE oms_rm.omsinit_journal")
			return []string{"RENAME TABLE oms_cm.gone TO oms_cm.host", "DROP TABLE oms_cm.omsinit_journal"}
		}},
		{"a downgrade", "upgrade.route", "a downgrade is not an upgrade", func(*Upgrade) []string {
			s.Exec("INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.11-CE')")
			return []string{"DELETE FROM oms_rm.oms_version WHERE version = '4.2.11-CE'"}
		}},
		{"the same release, in another spelling", "", "", func(*Upgrade) []string {
			s.Exec("INSERT INTO oms_rm.oms_version (version) VALUES ('feature_4.2.3_ce')")
			return []string{"DELETE FROM oms_rm.oms_version WHERE version = 'feature_4.2.3_ce'"}
		}},
		{"another edition", "upgrade.route", "another edition", func(*Upgrade) []string {
			s.Exec("UPDATE oms_rm.oms_version SET version = '4.2.2-EE'")
			return []string{"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"}
		}},
		{"a stop before", "upgrade.route", "go to 4.1.0-CE first (the whole way: 4.0.0-CE -> 4.1.0-CE -> 4.2.3-CE)",
			func(*Upgrade) []string {
				s.Exec("UPDATE oms_rm.oms_version SET version = '4.0.0-CE'")
				return []string{"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"}
			}},
		{"no way", "upgrade.route", "no way is known", func(*Upgrade) []string {
			s.Exec("UPDATE oms_rm.oms_version SET version = '2.2.0_beta'")
			return []string{"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"}
		}},
		{"nothing recorded", "upgrade.version", "Version before 4.1.1 is not allowed to upgrade.",
			func(*Upgrade) []string {
				s.Exec("DELETE FROM oms_rm.oms_version")
				return []string{"INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.2-CE')"}
			}},
		{"nothing recorded, and stated", "", "", func(u *Upgrade) []string {
			u.From = "4.1.0-CE"
			s.Exec("DELETE FROM oms_rm.oms_version")
			return []string{"INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.2-CE')"}
		}},
		{"no schema file", "upgrade.schema", "the pack has no schema file", func(u *Upgrade) []string {
			other := *u.Pack
			other.Release = "4.2.4-CE"
			other.Upgrade.Routes = append([]pack.Route{{Edition: "CE", To: "4.2.4", From: []string{"4.2.2"}}},
				other.Upgrade.Routes...)
			u.Pack = &other
			return nil
		}},
		{"a step by hand", "upgrade.manual", "correction-jar", func(u *Upgrade) []string {
			other := *u.Pack
			other.Upgrade.Routes = []pack.Route{{Edition: "CE", To: "4.2.3", From: []string{">=3.2.1 <4.2.3"},
				Requires: "correction-jar"}}
			u.Pack = &other
			return nil
		}},
		{"two steps by hand, of which one was done", "upgrade.manual", "--confirm no-oblogproxy-task",
			func(u *Upgrade) []string {
				other := *u.Pack
				other.Upgrade.Routes = []pack.Route{{Edition: "CE", To: "4.2.3", From: []string{"4.2.2"},
					Requires: "no-oblogproxy-task ddl-sync-dbtype"}}
				u.Pack, u.Confirmed = &other, []string{"ddl-sync-dbtype"}
				return nil
			}},
		{"a step by hand that was done", "", "", func(u *Upgrade) []string {
			other := *u.Pack
			other.Upgrade.Routes = []pack.Route{{Edition: "CE", To: "4.2.3", From: []string{">=3.2.1 <4.2.3"},
				Requires: "correction-jar"}}
			u.Pack, u.Confirmed = &other, []string{"correction-jar"}
			return nil
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if strings.Contains(tc.name, "missing") {
				// A journal that says that the table was made.
				copied := installed(t, s, "copied", "4.1.1-CE", 0)
				if _, err := (&metadb.Step{Config: copied, Pack: p}).Apply(t.Context()); err != nil {
					t.Fatal(err)
				}
				s.Exec("CREATE TABLE oms_rm.omsinit_journal LIKE copied_rm.omsinit_journal")
				defer s.Exec("DROP TABLE oms_rm.omsinit_journal")
				defer dropAll(s, copied)
			}
			u := nodeFor(t, c, p, "10.0.0.1")
			undo := tc.change(u)
			if strings.Contains(tc.name, "missing") {
				s.Exec("INSERT INTO oms_cm.omsinit_journal SELECT * FROM copied_cm.omsinit_journal WHERE version = '4.1.1-CE'")
			}
			defer s.Exec(undo...)
			got, err := u.Objections(t.Context())
			if err != nil || objectionIDs(got) != tc.want {
				t.Fatalf("%v, %v, want %s", got, err, tc.want)
			}
			if tc.says != "" && !strings.Contains(got[0].Message.String()+got[0].Fix.String(), tc.says) {
				t.Errorf("it does not say %q: %v; %v", tc.says, got[0].Message, got[0].Fix)
			}
			plan, err := u.Plan(t.Context(), nil, func(id string) bool { return id == "upgrade.mounts" })
			if err != nil {
				t.Fatal(err)
			}
			for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
				var b bytes.Buffer
				if err := plan.Print(&b, lang); err != nil || b.Len() == 0 || strings.Contains(b.String(), "%!") {
					t.Errorf("%s, %v", b.String(), err)
				}
			}
			if data, err := json.Marshal(plan); err != nil || strings.Contains(string(data), "null") {
				t.Errorf("%s, %v", data, err)
			}
		})
	}
	if s := (&Upgrade{Options: Options{From: "latest"}}); s.origin(&survey{}) == nil {
		t.Error("--from-version=latest is taken")
	}
}
