package check

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// databases is what the server has of the three databases.
type databases struct {
	fold   bool                       // Host and host are one name to the server
	tables map[string]map[string]bool // database -> tables; nil: no such database
	probes []string                   // throw-away databases that were left behind
}

func (d databases) key(name string) string {
	if d.fold {
		return strings.ToLower(name)
	}
	return name
}

func (d databases) hasTable(database, table string) bool {
	return d.tables[d.key(database)][d.key(table)]
}

// signatures returns the tables that show that a database is one of OMS: the documented ones (docs/oms-facts.md §6),
// and those of the pack.
func signatures(c *config.Config, tables map[config.Role][]string) map[string][]string {
	rm := []string{"cluster_info", "oms_normal_config", "oms_version", "oms_project"}
	cm := []string{"resource_group", "host", "location_cm", "config_job"}
	hb := []string{"heatbeat_sequence", "heart_beat"}
	return map[string][]string{
		c.RMDatabase:        append(rm, tables[config.RM]...),
		c.CMDatabase:        append(cm, tables[config.CM]...),
		c.HeartbeatDatabase: append(hb, tables[config.Heartbeat]...),
	}
}

func names(c *config.Config) []string {
	return []string{c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase}
}

// metaDBDatabases looks at what the databases hold before anything is put into them, and removes throw-away databases
// of runs that were killed.
func metaDBDatabases(ctx context.Context, n *node, f *found) {
	d, err := n.readDatabases(ctx, f)
	if err != nil {
		f.query(n, err)
		return
	}
	f.publish = func() { n.databases = d }
	n.removeLeftovers(ctx, d.probes)
	ofOMS := signatures(n.cfg, n.Tables)
	for _, name := range names(n.cfg) {
		tables := d.tables[d.key(name)]
		state := "ours"
		switch ours := slices.ContainsFunc(ofOMS[name], func(t string) bool { return d.hasTable(name, t) }); {
		case tables == nil:
			state = "absent"
		case len(tables) == 0:
			state = "empty"
		case !ours:
			state = "foreign"
			some := sample(tables)
			f.error("metadb.foreign",
				msg.M("the database %s holds %d tables, and none of them is one of OMS (%s)",
					name, len(tables), msg.List(some)),
				msg.M("write another name in config.yaml, or make an empty database of that name"),
				fact("database", name), fact("tables", some), fact("table_count", len(tables)))
		}
		f.fact("database:"+name, state)
	}
}

// ownPrefix begins the names of the tables that omsinit keeps for itself.
const ownPrefix = "omsinit_"

// sample returns the first tables by name.
func sample(tables map[string]bool) []string {
	var all []string
	for t := range tables {
		all = append(all, t)
	}
	slices.Sort(all)
	if len(all) > 5 {
		all = append(all[:5], "…")
	}
	return all
}

func (n *node) readDatabases(ctx context.Context, f *found) (databases, error) {
	d := databases{tables: map[string]map[string]bool{}}
	args := []any{n.cfg.RMDatabase, n.cfg.CMDatabase, n.cfg.HeartbeatDatabase}
	type schema struct{ name, charset string }
	var found []schema
	const schemas = "SELECT schema_name, default_character_set_name, @@lower_case_table_names <> 0" +
		" FROM information_schema.schemata WHERE schema_name IN (?, ?, ?) OR schema_name LIKE ?"
	ownOrProbe := append(slices.Clone(args), strings.ReplaceAll(probePrefix, "_", `\_`)+"%")
	err := database.Each(ctx, n.db, schemas, ownOrProbe, func(rows *sql.Rows) error {
		var s schema
		err := rows.Scan(&s.name, &s.charset, &d.fold)
		found = append(found, s)
		return err
	})
	if err != nil {
		return d, err
	}
	for _, s := range found {
		if strings.HasPrefix(s.name, probePrefix) {
			d.probes = append(d.probes, s.name)
			continue
		}
		d.tables[d.key(s.name)] = map[string]bool{}
	}
	if len(d.tables) > 0 {
		const inSchemas = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN (?, ?, ?)"
		err = database.Each(ctx, n.db, inSchemas, args, func(rows *sql.Rows) error {
			var schema, table string
			err := rows.Scan(&schema, &table)
			// The journal of a run that was interrupted at once is made before any table of OMS, and does not show
			// whose database it is.
			if tables := d.tables[d.key(schema)]; tables != nil && !strings.HasPrefix(d.key(table), ownPrefix) {
				tables[d.key(table)] = true
			}
			return err
		})
	}
	for _, s := range found {
		tables, ours := d.tables[d.key(s.name)]
		if ours && len(tables) == 0 && !strings.HasPrefix(s.charset, "utf8") {
			f.warning("metadb.charset", msg.M("the character set of the database %s is %s", s.name, s.charset),
				msg.M("run ALTER DATABASE %s CHARACTER SET utf8mb4 before tables are made in it", s.name),
				fact("database", s.name), fact("character_set", s.charset))
		}
	}
	return d, err
}
