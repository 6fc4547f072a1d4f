package registry

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Unnamed is the name that a region without cm_region is registered by: the
// documentation asks for one only when there are several regions.
const Unnamed = "default"

// The ids of the findings that are contradictions between config.yaml and a region, a node or a heartbeat database
// that is registered. Each would break a running region, and the documentation asks people to avoid them by hand
// (docs/oms-facts.md §8).
const (
	conflictLocation  = "regions.location"  // cm_location is another one in each region
	conflictName      = "regions.name"      // so is cm_region
	conflictURL       = "regions.cm-url"    // so is cm_url
	conflictDefault   = "regions.default"   // exactly one region is the default one
	conflictNodes     = "regions.nodes"     // a node belongs to one region
	conflictHeartbeat = "regions.heartbeat" // so does a heartbeat database
)

func conflict(id string, m, fix msg.Message, facts ...finding.Fact) finding.Finding {
	return finding.Finding{ID: id, Severity: finding.Error, Message: m, Fix: fix, Facts: facts}
}

func fact(name string, value any) finding.Fact { return finding.Fact{Name: name, Value: value} }

// Configured is the row that the region of config.yaml should have.
func Configured(c *config.Config) Region {
	name := cmp.Or(c.CMRegion, c.CMRegionCN, Unnamed)
	return Region{Name: name, NameCN: cmp.Or(c.CMRegionCN, name), URL: c.CMURL, Location: c.CMLocation,
		IsDefault: c.CMIsDefault}
}

// named: config.yaml names the region.
func named(c *config.Config) bool { return c.CMRegion != "" || c.CMRegionCN != "" }

// Taken lists the numbers and names that regions have.
func Taken(rows []Region) []string {
	list := []string{}
	for _, row := range rows {
		list = append(list, strconv.Itoa(row.Location)+" "+row.Name)
	}
	return list
}

// RegionConflicts compares config.yaml with the regions that are registered.
func RegionConflicts(c *config.Config, rows []Region) (found []finding.Finding) {
	us, taken := Configured(c), Taken(rows)
	for _, row := range rows {
		add := func(id string, m, fix msg.Message) {
			found = append(found, conflict(id, m, fix, fact("cm_location", row.Location), fact("cm_region", row.Name),
				fact("cm_url", row.URL), fact("taken", taken)))
		}
		same := SameURL(row.URL, us.URL)
		if row.Location == us.Location {
			// It is this region's own row when the names agree; the address may
			// differ, it moves to a VIP. A row that was written while config.yaml
			// had no cm_region gets its name later: its address shows that it is
			// the same region.
			switch {
			case strings.EqualFold(row.Name, us.Name), same && (row.Name == "" || row.Name == Unnamed):
			case same && !named(c):
				add(conflictName,
					msg.M("this region is registered as %s (cm_location %d), but config.yaml has no cm_region",
						row.Name, row.Location),
					msg.M("set cm_region: %s", row.Name))
			default:
				add(conflictLocation,
					msg.M("cm_location %d belongs to the region %s (%s) already, not to %s", row.Location, row.Name,
						row.URL, us.Name),
					msg.M("choose a cm_location that is not taken (%s), or correct cm_region", msg.List(taken)))
			}
			continue
		}
		switch {
		case strings.EqualFold(row.Name, us.Name) && !named(c):
			add(conflictName,
				msg.M(
					"there is another region already (%s, cm_location %d), and with several regions each needs a name",
					row.Name, row.Location),
				msg.M("set cm_region in config.yaml of both"))
		case strings.EqualFold(row.Name, us.Name):
			add(conflictName,
				msg.M("cm_region %s is registered with cm_location %d, but config.yaml says cm_location %d",
					row.Name, row.Location, us.Location),
				msg.M("correct cm_location, or choose a cm_region that is not taken (%s)", msg.List(taken)))
		}
		if same {
			add(conflictURL,
				msg.M("cm_url %s is the address of the region %s (cm_location %d)", us.URL, row.Name, row.Location),
				msg.M("write the address of this region's own CM"))
		}
		if row.IsDefault && us.IsDefault {
			add(conflictDefault, msg.M("the region %s (cm_location %d) is the default one already", row.Name,
				row.Location),
				msg.M("set cm_is_default: false in config.yaml of this region, or first in that of %s", row.Name))
		}
	}
	return found
}

// HasDefault reports whether, with this config.yaml, a region is the default one.
func HasDefault(c *config.Config, rows []Region) bool {
	return c.CMIsDefault || slices.ContainsFunc(rows,
		func(r Region) bool { return r.IsDefault && r.Location != c.CMLocation })
}

// NodeConflicts finds nodes of cm_nodes that belong to another region. A node in a group that no region has is a
// remainder, and only a warning.
func NodeConflicts(c *config.Config, regions []Region, hosts []Host) (found []finding.Finding) {
	own := strconv.Itoa(c.CMLocation)
	for _, ip := range c.CMNodes {
		host, ok := FindHost(hosts, ip)
		if !ok || host.Name == own || host.Name == "" {
			continue
		}
		f := conflict(conflictNodes,
			msg.M("the node %s of cm_nodes is registered in the region with cm_location %s, and this is %s", ip,
				host.Name, own),
			msg.M("write the nodes of this region only, or correct cm_location; of a node that has moved here, first delete its old row: omsinit cluster remove %s", ip),
			fact("node", ip), fact("cm_location", host.Name))
		if !slices.ContainsFunc(regions, func(r Region) bool { return strconv.Itoa(r.Location) == host.Name }) {
			f.Severity = finding.Warning
		}
		found = append(found, f)
	}
	return found
}

// HeartbeatConflicts looks for nodes of other regions that send heartbeats to this region's database, and returns at
// most one finding. Old heartbeats are of nodes that have moved.
func HeartbeatConflicts(c *config.Config, hosts []Host, beats []Beat) []finding.Finding {
	own := strconv.Itoa(c.CMLocation)
	var strangers []string
	for _, b := range beats {
		host, ok := FindHost(hosts, b.IP)
		if ok && b.Alive() && host.Name != "" && host.Name != own && !Lists(c.CMNodes, b.IP) {
			strangers = append(strangers, b.IP)
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	return []finding.Finding{conflict(conflictHeartbeat,
		msg.M("the heartbeat database %s is that of another region: %s send their heartbeats there",
			c.HeartbeatDatabase, msg.List(strangers)),
		msg.M("write a drc_cm_heartbeat_db of this region's own, such as %s", "oms_cm_heartbeat_"+own),
		fact("database", c.HeartbeatDatabase), fact("nodes", strangers))}
}

// Conflicts returns the errors: all that stop this region from being registered.
func (r Registry) Conflicts(c *config.Config, beats []Beat) []finding.Finding {
	found := slices.Concat(RegionConflicts(c, r.Regions), NodeConflicts(c, r.Regions, r.Hosts),
		HeartbeatConflicts(c, r.Hosts, beats))
	return slices.DeleteFunc(found, func(f finding.Finding) bool { return f.Severity != finding.Error })
}
