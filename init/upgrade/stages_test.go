package upgrade

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/database"
	"omsinit/testdata/testmaria"
)

// From release to release, directly, and from one that records none: the end is
// the same, but for the releases on record.
func TestStepByStepAndDirectly(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	withoutVersions := func(contents []string) []string {
		return slices.DeleteFunc(contents, func(l string) bool { return strings.HasPrefix(l, "rm oms_version ") })
	}
	direct := installed(t, s, "direct", "4.1.1-CE", 40)
	if due, err := drive(t.Context(), nodeFor(t, direct, packAt(t, "4.2.3-CE"), "n")); !due || err != nil {
		t.Fatal(due, err)
	}
	want := withoutVersions(contents(t, s, direct))

	steps := installed(t, s, "steps", "4.1.1-CE", 40)
	for _, release := range []string{"4.2.0-CE", "4.2.1-CE", "4.2.2-CE", "4.2.3-CE"} {
		if due, err := drive(t.Context(), nodeFor(t, steps, packAt(t, release), "n")); !due || err != nil {
			t.Fatal(release, due, err)
		}
	}
	if d := cmp.Diff(want, withoutVersions(contents(t, s, steps))); d != "" {
		t.Error(d)
	}
	if versions, err := recordedVersions(t.Context(), s.DB(""), steps); err != nil || len(versions) != 5 {
		t.Errorf("%v, %v", versions, err)
	}

	unrecorded := installed(t, s, "unrecorded", "4.1.0-CE", 40)
	u := nodeFor(t, unrecorded, packAt(t, "4.2.3-CE"), "n")
	_, err := drive(t.Context(), u)
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) ||
		!strings.Contains(err.Error(), "Version before 4.1.1 is not allowed to upgrade.") {
		t.Fatalf("%v", err)
	}
	old := contents(t, s, unrecorded)
	u.From = "4.1.0-CE"
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	if versions, err := recordedVersions(t.Context(), s.DB(""), unrecorded); err != nil || len(versions) != 2 {
		t.Errorf("%v, %v", versions, err)
	}
	if _, err := u.RollBack(t.Context(), Rollback{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(old, contents(t, s, unrecorded)); d != "" {
		t.Error(d)
	}
}

// Two regions: the first one's upgrade takes care of the heartbeats of both, the
// second one finds all databases done.
func TestTwoRegions(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	p := packAt(t, "4.2.3-CE")
	first := installed(t, s, "oms", "4.1.1-CE", 40)
	second := *first
	second.HeartbeatDatabase, second.CMLocation = "oms_hb2", 2
	s.Exec("CREATE DATABASE oms_hb2", "CREATE TABLE oms_hb2.heart_beat LIKE oms_hb.heart_beat",
		"CREATE TABLE oms_hb2.heatbeat_sequence LIKE oms_hb.heatbeat_sequence",
		"INSERT INTO oms_hb2.heatbeat_sequence VALUES (5, NOW(), NOW())",
		"INSERT INTO oms_rm.cluster_info (region, region_cn, cm_url, code) VALUES ('b', 'b', 'u', 2)",
		"INSERT INTO oms_hb2.heart_beat (task_type, task_name, host_ip, gmt_modified) VALUES ('HOST', 'supervisor', '10.1.0.1', NOW())")
	u := nodeFor(t, first, p, "10.0.0.1")
	if list, err := u.Objections(t.Context()); err != nil || objectionIDs(list) != "upgrade.node-alive" {
		t.Errorf("the node of the other region: %v, %v", list, err)
	}
	s.Exec("UPDATE oms_hb2.heart_beat SET gmt_modified = '2024-01-01'")
	old := contents(t, s, &second)
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	if m, err := backup.Read(filepath.Dir(firstBackup(t, u))); err != nil || len(m.Databases) != 4 {
		t.Errorf("%+v, %v", m, err)
	}
	if due, err := drive(t.Context(), nodeFor(t, &second, p, "10.1.0.1")); due || err != nil {
		t.Error(due, err)
	}
	// Its own step 2 finds its database done.
	if r, err := (&metadb.Step{Config: &second, Pack: p}).Apply(t.Context()); err != nil || r.Changed() {
		t.Errorf("%+v, %v", r, err)
	}
	if zones, err := database.Column(t.Context(), s.DB("oms_hb2"), "SELECT zone FROM heart_beat"); err != nil ||
		len(zones) != 1 || zones[0] != "moved" {
		t.Errorf("%v, %v", zones, err)
	}
	if _, err := u.RollBack(t.Context(), Rollback{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(old, contents(t, s, &second)); d != "" {
		t.Error(d)
	}

	// The node that began dies at the first change, and its backup is out of
	// reach for the one that goes on.
	o := orderFor(first, packDir(t, "4.2.3-CE"), u.Layout.Root(), "10.0.0.1")
	o.DieAt = "before " + stageAdopt
	if out, err := command(o).CombinedOutput(); !killed(err) {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Rename(newestRecord(t, s, first).Backup, filepath.Join(t.TempDir(), "away")); err != nil {
		t.Fatal(err)
	}
	if due, err := drive(t.Context(), nodeFor(t, first, p, "10.0.0.2")); !due || err != nil {
		t.Fatal(due, err)
	}
	if zones, err := database.Column(t.Context(), s.DB("oms_hb2"), "SELECT zone FROM heart_beat"); err != nil ||
		len(zones) != 1 || zones[0] != "moved" {
		t.Errorf("%v, %v", zones, err)
	}
}
