package upgrade

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/init/metadb/backup"
	"omsinit/internal/ha"
	"omsinit/testdata/testmaria"
)

func TestUpgradeAndRollBack(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 500)
	old := contents(t, s, c)
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	plan, err := u.Plan(t.Context(), nil, nil)
	if err != nil || plan.State != PlanReady || len(plan.Statements) != 5 || plan.Backup.Bytes == 0 ||
		!plan.Backup.Fits || len(plan.Databases) != 3 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	fresh := contents(t, s, c)
	if cmp.Equal(old, fresh) {
		t.Fatal("nothing has changed")
	}
	if versions, err := recordedVersions(t.Context(), s.DB(""), c); err != nil || len(versions) != 2 {
		t.Errorf("%v, %v", versions, err)
	}
	if _, err := os.Stat(u.Layout.InitFlag()); !errors.Is(err, os.ErrNotExist) {
		t.Error("the node still counts as initialised")
	}
	if copied, err := os.ReadFile(u.Layout.ConfigCopy()); err != nil || string(copied) != "drc_rm_db: oms_rm\n" {
		t.Errorf("%q, %v", copied, err)
	}
	// IS_UPGRADE is left set: nothing happens again.
	u.Unattended = true
	if due, err := drive(t.Context(), u); due || err != nil {
		t.Error(due, err)
	}
	u.Unattended = false
	if list, err := u.Backups(t.Context()); err != nil || len(list.Backups) != 1 || !list.Backups[0].InUse ||
		!list.Backups[0].Complete {
		t.Errorf("%+v, %v", list, err)
	}

	// A project that the old release would lose.
	s.Exec("INSERT INTO oms_rm.oms_project (project_name, project_status) VALUES ('from the new release', 'INIT')")
	jdbc := u.Layout.Path("/home/ds/cm/package/config/jdbc.properties")
	for path, text := range map[string]string{u.ConfigFile: "changed: true\n", jdbc: "new=1\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err = u.RollBack(t.Context(), Rollback{})
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) ||
		!strings.Contains(err.Error(), "from the new release") {
		t.Fatalf("%v", err)
	}
	page, err := u.RollBack(t.Context(), Rollback{AcceptLoss: true})
	if err != nil || len(page) < 3 {
		t.Fatal(page, err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	for path, want := range map[string]string{u.ConfigFile: "drc_rm_db: oms_rm\n", jdbc: "old=1\n"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if kept, err := os.ReadFile(filepath.Join(filepath.Dir(firstBackup(t, u)), "config_replaced.yaml")); err != nil ||
		string(kept) != "changed: true\n" {
		t.Errorf("%q, %v", kept, err)
	}
	if !strings.Contains(fmt.Sprint(page), "high availability is off") {
		t.Errorf("%v", page)
	}
	// as after --ignore upgrade.ha
	s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '{\"enable\":true}', gmt_modified = gmt_modified WHERE cfg_name = 'ha.config'")
	db := s.DB("")
	if got := (&Session{Upgrade: u, db: db, rec: &Record{}}).haPage(t.Context()).String(); !strings.Contains(got,
		"high availability is on") {
		t.Error(got)
	}
	db.Close()
	s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '" + ha.Default +
		"', gmt_modified = '2024-01-02' WHERE cfg_name = 'ha.config'")
	_, err = u.RollBack(t.Context(), Rollback{AcceptLoss: true})
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) ||
		!strings.Contains(err.Error(), "a rollback cannot be rolled back") {
		t.Errorf("%v", err)
	}
	// The container starts again with IS_UPGRADE=true: what people undid stays undone.
	u.Unattended = true
	_, err = drive(t.Context(), u)
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
	u.Unattended = false
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Error(due, err)
	}
	if d := cmp.Diff(fresh, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	reports, err := filepath.Glob(u.Layout.LogDir() + "/omsinit_upgrade_*")
	if err != nil || len(reports) != 6 {
		t.Fatalf("%v, %v", reports, err)
	}
	for _, path := range reports {
		data, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(data), s.Password) || !strings.Contains(string(data), "gen_step") ||
			!strings.Contains(string(data), "idx_zone") {
			t.Errorf("%s: %v\n%s", path, err, data)
		}
	}
	m, err := backup.Read(filepath.Dir(firstBackup(t, u)))
	if err != nil || len(m.Databases) != 3 {
		t.Errorf("%v, %v", m, err)
	}
}

func firstBackup(t testing.TB, u *Upgrade) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(u.Layout.BackupDir(), "*", backup.ManifestFile))
	if err != nil || len(found) == 0 {
		t.Fatalf("%v, %v", found, err)
	}
	return found[0]
}
