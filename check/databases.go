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

// holdings is what the server holds of the three databases.
type holdings struct {
	fold   bool                       // the server does not tell Host from host
	tables map[string]map[string]bool // database -> tables; nil: no such database
	probes []string                   // throw-away databases that are there
}

func (h holdings) key(name string) string {
	if h.fold {
		return strings.ToLower(name)
	}
	return name
}

func (h holdings) hasTable(database, table string) bool {
	return h.tables[h.key(database)][h.key(table)]
}

// knownTables are tables by which a database of OMS is known: the documented
// ones (oms-facts §6), and those of the pack.
func knownTables(c *config.Config, tables map[string][]string) map[string][]string {
	return map[string][]string{
		c.RMDatabase:        append([]string{"cluster_info", "oms_normal_config", "oms_version", "oms_project"}, tables["rm"]...),
		c.CMDatabase:        append([]string{"resource_group", "host", "location_cm", "config_job"}, tables["cm"]...),
		c.HeartbeatDatabase: append([]string{"heatbeat_sequence", "heart_beat"}, tables["hb"]...),
	}
}

func names(c *config.Config) []string {
	return []string{c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase}
}

// metaDBDatabases looks at what the databases hold before anything is put into
// them, and removes throw-away databases of runs that were killed.
func metaDBDatabases(ctx context.Context, n *node, f *found) {
	h, err := n.readHoldings(ctx, f)
	if err != nil {
		f.query(n, err)
		return
	}
	f.publish = func() { n.held = h }
	n.removeLeftovers(ctx, h.probes)
	known := knownTables(n.cfg, n.Tables)
	for _, name := range names(n.cfg) {
		tables := h.tables[h.key(name)]
		state := "ours"
		switch ours := slices.ContainsFunc(known[name], func(t string) bool { return h.hasTable(name, t) }); {
		case tables == nil:
			state = "absent"
		case len(tables) == 0:
			state = "empty"
		case !ours:
			state = "foreign"
			some := sample(tables)
			f.error("metadb.foreign", msg.M("the database %s holds %d tables, and none of them is one of OMS (%s)", name, len(tables), strings.Join(some, ", ")),
				msg.M("write another name in config.yaml, or make an empty database of that name"), fact("database", name), fact("tables", some), fact("table_count", len(tables)))
		}
		f.fact("database:"+name, state)
	}
}

// ownPrefix begins the names of the tables that omsinit keeps for itself.
const ownPrefix = "omsinit_"

// sample gives the first tables by name.
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

func (n *node) readHoldings(ctx context.Context, f *found) (holdings, error) {
	h := holdings{tables: map[string]map[string]bool{}}
	args := []any{n.cfg.RMDatabase, n.cfg.CMDatabase, n.cfg.HeartbeatDatabase}
	type schema struct{ name, charset string }
	var found []schema
	err := database.Each(ctx, n.db, "SELECT schema_name, default_character_set_name, @@lower_case_table_names <> 0 FROM information_schema.schemata WHERE schema_name IN (?, ?, ?) OR schema_name LIKE ?",
		append(args, strings.ReplaceAll(probePrefix, "_", `\_`)+"%"), func(rows *sql.Rows) error {
			var d schema
			err := rows.Scan(&d.name, &d.charset, &h.fold)
			found = append(found, d)
			return err
		})
	if err != nil {
		return h, err
	}
	for _, d := range found {
		if strings.HasPrefix(d.name, probePrefix) {
			h.probes = append(h.probes, d.name)
			continue
		}
		h.tables[h.key(d.name)] = map[string]bool{}
	}
	if len(h.tables) > 0 {
		err = database.Each(ctx, n.db, "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN (?, ?, ?)", args, func(rows *sql.Rows) error {
			var schema, table string
			err := rows.Scan(&schema, &table)
			// The journal of a run that was interrupted at once is there before
			// any table of OMS, and says nothing about whose database it is.
			if tables := h.tables[h.key(schema)]; tables != nil && !strings.HasPrefix(h.key(table), ownPrefix) {
				tables[h.key(table)] = true
			}
			return err
		})
	}
	for _, d := range found {
		tables, ours := h.tables[h.key(d.name)]
		if ours && len(tables) == 0 && !strings.HasPrefix(d.charset, "utf8") {
			f.warning("metadb.charset", msg.M("the character set of the database %s is %s", d.name, d.charset),
				msg.M("run ALTER DATABASE %s CHARACTER SET utf8mb4 before tables are made in it", d.name), fact("database", d.name), fact("character_set", d.charset))
		}
	}
	return h, err
}
