package check

import (
	"context"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// What checks need most.
var (
	onNode      = []string{"config.file"}
	onMetaDB    = []string{"metadb.connect"}
	onDatabases = []string{"metadb.databases"}
	onRegistry  = []string{"cluster.registry"}
)

// The checks that are in both lists.
var (
	configFileCheck = check{id: "config.file", title: msg.M("Check the validity of config.yaml format."),
		run: configFile, offline: true}
	hostIPCheck = check{id: "host.ip", title: msg.M("Check the IP address of this node (OMS_HOST_IP)."), run: hostIP,
		needs: onNode}
	metaDBConnectCheck = check{id: "metadb.connect", title: msg.M("Check the connection to the MetaDB."),
		run: metaDBConnect, needs: onNode, deadlines: connectDeadlines}
	metaDBClockCheck = check{id: "metadb.clock",
		title: msg.M("Check the synchronization between the MetaDB clock and the machine clock."), run: metaDBClock,
		needs: onMetaDB}
)

// checks returns those of step 1, in the order in which they are reported. A further check is an entry here, its
// function in a file, and its texts: those of its findings in explain.txt, and the Chinese in internal/msg/zh.po.
func checks() []check {
	return []check{
		configFileCheck,

		{id: "upgrade.mode", title: msg.M("Check whether an upgrade is asked for (IS_UPGRADE)."), run: upgradeMode,
			when: (*node).mentionsUpgrade},

		hostIPCheck,
		{id: "host.resources", title: msg.M("Check the CPU and the memory of this host."), run: hostResources},
		{id: "host.mounts", title: msg.M("Check the mounts and their free space."), run: hostMounts},
		{id: "host.limits", title: msg.M("Check the limits and the kernel of this host."), run: hostLimits,
			when: (*node).inContainer},
		{id: "program.files", title: msg.M("Check the program files of the components."), run: programFiles,
			when: func(n *node) bool { return n.ProgramFiles != nil }},
		{id: "port.free", title: msg.M("Check that the ports of the components are free."), run: portsFree,
			needs: onNode},
		{id: "https.certificate", title: msg.M("Check the HTTPS certificate."), run: httpsCertificate, needs: onNode,
			when: (*node).hasCertificate},

		metaDBConnectCheck,
		{id: "metadb.server", title: msg.M("Check the version and the settings of the MetaDB."), run: metaDBServer,
			needs: onMetaDB},
		metaDBClockCheck,
		{id: "metadb.databases", title: msg.M("Check what the databases of OMS hold."), run: metaDBDatabases,
			needs: onMetaDB},
		{id: "metadb.values", title: msg.M("Check that the values of config.yaml fit into the tables of OMS."),
			run: metaDBValues, needs: onDatabases, when: func(n *node) bool { return n.TooLong != nil }},
		{id: "metadb.release", title: msg.M("Check that the MetaDB belongs to this release."), run: metaDBRelease,
			needs: onMetaDB, when: func(n *node) bool { return n.Gate != nil }},
		{id: "metadb.rights", title: msg.M("Check what the MetaDB user may do."), run: metaDBRights, needs: onDatabases,
			when: func(n *node) bool { return n.TryWrites }, deadlines: rightsDeadlines},

		{id: "metadb.restore", title: msg.M("Check that a backup of the MetaDB could be restored."), run: metaDBRestore,
			needs: []string{"metadb.databases", "metadb.rights"}, applies: func(n *node) bool { return n.complete },
			when: func(n *node) bool { return n.TryWrites && n.Restorable != nil && !n.upgrading() }, deadlines: 12},

		{id: "regions.conflict", title: msg.M("Check this region against those that are registered."),
			run: regionsConflict, needs: onDatabases, applies: (*node).hasRegions},
		{id: "upgrade.state", title: msg.M("Check whether the MetaDB is ready for the upgrade."), run: upgradeState,
			needs: onDatabases, when: func(n *node) bool { return n.upgrading() && n.UpgradeGates != nil },
			deadlines: 12, gate: true},

		{id: "tsdb.connect", title: msg.M("Check the time-series database."), run: tsdbConnect, needs: onNode,
			applies: func(n *node) bool { return n.cfg.TSDBEnabled && n.TSDB != nil }},
		{id: "tsdb.write", title: msg.M("Check that the time-series database takes data."), run: tsdbWrite,
			needs: []string{"tsdb.connect"}, when: func(n *node) bool { return n.TryWrites && n.TSDBWrite != nil }},
	}
}

// clusterChecks returns the documented diagnosis of a machine that the console shows as down (docs/oms-facts.md §11):
// the components, the address, the rows of the nodes, their heartbeats, the MetaDB.
func clusterChecks() []check {
	return []check{
		configFileCheck,
		{id: "cluster.programs", title: msg.M("Check the initialisation and the components of this node."),
			run: clusterPrograms, when: func(n *node) bool { return n.Programs != nil }},
		hostIPCheck,
		{id: "cluster.cm", title: msg.M("Check that the CM answers at cm_url."), run: clusterCM, needs: onNode,
			when: func(n *node) bool { return n.CM != nil }},
		{id: "cluster.https", title: msg.M("Check that all consoles of this region speak HTTPS, or none."),
			run: clusterScheme, needs: onNode, when: func(n *node) bool { return n.Scheme != nil },
			applies: func(n *node) bool { return len(n.cfg.CMNodes) > 1 }},
		metaDBConnectCheck,
		metaDBClockCheck,
		{id: "cluster.registry", title: msg.M("Check that this region is registered as config.yaml says."),
			run: clusterRegistry, needs: onMetaDB},
		{id: "cluster.nodes", title: msg.M("Check the registered nodes of this region."), run: clusterNodes,
			needs: onRegistry},
		{id: "cluster.heartbeats", title: msg.M("Check the heartbeats of all nodes of all regions."),
			run: clusterHeartbeats, needs: onRegistry},
	}
}

// Run runs the checks of step 1. The configuration is nil when it cannot be used.
func Run(ctx context.Context, in Input) (Report, *config.Config) { return perform(ctx, in, checks()) }

// Cluster diagnoses regions and nodes from this node. It changes nothing.
func Cluster(ctx context.Context, in Input) Report {
	report, _ := perform(ctx, in, clusterChecks())
	return report
}
