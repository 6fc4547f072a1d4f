package flow

import (
	"slices"
	"testing"

	"omsinit/testdata/testmaria"
)

// TestWatch: a node that runs stops its programs when its MetaDB is put back to an earlier release, and is not called
// healthy while another node has upgraded the MetaDB, but runs on.
func TestWatch(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	journal := func(state, stage string) []string { return journalled("4.2.2-CE", "4.2.3-CE", state, stage) }
	for _, tc := range []struct {
		name           string
		sql            []string
		away, busy     bool
		auto           bool
		stops, reports bool
		ahead          bool
	}{
		{name: "the same release"},
		{name: "put back", sql: []string{"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"}, stops: true,
			reports: true},
		{name: "put back, OMSINIT_UPGRADE=auto", auto: true,
			sql: []string{"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"}, stops: true, reports: true},
		{name: "being put back", sql: journal("restoring", "verify"), stops: true, reports: true},
		{name: "upgraded by another node",
			sql: []string{"INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.6-CE')"}, reports: true, ahead: true},
		{name: "another node's upgrade is undone", sql: journalled("4.2.3-CE", "4.2.6-CE", "restoring", "verify"),
			reports: true, ahead: true},
		{name: "a run changes this node", busy: true,
			sql: []string{"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"}},
		{name: "away", away: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t, w.given.UpgradeMode = t, ""
			db.Exec("DROP DATABASE IF EXISTS oms_rm_omsinit_upgrade")
			if tc.name != "the same release" {
				db.Exec("DELETE FROM oms_rm.oms_version",
					"INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.3-CE')")
			}
			w.initialise()
			w.pid1.runAll()
			w.pid1.forget()
			db.Exec(tc.sql...)
			if tc.auto {
				w.given.UpgradeMode = autoMode
			}
			if tc.away {
				defer w.moveMetaDB("1")()
			}
			f := w.flow()
			if tc.busy {
				unlock, err := f.lock(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer unlock()
			}
			ahead, watch := tc.ahead, f.newWatch()
			if err := watch.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			if stopped := len(w.pid1.running()) == 0; stopped != tc.stops || initialised(w.layout) == tc.stops {
				t.Errorf("running %v, initialised %v", w.pid1.running(), initialised(w.layout))
			}
			var want []string
			if tc.reports {
				want = []string{"failed"}
			}
			if tc.auto {
				want = []string{"failed transient"}
			}
			if told := w.pid1.told(); !slices.Equal(told, want) || tc.reports && !w.pid1.reports[0].Withdrawn {
				t.Errorf("PID 1 was told %v", told)
			}
			if !ahead {
				return
			}
			// Nothing more is said, not even while nobody knows, until the MetaDB is that of this node again.
			back := w.moveMetaDB("1")
			_ = watch.Look(t.Context())
			back()
			_ = watch.Look(t.Context())
			if told := w.pid1.told(); !slices.Equal(told, want) {
				t.Errorf("PID 1 was told %v", told)
			}
			db.Exec("DROP DATABASE IF EXISTS oms_rm_omsinit_upgrade",
				"DELETE FROM oms_rm.oms_version WHERE version <> '4.2.3-CE'")
			_ = watch.Look(t.Context())
			if told := w.pid1.told(); !slices.Equal(told, []string{"failed", "done"}) {
				t.Errorf("PID 1 was told %v", told)
			}
		})
	}
}

// moveMetaDB writes another port of the MetaDB into config.yaml, until back is called.
func (w *world) moveMetaDB(port string) (back func()) {
	good := w.values["oms_meta_port"]
	w.values["oms_meta_port"] = port
	w.writeConfig()
	return func() { w.values["oms_meta_port"] = good; w.writeConfig() }
}
