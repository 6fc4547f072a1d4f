package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// upgradeNodes is how many nodes are upgraded at once; make cluster-soak sets other numbers.
func upgradeNodes(t *testing.T, usual int) int {
	text := os.Getenv("OMSINIT_UPGRADE_NODES")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("OMSINIT_UPGRADE_NODES is %q", text)
	}
	return n
}

// newContainers lays out regions of two nodes: they are the nodes of a cluster of the old release, stopped, as their
// new containers find them.
func newContainers(t *testing.T, db *testmaria.Server, count int, add map[string]string) (nodes []*node) {
	t.Helper()
	var regions []*region
	for i := range count {
		if i%2 == 0 {
			regions = append(regions, &region{location: i/2 + 1})
		}
		nodes = append(nodes, regions[i/2].addNode(t, db))
	}
	var old []*running
	for _, r := range regions { // the first node of a region registers the others
		r.nodes[0].oldRelease()
		old = append(old, r.nodes[0].boot())
	}
	for _, o := range old {
		o.waitReady()
	}
	for _, o := range old {
		o.stop()
	}
	for _, r := range regions {
		db.Exec(fmt.Sprintf("UPDATE oms_hb_%d.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE", r.location))
	}
	for _, n := range nodes {
		n.newContainer(add)
		n.writeFile("/home/ds/store/kept", "of the old container")
		n.env = append(n.env, "OMSINIT_UPGRADE=auto")
	}
	return nodes
}

// upgradedOnce looks at what an upgrade of all nodes leaves: one entry of each stage, one row of each thing.
func upgradedOnce(t *testing.T, db *testmaria.Server, nodes []*node) {
	t.Helper()
	for question, want := range map[string]string{
		"SELECT GROUP_CONCAT(version ORDER BY version) FROM oms_rm.oms_version":                                                                                                               "4.2.2-CE,4.2.3-CE",
		"SELECT COUNT(*) FROM oms_rm_omsinit_upgrade.upgrades WHERE state = 'done'":                                                                                                           "1",
		"SELECT MAX(n) FROM (SELECT COUNT(*) n FROM oms_rm_omsinit_upgrade.stages s JOIN oms_rm_omsinit_upgrade.upgrades u ON u.id = s.upgrade_id WHERE u.state = 'done' GROUP BY s.stage) x": "1",
		"SELECT COUNT(*) FROM oms_cm.host":           fmt.Sprint(len(nodes)),
		"SELECT COUNT(*) FROM oms_rm.cluster_info":   fmt.Sprint((len(nodes) + 1) / 2),
		"SELECT COUNT(*) FROM oms_cm.resource_label": fmt.Sprint((len(nodes) + 1) / 2),
		"SELECT COUNT(*) FROM oms_cm.resource_group": fmt.Sprint((len(nodes) + 1) / 2),
		"SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'oms_cm' AND table_name = 'host' AND column_name = 'zone'": "1",
	} {
		if got := value(t, db, question); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
	for _, n := range nodes {
		eventually(t, "a clean cluster check on every node", func() bool {
			_, _, status := n.omsinit("cluster", "check")
			return status == 0
		})
	}
}

const newColumn = "ALTER TABLE `host` ADD COLUMN zone varchar(16) DEFAULT NULL;"

// The new containers of all nodes are started, some of them while the upgrade is on its way: one upgrades, the others
// say for whom they wait, and go on by themselves.
func TestUpgradeTogether(t *testing.T) {
	db := testmaria.Start(t)
	nodes := newContainers(t, db, upgradeNodes(t, 3), map[string]string{"schema/cm/4.2.3-CE.sql": newColumn})
	var booted []*running
	for i, n := range nodes {
		if i == (len(nodes)+1)/2 {
			eventually(t, "an upgrade on its way", func() bool {
				return value(t, db, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'oms_rm_omsinit_upgrade' AND table_name = 'stages'") == "1"
			})
		}
		booted = append(booted, n.boot())
	}
	upgraded, waited := 0, 0
	for _, b := range booted {
		b.waitReady()
		upgraded += strings.Count(b.out.String(), "upgrading from 4.2.2-CE to 4.2.3-CE")
		waited += min(1, strings.Count(b.out.String(), ", which brings the MetaDB from 4.2.2-CE to 4.2.3-CE: stage "))
	}
	if upgraded != 1 || waited == 0 && len(nodes) > 1 {
		t.Errorf("%d nodes upgraded, want 1; %d said for whom they waited", upgraded, waited)
	}
	upgradedOnce(t, db, nodes)
}

// An upgrade that fails brings the old data back once. All new containers stay down and say so, and go on by themselves
// when a person has had it done on one of them.
func TestUpgradeTogetherFails(t *testing.T) {
	db := testmaria.Start(t)
	nodes := newContainers(t, db, upgradeNodes(t, 3),
		map[string]string{"schema/cm/4.2.3-CE.sql": newColumn + "\nALTER TABLE nowhere ADD COLUMN a int;"})
	var booted []*running
	for i, n := range nodes {
		if i%2 == 1 { // either way of asking for it
			n.env = append(n.env[:len(n.env)-1], "IS_UPGRADE=true")
		}
		booted = append(booted, n.boot())
	}
	for _, b := range booted {
		eventually(t, "the failure in the status of every node", func() bool {
			out, _, _ := b.n.omsinit("status")
			return strings.Contains(out, "statement 2 of 2") && strings.Contains(out, "ALTER TABLE nowhere")
		})
		if pids := b.n.pids(); len(pids) > 0 {
			t.Errorf("programs run on %s: %v", b.n.root, pids)
		}
	}
	for question, want := range map[string]string{
		"SELECT GROUP_CONCAT(state) FROM oms_rm_omsinit_upgrade.upgrades":                                    "restored",
		"SELECT COUNT(*) FROM oms_rm_omsinit_upgrade.stages WHERE stage = 'restore'":                         "1",
		"SELECT GROUP_CONCAT(version) FROM oms_rm.oms_version":                                               "4.2.2-CE",
		"SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'host' AND column_name = 'zone'": "0",
	} {
		if got := value(t, db, question); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
	var failed *running
	for i, b := range booted {
		nodes[i].writeFile("/usr/share/omsinit/pack/schema/cm/4.2.3-CE.sql", newColumn)
		if strings.Contains(b.out.String(), "upgrading from 4.2.2-CE") {
			failed = b
		}
	}
	failed.n.says(0, nil, "upgrade", "apply")
	for _, b := range booted {
		b.waitReady()
	}
	upgradedOnce(t, db, nodes)
}
