package check

import (
	"context"

	"omsinit/internal/msg"
)

// clusterChecks are the documented diagnosis of a machine that the console
// shows as down (oms-facts §11): the components, the address, the rows of the
// nodes, their heartbeats, the MetaDB.
func clusterChecks() []check {
	onNode := []string{"config.file"}
	onMetaDB := []string{"metadb.connect"}
	onRegistry := []string{"cluster.registry"}
	return []check{
		{id: "config.file", title: msg.M("Check the validity of config.yaml format."), offline: true, run: configFile},
		{id: "cluster.programs", title: msg.M("Check the initialisation and the components of this node."), when: func(n *node) bool { return n.Programs != nil }, run: clusterPrograms},
		{id: "host.ip", title: msg.M("Check the IP address of this node (OMS_HOST_IP)."), needs: onNode, run: hostIP},
		{id: "cluster.cm", title: msg.M("Check that the CM answers at cm_url."), needs: onNode, when: func(n *node) bool { return n.CM != nil }, run: clusterCM},
		{id: "metadb.connect", title: msg.M("Check the connection to the MetaDB."), needs: onNode, run: metaDBConnect},
		{id: "metadb.clock", title: msg.M("Check the synchronization between the MetaDB clock and the machine clock."), needs: onMetaDB, run: metaDBClock},
		{id: "cluster.registry", title: msg.M("Check that this region is registered as config.yaml says."), needs: onMetaDB, run: clusterRegistry},
		{id: "cluster.nodes", title: msg.M("Check the registered nodes of this region."), needs: onRegistry, run: clusterNodes},
		{id: "cluster.heartbeats", title: msg.M("Check the heartbeats of all nodes of all regions."), needs: onRegistry, run: clusterHeartbeats},
	}
}

// Cluster diagnoses regions and nodes from this node. It changes nothing.
func Cluster(ctx context.Context, in Input) Report {
	report, _ := perform(ctx, in, clusterChecks())
	return report
}
