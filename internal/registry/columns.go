package registry

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"omsinit/internal/database"
)

// Columns are those of the tables, by table and column in lower case. Only some
// columns are documented (oms-facts §6); a real release has others beside them.
type Columns map[string]map[string]Column

// Column is what a row to write must know of one.
type Column struct {
	Required bool // NOT NULL without a default: an INSERT must give it
	Updated  bool // the server itself notes the time of an update here
}

// times are the columns that OMS's documented tables keep times in. Where they
// have no default, as those of heatbeat_sequence, they are given.
func times() []string { return []string{"gmt_created", "gmt_create", "gmt_modified"} }

// readColumns reads the columns of all tables of the rm and cm databases that
// step 5 writes to.
func readColumns(ctx context.Context, q database.Queryer, rm, cm string) (Columns, error) {
	all := Columns{}
	err := database.Each(ctx, q, "SELECT table_name, column_name, is_nullable = 'NO' AND column_default IS NULL AND COALESCE(extra, '') NOT LIKE '%auto_increment%', COALESCE(extra, '') LIKE '%on update%' FROM information_schema.columns"+
		" WHERE table_schema = ? AND table_name IN ('cluster_info', 'oms_normal_config') OR table_schema = ? AND table_name IN ('resource_group', 'resource_label', 'location_cm', 'host')", []any{rm, cm}, func(rows *sql.Rows) error {
		var table, name string
		var c Column
		err := rows.Scan(&table, &name, &c.Required, &c.Updated)
		table = strings.ToLower(table)
		if all[table] == nil {
			all[table] = map[string]Column{}
		}
		all[table][strings.ToLower(name)] = c
		return err
	})
	return all, err
}

// Known reports whether a table has these columns, and needs no other one to be
// given, but for times.
func (all Columns) Known(table string, names ...string) bool {
	for _, name := range names {
		if _, ok := all[table][name]; !ok {
			return false
		}
	}
	for name, c := range all[table] {
		if c.Required && !slices.Contains(names, name) && !slices.Contains(times(), name) {
			return false
		}
	}
	return true
}

// ForInsert are the columns of a table that want the time of an insert.
func (all Columns) ForInsert(table string) (names []string) {
	for _, name := range times() {
		if all[table][name].Required {
			names = append(names, name)
		}
	}
	return names
}

// ForUpdate are the columns of a table that want the time of an update.
func (all Columns) ForUpdate(table string) []string {
	const name = "gmt_modified"
	if c, ok := all[table][name]; ok && !c.Updated {
		return []string{name}
	}
	return nil
}
