package check

import (
	"context"

	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

func (n *node) hasRegions() bool { return n.held.hasTable(n.cfg.RMDatabase, "cluster_info") }

// ruleIDs are the findings of the rules that step 5 keeps as well.
var ruleIDs = map[registry.Rule]string{
	registry.RuleLocation: "regions.location", registry.RuleName: "regions.name", registry.RuleURL: "regions.cm-url",
	registry.RuleDefault: "regions.default", registry.RuleNodes: "regions.nodes", registry.RuleHeartbeat: "regions.heartbeat",
}

// regionsConflict compares this file with the regions and nodes that are
// registered: the documentation asks people to avoid clashes by hand
// (oms-facts §8).
func regionsConflict(ctx context.Context, n *node, f *found) {
	rows, err := registry.ReadRegions(ctx, n.db, n.cfg.RMDatabase)
	if err != nil {
		f.query(n, err)
		return
	}
	taken := registry.Taken(rows)
	for _, c := range registry.RegionConflicts(n.cfg, rows) {
		f.error(ruleIDs[c.Rule], c.Message, c.Fix,
			fact("cm_location", c.Other.Location), fact("cm_region", c.Other.Name), fact("cm_url", c.Other.URL), fact("taken", taken))
	}
	if len(rows) > 0 && !registry.HasDefault(n.cfg, rows) {
		f.warning("regions.default", msg.M("no region is the default one"), msg.M("set cm_is_default: true in exactly one region's config.yaml"), fact("taken", taken))
	}
	f.fact("regions", taken)
	n.nodesOfOthers(ctx, f, rows)
}

// nodesOfOthers looks for nodes of this file that belong to another region,
// and for nodes of other regions that send heartbeats to this region's
// database.
func (n *node) nodesOfOthers(ctx context.Context, f *found, regions []registry.Region) {
	if !n.held.hasTable(n.cfg.CMDatabase, "host") || !n.held.hasTable(n.cfg.CMDatabase, "resource_group") {
		return
	}
	hosts, err := registry.ReadHosts(ctx, n.db, n.cfg.CMDatabase)
	if err != nil {
		f.query(n, err)
		return
	}
	for _, c := range registry.NodeConflicts(n.cfg, hosts) {
		report := f.warning
		if c.Serious(regions) {
			report = f.error
		}
		report(ruleIDs[c.Rule], c.Message, c.Fix, fact("node", c.Node), fact("cm_location", c.Location))
	}
	beats, err := registry.ReadBeats(ctx, n.db, n.cfg.HeartbeatDatabase)
	if err != nil {
		f.query(n, err)
		return
	}
	if c, ok := registry.HeartbeatConflict(n.cfg, hosts, beats); ok {
		f.error(ruleIDs[c.Rule], c.Message, c.Fix, fact("database", n.cfg.HeartbeatDatabase), fact("nodes", c.Nodes))
	}
}
