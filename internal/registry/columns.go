package registry

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"omsinit/internal/database"
)

// Columns are those of the tables, by table and column in lower case. Only some columns are documented
// (docs/oms-facts.md §6); a real release has others beside them.
type Columns map[string]map[string]Column

// Column is what matters of a column to whoever writes a row.
type Column struct {
	Required bool // NOT NULL without a default: an INSERT must have it
	Updated  bool // the server itself keeps the time of an update here
}

// times are the columns that OMS's documented tables keep times in. Where they have no default, as those of
// heatbeat_sequence, an INSERT must have them.
var times = []string{"gmt_created", "gmt_create", "gmt_modified"}

// ReadColumns reads the columns of all tables of the rm and cm databases that step 5 writes to.
func ReadColumns(ctx context.Context, q database.Queryer, rm, cm string) (Columns, error) {
	all := Columns{}
	const query = "SELECT table_name, column_name, COALESCE(extra, '') LIKE '%on update%'," +
		" is_nullable = 'NO' AND column_default IS NULL AND COALESCE(extra, '') NOT LIKE '%auto_increment%'" +
		" FROM information_schema.columns WHERE table_schema = ? AND table_name IN ('cluster_info', 'oms_normal_config')" +
		" OR table_schema = ? AND table_name IN ('resource_group', 'resource_label', 'location_cm', 'host')"
	err := database.Each(ctx, q, query, []any{rm, cm}, func(rows *sql.Rows) error {
		var table, name string
		var c Column
		err := rows.Scan(&table, &name, &c.Updated, &c.Required)
		table = strings.ToLower(table)
		if all[table] == nil {
			all[table] = map[string]Column{}
		}
		all[table][strings.ToLower(name)] = c
		return err
	})
	return all, err
}

// Fit reports whether a table has these columns, and an INSERT needs no others, except those of times.
func (all Columns) Fit(table string, names ...string) bool {
	for _, name := range names {
		if _, ok := all[table][name]; !ok {
			return false
		}
	}
	for name, c := range all[table] {
		if c.Required && !slices.Contains(names, name) && !slices.Contains(times, name) {
			return false
		}
	}
	return true
}

// ForInsert returns the columns of a table in which an INSERT must have the time.
func (all Columns) ForInsert(table string) (names []string) {
	for _, name := range times {
		if all[table][name].Required {
			names = append(names, name)
		}
	}
	return names
}

// ForUpdate returns the columns of a table in which an UPDATE must have the time.
func (all Columns) ForUpdate(table string) []string {
	const name = "gmt_modified"
	if c, ok := all[table][name]; ok && !c.Updated {
		return []string{name}
	}
	return nil
}
