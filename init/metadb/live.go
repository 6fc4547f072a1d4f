package metadb

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/release"
)

// versionTable records the releases that were initialised (oms-facts §6). Its
// row is written last, so it also says that every statement of that release ran.
const versionTable = "oms_version"

// live is what the MetaDB holds of the three databases. Names are kept as the
// server compares them.
type live struct {
	fold      bool // the server does not tell Host from host
	databases map[string]bool
	tables    map[string]*liveTable // by database.table
	journals  map[config.Role][]*entry
	versions  []string // rows of oms_version
}

// liveTable is a table or a view.
type liveTable struct {
	engine  string
	columns map[string]shape // by name in lower case
	keys    map[string]liveKey
}

// liveKey is a key: its columns, and those of which only the beginning counts
// with its length.
type liveKey struct {
	columns string
	unique  bool
}

// inspect asks the server, in at most three round trips.
func inspect(ctx context.Context, q mysql.Queryer, c *config.Config) (*live, error) {
	l, err := inspectTables(ctx, q, c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase)
	if err != nil || len(l.databases) == 0 {
		return l, err
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
	if _, ok := l.columns(c.RMDatabase, versionTable)["version"]; ok {
		query := fmt.Sprintf("SELECT version FROM %s.%s", mysql.Quote(c.RMDatabase), mysql.Quote(versionTable))
		l.versions, err = mysql.Column(ctx, q, query)
	}
	return l, err
}

// inspectTables asks for tables, columns and keys in one question: on a node
// that is done the round trips are what it costs.
func inspectTables(ctx context.Context, q mysql.Queryer, databases ...string) (*live, error) {
	l := &live{databases: map[string]bool{}, tables: map[string]*liveTable{}}
	in := " IN (?" + strings.Repeat(", ?", len(databases)-1) + ")"
	var args []any
	for range 4 {
		for _, name := range databases {
			args = append(args, name)
		}
	}
	type row struct {
		what, db, table, name, a, b, c, d string
		number                            int
	}
	fields := func(r *row) []any {
		return []any{&r.what, &r.db, &r.table, &r.name, &r.number, &r.a, &r.b, &r.c, &r.d}
	}
	rows, err := mysql.All(ctx, q,
		"SELECT 'database', schema_name, '', '', @@lower_case_table_names <> 0, '', '', '', '' FROM information_schema.schemata WHERE schema_name"+in+
			" UNION ALL SELECT 'table', table_schema, table_name, '', 0, COALESCE(engine, ''), '', '', '' FROM information_schema.tables WHERE table_schema"+in+
			" UNION ALL SELECT 'column', table_schema, table_name, column_name, is_nullable = 'YES', column_type, COALESCE(column_default, 'NULL'), COALESCE(character_set_name, ''), COALESCE(collation_name, '')"+
			" FROM information_schema.columns WHERE table_schema"+in+
			" UNION ALL SELECT 'key', table_schema, table_name, index_name, non_unique, COALESCE(column_name, ''), COALESCE(sub_part, ''), LPAD(seq_in_index, 3, '0'), ''"+
			" FROM information_schema.statistics WHERE table_schema"+in, args, fields)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.what == "database" {
			l.fold = r.number != 0
		}
	}
	// The columns of a key come in any order.
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].c < rows[j].c })
	for _, r := range rows {
		if r.what == "database" {
			l.databases[l.key(r.db)] = true
			continue
		}
		key := l.key(r.db) + "." + l.key(r.table)
		if l.tables[key] == nil {
			l.tables[key] = &liveTable{columns: map[string]shape{}, keys: map[string]liveKey{}}
		}
		t, name := l.tables[key], strings.ToLower(r.name)
		switch r.what {
		case "table":
			t.engine = r.a
		case "column":
			s := shape{kindOf(r.a), "NOT NULL", fallbackOf(r.b), charsetOf(r.c), charsetOf(r.d)}
			if r.number != 0 {
				s.null = "NULL"
			}
			t.columns[name] = s
		case "key":
			part := strings.ToLower(r.a)
			if r.b != "" {
				part += "(" + r.b + ")"
			}
			k := t.keys[name]
			if k.columns != "" {
				k.columns += ","
			}
			t.keys[name] = liveKey{k.columns + part, r.number == 0}
		}
	}
	return l, nil
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

// entry returns the row of the journal about a file, nil when there is none.
func (l *live) entry(f *file) *entry {
	for _, e := range l.journals[f.database] {
		if v, err := release.Parse(e.Version); err == nil && v.Compare(f.version) == 0 {
			return e
		}
	}
	return nil
}

func (l *live) hasDatabase(name string) bool { return l.databases[l.key(name)] }

func (l *live) table(db, table string) *liveTable { return l.tables[l.key(db)+"."+l.key(table)] }

// columns returns the columns of a table, nil when there is no such table.
func (l *live) columns(db, table string) map[string]shape {
	if t := l.table(db, table); t != nil {
		return t.columns
	}
	return nil
}
