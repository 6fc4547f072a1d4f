package metadb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
)

// versionTable records the releases that were initialised (oms-facts §6). Its
// row is written last, so it also says that every statement of that release ran.
const versionTable = "oms_version"

// live is what the MetaDB holds of the three databases. Names are kept as the
// server compares them.
type live struct {
	fold      bool // the server does not tell Host from host
	databases map[string]bool
	tables    map[string]map[string]bool // database.table -> columns, in lower case
	journals  map[config.Role][]*entry
	versions  []string // rows of oms_version
}

// inspect asks the server, in at most three round trips.
func inspect(ctx context.Context, q mysql.Queryer, c *config.Config) (*live, error) {
	l := &live{databases: map[string]bool{}, tables: map[string]map[string]bool{}}
	names := []any{c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase}

	// One question: on a node that is done the round trips are what it costs.
	var found []string
	var rest [][3]string
	err := mysql.Each(ctx, q, "SELECT schema_name, '', '', @@lower_case_table_names <> 0 FROM information_schema.schemata WHERE schema_name IN (?, ?, ?)"+
		" UNION ALL SELECT table_schema, table_name, column_name, 0 FROM information_schema.columns WHERE table_schema IN (?, ?, ?)", append(names, names...),
		func(rows *sql.Rows) error {
			var db, table, column string
			var fold bool
			err := rows.Scan(&db, &table, &column, &fold)
			if table == "" {
				found, l.fold = append(found, db), fold
			} else {
				rest = append(rest, [3]string{db, table, column})
			}
			return err
		})
	if err != nil {
		return nil, err
	}
	for _, name := range found {
		l.databases[l.key(name)] = true
	}
	for _, c := range rest {
		key := l.key(c[0]) + "." + l.key(c[1])
		if l.tables[key] == nil {
			l.tables[key] = map[string]bool{}
		}
		l.tables[key][strings.ToLower(c[2])] = true
	}
	if len(found) == 0 {
		return l, nil
	}

	var journaled []config.Role
	for _, d := range config.Roles {
		if l.columns(c.Database(d), JournalTable) != nil {
			journaled = append(journaled, d)
		}
	}
	if l.journals, err = readJournals(ctx, q, c, journaled); err != nil {
		return nil, err
	}
	if l.columns(c.RMDatabase, versionTable)["version"] {
		query := fmt.Sprintf("SELECT version FROM %s.%s", mysql.Quote(c.RMDatabase), mysql.Quote(versionTable))
		err = mysql.Each(ctx, q, query, nil, func(rows *sql.Rows) error {
			var v string
			err := rows.Scan(&v)
			l.versions = append(l.versions, v)
			return err
		})
	}
	return l, err
}

// tablesOf lists the tables of a database, without omsinit's own, sorted.
func (l *live) tablesOf(db string) []string {
	var out []string
	for name := range l.tables {
		if table, ok := strings.CutPrefix(name, l.key(db)+"."); ok && table != JournalTable &&
			table != mysql.LeaseTable {
			out = append(out, table)
		}
	}
	slices.Sort(out)
	return out
}

// key is a name of a database or table as the server compares it.
func (l *live) key(name string) string {
	if l.fold {
		return strings.ToLower(name)
	}
	return name
}

func (l *live) hasDatabase(name string) bool { return l.databases[l.key(name)] }

// columns returns the columns of a table, nil when there is no such table.
func (l *live) columns(db, table string) map[string]bool {
	return l.tables[l.key(db)+"."+l.key(table)]
}
