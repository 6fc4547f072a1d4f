// Package registry reads what the MetaDB holds of regions, nodes and their heartbeats, and checks the rules that
// regions must keep (docs/oms-facts.md §6, §8). Step 1, step 5 and the commands that look at a cluster share it.
package registry

import (
	"context"
	"database/sql"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
)

// Online is the one value of host_status that is documented (docs/oms-facts.md §6).
const Online = "ONLINE"

// Region is a row of cluster_info, or of location_cm, which has no Chinese name and no default.
type Region struct {
	Name, NameCN, URL string
	Location          int // cm_location
	IsDefault         bool
}

// Host is a row of host.
type Host struct {
	IP     string
	Group  int64  // id of its resource group, 0: none
	Name   string // of that group, which is a cm_location as text; "" when there is no such group
	Status string
}

// Registry is what the rm and cm databases hold.
type Registry struct {
	Regions   []Region // of cluster_info, by cm_location
	Locations []Region // of location_cm, by cm_location
	Groups    map[string]int64
	Hosts     []Host // by address
	Columns   Columns
}

// HasLocations reports whether location_cm has the columns that the reference schema gives it. Nothing but its name is
// documented, so another table of that name is left alone.
func (r Registry) HasLocations() bool {
	return r.Columns.Fit("location_cm", "location", "region", "cm_url")
}

// Read reads everything. Its errors are the driver's.
func Read(ctx context.Context, q database.Queryer, c *config.Config) (r Registry, err error) {
	if r.Regions, err = ReadRegions(ctx, q, c.RMDatabase); err != nil {
		return r, err
	}
	if r.Columns, err = ReadColumns(ctx, q, c.RMDatabase, c.CMDatabase); err != nil {
		return r, err
	}
	cm := database.Quote(c.CMDatabase)
	if r.HasLocations() {
		r.Locations, err = database.All(ctx, q, "SELECT location, COALESCE(region, ''), COALESCE(cm_url, '') FROM "+cm+
			".location_cm ORDER BY location", nil, func(l *Region) []any { return []any{&l.Location, &l.Name, &l.URL} })
		if err != nil {
			return r, err
		}
	}
	r.Groups = map[string]int64{}
	err = database.Each(ctx, q, "SELECT name, id FROM "+cm+".resource_group", nil, func(rows *sql.Rows) error {
		var name string
		var id int64
		err := rows.Scan(&name, &id)
		r.Groups[name] = id
		return err
	})
	if err != nil {
		return r, err
	}
	r.Hosts, err = ReadHosts(ctx, q, c.CMDatabase)
	return r, err
}

// ReadRegions reads cluster_info of an rm database.
func ReadRegions(ctx context.Context, q database.Queryer, rm string) ([]Region, error) {
	const columns = "code, COALESCE(region, ''), COALESCE(region_cn, ''), COALESCE(cm_url, ''), COALESCE(is_default_cm, 0) <> 0"
	return database.All(ctx, q, "SELECT "+columns+" FROM "+database.Quote(rm)+".cluster_info ORDER BY code", nil,
		func(r *Region) []any { return []any{&r.Location, &r.Name, &r.NameCN, &r.URL, &r.IsDefault} })
}

// ReadHosts reads the nodes of all regions from a cm database.
func ReadHosts(ctx context.Context, q database.Queryer, cm string) ([]Host, error) {
	const columns = "h.ip, COALESCE(h.resource_group_id, 0), COALESCE(g.name, ''), COALESCE(h.host_status, '')"
	cm = database.Quote(cm)
	return database.All(ctx, q, "SELECT "+columns+" FROM "+cm+".host h LEFT JOIN "+cm+
		".resource_group g ON g.id = h.resource_group_id ORDER BY h.ip", nil,
		func(h *Host) []any { return []any{&h.IP, &h.Group, &h.Name, &h.Status} })
}

// Host returns the node with an address, however its row spells it, and whether there is one.
func (r Registry) Host(address string) (Host, bool) { return FindHost(r.Hosts, address) }

// FindHost returns the node with an address, however its row spells it, and whether there is one.
func FindHost(hosts []Host, address string) (Host, bool) {
	i := slices.IndexFunc(hosts, func(h Host) bool { return SameAddress(h.IP, address) })
	if i < 0 {
		return Host{}, false
	}
	return hosts[i], true
}

// Find returns the row of a cm_location, and whether there is one.
func Find(rows []Region, location int) (Region, bool) {
	i := slices.IndexFunc(rows, func(r Region) bool { return r.Location == location })
	if i < 0 {
		return Region{}, false
	}
	return rows[i], true
}

// Lists reports whether a list of nodes, such as cm_nodes, has an address.
func Lists(nodes []string, address string) bool {
	return slices.ContainsFunc(nodes, func(node string) bool { return SameAddress(node, address) })
}

// CMNode returns the other node of the region to which cm_url leads, "" for a VIP, a name, or this node.
func CMNode(c *config.Config, own string) string {
	u, err := url.Parse(c.CMURL)
	if err != nil || SameAddress(u.Hostname(), own) || !Lists(c.CMNodes, u.Hostname()) {
		return ""
	}
	return u.Hostname()
}

// SameAddress reports whether two addresses are the same; IPv6 has several spellings of one.
func SameAddress(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return a == b || errX == nil && errY == nil && x.Unmap() == y.Unmap()
}

// SameURL reports whether two addresses of a CM are the same. Rows of an earlier initialisation may have a slash at the
// end or no scheme.
func SameURL(a, b string) bool { return plainURL(a) == plainURL(b) }

func plainURL(u string) string {
	u = strings.ToLower(strings.TrimRight(u, "/"))
	if !strings.Contains(u, "://") {
		u = "http://" + u
	}
	return u
}
