package flow

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/init/dialogue"
	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// TestTryMetaDB: what config new learns of a MetaDB: empty, with OMS in it, with other tables, and away.
func TestTryMetaDB(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	cfg, err := w.flow().Config()
	if err != nil {
		t.Fatal(err)
	}
	try := func(want dialogue.Found) {
		t.Helper()
		found, err := TryMetaDB(t.Context(), cfg)
		if diff := cmp.Diff(want, found); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	try(dialogue.Found{})
	w.initialise()
	databases := []string{cfg.RMDatabase, cfg.CMDatabase, cfg.HeartbeatDatabase}
	try(dialogue.Found{Databases: databases, Regions: []string{"1 cn-test"}, Locations: []int{1}, HasDefault: true})
	db.Exec("DROP TABLE " + cfg.RMDatabase + ".cluster_info")
	try(dialogue.Found{Databases: databases})
	db.Stop()
	if _, err := TryMetaDB(t.Context(), cfg); !finding.IsTransient(err) {
		t.Errorf("%v", err)
	}
}
