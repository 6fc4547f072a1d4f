package check

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// registered is a row of cluster_info.
type registered struct {
	location  int
	name, url string
	isDefault bool
}

// unnamed is the name that a region without cm_region is registered by.
const unnamed = "default"

func (n *node) hasRegions() bool { return n.held.hasTable(n.cfg.RMDatabase, "cluster_info") }

// regionsConflict compares this file with the regions and nodes that are
// registered: the documentation asks people to avoid clashes by hand
// (oms-facts §8).
func regionsConflict(ctx context.Context, n *node, f *found) {
	var rows []registered
	err := each(ctx, n.db, "SELECT code, COALESCE(region, ''), COALESCE(cm_url, ''), COALESCE(is_default_cm, 0) <> 0 FROM "+database.Quote(n.cfg.RMDatabase)+".cluster_info ORDER BY code", nil, func(r *sql.Rows) error {
		var row registered
		err := r.Scan(&row.location, &row.name, &row.url, &row.isDefault)
		rows = append(rows, row)
		return err
	})
	if err != nil {
		f.query(n, err)
		return
	}
	name := cmp.Or(n.cfg.CMRegion, n.cfg.CMRegionCN, unnamed)
	named := n.cfg.CMRegion != "" || n.cfg.CMRegionCN != ""
	taken := taken(rows)
	hasDefault := n.cfg.CMIsDefault || len(rows) == 0
	for _, row := range rows {
		facts := []Fact{{"cm_location", row.location}, {"cm_region", row.name}, {"cm_url", row.url}, {"taken", taken}}
		hasDefault = hasDefault || row.isDefault && row.location != n.cfg.CMLocation
		same := sameURL(row.url, n.cfg.CMURL)
		if row.location == n.cfg.CMLocation {
			switch {
			case strings.EqualFold(row.name, name), same && (row.name == "" || row.name == unnamed):
			case same && !named:
				f.error("regions.name", msg.M("this region is registered as %s (cm_location %d), but config.yaml has no cm_region", row.name, row.location), msg.M("set cm_region: %s", row.name), facts...)
			default:
				f.error("regions.location", msg.M("cm_location %d belongs to the region %s (%s) already, not to %s", row.location, row.name, row.url, name),
					msg.M("choose a cm_location that is not taken (%s), or correct cm_region", strings.Join(taken, ", ")), facts...)
			}
			continue
		}
		switch {
		case strings.EqualFold(row.name, name) && !named:
			f.error("regions.name", msg.M("there is another region already (%s, cm_location %d), and with several regions each needs a name", row.name, row.location), msg.M("set cm_region in config.yaml of both"), facts...)
		case strings.EqualFold(row.name, name):
			f.error("regions.name", msg.M("cm_region %s is registered with cm_location %d, but config.yaml says cm_location %d", row.name, row.location, n.cfg.CMLocation),
				msg.M("correct cm_location, or choose a cm_region that is not taken (%s)", strings.Join(taken, ", ")), facts...)
		}
		if same {
			f.error("regions.cm-url", msg.M("cm_url %s is the address of the region %s (cm_location %d)", n.cfg.CMURL, row.name, row.location), msg.M("write the address of this region's own CM"), facts...)
		}
		if row.isDefault && n.cfg.CMIsDefault {
			f.error("regions.default", msg.M("the region %s (cm_location %d) is the default one already", row.name, row.location),
				msg.M("set cm_is_default: false in config.yaml of this region, or first in that of %s", row.name), facts...)
		}
	}
	if !hasDefault {
		f.warning("regions.default", msg.M("no region is the default one"), msg.M("set cm_is_default: true in exactly one region's config.yaml"), Fact{"taken", taken})
	}
	f.fact("regions", taken)
	n.nodesOfOthers(ctx, f, rows)
}

// taken lists the numbers and names that regions have.
func taken(rows []registered) []string {
	list := []string{}
	for _, row := range rows {
		list = append(list, strconv.Itoa(row.location)+" "+row.name)
	}
	return list
}

func sameURL(a, b string) bool { return plainURL(a) == plainURL(b) }

func plainURL(u string) string {
	u = strings.ToLower(strings.TrimRight(u, "/"))
	if !strings.Contains(u, "://") {
		u = "http://" + u
	}
	return u
}

// nodesOfOthers looks for nodes of this file that belong to another region,
// and for nodes of other regions that send heartbeats to this region's
// database. A group that no region has is a remainder, and only worth a word.
func (n *node) nodesOfOthers(ctx context.Context, f *found, regions []registered) {
	if !n.held.hasTable(n.cfg.CMDatabase, "host") || !n.held.hasTable(n.cfg.CMDatabase, "resource_group") {
		return
	}
	groups := map[string]string{} // address -> cm_location
	cm := database.Quote(n.cfg.CMDatabase)
	err := each(ctx, n.db, "SELECT h.ip, g.name FROM "+cm+".host h JOIN "+cm+".resource_group g ON g.id = h.resource_group_id", nil, func(r *sql.Rows) error {
		var ip, group string
		err := r.Scan(&ip, &group)
		groups[ip] = group
		return err
	})
	if err != nil {
		f.query(n, err)
		return
	}
	own := strconv.Itoa(n.cfg.CMLocation)
	for _, ip := range n.cfg.CMNodes {
		group, ok := groups[ip]
		if !ok || group == own {
			continue
		}
		report := f.warning
		if slices.ContainsFunc(regions, func(r registered) bool { return strconv.Itoa(r.location) == group }) {
			report = f.error
		}
		report("regions.nodes", msg.M("the node %s of cm_nodes is registered in the region with cm_location %s, and this is %s", ip, group, own),
			msg.M("write the nodes of this region only, or correct cm_location"), Fact{"node", ip}, Fact{"cm_location", group})
	}
	n.heartbeats(ctx, f, groups, own)
}

func (n *node) heartbeats(ctx context.Context, f *found, groups map[string]string, own string) {
	if !n.held.hasTable(n.cfg.HeartbeatDatabase, "heart_beat") {
		return
	}
	var strangers []string
	err := each(ctx, n.db, "SELECT DISTINCT host_ip FROM "+database.Quote(n.cfg.HeartbeatDatabase)+".heart_beat", nil, func(r *sql.Rows) error {
		var ip string
		err := r.Scan(&ip)
		if group, ok := groups[ip]; ok && group != own && !slices.Contains(n.cfg.CMNodes, ip) {
			strangers = append(strangers, ip)
		}
		return err
	})
	if err != nil {
		f.query(n, err)
		return
	}
	if len(strangers) > 0 {
		f.error("regions.heartbeat", msg.M("the heartbeat database %s is that of another region: %s send their heartbeats there", n.cfg.HeartbeatDatabase, strings.Join(strangers, ", ")),
			msg.M("write a drc_cm_heartbeat_db of this region's own, such as %s", "oms_cm_heartbeat_"+own), Fact{"database", n.cfg.HeartbeatDatabase}, Fact{"nodes", strangers})
	}
}
