package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// oldRelease puts an image of 4.2.2-CE under the root: the pack of this one as
// that release, with the table that its console needs.
func (n *node) oldRelease() {
	n.t.Helper()
	text, err := os.ReadFile("../scripts/pack.yaml")
	if err != nil {
		n.t.Fatal(err)
	}
	n.writeFile("/usr/share/omsinit/pack/pack.yaml",
		strings.Replace(string(text), "release: 4.2.3-CE", "release: 4.2.2-CE", 1))
	n.writeFile("/usr/share/omsinit/pack/schema/rm/4.2.2-CE.sql", "CREATE TABLE IF NOT EXISTS `oms_version` (`version` varchar(64) NOT NULL, `gmt_modified` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (`version`)) DEFAULT CHARSET = utf8mb4;")
}

// newContainer makes the root what a container of the new image finds: the
// mounts and config.yaml as they were, and nothing of the old container's layer.
// add are files that the image's pack has beyond the reference pack.
func (n *node) newContainer(add map[string]string) {
	n.t.Helper()
	for _, path := range []string{"/usr/share/omsinit/pack", "/var/lib/omsinit", "/root/init_flag.txt"} {
		if err := os.RemoveAll(n.path(path)); err != nil {
			n.t.Fatal(err)
		}
	}
	// That file was part of the old release and is not in the reference pack.
	n.writeFile("/usr/share/omsinit/pack/schema/rm/4.2.2-CE.sql", "CREATE TABLE IF NOT EXISTS `oms_version` (`version` varchar(64) NOT NULL, `gmt_modified` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (`version`)) DEFAULT CHARSET = utf8mb4;")
	for name, text := range add {
		n.writeFile("/usr/share/omsinit/pack/"+name, text)
	}
}

// The way of an upgrade as people go it: stop the old container, start the new
// one with IS_UPGRADE=true, and back.
func TestUpgrade(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	n.oldRelease()
	old := n.boot()
	old.waitReady()
	expect := func(status int, want []string, args ...string) (out string) {
		t.Helper()
		out, errOut, got := n.omsinit(append([]string{"upgrade"}, args...)...)
		if got != status {
			t.Errorf("upgrade %v: status %d, want %d\n%s%s", args, got, status, out, errOut)
		}
		for _, w := range want {
			if !strings.Contains(out+errOut, w) {
				t.Errorf("upgrade %v does not say %q:\n%s%s", args, w, out, errOut)
			}
		}
		if strings.Contains(out+errOut, db.Password) {
			t.Errorf("upgrade %v shows the password", args)
		}
		return out
	}
	expect(0, []string{"there is nothing to upgrade"}, "plan")
	db.Exec(`UPDATE oms_rm.oms_normal_config SET cfg_value = '{"enable":true,"enableStore":true,"refetchStoreIntervalMin":30}' WHERE cfg_name = 'ha.config'`)
	eventually(t, "a heartbeat",
		func() bool { return value(t, db, "SELECT count(*) FROM oms_cm_hb.heart_beat") == "1" })
	old.stop()

	n.newContainer(
		map[string]string{"schema/cm/4.2.3-CE.sql": "ALTER TABLE `host` ADD COLUMN zone varchar(16) DEFAULT NULL;"})
	// Without IS_UPGRADE nothing starts, with it everything but high
	// availability is taken care of; a person says how that is meant.
	plain := n.boot()
	plain.waitOutput("an installation must be upgraded, not initialised again")
	expect(3, []string{"route: 4.2.2-CE -> 4.2.3-CE", "[FAILED] upgrade.ha",
		"[FAILED] upgrade.node-alive: OMS still runs on 127.0.0.1", "ADD COLUMN zone", "refused"}, "plan")
	db.Exec("UPDATE oms_cm_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 45 MINUTE") // 45 minutes pass
	expect(0, []string{"ready: ", "is switched off before", "it fits"}, "plan", "--auto-ha")
	var plan struct {
		Version    int
		State      string
		Route      []string
		Objections []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(expect(3, nil, "plan", "--output", "json")), &plan); err != nil ||
		plan.Version != 1 || plan.State != "refused" || len(plan.Route) != 1 || len(plan.Objections) != 1 ||
		plan.Objections[0].ID != "upgrade.ha" {
		t.Errorf("%+v, %v", plan, err)
	}
	expect(3, []string{"--from-version says 4.1.0-CE"}, "apply", "--from-version", "4.1.0-CE")
	plain.stop()
	n.env = append(n.env, "IS_UPGRADE=true")
	r := n.boot()
	r.waitOutput("[upgrade.ha]")
	if pids := n.pids(); len(pids) > 0 {
		t.Errorf("programs run before the upgrade: %v", pids)
	}
	out := expect(0, []string{"upgrading from 4.2.2-CE to 4.2.3-CE", "the backup is verified",
		"release 4.2.3-CE recorded", "were down for", "[Completed] All initialization steps are executed."}, "apply",
		"--auto-ha")
	r.waitReady()
	if got := value(t, db,
		"SELECT cfg_value FROM oms_rm.oms_normal_config WHERE cfg_name = 'ha.config'"); got != `{"enable":true,"enableStore":true,"refetchStoreIntervalMin":46}` && got != `{"enable":true,"enableStore":true,"refetchStoreIntervalMin":47}` {
		t.Errorf("ha.config is %s\n%s", got, out)
	}
	if _, healthy := n.health(); !healthy {
		t.Error("the console is not healthy")
	}
	r.stop()

	// IS_UPGRADE is left set.
	r = n.boot()
	r.waitReady()
	if strings.Contains(r.out.String(), "upgrading from") {
		t.Errorf("upgraded again:\n%s", r.out)
	}
	expect(0, []string{"in use"}, "backups")
	name := filepath.Base(strings.TrimSpace(value(t, db, "SELECT backup FROM oms_rm_omsinit_upgrade.upgrades")))
	expect(0, []string{"the backup is whole: 3 databases"}, "verify", name)
	expect(0, []string{"the backup is whole"}, "verify", "--deep", name)
	expect(1, []string{"holds no finished backup"}, "verify", "none")
	for range 4 {
		expect(0, []string{"is complete"}, "backup", "--keep", "1")
	}
	if out := expect(0, []string{name}, "backups"); strings.Count(out, "upgrade-") != 2 {
		t.Errorf("kept:\n%s", out)
	}

	// Back: asked without an answer, refused because of a project, accepted.
	expect(1, []string{"there is no answer to the question"}, "rollback")
	db.Exec("INSERT INTO oms_rm.oms_project (project_name, project_status) VALUES ('of the new release', 'INIT')")
	expect(3, []string{"of the new release", "--accept-loss"}, "rollback", "--yes")
	expect(0, []string{"is restored and verified", "docker start the old container of 4.2.2-CE",
		"[Completed] The last upgrade is undone."}, "rollback", "--yes", "--accept-loss")
	expect(3, []string{"a rollback cannot be rolled back"}, "rollback", "--yes")
	if got := value(t, db, "SELECT GROUP_CONCAT(version) FROM oms_rm.oms_version"); got != "4.2.2-CE" {
		t.Errorf("releases after the rollback: %s", got)
	}
	r.stop()
	r = n.boot() // the new container once more: nothing starts, nothing is upgraded
	r.waitOutput("ended with rolled-back")
	r.stop()
	for _, path := range []string{"/usr/share/omsinit/pack", "/var/lib/omsinit"} {
		if err := os.RemoveAll(n.path(path)); err != nil {
			t.Fatal(err)
		}
	}
	n.oldRelease() // docker start OLD
	n.env = n.env[:len(n.env)-1]
	n.boot().waitReady()
	n.noSecrets(t, db.Password, r)
}

// What fails after the first change is undone, and the page says so.
func TestUpgradeFails(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	n.oldRelease()
	old := n.boot()
	old.waitReady()
	old.stop()
	db.Exec("UPDATE oms_cm_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE")
	n.newContainer(
		map[string]string{"schema/cm/4.2.3-CE.sql": "CREATE TABLE fine (a int);\nALTER TABLE nowhere ADD COLUMN a int;"})
	n.env = append(n.env, "IS_UPGRADE=true")
	r := n.boot()
	r.waitOutput("next: start the old container")
	for _, want := range []string{"failed at the stage schema", "statement 2 of 2",
		"is restored and verified: the databases belong to 4.2.2-CE as before", "the report is"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	if got := value(t, db, "SELECT CONCAT((SELECT GROUP_CONCAT(version) FROM oms_rm.oms_version), ' ', (SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'fine'))"); got != "4.2.2-CE 0" {
		t.Errorf("left: %s", got)
	}
	eventually(t, "waiting for a person", func() bool {
		out, _, _ := n.omsinit("status")
		return strings.Contains(out, "waits for a person")
	})
	reports, _ := filepath.Glob(n.path("/home/admin/logs/omsinit_upgrade_*.txt"))
	if len(reports) != 1 {
		t.Errorf("reports: %v", reports)
	}
	// The reason is removed, and a person tries again, by the documented script's command.
	n.writeFile("/usr/share/omsinit/pack/schema/cm/4.2.3-CE.sql", "CREATE TABLE fine (a int);")
	if out, errOut, status := n.omsinit("init"); status != 0 {
		t.Errorf("status %d\n%s%s", status, out, errOut)
	}
	r.waitReady()
}
