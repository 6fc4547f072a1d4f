package resource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/internal/passing"
	"omsinit/internal/registry"
)

// state is what the MetaDB holds of regions and nodes.
type state struct {
	registry.Registry
	beats  []registry.Beat // of this region's heartbeat database
	labels labels
	ha     bool // ha.config is there
}

// wanted is what config.yaml says of this region.
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

func read(ctx context.Context, q registry.Queryer, c *config.Config) (s state, err error) {
	if s.Registry, err = registry.Read(ctx, q, c); err == nil {
		s.beats, err = registry.ReadBeats(ctx, q, c.HeartbeatDatabase)
	}
	if err == nil {
		s.labels, err = readLabels(ctx, q, c.CMDatabase)
	}
	if err == nil {
		_, s.ha, err = ha.Read(ctx, q, c.RMDatabase)
	}
	if err != nil {
		return s, msg.Errorf("cannot read the registered regions and nodes: %w", database.Explain(c, err))
	}
	return s, nil
}

// conflict is the first contradiction with what is registered.
func (s state) conflict(c *config.Config) error {
	if found := s.Conflicts(c, s.beats); len(found) > 0 {
		return found[0].Err()
	}
	return nil
}

// change is one row to write.
type change struct {
	inCM  bool // in the cm database, else in rm
	table string
	key   string
	query string // %s is the database
	args  []any
	// status is the new host_status of a node that is marked, or unmarked.
	status string
}

// row is the change as it is told.
func (c change) row(database string) Row {
	return Row{Table: database + "." + c.table, Key: c.key, Inserted: strings.HasPrefix(c.query, "INSERT"), Status: c.status}
}

// changes compares the MetaDB with config.yaml. The columns named here are the
// documented ones, times are left to the server. No row is ever deleted.
func (s state) changes(w wanted) []change {
	var out []change
	add := func(inCM bool, table, key, query string, args ...any) {
		out = append(out, change{inCM: inCM, table: table, key: key, query: query, args: args})
	}
	group := strconv.Itoa(w.Location)
	if _, ok := s.Groups[group]; !ok {
		add(true, "resource_group", "name="+group, "INSERT INTO %s.resource_group (name) VALUES (?)", group)
	}
	before, listed := registry.Find(s.Regions, w.Location)
	out = append(out, s.labels.changes(before.Name, w.Name)...)
	switch row, ok := registry.Find(s.Locations, w.Location); {
	case !ok:
		add(true, "location_cm", "location="+group, "INSERT INTO %s.location_cm (location, region, cm_url) VALUES (?, ?, ?)", w.Location, w.Name, w.URL)
	case row.Name != w.Name || row.URL != w.URL:
		add(true, "location_cm", "location="+group, "UPDATE %s.location_cm SET region = ?, cm_url = ? WHERE location = ?", w.Name, w.URL, w.Location)
	}
	out = append(out, s.hosts(w, group)...)

	switch {
	case !listed:
		add(false, "cluster_info", "code="+group, "INSERT INTO %s.cluster_info (region, region_cn, cm_url, code, is_default_cm) VALUES (?, ?, ?, ?, ?)",
			w.Name, w.NameCN, w.URL, w.Location, number(w.IsDefault))
	case before != w.Region:
		add(false, "cluster_info", "code="+group, "UPDATE %s.cluster_info SET region = ?, region_cn = ?, cm_url = ?, is_default_cm = ? WHERE code = ?",
			w.Name, w.NameCN, w.URL, number(w.IsDefault), w.Location)
	}
	if !s.ha {
		add(false, "oms_normal_config", "cfg_name=ha.config", "INSERT INTO %s.oms_normal_config (cfg_name, cfg_value) VALUES ('ha.config', ?)", ha.Default)
	}
	return out
}

// hosts registers the nodes of cm_nodes, and marks those that were taken out of
// it. A mark is taken back from whoever is in cm_nodes; any other status of
// another node is left alone: each node knows best how it is.
func (s state) hosts(w wanted, group string) (out []change) {
	place := "UPDATE %[1]s.host SET host_status = ?, resource_group_id = (SELECT id FROM %[1]s.resource_group WHERE name = ?) WHERE ip = ?"
	for _, node := range w.nodes {
		row, ok := s.Host(node)
		switch {
		case !ok:
			out = append(out, change{inCM: true, table: "host", key: "ip=" + node, args: []any{node, registry.Online, group},
				query: "INSERT INTO %[1]s.host (resource_group_id, ip, host_status) SELECT id, ?, ? FROM %[1]s.resource_group WHERE name = ?"})
		case row.Status == registry.Offline:
			out = append(out, change{inCM: true, table: "host", key: "ip=" + row.IP, query: place, args: []any{registry.Online, group, row.IP}, status: registry.Online})
		case node == w.self && (row.Status != registry.Online || row.Name != group):
			out = append(out, change{inCM: true, table: "host", key: "ip=" + row.IP, query: place, args: []any{registry.Online, group, row.IP}})
		}
	}
	for _, row := range s.removed(w) {
		if _, alive := s.alive(row); !alive {
			out = append(out, change{inCM: true, table: "host", key: "ip=" + row.IP, status: registry.Offline,
				query: "UPDATE %s.host SET host_status = ? WHERE ip = ?", args: []any{registry.Offline, row.IP}})
		}
	}
	return out
}

// removed are the nodes of this region that cm_nodes does not have any more,
// and that are not marked yet. A list in which not even this node is says
// nothing of others.
func (s state) removed(w wanted) (hosts []registry.Host) {
	if w.self == "" {
		return nil
	}
	for _, row := range s.Hosts {
		if row.Name == strconv.Itoa(w.Location) && row.Status != registry.Offline && !registry.Lists(w.nodes, row.IP) {
			hosts = append(hosts, row)
		}
	}
	return hosts
}

// alive reports whether a node sends heartbeats. One that does is never marked:
// it may be this node's config.yaml that is behind.
func (s state) alive(host registry.Host) (registry.Beat, bool) {
	b, ok := registry.FindBeat(s.beats, host.IP)
	return b, ok && b.Fresh()
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// commit writes the changes, those of each database in one transaction: first
// cm, so that a region is listed only when its nodes are. The condition is that
// of the lock.
func (s *Step) commit(ctx context.Context, conn *sql.Conn, condition string, changes []change) ([]Row, error) {
	var done []Row
	for _, inCM := range []bool{true, false} {
		name, part := s.Config.RMDatabase, slices.Clone(changes)
		if inCM {
			name = s.Config.CMDatabase
		}
		part = slices.DeleteFunc(part, func(c change) bool { return c.inCM != inCM })
		if len(part) == 0 {
			continue
		}
		rows, err := transact(ctx, conn, name, condition, part)
		if err != nil {
			failed := msg.Errorf("cannot register this region and its nodes in the database %s: %w", name, database.Explain(s.Config, err))
			if sameRow(err) {
				failed = passing.Mark(failed)
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

// Message says what was done with the row.
func (r Row) Message() msg.Message {
	switch {
	case r.Inserted:
		return msg.M("%s: %s registered", r.Table, r.Key)
	case r.Status == registry.Offline:
		return msg.M("%s: %s marked %s, because it is not in cm_nodes any more; the row is kept", r.Table, r.Key, r.Status)
	case r.Status != "":
		return msg.M("%s: %s is in cm_nodes, and %s again", r.Table, r.Key, r.Status)
	}
	return msg.M("%s: %s corrected", r.Table, r.Key)
}

// sameRow reports whether somebody else wrote a row of ours in the meantime.
// The next run looks again.
func sameRow(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == 1062
}

func transact(ctx context.Context, conn *sql.Conn, name, condition string, changes []change) ([]Row, error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after Commit it does nothing
	var held int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM DUAL WHERE "+condition).Scan(&held); err != nil {
		return nil, err
	}
	if held == 0 {
		return nil, passing.Mark(database.ErrLockLost)
	}
	var rows []Row
	for _, c := range changes {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(c.query, database.Quote(name)), c.args...); err != nil {
			return nil, fmt.Errorf("%s: %w", c.table, err)
		}
		rows = append(rows, c.row(name))
	}
	return rows, tx.Commit()
}
