package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// What was written between a run that was cut and the next one is not lost: the
// next one takes a backup of its own, and where the databases were changed
// already, the old backup is not restored without being asked.
func TestWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	for i, point := range []string{"after " + stageFiles, "after " + stageAdopt} {
		t.Run(point, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("w", i), "4.1.1-CE", 40)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			o := orderFor(c, dir, u.Layout.Root(), "10.0.0.1")
			o.DieAt = point
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			// Somebody starts the old container, which works for a while.
			s.Exec("UPDATE "+c.RMDatabase+".oms_project SET project_status = 'new work'",
				"UPDATE "+c.HeartbeatDatabase+".heart_beat SET gmt_modified = NOW() + INTERVAL 1 SECOND")
			old := contents(t, s, c)
			u.fault = func(at string) error {
				if at == "after "+stageSchema {
					return errors.New("an error of the test")
				}
				return nil
			}
			if due, err := drive(t.Context(), u); !due || err == nil {
				t.Fatal(due, err)
			}
			if i == 0 {
				if d := cmp.Diff(old, contents(t, s, c)); d != "" {
					t.Error(d)
				}
				return
			}
			if r := newestRecord(t, s, c); r.State != Failed {
				t.Errorf("%+v", r)
			}
			if got, err := database.Column(t.Context(), s.DB(""), "SELECT DISTINCT project_status FROM "+c.RMDatabase+
				".oms_project"); err != nil || len(got) != 1 || got[0] != "new work" {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// OMS has run for days, and only the end of its upgrade is missing: when the
// run that makes up for it fails at a step before, nothing is undone.
func TestUsedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	for i, point := range []string{"after " + StageStart, "before " + stageHAOn} {
		t.Run(point, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("u", i), "4.1.1-CE", 40)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			o := orderFor(c, dir, u.Layout.Root(), "10.0.0.1")
			o.DieAt = point
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			s.Exec("INSERT INTO "+c.RMDatabase+
				".oms_project (project_name, project_status) VALUES ('of the new release', 'RUNNING')",
				"UPDATE "+c.HeartbeatDatabase+".heart_beat SET gmt_modified = NOW() + INTERVAL 1 SECOND")
			used := contents(t, s, c)
			u.Unattended = true
			u.fault = func(at string) error {
				if at == "before "+StageComponents {
					return errors.New("an error of the test")
				}
				return nil
			}
			if due, err := drive(t.Context(), u); !due || err == nil {
				t.Fatal(due, err)
			}
			if d := cmp.Diff(used, contents(t, s, c)); d != "" {
				t.Error(d)
			}
			u.fault, u.Unattended = nil, false
			if due, err := drive(t.Context(), u); !due || err != nil {
				t.Fatal(due, err)
			}
			if d := cmp.Diff(used, contents(t, s, c)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Before a run goes on it is asked again what may have changed since it was
// cut: an old container that runs again, and high availability that is on.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	for i, tc := range []struct{ point, want string }{
		{"after " + stageBackup, "upgrade.node-alive upgrade.ha"},
		{"after " + stageAdopt, "upgrade.node-alive"},
		{"before " + StageStart, ""}, // the new release
	} {
		t.Run(tc.point, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("q", i), "4.1.1-CE", 4)
			u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			u.Programs = &idle{}
			o := orderFor(c, dir, u.Layout.Root(), "10.0.0.1")
			o.DieAt = tc.point
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			ids := func() string {
				t.Helper()
				list, err := u.Objections(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var out []string
				for _, o := range list {
					out = append(out, o.ID)
				}
				return strings.Join(out, " ")
			}
			if got := ids(); got != "" {
				t.Errorf("as it was cut: %s", got)
			}
			s.Exec("UPDATE "+c.HeartbeatDatabase+".heart_beat SET gmt_modified = NOW()",
				"UPDATE "+c.RMDatabase+
					".oms_normal_config SET cfg_value = '{\"enable\":true}' WHERE cfg_name = 'ha.config'")
			if got := ids(); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// An old container that is started while the backup is made ends the upgrade
// before its first change, also when it leaves the number of rows as it is.
func TestStartedDuringTheBackup(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 4)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	u.fault = func(at string) error {
		if at == "after "+stageBackup {
			s.Exec("UPDATE oms_rm.oms_project SET project_status = 'new work'",
				"UPDATE oms_hb.heart_beat SET gmt_modified = NOW()")
		}
		return nil
	}
	if due, err := drive(t.Context(), u); !due || err == nil ||
		!strings.Contains(err.Error(), "OMS was started on 10.0.0.1") {
		t.Error(due, err)
	}
	if r := newestRecord(t, s, c); r.State != Abandoned {
		t.Errorf("%+v", r)
	}
}

// An attempt that changed nothing does not bar the way back of the upgrade
// before, and an upgrade that was undone is not done again by itself.
func TestAbandonedAfterUpgrade(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 4)
	old := contents(t, s, c)
	first := nodeFor(t, c, packAt(t, "4.2.0-CE"), "10.0.0.1")
	if due, err := drive(t.Context(), first); !due || err != nil {
		t.Fatal(due, err)
	}
	way := newestRecord(t, s, c).Backup
	next := upgradeIn(first.Layout.Root(), c, packAt(t, "4.2.1-CE"), "10.0.0.1")
	next.Keep = 1
	next.fault = func(at string) error {
		if at == "after "+stageBackup {
			return errors.New("an error of the test")
		}
		return nil
	}
	if due, err := drive(t.Context(), next); !due || err == nil {
		t.Fatal(due, err)
	}
	if _, _, err := next.TakeBackup(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if list, err := next.Backups(t.Context()); err != nil || len(list.Backups) != 2 || !exists(way) {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := first.RollBack(t.Context(), Rollback{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	first.Unattended = true
	if due, err := drive(t.Context(), first); due || err == nil ||
		!strings.Contains(err.Error(), "ended with rolled-back") {
		t.Error(due, err)
	}
}

// A restore was cut, and somebody started the old container: what that has
// written is not lost without being asked.
func TestUsedAfterCutRestore(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 4)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	o := orderFor(c, packDir(t, "4.2.3-CE"), u.Layout.Root(), "10.0.0.1")
	o.DieAt, o.RollBack = "after "+stageRestore, true
	if out, err := command(o).CombinedOutput(); !killed(err) {
		t.Fatalf("%v\n%s", err, out)
	}
	// Later by more than a node counts as running.
	s.Exec("UPDATE oms_rm_omsinit_upgrade.stages SET started_at = started_at - INTERVAL 10 MINUTE",
		"UPDATE oms_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE",
		"UPDATE oms_rm.oms_project SET project_status = 'new work'")
	used := contents(t, s, c)
	for _, unattended := range []bool{true, false} {
		u.Unattended = unattended
		_, err := drive(t.Context(), u)
		if refused := (*RefusedError)(nil); !errors.As(err, &refused) ||
			!strings.Contains(err.Error(), "OMS has run at") {
			t.Errorf("%v", err)
		}
	}
	if _, err := u.RollBack(t.Context(), Rollback{}); err == nil || !strings.Contains(err.Error(), "--accept-loss") {
		t.Errorf("%v", err)
	}
	if d := cmp.Diff(used, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	if _, err := u.RollBack(t.Context(), Rollback{AcceptLoss: true}); err != nil {
		t.Error(err)
	}
}

// idle is a node on which no program runs.
type idle struct{ programs }

func (*idle) Running(context.Context, []string) ([]string, error) { return nil, nil }

// TestOthersRun: nodes that are upgraded in place are so one after the other, and write meanwhile.
func TestOthersRun(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 4)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	write := func() {
		s.Exec("DELETE FROM oms_hb.heart_beat WHERE host_ip = '10.0.0.2'",
			"INSERT INTO oms_hb.heart_beat (task_type, task_name, host_ip, gmt_created, gmt_modified) VALUES ('supervisor', 'supervisor', '10.0.0.2', NOW(), NOW())",
			"INSERT INTO oms_hb.heatbeat_sequence (gmt_created, gmt_modified) VALUES (NOW(), NOW())")
	}
	write()
	for _, u.OthersRun = range []bool{false, true} {
		objections, err := u.Objections(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		alive := slices.IndexFunc(objections, func(f finding.Finding) bool { return f.ID == "upgrade.node-alive" })
		if alive < 0 || (objections[alive].Severity == finding.Warning) != u.OthersRun {
			t.Fatalf("others run %v: %+v", u.OthersRun, objections)
		}
	}
	u.fault = func(string) error { write(); return nil }
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	if r := newestRecord(t, s, c); r.State != Done {
		t.Errorf("%+v", r)
	}
}
