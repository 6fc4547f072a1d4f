package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// The documented ways (oms-facts §7), in every spelling of a version.
func TestWays(t *testing.T) {
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ edition, from, to, want string }{
		{"CE", "4.2.2-CE", "4.2.3-CE", "4.2.3-CE"},
		{"CE", "feature_4.2.2_ce", "4.2.3-CE", "4.2.3-CE"},
		{"CE", "4.1.0-CE", "4.2.3-CE", "4.2.3-CE"},
		{"CE", "4.1.0_ce_bp1", "4.2.3-CE", "4.2.3-CE"},
		{"CE", "4.1.1-CE", "4.2.3-CE", "4.2.0-CE 4.2.1-CE 4.2.2-CE 4.2.3-CE"},
		{"CE", "4.2.0-CE", "4.2.3-CE", "4.2.1-CE 4.2.2-CE 4.2.3-CE"},
		{"CE", "4.0.0-ce_bp1", "4.2.3-CE", "4.1.0-CE 4.2.3-CE"},
		{"CE", "3.3.0-bp1", "4.2.3-CE", "4.1.0-CE 4.2.3-CE"},
		{"CE", "3.2.2-CE", "3.3.1-CE", "3.3.0-CE 3.3.1-CE"},
		{"CE", "2.2.0_beta", "4.2.3-CE", ""},
		{"CE", "4.1.0-CE", "4.1.1-CE", ""}, // new deployments only
		{"CE", "4.2.3-CE", "4.2.6-CE", ""},
		{"CE", "4.2.4-CE", "4.2.6-CE", "4.2.6-CE"},
		{"CE", "4.2.3-CE", "4.2.3-CE_bp1", "4.2.3-CE_bp1"}, // a build of the same release
		{"EE", "3.2.1", "4.2.2", "4.2.2"},
		{"EE", "4.0.1", "4.2.3", "4.2.3"},
		{"EE", "3.1.0", "4.2.2", ""},
		{"EE", "4.2.2-CE", "4.2.3", "4.2.3"},
	} {
		from, err := metadb.ParseVersion(tc.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := metadb.ParseVersion(tc.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(findWay(p.Upgrade.Routes, tc.edition, from, to).stops, " "); got != tc.want {
			t.Errorf("%s %s -> %s: %q, want %q", tc.edition, tc.from, tc.to, got, tc.want)
		}
	}
}

// Every field but the one that is set stays as it is, byte for byte.
func TestHighAvailability(t *testing.T) {
	for text, want := range map[highAvailability]bool{ha.Default: false, `{"enable": "true"}`: true, `{"enableStore":true}`: false, `{}`: false, "": false} {
		if got, err := text.enabled(); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []highAvailability{"{", "[]", "no", `{"enable":}`, `{"enable":true`} {
		if _, err := text.enabled(); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
	for _, tc := range []struct {
		text, want highAvailability
		outage     time.Duration
	}{
		{`{"enable":false,"refetchStoreIntervalMin":30}`, `{"enable":true,"refetchStoreIntervalMin":30}`, 29 * time.Minute},
		{`{"enable":false,"refetchStoreIntervalMin":30}`, `{"enable":true,"refetchStoreIntervalMin":31}`, 30 * time.Minute},
		{`{ "enable" : false }`, `{"refetchStoreIntervalMin":61, "enable" : true }`, time.Hour},
		{`{"enable":false,"perceiveStoreClientCheckpoint":true,"refetchStoreIntervalMin":30}`, `{"enable":true,"perceiveStoreClientCheckpoint":true,"refetchStoreIntervalMin":30}`, 5 * time.Hour},
	} {
		if got, err := tc.text.backOn(tc.outage); err != nil || got != tc.want {
			t.Errorf("%s after %s: %s, %v", tc.text, tc.outage, got, err)
		}
	}
}

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
			return []string{"DELETE FROM oms_hb.heart_beat WHERE task_name = 'x'", "UPDATE oms_hb.heart_beat SET gmt_modified = '2024-01-01'"}
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
		{"a trigger and FLOAT", "upgrade.objects upgrade.float(warning)", "trigger tr", func(*Upgrade) []string {
			s.Exec("CREATE TABLE oms_cm.f (a float)", "CREATE TRIGGER oms_cm.tr BEFORE INSERT ON oms_cm.f FOR EACH ROW SET NEW.a = 1")
			return []string{"DROP TABLE oms_cm.f"}
		}},
		{"a region whose heartbeats are not known", "upgrade.databases", "--heartbeat-db", func(*Upgrade) []string {
			s.Exec("INSERT INTO oms_rm.cluster_info (region, region_cn, cm_url, code) VALUES ('b', 'b', 'u', 2)")
			return []string{"DELETE FROM oms_rm.cluster_info WHERE code = 2"}
		}},
		{"a table that is missing", "upgrade.schema", "cannot be brought to", func(*Upgrade) []string {
			s.Exec("RENAME TABLE oms_cm.host TO oms_cm.gone", "CREATE TABLE oms_cm.omsinit_journal LIKE oms_rm.omsinit_journal")
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
		{"a stop before", "upgrade.route", "go to 4.1.0-CE first (the whole way: 4.0.0-CE -> 4.1.0-CE -> 4.2.3-CE)", func(*Upgrade) []string {
			s.Exec("UPDATE oms_rm.oms_version SET version = '4.0.0-CE'")
			return []string{"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"}
		}},
		{"no way", "upgrade.route", "no way is known", func(*Upgrade) []string {
			s.Exec("UPDATE oms_rm.oms_version SET version = '2.2.0_beta'")
			return []string{"UPDATE oms_rm.oms_version SET version = '4.2.2-CE'"}
		}},
		{"nothing recorded", "upgrade.version", "Version before 4.1.1 is not allowed to upgrade.", func(*Upgrade) []string {
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
			other.Upgrade.Routes = append([]pack.Route{{Edition: "CE", To: "4.2.4", From: []string{"4.2.2"}}}, other.Upgrade.Routes...)
			u.Pack = &other
			return nil
		}},
		{"a step by hand", "upgrade.manual", "correction-jar", func(u *Upgrade) []string {
			other := *u.Pack
			other.Upgrade.Routes = []pack.Route{{Edition: "CE", To: "4.2.3", From: []string{">=3.2.1 <4.2.3"}, Requires: "correction-jar"}}
			u.Pack = &other
			return nil
		}},
		{"a step by hand that was done", "", "", func(u *Upgrade) []string {
			other := *u.Pack
			other.Upgrade.Routes = []pack.Route{{Edition: "CE", To: "4.2.3", From: []string{">=3.2.1 <4.2.3"}, Requires: "correction-jar"}}
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
			plan, err := u.Plan(t.Context(), func(id string) bool { return id == "upgrade.objects" })
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
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "Version before 4.1.1 is not allowed to upgrade.") {
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
	s.Exec("CREATE DATABASE oms_hb2", "CREATE TABLE oms_hb2.heart_beat LIKE oms_hb.heart_beat", "CREATE TABLE oms_hb2.heatbeat_sequence LIKE oms_hb.heatbeat_sequence",
		"INSERT INTO oms_hb2.heatbeat_sequence VALUES (5, NOW(), NOW())", "INSERT INTO oms_rm.cluster_info (region, region_cn, cm_url, code) VALUES ('b', 'b', 'u', 2)",
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
	if zones, err := database.Column(t.Context(), s.DB("oms_hb2"), "SELECT zone FROM heart_beat"); err != nil || len(zones) != 1 || zones[0] != "moved" {
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
	if zones, err := database.Column(t.Context(), s.DB("oms_hb2"), "SELECT zone FROM heart_beat"); err != nil || len(zones) != 1 || zones[0] != "moved" {
		t.Errorf("%v, %v", zones, err)
	}
}

// High availability is switched off and on again around an upgrade, and stays
// off after one that failed, as after the documented rollback.
func TestAutoHA(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 0)
	db := s.DB("oms_rm")
	value := func() string {
		text, err := database.Column(t.Context(), db, "SELECT CONCAT(cfg_value, ' ', gmt_modified) FROM oms_normal_config WHERE cfg_name = 'ha.config'")
		if err != nil {
			t.Fatal(err)
		}
		return text[0]
	}
	on := strings.Replace(ha.Default, `"enable":false`, `"enable":true`, 1)
	s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '"+on+"', gmt_modified = '2024-01-02'", "UPDATE oms_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 100 MINUTE")
	before := value()
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	u.AutoHA = true
	fail := ""
	u.fault = func(at string) error {
		if at == "after "+stageVerify && value() != strings.Replace(before, `"enable":true`, `"enable":false`, 1) {
			t.Errorf("during the upgrade it is %s", value())
		}
		if at == fail {
			return errors.New("an error of the test")
		}
		return nil
	}
	fail = "after " + stageBackup
	if _, err := drive(t.Context(), u); err == nil || value() != before {
		t.Errorf("after a failure before the first change: %v, %s", err, value())
	}
	fail = "after " + stageSchema
	if _, err := drive(t.Context(), u); err == nil || value() != strings.Replace(before, `"enable":true`, `"enable":false`, 1) {
		t.Errorf("after a restore: %v, %s", err, value())
	}
	s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '" + on + "', gmt_modified = '2024-01-02'")
	// It is cut, and goes on without being told about high availability.
	fail = "after " + stageHAOff
	cut, cancel := context.WithCancel(t.Context())
	defer cancel()
	cutAt := u.fault
	u.fault = func(at string) error {
		if err := cutAt(at); err != nil {
			s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '" + on + "', gmt_modified = '2024-01-02'") // as before the write
			cancel()
			return err
		}
		return nil
	}
	if _, err := drive(cut, u); err == nil {
		t.Fatal("not cut")
	}
	fail, u.fault, u.AutoHA = "", cutAt, false
	if list, err := u.Objections(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	got := value()
	if want := strings.Replace(before, `"refetchStoreIntervalMin":30`, `"refetchStoreIntervalMin":101`, 1); got != want && got != strings.Replace(want, "101", "102", 1) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What the console writes into ha.config while --auto-ha switches it stays: in
// the very moment of the switching, and before a failure switches it on again.
func TestAutoHAKeepsWhatTheConsoleWrites(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 0)
	db := s.DB("oms_rm")
	on := strings.Replace(ha.Default, `"enable":false`, `"enable":true`, 1)
	s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '" + on + "'")
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	u.AutoHA = true
	committed := make(chan error, 1)
	u.fault = func(at string) error {
		switch at {
		case "before " + stageHAOff:
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				return err
			}
			if _, err := tx.Exec("UPDATE oms_normal_config SET cfg_value = REPLACE(cfg_value, '\"checkRequestIntervalSec\":600', '\"checkRequestIntervalSec\":601')"); err != nil {
				return err
			}
			go func() { // the upgrade has read, and waits for the row
				// InnoDB looks anew at its transactions only when nobody asked for 100 ms.
				for waiting := 0; waiting == 0; time.Sleep(200 * time.Millisecond) {
					if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'").Scan(&waiting); err != nil {
						committed <- err
						return
					}
				}
				committed <- tx.Commit()
			}()
		case "after " + stageBackup:
			s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = REPLACE(cfg_value, '\"clearAbnormalResourceHours\":72', '\"clearAbnormalResourceHours\":73')")
			return errors.New("an error of the test")
		}
		return nil
	}
	if due, err := drive(t.Context(), u); !due || err == nil {
		t.Fatal(due, err)
	}
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(`"checkRequestIntervalSec":600`, `"checkRequestIntervalSec":601`, `Hours":72`, `Hours":73`).Replace(on)
	if got, _, err := ha.Read(t.Context(), db, "oms_rm"); err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// Old backups are removed, but never the one in use, and what is still young
// and unfinished.
func TestRetention(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 0)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	used := filepath.Dir(firstBackup(t, u))
	for name, age := range map[string]time.Duration{"upgrade-old-and-cut": 48 * time.Hour, "upgrade-young-and-cut": 0, "mine": 0} {
		dir := filepath.Join(u.Layout.BackupDir(), name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	u.Keep = 2
	var last string
	for range 4 {
		dir, m, err := u.TakeBackup(t.Context(), "")
		if err != nil || len(m.Databases) != 3 {
			t.Fatal(m, err)
		}
		last = dir
	}
	list, err := u.Backups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	complete, names := 0, []string{}
	for _, b := range list {
		names = append(names, b.Name)
		if b.Complete {
			complete++
		}
	}
	if complete != 3 || !slices.Contains(names, filepath.Base(used)) || !slices.Contains(names, filepath.Base(last)) || slices.Contains(names, "upgrade-old-and-cut") ||
		!slices.Contains(names, "upgrade-young-and-cut") || !slices.Contains(names, "mine") {
		t.Errorf("left: %v", names)
	}
	if _, err := u.Verify(t.Context(), filepath.Base(used), true); err != nil {
		t.Error(err)
	}
	// Without the MetaDB it is not known what is in use.
	s.Stop()
	if removed, err := u.prune(t.Context(), ""); err == nil || len(removed) > 0 {
		t.Errorf("%v, %v", removed, err)
	}
	s.Restart()
}

// The dumps of a backup load with the plain client, too.
func TestPlainClientLoadsTheDump(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 300)
	want := contents(t, s, c)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	dir, m, err := u.TakeBackup(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Databases {
		s.Exec("DROP DATABASE "+d.Name, "CREATE DATABASE "+d.Name)
		if err := load(s, filepath.Join(dir, d.File), d.Name); err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff(want, contents(t, s, c)); d != "" {
		t.Error(d)
	}
}
