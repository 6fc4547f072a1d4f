package check

import (
	"context"

	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

func (n *node) hasRegions() bool { return n.databases.hasTable(n.cfg.RMDatabase, "cluster_info") }

// regionsConflict compares this file with the regions and nodes that are registered: the documentation asks people to
// avoid clashes by hand (docs/oms-facts.md §8).
func regionsConflict(ctx context.Context, n *node, f *found) {
	rows, err := registry.ReadRegions(ctx, n.db, n.cfg.RMDatabase)
	if err != nil {
		f.query(n, err)
		return
	}
	f.add(registry.RegionConflicts(n.cfg, rows)...)
	if len(rows) > 0 {
		n.needDefault(f, rows)
	}
	f.fact("regions", registry.Taken(rows))
	n.nodesOfOthers(ctx, f, rows)
}

// needDefault warns when no region is the default one.
func (n *node) needDefault(f *found, regions []registry.Region) {
	if !registry.HasDefault(n.cfg, regions) {
		f.warning("regions.default", msg.M("no region is the default one"),
			msg.M("set cm_is_default: true in exactly one region's config.yaml"),
			fact("taken", registry.Taken(regions)))
	}
}

// nodesOfOthers looks for nodes of this file that belong to another region, and for nodes of other regions that send
// heartbeats to this region's database.
func (n *node) nodesOfOthers(ctx context.Context, f *found, regions []registry.Region) {
	if !n.databases.hasTable(n.cfg.CMDatabase, "host") || !n.databases.hasTable(n.cfg.CMDatabase, "resource_group") {
		return
	}
	hosts, err := registry.ReadHosts(ctx, n.db, n.cfg.CMDatabase)
	if err != nil {
		f.query(n, err)
		return
	}
	f.add(registry.NodeConflicts(n.cfg, regions, hosts)...)
	beats, err := registry.ReadBeats(ctx, n.db, n.cfg.HeartbeatDatabase)
	if err != nil {
		f.query(n, err)
		return
	}
	f.add(registry.HeartbeatConflicts(n.cfg, hosts, beats)...)
}
