package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// The commands of omsinit metadb, as a person uses them one after the other.
func TestMetaDB(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	expect := func(status int, want []string, args ...string) (out string) {
		t.Helper()
		out, errOut, got := n.omsinit(append([]string{"metadb"}, args...)...)
		if got != status {
			t.Errorf("metadb %v: status %d, want %d\n%s%s", args, got, status, out, errOut)
		}
		for _, w := range want {
			if !strings.Contains(out+errOut, w) {
				t.Errorf("metadb %v does not say %q:\n%s%s", args, w, out, errOut)
			}
		}
		if strings.Contains(out+errOut, db.Password) {
			t.Errorf("metadb %v shows the password", args)
		}
		return out
	}
	expect(0, []string{"COMMANDS:", "switch"})
	expect(64, []string{"there is no command"}, "nosuch")
	expect(64, []string{"takes no argument"}, "status", "now")
	expect(64, []string{"--lang is en or zh"}, "status", "--lang", "fr")
	expect(0, []string{"migrate [options]", "--dry-run", "--reinit-metadb"}, "migrate", "--help")
	expect(0, []string{"not created yet", "pending", "not up to date"}, "status")
	plan := expect(2, []string{"CREATE DATABASE IF NOT EXISTS", "CREATE TABLE IF NOT EXISTS `heatbeat_sequence`",
		"INSERT INTO"}, "migrate", "--dry-run")
	expect(0, []string{"release 4.2.3-CE recorded"}, "migrate")
	expect(0, []string{"up to date"}, "migrate")
	expect(0, nil, "migrate", "--dry-run")
	expect(0, []string{"done", "5/5", "the MetaDB is up to date"}, "status")
	if !strings.Contains(plan, "omsinit_journal") {
		t.Error("the plan does not show the journal")
	}

	var status struct {
		Version   int
		UpToDate  bool `json:"up_to_date"`
		Databases []struct {
			Name    string
			Missing []struct{ What, Mend string }
			Extra   []string
			Problem string
		}
	}
	db.Exec("ALTER TABLE oms_cm.host DROP COLUMN host_status", "ALTER TABLE oms_cm.host DROP KEY uk_ip",
		"CREATE TABLE oms_cm.mine (a int)", "ALTER TABLE oms_rm.ocp_info ADD COLUMN more int")
	if err := json.Unmarshal([]byte(expect(0, nil, "status", "--output", "json")), &status); err != nil {
		t.Fatal(err)
	}
	if cm := status.Databases[1]; status.Version != 1 || status.UpToDate || len(cm.Missing) != 2 ||
		cm.Missing[0].What != "host.host_status" || cm.Missing[1].What != "host.uk_ip KEY" ||
		len(cm.Extra) != 1 || cm.Extra[0] != "mine" || !strings.Contains(cm.Problem, "host_status") ||
		len(status.Databases[0].Extra) != 1 || status.Databases[0].Extra[0] != "ocp_info.more" {
		t.Errorf("%+v", status)
	}
	expect(1, []string{"lacks the column host_status", "ALTER TABLE `oms_cm`.`host` ADD COLUMN"}, "migrate")
	for _, m := range status.Databases[1].Missing {
		mend := strings.TrimSuffix(m.Mend, ";")
		if !strings.Contains(mend, "`oms_cm`.") {
			mend = strings.Replace(mend, "`host`", "`oms_cm`.`host`", 1)
		}
		db.Exec(mend)
	}
	expect(0, []string{"beyond the schema: mine", "the MetaDB is up to date"}, "status")

	dir := filepath.Join(t.TempDir(), "backup")
	expect(64, []string{"name the folder"}, "backup")
	expect(0, []string{"oms_rm: 0 MB dumped", "is complete"}, "backup", dir)
	expect(1, []string{"holds a backup already"}, "backup", dir)
	expect(1, []string{"--replace=oms_rm"}, "restore", dir)
	db.Exec("DROP TABLE oms_cm.mine")
	expect(0, []string{"are restored and verified"}, "restore", "--replace", "oms_rm", dir)
	var a int
	if err := db.DB("").QueryRow("SELECT COUNT(*) FROM oms_cm.mine").Scan(&a); err != nil {
		t.Error(err)
	}

	// Stdin is empty: nothing was typed.
	expect(1, []string{"This drops the databases oms_rm, oms_cm and", "nothing was dropped"}, "migrate",
		"--reinit-metadb")
	expect(1, []string{"nothing was dropped"}, "migrate", "--reinit-metadb=oms_cm")
	out := expect(0, []string{"database oms_cm dropped", "the backup is in "}, "migrate", "--reinit-metadb=oms_rm")
	if db.DB("").QueryRow("SELECT COUNT(*) FROM oms_cm.mine").Scan(&a) == nil {
		t.Error("the table is still there")
	}
	_, saved, _ := strings.Cut(out, "the backup is in ")
	saved = strings.TrimSpace(saved)
	if !strings.HasPrefix(saved, n.root) {
		t.Errorf("the backup is in %q", saved)
	}
	if _, err := os.Stat(filepath.Join(saved, "manifest.json")); err != nil {
		t.Error(err)
	}
	expect(0, []string{"the MetaDB is up to date"}, "status")
	expect(0, nil, "restore", "--replace=oms_rm", saved)
	if err := db.DB("").QueryRow("SELECT COUNT(*) FROM oms_cm.mine").Scan(&a); err != nil {
		t.Error(err)
	}
	expect(0, []string{"元信息库已是最新", "完成"}, "status", "--lang", "zh")
}
