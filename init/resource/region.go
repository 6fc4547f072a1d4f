package resource

import (
	"cmp"
	"net/netip"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// unnamed is the region's name when config.yaml gives none: the documentation
// asks for one only when there are several regions.
const unnamed = "default"

// online is the one host_status that is documented.
const online = "ONLINE"

// region is what config.yaml says of this region.
type region struct {
	name, nameCN string
	named        bool // config.yaml names it
	url          string
	location     int
	isDefault    bool
	nodes        []string
	self         string // this node, as cm_nodes spells it; "" when it is not there
}

func wanted(c *config.Config, hostIP string) region {
	r := region{
		name:  cmp.Or(c.CMRegion, c.CMRegionCN, unnamed),
		named: c.CMRegion != "" || c.CMRegionCN != "",
		url:   c.CMURL, location: c.CMLocation, isDefault: c.CMIsDefault, nodes: c.CMNodes,
	}
	r.nameCN = cmp.Or(c.CMRegionCN, r.name)
	for _, node := range c.CMNodes {
		if sameAddress(node, hostIP) {
			r.self = node
		}
	}
	return r
}

func (r region) hasSelf() bool { return r.self != "" }

// sameAddress compares addresses, of which IPv6 has several spellings.
func sameAddress(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return a == b || errX == nil && errY == nil && x == y
}

// sameURL compares CM addresses. Rows of an earlier initialisation may have a
// slash at the end or no scheme.
func sameURL(a, b string) bool { return plainURL(a) == plainURL(b) }

func plainURL(u string) string {
	u = strings.ToLower(strings.TrimRight(u, "/"))
	if !strings.Contains(u, "://") {
		u = "http://" + u
	}
	return u
}

// conflict finds contradictions with the regions that are registered. Each
// would break a running region, and none can be seen later: the documentation
// asks people to avoid them by hand (oms-facts §8).
func (s state) conflict(r region) error {
	for _, other := range s.regions {
		if other.location == r.location {
			if err := r.isAnother(other); err != nil {
				return err
			}
			continue
		}
		switch {
		case strings.EqualFold(other.name, r.name) && !r.named:
			return msg.Errorf("there is another region already (%s, cm_location %d), and with several regions each needs a name: set cm_region in config.yaml of both", other.name, other.location)
		case strings.EqualFold(other.name, r.name):
			return msg.Errorf("the region %s is registered with cm_location %d, but config.yaml says cm_location %d: correct cm_location, or give this region another cm_region", other.name, other.location, r.location)
		case sameURL(other.url, r.url):
			return msg.Errorf("cm_url %s is the address of the region %s (cm_location %d): each region needs a CM of its own, correct cm_url in config.yaml", r.url, other.name, other.location)
		case other.isDefault && r.isDefault:
			return msg.Errorf("the region %s (cm_location %d) is the default one already: set cm_is_default: false in config.yaml of region %s, or first in that of %s", other.name, other.location, r.name, other.name)
		}
	}
	return nil
}

// isAnother compares with the row of the same cm_location. It is this region's
// own when the names agree; the address may differ, it moves to a VIP. A row
// that was written while config.yaml had no cm_region gets its name later: its
// address shows that it is the same region.
func (r region) isAnother(row registered) error {
	same := sameURL(row.url, r.url)
	switch {
	case strings.EqualFold(row.name, r.name), same && (row.name == "" || row.name == unnamed):
		return nil
	case same && !r.named:
		return msg.Errorf("this region is registered as %s (cm_location %d), but config.yaml has no cm_region: set it", row.name, row.location)
	default:
		return msg.Errorf("cm_location %d belongs to the region %s (%s) already, not to %s: each region needs a number of its own, correct cm_location (or cm_region) in config.yaml", r.location, row.name, row.url, r.name)
	}
}

// hasDefault reports whether another region is the default one.
func (s state) hasDefault(r region) bool {
	for _, other := range s.regions {
		if other.location != r.location && other.isDefault {
			return true
		}
	}
	return false
}
