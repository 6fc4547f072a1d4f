package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// faultyUpgrade upgrades a stopped node of the release before to this one, under an `omsinit run` that has no faults.
func faultyUpgrade(n *node, db *testmaria.Server) attempt {
	t := n.t.(*testing.T)
	for _, name := range metaDatabases {
		db.Exec("DROP DATABASE " + name)
	}
	n.oldRelease()
	old := n.boot()
	old.waitReady()
	old.stop()
	db.Exec("UPDATE oms_cm_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE")
	before := rows(t, db)
	copyDatabases(t, db, "", "kept_")
	n.newContainer(map[string]string{"schema/cm/4.2.3-CE.sql": newColumn})
	n.boot().waitOutput("an installation must be upgraded, not initialised again")
	a := attempt{
		args: []string{"upgrade", "apply"},
		prepare: func() {
			n.must(0, "stop", "all")
			copyDatabases(t, db, "kept_", "")
			if err := os.RemoveAll(n.path("/root/init_flag.txt")); err != nil {
				t.Fatal(err)
			}
		},
		torn: func() error { return n.halfUpgraded(db, before) },
		state: func() string {
			// who was killed is still named there, and holds nothing
			db.Exec("DELETE FROM oms_rm.omsinit_lease")
			// the stand-in counts its starts among the heartbeats
			return contents(t, db, "oms_rm", "oms_cm") + n.generated()
		},
		samples: []sample{{name: "gates", faults: map[string]int{"file": 1, "net": 1}}},
	}
	for _, stage := range []string{"ha-off", "stop", "backup", "verify", "prove", "files", "adopt", "schema",
		"components",
		"start", "resources", "ha-on", "done"} {
		a.samples = append(a.samples, sample{name: stage, after: "stage = '" + stage + "'",
			faults: map[string]int{"file": 1, "net": 1}})
	}
	return a
}

// rows are those of the MetaDB, without the heartbeats, among which the stand-in counts its starts.
func rows(t *testing.T, db *testmaria.Server) string { return contents(t, db, "oms_rm", "oms_cm") }

// halfUpgraded: the databases are those of the old release, or of the new one, or the journal says that they are on the
// way, and nothing but the upgrade goes on with them.
func (n *node) halfUpgraded(db *testmaria.Server, before string) error {
	t := n.t.(*testing.T)
	state := "none"
	if value(t, db, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'oms_rm_omsinit_upgrade' AND table_name = 'upgrades'") == "1" {
		state = value(
			t, db,
			"SELECT COALESCE((SELECT state FROM oms_rm_omsinit_upgrade.upgrades ORDER BY id DESC LIMIT 1), 'none')")
	}
	now := rows(t, db)
	switch state {
	case "done":
		if value(
			t, db, "SELECT GROUP_CONCAT(version ORDER BY version) FROM oms_rm.oms_version") != "4.2.2-CE,4.2.3-CE" {
			return fmt.Errorf("the upgrade is done, and the MetaDB is\n%s", now)
		}
	case "running", "restoring":
		out, errOut, status := n.omsinit("init", "--only", "metadb")
		if status == 0 || !strings.Contains(errOut, "unfinished") {
			return fmt.Errorf("an upgrade is unfinished; step 2: status %d, which does not say so\n%s%s", status,
				out, errOut)
		}
		if then := rows(t, db); then != now {
			return fmt.Errorf("an upgrade is unfinished; step 2 has made\n%s\nof\n%s", then, now)
		}
	default:
		if now != before {
			return fmt.Errorf("the upgrade is %s, and the MetaDB is\n%s\nand was\n%s", state, now, before)
		}
	}
	return nil
}

// copyDatabases copies the MetaDB: databases whose names begin with one text to those that begin with another, in the
// place of all that begin so.
func copyDatabases(t *testing.T, db *testmaria.Server, from, to string) {
	t.Helper()
	conn := db.DB("")
	defer conn.Close()
	column := func(query string, args ...any) (list []string) {
		rows, err := conn.Query(query, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			list = append(list, s)
		}
		return list
	}
	for _, name := range column("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE ?",
		to+"oms%") {
		db.Exec("DROP DATABASE " + name)
	}
	for _, name := range metaDatabases {
		db.Exec("CREATE DATABASE " + to + name)
		for _, table := range column("SELECT table_name FROM information_schema.tables WHERE table_schema = ?",
			from+name) {
			source, copied := fmt.Sprintf("`%s%s`.`%s`", from, name, table), fmt.Sprintf("`%s%s`.`%s`", to, name, table)
			db.Exec("CREATE TABLE "+copied+" LIKE "+source, "INSERT INTO "+copied+" SELECT * FROM "+source)
		}
	}
}
