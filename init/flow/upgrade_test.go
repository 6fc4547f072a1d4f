package flow

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/check"
	"omsinit/init/upgrade"
	"omsinit/testdata/testmaria"
)

// TestNothingToUpgrade: a container with IS_UPGRADE=true goes through its own steps at every later start.
func TestNothingToUpgrade(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	for name, start := range map[string]func() error{
		"IS_UPGRADE":    func() error { w.given.IsUpgrade = "true"; return w.flow().Init(t.Context(), Steps{}) },
		"upgrade apply": func() error { w.given.IsUpgrade = ""; return w.flow().Upgrade(t.Context(), upgrade.Options{}) },
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.pid1.forget()
			if err := start(); err != nil {
				t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
			}
			w.said("the MetaDB belongs to 4.2.3-CE: there is nothing to upgrade")
			want := []string{"Step 1", "Step 2", "Step 3", "Step 4", "Step 5", "Completed"}
			if diff := cmp.Diff(want, banners(w.out.String())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if told := w.pid1.told(); len(told) != 6 || told[5] != "done" {
				t.Errorf("PID 1 was told %v", told)
			}
			if strings.Contains(w.out.String(), "must be restarted") {
				t.Errorf("step 4 is among them:\n%s", &w.out)
			}
		})
	}
	w.t = t
	// Some steps are what they are, whatever IS_UPGRADE says.
	w.given.IsUpgrade = "true"
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"metadb"}}); err != nil ||
		strings.Contains(w.out.String(), "nothing to upgrade") {
		t.Errorf("%v\n%s", err, &w.out)
	}
}

// TestUpgradeNeedsPID1: programs must be stopped, so somebody must supervise them.
func TestUpgradeNeedsPID1(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	w.pid1.stop()
	err := w.flow().Upgrade(t.Context(), upgrade.Options{})
	if err == nil || !Printed(err) || !strings.Contains(err.Error(), "start `omsinit run` first") {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(banners(w.out.String()), ", "); got != "Step 1" {
		t.Errorf("steps %s", got)
	}
}

// TestUpgradeRefused: a release from which there is no way is found by the gates, in step 1 and by the plan, and
// nothing is touched.
func TestUpgradeRefused(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.initialise()
	db.Exec("UPDATE oms_rm.oms_version SET version = '3.1.0-CE'")
	w.write(w.layout.InitFlag(), "") // a new container
	before := checksums(t, db)
	err := w.flow().Upgrade(t.Context(), upgrade.Options{})
	var failed *check.FailedError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "3.1.0-CE") {
		t.Errorf("got %v", err)
	}
	plan, err := w.flow().PlanUpgrade(t.Context(), upgrade.Options{})
	if err != nil || !plan.Refused() {
		t.Errorf("the plan: %+v, %v", plan, err)
	}
	if checksums(t, db) != before || len(w.pid1.asked()) > 0 {
		t.Error("something was touched")
	}
	// Without an upgrade the same MetaDB is refused by the gate of releases.
	if err := w.flow().Init(t.Context(), Steps{}); !errors.As(err, &failed) ||
		!strings.Contains(err.Error(), "3.1.0-CE") {
		t.Errorf("init: %v", err)
	}
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"metadb"}}); err == nil ||
		!strings.Contains(err.Error(), "3.1.0-CE") {
		t.Errorf("step 2 alone: %v", err)
	}
}

// TestPlanUpgradeIgnores: findings that are ignored do not refuse an upgrade; the IDs must be right.
func TestPlanUpgradeIgnores(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	var usage *UsageError
	if _, err := w.with(Options{Ignore: []string{"no.such"}}).PlanUpgrade(t.Context(),
		upgrade.Options{}); !errors.As(err, &usage) {
		t.Errorf("got %v", err)
	}
	w.values["cm_location"] = "many"
	w.writeConfig()
	var failed *check.FailedError
	if _, err := w.flow().PlanUpgrade(t.Context(), upgrade.Options{}); !errors.As(err, &failed) ||
		!strings.Contains(err.Error(), "cm_location") {
		t.Errorf("a config.yaml with errors is a gate that is shut: %v", err)
	}
	if _, err := w.flow().Upgrader(upgrade.Options{}); errors.As(err, &failed) || err == nil {
		t.Errorf("for the backups it is an error like any other: %v", err)
	}
}

// TestRollBackNothing: where no upgrade was done there is nothing to undo, and the init log keeps that too.
func TestRollBackNothing(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	err := w.flow().RollBack(t.Context(), upgrade.Rollback{}, 0)
	if err == nil || !Printed(err) {
		t.Fatalf("got %v", err)
	}
	w.failed("omsinit: " + err.Error())
	contains(t, "the init log", w.read(w.layout.LogDir()+"/docker_init.log.2026-01-04.10:42:11"), err.Error())
	if told := w.pid1.told(); len(told) > 0 {
		t.Errorf("PID 1 was told %v", told)
	}
}

// TestUpgraderKnowsTheNode: the upgrade works with the snapshot, and with what it was told.
func TestUpgraderKnowsTheNode(t *testing.T) {
	w := newWorld(t, nil)
	o := upgrade.Options{From: "4.2.2-CE", Keep: 7, Heartbeats: []string{"oms_hb2"}}
	u, err := w.flow().Upgrader(o)
	if err != nil || u.From != o.From || u.Keep != 7 || len(u.Heartbeats) != 1 {
		t.Fatalf("%+v, %v", u, err)
	}
	if u.Node != "127.0.0.1" || u.Tool != "test" || u.ConfigFile != w.layout.ConfigFile() ||
		string(u.ConfigText) != w.read(u.ConfigFile) {
		t.Errorf("%+v", u)
	}
	if running, err := u.Programs.Running(t.Context(), []string{"nginx"}); err != nil || len(running) > 0 {
		t.Errorf("%v, %v", running, err)
	}
	w.pid1.programs[0].PID = 5
	if running, err := u.Programs.Running(t.Context(), []string{"nginx", "oms_console"}); err != nil ||
		strings.Join(running, " ") != "nginx" {
		t.Errorf("%v, %v", running, err)
	}
	if err := u.Programs.Stop(t.Context(), []string{"nginx"}); err != nil ||
		strings.Join(w.pid1.asked(), " ") != "stop nginx" {
		t.Errorf("%v, %v", err, w.pid1.asked())
	}
	w.pid1.stop()
	if running, err := u.Programs.Running(t.Context(), []string{"nginx"}); err != nil || len(running) > 0 {
		t.Errorf("nobody supervises, so nothing runs: %v, %v", running, err)
	}
}
