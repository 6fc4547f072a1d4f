package e2e

import (
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// A container that nobody started with IS_UPGRADE upgrades with OMSINIT_UPGRADE=auto. When the MetaDB is put back
// behind its back, its programs start at once with the next start of the container, for the MetaDB might be away, and
// are stopped as soon as it says whose it is.
func TestUpgradeAuto(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	n.oldRelease()
	old := n.boot()
	old.waitReady()
	old.stop()
	db.Exec("UPDATE oms_cm_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE")
	n.newContainer(nil)
	n.env = append(n.env, "OMSINIT_UPGRADE=auto")
	r := n.boot()
	r.waitReady()
	for _, want := range []string{"OMSINIT_UPGRADE=auto", "restored and compared",
		"upgraded from 4.2.2-CE to 4.2.3-CE"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	r.stop()
	r = n.boot()
	r.waitReady() // the same release
	if strings.Contains(r.out.String(), "upgrading from") {
		t.Errorf("upgraded again:\n%s", r.out)
	}
	r.stop()

	n.env = n.env[:len(n.env)-1]
	r = n.boot()
	r.waitReady()
	putBack := func() {
		db.Exec("DELETE FROM oms_rm.oms_version WHERE version = '4.2.3-CE'")
	}
	standsDown := func() {
		eventually(t, "nothing that uses the MetaDB runs", func() bool {
			pids := n.pids()
			return pids["nginx"]+pids["oms_console"]+pids["oms_drc_cm"]+pids["oms_drc_supervisor"] == ""
		})
		if _, _, status := n.omsinit("healthcheck"); status == 0 {
			t.Error("a node of another release reports that it is healthy")
		}
	}
	putBack() // while the node runs: a health check has it noticed
	n.omsinit("healthcheck")
	r.waitOutput("the programs of this node must not run")
	standsDown()
	if out, _, _ := n.omsinit("status"); !strings.Contains(out, "4.2.2-CE") {
		t.Errorf("the status does not say why:\n%s", out)
	}
	db.Exec("INSERT INTO oms_rm.oms_version (version) VALUES ('4.2.3-CE')")
	if out, errOut, status := n.omsinit("init"); status != 0 {
		t.Fatalf("the MetaDB is that of this node again: %d\n%s%s", status, out, errOut)
	}
	if _, errOut, status := n.omsinit("healthcheck"); status != 0 {
		t.Errorf("not healthy after an initialisation by hand: %s", errOut)
	}
	r.stop()
	putBack()
	r = n.boot()
	r.waitOutput("the programs of this node must not run")
	standsDown()
	r.stop()
	r = n.boot() // and from now on they are held back
	r.waitOutput("an installation must be upgraded, not initialised again")
	if pids := n.pids(); len(pids) > 0 {
		t.Errorf("programs run: %v", pids)
	}
	r.stop()
}
