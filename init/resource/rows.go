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
	"omsinit/internal/msg"
	"omsinit/internal/passing"
)

// haConfig is the documented default of the system parameter ha.config
// (oms-facts §6): high availability is off.
const haConfig = `{"enable":false,"enableHost":false,"enableStore":true,"perceiveStoreClientCheckpoint":false,"enableConnector":true,"enableJdbcWriter":true,"subtopicStoreNumberThreshold":5,"checkRequestIntervalSec":600,"checkJdbcWriterIntervalSec":600,"checkHostDownIntervalSec":540,"checkModuleExceptionIntervalSec":240,"clearAbnormalResourceHours":72,"refetchStoreIntervalMin":30}`

// state is what the MetaDB holds of regions and nodes.
type state struct {
	rm, cm    string // names of the databases
	regions   []registered
	locations []registered // of location_cm
	groups    map[string]int64
	hosts     map[string]host // by address
	ha        bool            // ha.config is there
}

// registered is a row of cluster_info.
type registered struct {
	name, nameCN, url string
	location          int
	isDefault         bool
}

type host struct {
	group  int64
	status string
}

// queryer is a *sql.DB or a *sql.Conn.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func read(ctx context.Context, q queryer, c *config.Config) (state, error) {
	s := state{rm: database.Quote(c.RMDatabase), cm: database.Quote(c.CMDatabase), groups: map[string]int64{}, hosts: map[string]host{}}
	for _, part := range []struct {
		query string
		row   func(*sql.Rows) error
	}{
		{"SELECT code, COALESCE(region, ''), COALESCE(region_cn, ''), COALESCE(cm_url, ''), COALESCE(is_default_cm, 0) <> 0 FROM " + s.rm + ".cluster_info", func(rows *sql.Rows) error {
			var r registered
			err := rows.Scan(&r.location, &r.name, &r.nameCN, &r.url, &r.isDefault)
			s.regions = append(s.regions, r)
			return err
		}},
		{"SELECT location, region, cm_url FROM " + s.cm + ".location_cm", func(rows *sql.Rows) error {
			var r registered
			err := rows.Scan(&r.location, &r.name, &r.url)
			s.locations = append(s.locations, r)
			return err
		}},
		{"SELECT name, id FROM " + s.cm + ".resource_group", func(rows *sql.Rows) error {
			var name string
			var id int64
			err := rows.Scan(&name, &id)
			s.groups[name] = id
			return err
		}},
		{"SELECT ip, COALESCE(resource_group_id, 0), COALESCE(host_status, '') FROM " + s.cm + ".host", func(rows *sql.Rows) error {
			var ip string
			var h host
			err := rows.Scan(&ip, &h.group, &h.status)
			s.hosts[ip] = h
			return err
		}},
		{"SELECT 1 FROM " + s.rm + ".oms_normal_config WHERE cfg_name = 'ha.config'", func(*sql.Rows) error {
			s.ha = true
			return nil
		}},
	} {
		if err := each(ctx, q, part.query, part.row); err != nil {
			return s, msg.Errorf("cannot read the registered regions and nodes: %w", database.Explain(c, err))
		}
	}
	return s, nil
}

func each(ctx context.Context, q queryer, query string, row func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// change is one row to write.
type change struct {
	inCM  bool // in the cm database, else in rm
	table string
	key   string
	query string // %s is the database
	args  []any
}

// changes compares the MetaDB with config.yaml. The columns named here are the
// documented ones, times are left to the server. Nodes are added but never
// removed; of other nodes no row that is there is touched: each node knows
// best how it is.
func (s state) changes(r region) []change {
	var out []change
	add := func(inCM bool, table, key, query string, args ...any) {
		out = append(out, change{inCM, table, key, query, args})
	}
	group := strconv.Itoa(r.location)
	id, hasGroup := s.groups[group]
	if !hasGroup {
		add(true, "resource_group", "name="+group, "INSERT INTO %s.resource_group (name) VALUES (?)", group)
	}
	switch row, ok := find(s.locations, r.location); {
	case !ok:
		add(true, "location_cm", "location="+group, "INSERT INTO %s.location_cm (location, region, cm_url) VALUES (?, ?, ?)", r.location, r.name, r.url)
	case row.name != r.name || row.url != r.url:
		add(true, "location_cm", "location="+group, "UPDATE %s.location_cm SET region = ?, cm_url = ? WHERE location = ?", r.name, r.url, r.location)
	}
	for _, node := range r.nodes {
		row, ok := s.host(node)
		switch {
		case !ok:
			add(true, "host", "ip="+node, "INSERT INTO %[1]s.host (resource_group_id, ip, host_status) SELECT id, ?, ? FROM %[1]s.resource_group WHERE name = ?", node, online, group)
		case node == r.self && (row.status != online || row.group != id):
			add(true, "host", "ip="+row.ip, "UPDATE %[1]s.host SET host_status = ?, resource_group_id = (SELECT id FROM %[1]s.resource_group WHERE name = ?) WHERE ip = ?", online, group, row.ip)
		}
	}

	switch row, ok := find(s.regions, r.location); {
	case !ok:
		add(false, "cluster_info", "code="+group, "INSERT INTO %s.cluster_info (region, region_cn, cm_url, code, is_default_cm) VALUES (?, ?, ?, ?, ?)",
			r.name, r.nameCN, r.url, r.location, number(r.isDefault))
	case row != r.registered():
		add(false, "cluster_info", "code="+group, "UPDATE %s.cluster_info SET region = ?, region_cn = ?, cm_url = ?, is_default_cm = ? WHERE code = ?",
			r.name, r.nameCN, r.url, number(r.isDefault), r.location)
	}
	if !s.ha {
		add(false, "oms_normal_config", "cfg_name=ha.config", "INSERT INTO %s.oms_normal_config (cfg_name, cfg_value) VALUES ('ha.config', ?)", haConfig)
	}
	return out
}

// registered is the row that the region should have.
func (r region) registered() registered {
	return registered{name: r.name, nameCN: r.nameCN, url: r.url, location: r.location, isDefault: r.isDefault}
}

func find(rows []registered, location int) (registered, bool) {
	for _, r := range rows {
		if r.location == location {
			return r, true
		}
	}
	return registered{}, false
}

// spelledHost is a host with its address as the row spells it.
type spelledHost struct {
	host
	ip string
}

func (s state) host(address string) (spelledHost, bool) {
	if h, ok := s.hosts[address]; ok {
		return spelledHost{h, address}, true
	}
	for ip, h := range s.hosts {
		if sameAddress(ip, address) {
			return spelledHost{h, ip}, true
		}
	}
	return spelledHost{}, false
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// commit writes the changes, those of each database in one transaction: first
// cm, so that a region is listed only when its nodes are.
func (s *Step) commit(ctx context.Context, conn *sql.Conn, changes []change) ([]Row, error) {
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
		rows, err := transact(ctx, conn, name, part)
		if err != nil {
			failed := msg.Errorf("cannot register this region and its nodes in the database %s: %w", name, database.Explain(s.Config, err))
			if sameRow(err) {
				failed = passing.Mark(failed)
			}
			return done, failed
		}
		for _, r := range rows {
			if r.Inserted {
				s.log(msg.M("%s: %s registered", r.Table, r.Key))
			} else {
				s.log(msg.M("%s: %s corrected", r.Table, r.Key))
			}
		}
		done = append(done, rows...)
	}
	return done, nil
}

// sameRow reports whether another node wrote a row of ours in the meantime,
// which happens only where the MetaDB has no lock. The next run looks again.
func sameRow(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == 1062
}

func transact(ctx context.Context, conn *sql.Conn, name string, changes []change) ([]Row, error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after Commit it does nothing
	var rows []Row
	for _, c := range changes {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(c.query, database.Quote(name)), c.args...); err != nil {
			return nil, fmt.Errorf("%s: %w", c.table, err)
		}
		rows = append(rows, Row{Table: name + "." + c.table, Key: c.key, Inserted: strings.HasPrefix(c.query, "INSERT")})
	}
	return rows, tx.Commit()
}
