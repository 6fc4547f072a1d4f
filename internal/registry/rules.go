package registry

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// Unnamed is the name that a region without cm_region is registered by: the
// documentation asks for one only when there are several regions.
const Unnamed = "default"

// Conflict is a contradiction between config.yaml and a region, a node or a
// heartbeat database that is registered. Each would break a running region, and
// the documentation asks people to avoid them by hand (oms-facts §8).
type Conflict struct {
	Rule     Rule
	Message  msg.Message
	Fix      msg.Message
	Other    Region   // of the first four rules
	Node     string   // of RuleNodes
	Location string   // cm_location that the node has, of RuleNodes
	Nodes    []string // of RuleHeartbeat
}

// Rule is what a conflict breaks.
type Rule string

// The rules.
const (
	RuleLocation  Rule = "location"  // cm_location is another one in each region
	RuleName      Rule = "name"      // so is cm_region
	RuleURL       Rule = "cm-url"    // so is cm_url
	RuleDefault   Rule = "default"   // exactly one region is the default one
	RuleNodes     Rule = "nodes"     // a node belongs to one region
	RuleHeartbeat Rule = "heartbeat" // so does a heartbeat database
)

// Err is the conflict as an error.
func (c Conflict) Err() error { return msg.Errorf("%v: %v", c.Message, c.Fix) }

// Configured is the row that the region of config.yaml should have.
func Configured(c *config.Config) Region {
	name := cmp.Or(c.CMRegion, c.CMRegionCN, Unnamed)
	return Region{Name: name, NameCN: cmp.Or(c.CMRegionCN, name), URL: c.CMURL, Location: c.CMLocation, IsDefault: c.CMIsDefault}
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
func RegionConflicts(c *config.Config, rows []Region) (found []Conflict) {
	us, taken := Configured(c), strings.Join(Taken(rows), ", ")
	for _, row := range rows {
		add := func(rule Rule, m, fix msg.Message) {
			found = append(found, Conflict{Rule: rule, Message: m, Fix: fix, Other: row})
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
				add(RuleName, msg.M("this region is registered as %s (cm_location %d), but config.yaml has no cm_region", row.Name, row.Location), msg.M("set cm_region: %s", row.Name))
			default:
				add(RuleLocation, msg.M("cm_location %d belongs to the region %s (%s) already, not to %s", row.Location, row.Name, row.URL, us.Name),
					msg.M("choose a cm_location that is not taken (%s), or correct cm_region", taken))
			}
			continue
		}
		switch {
		case strings.EqualFold(row.Name, us.Name) && !named(c):
			add(RuleName, msg.M("there is another region already (%s, cm_location %d), and with several regions each needs a name", row.Name, row.Location), msg.M("set cm_region in config.yaml of both"))
		case strings.EqualFold(row.Name, us.Name):
			add(RuleName, msg.M("cm_region %s is registered with cm_location %d, but config.yaml says cm_location %d", row.Name, row.Location, us.Location),
				msg.M("correct cm_location, or choose a cm_region that is not taken (%s)", taken))
		}
		if same {
			add(RuleURL, msg.M("cm_url %s is the address of the region %s (cm_location %d)", us.URL, row.Name, row.Location), msg.M("write the address of this region's own CM"))
		}
		if row.IsDefault && us.IsDefault {
			add(RuleDefault, msg.M("the region %s (cm_location %d) is the default one already", row.Name, row.Location),
				msg.M("set cm_is_default: false in config.yaml of this region, or first in that of %s", row.Name))
		}
	}
	return found
}

// HasDefault reports whether, with this config.yaml, a region is the default one.
func HasDefault(c *config.Config, rows []Region) bool {
	return c.CMIsDefault || slices.ContainsFunc(rows, func(r Region) bool { return r.IsDefault && r.Location != c.CMLocation })
}

// NodeConflicts finds nodes of cm_nodes that belong to another region. One that
// was taken out of its region, and is marked so, may join this one.
func NodeConflicts(c *config.Config, hosts []Host) (found []Conflict) {
	own := strconv.Itoa(c.CMLocation)
	for _, ip := range c.CMNodes {
		host, ok := FindHost(hosts, ip)
		if !ok || host.Name == own || host.Name == "" || host.Status == Offline {
			continue
		}
		found = append(found, Conflict{Rule: RuleNodes, Node: ip, Location: host.Name,
			Message: msg.M("the node %s of cm_nodes is registered in the region with cm_location %s, and this is %s", ip, host.Name, own),
			Fix:     msg.M("write the nodes of this region only, or correct cm_location")})
	}
	return found
}

// Serious reports whether a conflict of nodes is with a region that there is. A
// group that no region has is a remainder, and only worth a word.
func (c Conflict) Serious(regions []Region) bool {
	return slices.ContainsFunc(regions, func(r Region) bool { return strconv.Itoa(r.Location) == c.Location })
}

// HeartbeatConflict looks for nodes of other regions that send heartbeats to
// this region's database. Old heartbeats are of nodes that have moved.
func HeartbeatConflict(c *config.Config, hosts []Host, beats []Beat) (Conflict, bool) {
	own := strconv.Itoa(c.CMLocation)
	var strangers []string
	for _, b := range beats {
		host, ok := FindHost(hosts, b.IP)
		if ok && b.Fresh() && host.Name != "" && host.Name != own && !Lists(c.CMNodes, b.IP) {
			strangers = append(strangers, b.IP)
		}
	}
	return Conflict{Rule: RuleHeartbeat, Nodes: strangers,
		Message: msg.M("the heartbeat database %s is that of another region: %s send their heartbeats there", c.HeartbeatDatabase, strings.Join(strangers, ", ")),
		Fix:     msg.M("write a drc_cm_heartbeat_db of this region's own, such as %s", "oms_cm_heartbeat_"+own)}, len(strangers) > 0
}

// Conflicts are all that stop this region from being registered.
func (r Registry) Conflicts(c *config.Config, beats []Beat) []Conflict {
	found := RegionConflicts(c, r.Regions)
	for _, n := range NodeConflicts(c, r.Hosts) {
		if n.Serious(r.Regions) {
			found = append(found, n)
		}
	}
	if h, ok := HeartbeatConflict(c, r.Hosts, beats); ok {
		found = append(found, h)
	}
	return found
}
