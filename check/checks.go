package check

import "omsinit/internal/msg"

// checks are all checks, in the order in which they are reported.
func checks() []check {
	onNode := []string{"config.file"}
	onMetaDB := []string{"metadb.connect"}
	return []check{
		{id: "config.file", title: msg.M("Check the validity of config.yaml format."), offline: true, run: configFile},

		{id: "upgrade.mode", title: msg.M("Check whether an upgrade is asked for (IS_UPGRADE)."), when: (*node).mentionsUpgrade, run: upgradeMode},

		{id: "host.ip", title: msg.M("Check the IP address of this node (OMS_HOST_IP)."), needs: onNode, run: hostIP},
		{id: "host.resources", title: msg.M("Check the CPU and the memory of this host."), run: hostResources},
		{id: "host.mounts", title: msg.M("Check the mounts and their free space."), run: hostMounts},
		{id: "host.limits", title: msg.M("Check the limits and the kernel of this host."), when: (*node).inContainer, run: hostLimits},
		{id: "port.free", title: msg.M("Check that the ports of the components are free."), needs: onNode, run: portsFree},
		{id: "https.certificate", title: msg.M("Check the HTTPS certificate."), needs: onNode, when: (*node).hasCertificate, run: httpsCertificate},

		{id: "metadb.connect", title: msg.M("Check the connection to the MetaDB."), needs: onNode, run: metaDBConnect},
		{id: "metadb.server", title: msg.M("Check the version and the settings of the MetaDB."), needs: onMetaDB, run: metaDBServer},
		{id: "metadb.clock", title: msg.M("Check the synchronization between the MetaDB clock and the machine clock."), needs: onMetaDB, run: metaDBClock},
		{id: "metadb.databases", title: msg.M("Check what the databases of OMS hold."), needs: onMetaDB, run: metaDBDatabases},
		{id: "metadb.release", title: msg.M("Check that the MetaDB belongs to this release."), needs: onMetaDB, when: func(n *node) bool { return n.Gate != nil }, run: metaDBRelease},
		{id: "metadb.rights", title: msg.M("Check what the MetaDB user may do."), needs: []string{"metadb.databases"}, when: func(n *node) bool { return n.TryWrites }, deadlines: rightsDeadlines, run: metaDBRights},

		{id: "regions.conflict", title: msg.M("Check this region against those that are registered."), needs: []string{"metadb.databases"}, applies: (*node).hasRegions, run: regionsConflict},
		{id: "upgrade.state", title: msg.M("Check whether the MetaDB is ready for the upgrade."), needs: []string{"metadb.databases"}, when: func(n *node) bool { return n.upgrading() && n.UpgradeGates != nil }, deadlines: 3, run: upgradeState},

		{id: "tsdb.connect", title: msg.M("Check the time-series database."), needs: onNode, applies: func(n *node) bool { return n.cfg.TSDBEnabled && n.TSDB != nil }, run: tsdbConnect},
		{id: "tsdb.write", title: msg.M("Check that the time-series database takes data."), needs: []string{"tsdb.connect"}, when: func(n *node) bool { return n.TryWrites && n.TSDBWrite != nil }, run: tsdbWrite},
	}
}

func (n *node) inContainer() bool { return !n.Layout.Relocated() }
