package flow

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"omsinit/check"
	"omsinit/init/upgrade"
	"omsinit/testdata/testmaria"
)

// TestPlanIsWhatApplyDoes: whatever stands against an upgrade, the plan refuses for the same reasons as the upgrade
// itself, which then has changed nothing.
func TestPlanIsWhatApplyDoes(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.initialise()
	w.write(w.layout.LogDir()+"/cm/log", "of the old release")
	db.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '{\"enable\":false}' WHERE cfg_name = 'ha.config'")
	old := func() {
		db.Exec("DELETE FROM oms_rm.oms_version", "INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.2-CE')",
			"DROP DATABASE IF EXISTS oms_rm_omsinit_upgrade", "DELETE FROM oms_hb.heart_beat")
	}
	values := func(key, value string) func() func() {
		return func() func() {
			before, was := w.values[key]
			w.values[key] = value
			w.writeConfig()
			return func() {
				if w.values[key] = before; !was {
					delete(w.values, key)
				}
				w.writeConfig()
			}
		}
	}
	sql := func(do, undo string) func() func() {
		return func() func() { db.Exec(do); return func() { db.Exec(undo) } }
	}
	account := func(grants ...string) func() func() {
		return func() func() {
			db.Exec("CREATE USER narrow@'%' IDENTIFIED BY 'narrow'")
			for _, g := range grants {
				db.Exec("GRANT ALL ON `" + g + "`.* TO narrow@'%'")
			}
			user, password := values("oms_meta_user", "narrow")(), values("oms_meta_password", "narrow")()
			return func() { user(); password(); db.Exec("DROP USER narrow@'%'") }
		}
	}
	for _, tc := range []struct {
		name  string
		set   func() (undo func())
		given upgrade.Options
		want  string // an ID among the errors; "" is no error
	}{
		{name: "high availability", set: sql(
			"UPDATE oms_rm.oms_normal_config SET cfg_value = '{\"enable\":true}' WHERE cfg_name = 'ha.config'",
			"UPDATE oms_rm.oms_normal_config SET cfg_value = '{\"enable\":false}' WHERE cfg_name = 'ha.config'"),
			want: "upgrade.ha"},
		{name: "a node that runs", set: sql("INSERT INTO oms_hb.heart_beat (task_type, task_name, host_ip, gmt_modified) VALUES ('HOST', 'supervisor', '10.0.0.2', NOW())", "DELETE FROM oms_hb.heart_beat"), want: "upgrade.node-alive"},
		{name: "no route", set: sql("UPDATE oms_rm.oms_version SET version = '3.1.0-CE'",
			"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"), want: "upgrade.route"},
		{name: "a stop before", set: sql("UPDATE oms_rm.oms_version SET version = '4.2.1-CE'",
			"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"), want: "upgrade.route"},
		{name: "no release on record", set: sql("DELETE FROM oms_rm.oms_version",
			"INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.2-CE')"), want: "upgrade.version"},
		{name: "an unknown region", set: sql(
			"INSERT INTO oms_rm.cluster_info (region, region_cn, cm_url, code) VALUES ('b', 'b', 'http://b', 9)",
			"DELETE FROM oms_rm.cluster_info WHERE code = 9"), want: "upgrade.databases"},
		{name: "a view that cannot be made again", set: func() func() {
			db.Exec("CREATE TABLE oms_cm.gone (a int)", "CREATE VIEW oms_cm.broken AS SELECT a FROM oms_cm.gone",
				"DROP TABLE oms_cm.gone")
			return func() { db.Exec("DROP VIEW oms_cm.broken") }
		}, want: "backup.restore"},
		{name: "other mounts", set: func() func() {
			if err := os.RemoveAll(w.layout.LogDir()); err != nil {
				t.Fatal(err)
			}
			return func() { w.write(w.layout.LogDir()+"/cm/log", "of the old release") }
		}, want: "upgrade.mounts"},
		{name: "a port that is taken", set: func() func() {
			l, err := net.Listen("tcp", "0.0.0.0:"+w.values["nginx_server_port"])
			if err != nil {
				t.Fatal(err)
			}
			return func() { l.Close() }
		}, want: "port.in-use"},
		{name: "a certificate that is broken", set: func() func() {
			for _, name := range []string{"oms_server.crt", "oms_server.key"} {
				w.write(w.layout.Path("/etc/pki/nginx/"+name), "none")
			}
			return func() { os.RemoveAll(w.layout.Path("/etc/pki/nginx")) }
		}},
		{name: "a MetaDB that is away", set: values("oms_meta_port", "1"), want: "metadb.connect"},
		{name: "a wrong password", set: values("oms_meta_password", "wrong"), want: "metadb.login"},
		{name: "an account without the journal", set: account("oms_rm", "oms_cm", "oms_hb", "oms_rm_omsinit_restore",
			"oms_cm_omsinit_restore", "oms_hb_omsinit_restore"), want: "upgrade.journal"},
		{name: "unfinished, of another release", set: func() func() {
			db.Exec(journalled("4.2.2-CE", "4.2.6-CE", "running", "schema")...)
			return old
		}, want: "upgrade.unfinished"},
		{name: "a restore that was cut, on another node", set: func() func() {
			db.Exec(journalled("4.2.2-CE", "4.2.3-CE", "restoring", "schema")...)
			return old
		}, want: "upgrade.elsewhere"},
		{name: "nobody supervises",
			set:  func() func() { w.pid1.stop(); return func() { w.pid1 = newPID1(t, w.layout.ControlSocket()) } },
			want: "upgrade.unsupervised"},
		{name: "nothing", set: func() func() { return func() {} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t = t
			old()
			undo := tc.set()
			defer undo()
			plan, planErr := w.flow().PlanUpgrade(t.Context(), tc.given)
			var planned []string
			if plan != nil {
				for _, o := range plan.Objections {
					if !o.Warning {
						planned = append(planned, o.ID)
					}
				}
			}
			var failed *check.FailedError
			if errors.As(planErr, &failed) {
				planned = ids(failed)
			}
			before := ""
			if tc.want != "" && !strings.HasPrefix(tc.want, "metadb.") {
				before = checksums(t, db)
			}
			err := w.flow().Upgrade(t.Context(), tc.given)
			var applied []string
			if failed = nil; errors.As(err, &failed) {
				applied = ids(failed)
			}
			refusedPlan := planErr != nil || plan.Refused()
			if refusedPlan != (err != nil) {
				t.Errorf("the plan: %v %v; the upgrade: %v", planned, planErr, err)
			}
			if tc.want != "" && planErr == nil && !slices.Contains(planned, tc.want) {
				t.Errorf("the plan refuses because of %v, want %s", planned, tc.want)
			}
			if len(applied) > 0 && planErr == nil {
				slices.Sort(planned)
				slices.Sort(applied)
				if fmt.Sprint(slices.Compact(planned)) != fmt.Sprint(slices.Compact(applied)) {
					t.Errorf("the plan names %v, the upgrade %v", planned, applied)
				}
			}
			if before != "" && checksums(t, db) != before {
				t.Error("a refused upgrade has changed something")
			}
		})
	}
	w.t = t
}

func ids(e *check.FailedError) (list []string) {
	for _, f := range e.Findings {
		list = append(list, f.ID)
	}
	return list
}
