package resource

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// Removal is what was deleted, or would be. Its JSON form only ever grows.
type Removal struct {
	Version int  `json:"version"`
	DryRun  bool `json:"dry_run"`
	// Rows are those of the regions and nodes that were deleted, as table and key.
	Rows []RemovedRow `json:"rows"`
	// Notes are what is left to do for a person.
	Notes []msg.Text `json:"notes"`

	rows []Row
}

// RemovedRow is one row.
type RemovedRow struct {
	Table string `json:"table"`
	Key   string `json:"key"`
}

// RemoveOptions are how Remove and RemoveRegion delete.
type RemoveOptions struct {
	// DryRun deletes nothing.
	DryRun bool
	// Force also deletes what other tables of the CM still refer to, and the default region. It never deletes a node
	// that lives.
	Force bool
}

// Refusal is why nothing was deleted, and what to do.
type Refusal struct{ msg.Message }

// Error returns the English words.
func (r *Refusal) Error() string { return r.String() }

func refuse(m msg.Message) error { return &Refusal{m} }

// Remove deletes the row of a node that was stopped for good, as the documented scale-in does (docs/oms-facts.md §14.6
// item 24). A *Refusal is the error when OMS still runs there, or has components there.
func (s *Step) Remove(ctx context.Context, ip string, o RemoveOptions) (Removal, error) {
	return s.removal(ctx, o, func(r *remover) error {
		host, ok := r.Host(ip)
		if !ok {
			return refuse(msg.M("no node %s is registered; the nodes are: %s", ip, msg.List(addresses(r.Hosts))))
		}
		if err := r.host(ctx, host); err != nil {
			return err
		}
		if registry.Lists(s.Config.CMNodes, ip) {
			r.note(msg.M("%s is in cm_nodes of this config.yaml: take it out on every node of the region, or the next initialisation registers it again", ip))
		}
		if left := r.members(host.Name); len(left) == 1 {
			r.note(msg.M("it was the last node of the region with cm_location %s: omsinit cluster remove-region %s deletes that too", host.Name, host.Name))
		}
		return nil
	})
}

// RemoveRegion deletes a region with all its nodes, by cm_location or cm_region. Refused are this node's own region,
// the default one, and one with a node that lives.
func (s *Step) RemoveRegion(ctx context.Context, name string, o RemoveOptions) (Removal, error) {
	return s.removal(ctx, o, func(r *remover) error {
		region, group, err := r.region(name)
		switch {
		case err != nil:
			return err
		case group == strconv.Itoa(s.Config.CMLocation):
			return refuse(msg.M("the region %s is this node's own: run the command on a node of another region", name))
		case region.IsDefault && !o.Force:
			return refuse(msg.M("the region %s is the default one: set cm_is_default: true in another region's config.yaml afterwards and run omsinit init there; --force deletes it", name))
		}
		for _, host := range r.members(group) {
			if err := r.host(ctx, host); err != nil {
				return err
			}
		}
		location, err := strconv.Atoi(group)
		if err != nil {
			return refuse(msg.M("the resource group %q is no cm_location: delete it by hand when nobody needs it",
				group))
		}
		if l := r.labels; l.namesOnly {
			if label, ok := l.find(region.Name); ok {
				r.delete(cmDatabase, "resource_label", value{"name", label})
			}
		}
		if _, ok := registry.Find(r.Locations, location); ok {
			r.delete(cmDatabase, "location_cm", value{"location", location})
		}
		if _, ok := r.Groups[group]; ok {
			r.delete(cmDatabase, "resource_group", value{"name", group})
		}
		if region != (registry.Region{}) {
			r.delete(rmDatabase, "cluster_info", value{"code", location})
		}
		if region.IsDefault {
			r.note(msg.M("no region is the default one now: set cm_is_default: true in exactly one region's config.yaml, and run omsinit init there"))
		}
		r.note(msg.M("its heartbeat database is left, because nothing records which one it is: drop it by hand when nobody needs it"))
		return nil
	})
}

// remover looks for what stands against a removal, and gathers what it deletes.
type remover struct {
	state
	config  *config.Config
	q       database.Queryer
	beats   registry.Beats
	force   bool
	changes []change
	removal Removal
}

// removal decides under the lock of the MetaDB what is to be deleted, and deletes it.
func (s *Step) removal(ctx context.Context, o RemoveOptions, decide func(*remover) error) (Removal, error) {
	none := Removal{Version: 1, DryRun: o.DryRun, Rows: []RemovedRow{}, Notes: []msg.Text{}}
	db, err := database.Open(s.Config, "", database.As(s.HostIP))
	if err != nil {
		return none, err
	}
	defer db.Close()
	lock, err := s.lock(ctx, db)
	if err != nil {
		return none, err
	}
	defer lock.Release()
	r := &remover{config: s.Config, q: lock.Conn(), force: o.Force, removal: none}
	if err := r.read(ctx); err != nil {
		return none, msg.Errorf("cannot read the registered regions and nodes: %w", database.Explain(s.Config, err))
	}
	if err := decide(r); err != nil {
		return none, err
	}
	for _, c := range r.changes {
		r.removal.add(c.row(s.name(c.place)))
	}
	if o.DryRun {
		return r.removal, nil
	}
	done, err := s.commit(ctx, lock.Conn(), lock.Condition(), r.changes, r.Columns)
	if err != nil {
		none.add(done...)
		return none, err
	}
	return r.removal, nil
}

func (r *Removal) add(rows ...Row) {
	for _, row := range rows {
		r.rows = append(r.rows, row)
		r.Rows = append(r.Rows, RemovedRow{row.Table, row.Key})
	}
}

func (r *remover) read(ctx context.Context) (err error) {
	if r.Registry, err = registry.Read(ctx, r.q, r.config); err != nil {
		return err
	}
	if r.labels, err = readLabels(ctx, r.q, r.config.CMDatabase, r.Columns); err != nil {
		return err
	}
	r.beats, err = registry.ReadAllBeats(ctx, r.q, r.config.HeartbeatDatabase)
	return err
}

func (r *remover) note(m msg.Message) { r.removal.Notes = append(r.removal.Notes, msg.NewText(m)) }

func (r *remover) delete(p place, table string, where value) {
	r.changes = append(r.changes, remove(p, table, fmt.Sprintf("%s=%v", where.column, where.value), where))
}

// members returns the nodes of a resource group.
func (r *remover) members(group string) (hosts []registry.Host) {
	for _, h := range r.Hosts {
		if h.Name == group {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// region finds a region by its cm_location or its name, and the name of its resource group. What an interrupted removal
// has left of one is found too.
func (r *remover) region(name string) (registry.Region, string, error) {
	var taken []string
	for _, region := range r.Regions {
		group := strconv.Itoa(region.Location)
		if name == group || strings.EqualFold(name, region.Name) {
			return region, group, nil
		}
		taken = append(taken, group+" "+region.Name)
	}
	if _, ok := r.Groups[name]; ok {
		return registry.Region{}, name, nil
	}
	return registry.Region{}, "", refuse(msg.M("no region %s is registered; the regions are: %s", name,
		msg.List(taken)))
}

// host deletes a node, unless OMS runs there or has components there.
func (r *remover) host(ctx context.Context, h registry.Host) error {
	beats, databases := r.beats.Own, r.beats.Databases[:1]
	if h.Name != strconv.Itoa(r.config.CMLocation) { // nothing records where another region's nodes send theirs
		beats, databases = slices.Concat(r.beats.Own, r.beats.Others), r.beats.Databases
	}
	if beat, ok := registry.FindBeat(beats, h.IP); ok && beat.Alive() {
		return refuse(msg.M(
			"the node %s sends heartbeats (the last one %s ago): stop its container, and try again a minute later",
			h.IP, beat.Age))
	}
	running, err := r.components(ctx, databases, h.IP)
	if err != nil {
		return msg.Errorf("cannot read which components the node %s has: %w", h.IP, database.Explain(r.config, err))
	}
	if len(running) > 0 {
		return refuse(msg.M(
			"the node %s has components that send heartbeats: %s; move or stop them in the console first", h.IP,
			msg.List(running)))
	}
	referring, err := r.references(ctx, h.IP)
	if err != nil {
		return msg.Errorf("cannot read which components the node %s has: %w", h.IP, database.Explain(r.config, err))
	}
	switch {
	case len(referring) > 0 && !r.force:
		return refuse(msg.M("the node %s may have components: tables of the CM name it: %s; see in the console that no component runs there, then use --force", h.IP, msg.List(referring)))
	case len(referring) > 0:
		r.note(msg.M("tables of the CM still name %s: %s", h.IP, msg.List(referring)))
	}
	r.delete(cmDatabase, "host", value{"ip", h.IP})
	return nil
}

// components returns the tasks, other than the agent, that send heartbeats from an address (docs/oms-facts.md §14.4
// item 18: the table has rows of tasks too).
func (r *remover) components(ctx context.Context, databases []string, ip string) (tasks []string, err error) {
	for _, name := range databases {
		more, err := database.Column(ctx, r.q, "SELECT DISTINCT task_name FROM "+database.Quote(name)+
			".heart_beat WHERE host_ip = ? AND task_name <> 'supervisor' AND gmt_modified > NOW() - INTERVAL ? SECOND"+
			" ORDER BY task_name", ip, int(registry.Alive.Seconds()))
		if err != nil && !database.IsMissing(err) {
			return nil, err
		}
		tasks = append(tasks, more...)
	}
	return tasks, nil
}

// references returns the tables of the cm database, beside host, with rows that name an address. Which of them hold
// components is not documented: a column that is called like an address is a guess.
func (r *remover) references(ctx context.Context, ip string) (tables []string, err error) {
	type column struct{ table, name string }
	columns, err := database.All(ctx, r.q, "SELECT c.table_name, c.column_name FROM information_schema.columns c"+
		" JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name"+
		" WHERE c.table_schema = ? AND t.table_type = 'BASE TABLE' AND LOWER(c.table_name) NOT IN ('host', 'heart_beat')"+
		" AND LOWER(c.column_name) IN ('ip', 'host', 'host_ip', 'hostip', 'node_ip', 'server_ip', 'machine_ip', 'worker_ip')"+
		" AND c.data_type IN ('char', 'varchar', 'text') ORDER BY c.table_name, c.column_name",
		[]any{r.config.CMDatabase},
		func(c *column) []any { return []any{&c.table, &c.name} })
	if err != nil {
		return nil, err
	}
	for _, c := range columns {
		count, err := database.Column(ctx, r.q, "SELECT COUNT(*) FROM "+database.Quote(r.config.CMDatabase)+"."+
			database.Quote(c.table)+" WHERE "+database.Quote(c.name)+" = ? HAVING COUNT(*) > 0", ip)
		if err != nil {
			return nil, err
		}
		for _, n := range count {
			tables = append(tables, fmt.Sprintf("%s.%s (%s)", c.table, c.name, n))
		}
	}
	return tables, nil
}

func addresses(hosts []registry.Host) (list []string) {
	for _, h := range hosts {
		list = append(list, h.IP)
	}
	return list
}

// Print writes the removal for people.
func (r Removal) Print(w io.Writer, lang msg.Lang) {
	for _, row := range r.rows {
		m := row.Message()
		if r.DryRun {
			m = msg.M("%s: %s would be deleted", row.Table, row.Key)
		}
		fmt.Fprintln(w, m.In(lang))
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, n.In(lang))
	}
}
