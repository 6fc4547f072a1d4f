package flow

import (
	"slices"
	"strings"
	"testing"

	"omsinit/init/upgrade"
	"omsinit/testdata/testmaria"
)

// runAll makes the programs of PID 1 run.
func (p *pid1) runAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.programs {
		p.programs[i].PID, p.programs[i].Ready = 1<<30, true
	}
}

func (p *pid1) running() (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, program := range p.programs {
		if program.PID != 0 {
			names = append(names, program.Name)
		}
	}
	return names
}

// journalled are the statements of a journal of upgrades with one record.
func journalled(from, to, state, stage string) []string {
	return []string{"CREATE DATABASE oms_rm_omsinit_upgrade",
		"CREATE TABLE oms_rm_omsinit_upgrade.upgrades (id int primary key, from_version text, to_version text, state text, stage text, node text, backup text, backup_made text, ha text, outage_since text, marks text, error text, tool text, started_at datetime, finished_at datetime)",
		"INSERT INTO oms_rm_omsinit_upgrade.upgrades VALUES (1, '" + from + "', '" + to + "', '" + state + "', '" +
			stage + "', '10.0.0.9', '/b', '', NULL, '', NULL, NULL, '', NOW(), NULL)"}
}

// TestStandDown: a node whose MetaDB belongs to another release than the node ran last stops what PID 1 has started at
// once, and no longer counts as initialised. A MetaDB that is away stops nothing.
func TestStandDown(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	unfinished := func(state, stage string) []string { return journalled("4.2.3-CE", "4.2.6-CE", state, stage) }
	for _, tc := range []struct {
		name      string
		isUpgrade string
		sql       []string
		away      bool
		stops     bool
	}{
		{name: "the same release"},
		{name: "rolled back", sql: []string{"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"}, stops: true},
		{name: "rolled back, IS_UPGRADE left set", isUpgrade: "true", stops: true,
			sql: append(journalled("4.2.2-CE", "4.2.3-CE", "rolled-back", "ha-on"),
				"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'")},
		{name: "upgraded by another node",
			sql: []string{"INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.6-CE')"}, stops: true},
		{name: "being upgraded", sql: unfinished("running", "schema"), stops: true},
		{name: "being restored", sql: unfinished("restoring", "verify"), stops: true},
		{name: "an upgrade that had changed nothing", sql: unfinished("running", "backup")},
		{name: "away", away: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t, w.given.IsUpgrade = t, ""
			db.Exec("DROP DATABASE IF EXISTS oms_rm_omsinit_upgrade")
			if tc.name != "the same release" {
				db.Exec("DELETE FROM oms_rm.oms_version",
					"INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.3-CE')")
			}
			w.initialise()
			w.pid1.runAll()
			db.Exec(tc.sql...)
			w.given.IsUpgrade = tc.isUpgrade
			if tc.away {
				w.values["oms_meta_port"] = "1"
				w.writeConfig()
			}
			err := w.flow().Init(t.Context(), Steps{})
			if stopped := len(w.pid1.running()) == 0; stopped != tc.stops || initialised(w.layout) == tc.stops {
				t.Errorf("running %v, initialised %v, %v", w.pid1.running(), initialised(w.layout), err)
			}
			told := w.pid1.told()
			if tc.stops && (err == nil || !strings.HasPrefix(told[len(told)-1], "failed")) {
				t.Errorf("%v, PID 1 was told %v", err, told)
			}
		})
	}
}

// TestStandDownThenUpgrade: a node that was stopped because of the release of its MetaDB, and upgrades it then, is not
// kept from that by its own last heartbeat.
func TestStandDownThenUpgrade(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.initialise()
	w.write(w.layout.LogDir()+"/cm/log", "of the old release")
	w.pid1.runAll()
	db.Exec("UPDATE oms_rm.oms_version SET version = '4.2.2-CE'",
		"INSERT INTO oms_hb.heart_beat (task_type, task_name, host_ip, gmt_modified) VALUES ('HOST', 'supervisor', '127.0.0.1', NOW())")
	if err := w.flow().Upgrade(t.Context(), upgrade.Options{}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if calls := w.pid1.asked(); !strings.HasPrefix(calls[0], "stop ") || len(w.pid1.running()) == 0 {
		t.Errorf("%v, running %v", calls, w.pid1.running())
	}
}

// TestUpgradeAuto: OMSINIT_UPGRADE=auto initialises an empty MetaDB, upgrades an older one, and starts as usual on its
// own release; without it an older one is refused.
func TestUpgradeAuto(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.given.UpgradeMode = autoMode
	w.initialise() // empty
	w.write(w.layout.LogDir()+"/cm/log", "of the old release")
	if err := w.flow().Init(t.Context(), Steps{}); err != nil ||
		strings.Contains(w.out.String(), "Upgrade the OMS MetaDB") {
		t.Fatalf("the same release: %v\n%s", err, &w.out)
	}
	older := func() {
		db.Exec("DELETE FROM oms_rm.oms_version", "INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.2-CE')",
			"DELETE FROM oms_hb.heart_beat")
		if err := recordOf(w.layout).remove(); err != nil { // a new container
			t.Fatal(err)
		}
		w.write(w.layout.InitFlag(), "")
	}
	older()
	w.given.UpgradeMode = ""
	if err := w.flow().Init(t.Context(), Steps{}); err == nil {
		t.Fatal("upgraded without being asked")
	}
	if told := w.pid1.told(); told[len(told)-1] != "failed 1" {
		t.Errorf("PID 1 was told %v", told)
	}
	// A gate that is shut: the node tries again by itself, for another node may upgrade.
	w.given.UpgradeMode = autoMode
	db.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '{\"enable\":true}' WHERE cfg_name = 'ha.config'")
	if err := w.flow().Init(t.Context(), Steps{}); err == nil {
		t.Fatal("upgraded although high availability is on")
	}
	if told := w.pid1.told(); told[len(told)-1] != "failed 1 transient" {
		t.Errorf("PID 1 was told %v", told)
	}
	db.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '{\"enable\":false}' WHERE cfg_name = 'ha.config'")
	w.pid1.forget()
	if err := w.flow().Init(t.Context(), Steps{}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if told := w.pid1.told(); told[len(told)-1] != "done" || !slices.Contains(banners(w.out.String()), "Completed") {
		t.Errorf("PID 1 was told %v\n%s", told, &w.out)
	}
	var recorded string
	if err := db.DB("").QueryRow("SELECT GROUP_CONCAT(version ORDER BY version) FROM oms_rm.oms_version").Scan(
		&recorded); err != nil || recorded != "4.2.2-CE,4.2.3-CE" {
		t.Errorf("recorded %s, %v", recorded, err)
	}
	older()
	w.given.UpgradeMode = "yes"
	if err := w.flow().Init(t.Context(), Steps{}); err == nil {
		t.Error("another value is taken for none")
	}
}
