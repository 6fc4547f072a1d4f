package resource

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// state is what the MetaDB holds of regions and nodes.
type state struct {
	registry.Registry
	beats  []registry.Beat // of this region's heartbeat database
	labels labels
	ha     bool // ha.config is there
}

// wanted is this region as config.yaml has it.
type wanted struct {
	registry.Region
	nodes []string
	self  string // this node, as cm_nodes spells it; "" when it is not there
}

func want(c *config.Config, hostIP string) wanted {
	w := wanted{Region: registry.Configured(c), nodes: c.CMNodes}
	for _, node := range c.CMNodes {
		if registry.SameAddress(node, hostIP) {
			w.self = node
		}
	}
	return w
}

// read reads the MetaDB. A region that contradicts another one there is an
// error, so that nothing is sent or written for it.
func read(ctx context.Context, q database.Queryer, c *config.Config) (s state, err error) {
	if s.Registry, err = registry.Read(ctx, q, c); err == nil {
		s.beats, err = registry.ReadBeats(ctx, q, c.HeartbeatDatabase)
	}
	if err == nil {
		s.labels, err = readLabels(ctx, q, c.CMDatabase, s.Columns)
	}
	if err == nil {
		_, s.ha, err = ha.Read(ctx, q, c.RMDatabase)
	}
	if err != nil {
		return s, msg.Errorf("cannot read the registered regions and nodes: %w", database.Explain(c, err))
	}
	if conflicts := s.Conflicts(c, s.beats); len(conflicts) > 0 {
		return s, conflicts[0].Err()
	}
	return s, nil
}

// changes compares the MetaDB with config.yaml. No row is ever deleted by it: see Remove.
func (s state) changes(w wanted) []change {
	var out []change
	group := strconv.Itoa(w.Location)
	if _, ok := s.Groups[group]; !ok {
		out = append(out, insert(cmDatabase, "resource_group", "name="+group, value{"name", group}))
	}
	before, listed := registry.Find(s.Regions, w.Location)
	out = append(out, s.labels.changes(before.Name, w.Name)...)
	out = append(out, s.location(w)...)
	out = append(out, s.hosts(w, group)...)

	row := clusterInfo(w.Region)
	switch {
	case !listed:
		out = append(out, row)
	case before != w.Region:
		last := len(row.set) - 1
		out = append(out, update(rmDatabase, "cluster_info", row.key, row.set[last], row.set[:last]...))
	}
	if !s.ha {
		out = append(out, insert(rmDatabase, "oms_normal_config", "cfg_name=ha.config",
			value{"cfg_name", "ha.config"}, value{"cfg_value", ha.Default}))
	}
	return out
}

// clusterInfo lists a region; its number is the last value.
func clusterInfo(r registry.Region) change {
	standard := 0
	if r.IsDefault {
		standard = 1
	}
	return insert(rmDatabase, "cluster_info", "code="+strconv.Itoa(r.Location), value{"region", r.Name},
		value{"region_cn", r.NameCN}, value{"cm_url", r.URL}, value{"is_default_cm", standard},
		value{"code", r.Location})
}

// location is the region's row in location_cm.
func (s state) location(w wanted) []change {
	if !s.HasLocations() {
		return nil
	}
	location, row := value{"location", w.Location}, []value{{"region", w.Name}, {"cm_url", w.URL}}
	key := "location=" + strconv.Itoa(w.Location)
	switch before, ok := registry.Find(s.Locations, w.Location); {
	case !ok:
		return []change{insert(cmDatabase, "location_cm", key, append(row, location)...)}
	case before.Name != w.Name || before.URL != w.URL:
		return []change{update(cmDatabase, "location_cm", key, location, row...)}
	}
	return nil
}

// hosts registers the nodes of cm_nodes. The status of another node is left
// alone: each node knows best how it is.
func (s state) hosts(w wanted, group string) (out []change) {
	member := []value{{"host_status", registry.Online}, {"resource_group_id", groupID(group)}}
	for _, node := range w.nodes {
		row, ok := s.Host(node)
		switch {
		case !ok:
			out = append(out, insert(cmDatabase, "host", "ip="+node, append(member, value{"ip", node})...))
		case node == w.self && (row.Status != registry.Online || row.Name != group):
			out = append(out, update(cmDatabase, "host", "ip="+row.IP, value{"ip", row.IP}, member...))
		}
	}
	return out
}

// unlisted are the nodes of this region that cm_nodes does not have any more. A
// list in which not even this node is says nothing of others.
func (s state) unlisted(w wanted) (hosts []registry.Host) {
	if w.self == "" {
		return nil
	}
	for _, row := range s.Hosts {
		if row.Name == strconv.Itoa(w.Location) && !registry.Lists(w.nodes, row.IP) {
			hosts = append(hosts, row)
		}
	}
	return hosts
}

// name returns the name of the database that a row is in.
func (s *Step) name(p place) string {
	if p == cmDatabase {
		return s.Config.CMDatabase
	}
	return s.Config.RMDatabase
}

// commit writes the changes, those of each database in one transaction: first
// cm, so that a region is listed only when its nodes are, and is off the list
// only when they are. The condition is that of the lock.
func (s *Step) commit(
	ctx context.Context, conn *sql.Conn, condition string, changes []change, columns registry.Columns,
) ([]Row, error) {
	var done []Row
	for _, p := range []place{cmDatabase, rmDatabase} {
		part := slices.DeleteFunc(slices.Clone(changes), func(c change) bool { return c.place != p })
		if len(part) == 0 {
			continue
		}
		rows, err := transact(ctx, conn, s.name(p), condition, part, columns)
		if err != nil {
			failed := msg.Errorf("cannot write the regions and nodes in the database %s: %w",
				s.name(p), database.Explain(s.Config, err))
			// another node wrote a row of ours meanwhile: the next run looks again
			if database.Is(err, database.ErrDupEntry) {
				failed = finding.Transient(failed)
			}
			return done, failed
		}
		for _, r := range rows {
			s.log(r.Message())
		}
		done = append(done, rows...)
	}
	return done, nil
}

func transact(ctx context.Context, conn *sql.Conn, name, condition string, changes []change, columns registry.Columns) (
	[]Row, error,
) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after Commit it does nothing
	var lockRows int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM DUAL WHERE "+condition).Scan(&lockRows); err != nil {
		return nil, err
	}
	if lockRows == 0 {
		return nil, finding.Transient(database.ErrLockLost)
	}
	var rows []Row
	for _, c := range changes {
		query, args := c.statement(name, columns)
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", c.table, c.key, err)
		}
		rows = append(rows, c.row(name))
	}
	return rows, tx.Commit()
}
