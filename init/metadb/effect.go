package metadb

import (
	"slices"

	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
)

// kind is what a statement does, as far as it matters here.
type kind int

const (
	other kind = iota
	createTable
	alterTable
	dropTable
	createIndex
	dropIndex
	renameTable
	changeRows // INSERT, UPDATE, DELETE, REPLACE
	createOther
	dropOther // views, routines and the like
)

// effect is what a statement does to the tables.
type effect struct {
	kind    kind
	table   string
	columns []column // that it adds
	dropped []string // columns that it drops or renames, or the tables of dropTable and renameTable
	renamed string   // new name of the table of alterTable
	// Keys that createTable, alterTable and createIndex add, and that alterTable
	// and dropIndex drop or rename: those with a name, and PRIMARY.
	keys        []column
	droppedKeys []string
	// modified are columns that alterTable defines anew.
	modified []column
	options  options // of createTable
	// reshapes reports whether alterTable does something to columns or options that is not followed here.
	reshapes bool
}

// options are those of a table that columns go by; empty where they are the
// database's.
type options struct{ engine, charset, collate string }

// column is one column of a table.
type column struct {
	name       string
	definition string // the name and everything after it, as it is written
}

// effectOf reads what a statement does. It refuses statements that leave the
// database they are applied to.
func effectOf(sql string) (effect, error) {
	ts, err := tokens(sql)
	if err != nil {
		return effect{}, err
	}
	r := reader{sql: sql, ts: ts}
	switch {
	case r.take("USE"),
		r.take("CREATE", "DATABASE"), r.take("CREATE", "SCHEMA"), r.take("CREATE", "OR", "REPLACE", "DATABASE"),
		r.take("CREATE", "OR", "REPLACE", "SCHEMA"),
		r.take("ALTER", "DATABASE"), r.take("ALTER", "SCHEMA"),
		r.take("DROP", "DATABASE"), r.take("DROP", "SCHEMA"):
		return effect{}, msg.Errorf("a schema file must not create, change or choose a database: config.yaml names the databases")
	case r.take("CREATE", "TABLE"), r.take("CREATE", "OR", "REPLACE", "TABLE"):
		r.take("IF", "NOT", "EXISTS")
		return r.createTable()
	case r.take("ALTER", "TABLE"), r.take("ALTER", "IGNORE", "TABLE"):
		r.take("IF", "EXISTS")
		return r.alterTable()
	case r.take("DROP", "TABLE"):
		r.take("IF", "EXISTS")
		return r.dropTable()
	case r.take("CREATE", "INDEX"):
		return r.createIndex("INDEX"), nil
	case r.take("CREATE", "UNIQUE", "INDEX"):
		return r.createIndex("UNIQUE INDEX"), nil
	case r.take("CREATE", "FULLTEXT", "INDEX"), r.take("CREATE", "SPATIAL", "INDEX"):
		return effect{kind: createIndex, table: r.after("ON")}, nil
	case r.take("DROP", "INDEX"):
		e := effect{kind: dropIndex, table: r.after("ON")}
		if len(r.ts) > 0 {
			e.droppedKeys = []string{r.ts[0].text}
		}
		return e, nil
	case r.take("RENAME", "TABLE"):
		return r.renameTable()
	case r.take("INSERT"), r.take("REPLACE"), r.take("UPDATE"), r.take("DELETE"):
		return effect{kind: changeRows}, nil
	case r.take("CREATE"):
		return effect{kind: createOther}, nil
	case r.take("DROP"):
		return effect{kind: dropOther}, nil
	}
	return effect{}, nil
}

// reader goes through the tokens of a statement.
type reader struct {
	sql string
	ts  []token
}

// take goes past the keywords when they all come next.
func (r *reader) take(words ...string) bool {
	if len(r.ts) < len(words) {
		return false
	}
	for i, w := range words {
		if !r.ts[i].is(w) {
			return false
		}
	}
	r.ts = r.ts[len(words):]
	return true
}

// tableName reads the name of a table.
func (r *reader) tableName() (string, error) {
	if len(r.ts) == 0 {
		return "", msg.Errorf("the name of the table is missing")
	}
	name := r.ts[0].text
	r.ts = r.ts[1:]
	if r.take(".") {
		return "", msg.Errorf("the table %s is named with a database: config.yaml names the databases, write the name of the table only", name)
	}
	return name, nil
}

func (r *reader) createTable() (effect, error) {
	name, err := r.tableName()
	if err != nil {
		return effect{}, err
	}
	e := effect{kind: createTable, table: name}
	if len(r.ts) == 0 || !r.ts[0].is("(") {
		return e, nil // LIKE or SELECT: the columns are not known
	}
	inside := inParentheses(r.ts)
	for _, item := range list(inside) {
		e.define(r, item)
	}
	r.ts = r.ts[min(len(inside)+2, len(r.ts)):]
	for len(r.ts) > 0 {
		switch {
		case r.take("ENGINE"):
			r.take("=")
			e.options.engine = r.word()
		case r.take("CHARSET"), r.take("CHARACTER", "SET"):
			r.take("=")
			e.options.charset = charsetOf(r.word())
		case r.take("COLLATE"):
			r.take("=")
			e.options.collate = charsetOf(r.word())
		case r.take("PARTITION"), r.take("AS"), r.take("SELECT"):
			return e, nil
		default:
			r.ts = r.ts[1:]
		}
	}
	return e, nil
}

// define adds an item of a CREATE TABLE or ALTER TABLE ADD: a column, which
// may be a key of its own, or a key.
func (e *effect) define(r *reader, item []token) {
	if len(item) == 0 {
		return // two commas in a row, which the server refuses
	}
	if c, ok := r.column(item); ok {
		e.columns = append(e.columns, c)
		for _, t := range item[1:] {
			switch {
			case t.is("PRIMARY"):
				e.keys = append(e.keys, column{"PRIMARY", "PRIMARY KEY (" + mysql.Quote(c.name) + ")"})
			case t.is("UNIQUE"):
				e.keys = append(e.keys, column{c.name,
					"UNIQUE KEY " + mysql.Quote(c.name) + " (" + mysql.Quote(c.name) + ")"})
			}
		}
	} else if k, ok := r.key(item); ok {
		e.keys = append(e.keys, k)
	}
}

// createIndex reads what follows CREATE INDEX.
func (r *reader) createIndex(kind string) effect {
	e := effect{kind: createIndex, table: r.after("ON")}
	at := slices.IndexFunc(r.ts, func(t token) bool { return t.is("(") })
	if len(r.ts) == 0 || at < 0 {
		return e
	}
	columns := inParentheses(r.ts[at:])
	if len(columns) > 0 {
		list := r.sql[columns[0].start:columns[len(columns)-1].end]
		e.keys = []column{{r.ts[0].text, kind + " " + mysql.Quote(r.ts[0].text) + " (" + list + ")"}}
	}
	return e
}

// key reads an item of a CREATE TABLE or ALTER TABLE ADD that is a named key,
// or the primary one.
func (r *reader) key(item []token) (column, bool) {
	one := reader{sql: r.sql, ts: item}
	definition := r.sql[item[0].start:item[len(item)-1].end]
	constraint := ""
	if one.take("CONSTRAINT") && len(one.ts) > 0 && !one.ts[0].is("PRIMARY", "UNIQUE") {
		constraint = one.ts[0].text
		one.ts = one.ts[1:]
	}
	if one.take("PRIMARY", "KEY") {
		return column{name: "PRIMARY", definition: definition}, true
	}
	kind := one.take("UNIQUE") || one.take("FULLTEXT") || one.take("SPATIAL")
	if !one.take("KEY") && !one.take("INDEX") && !kind || len(one.ts) == 0 {
		return column{}, false
	}
	name := one.ts[0].text
	if one.ts[0].is("(", "USING") {
		name = constraint
	}
	return column{name: name, definition: definition}, name != ""
}

// column reads an item of a CREATE TABLE, which may also be a key.
func (r *reader) column(item []token) (column, bool) {
	if len(item) == 0 || item[0].is("PRIMARY", "UNIQUE", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "CONSTRAINT", "FOREIGN",
		"CHECK", "LIKE") ||
		len(item) > 1 && item[0].is("PERIOD") && item[1].is("FOR") {
		return column{}, false
	}
	return column{name: item[0].text, definition: r.sql[item[0].start:item[len(item)-1].end]}, true
}

func (r *reader) alterTable() (effect, error) {
	name, err := r.tableName()
	if err != nil {
		return effect{}, err
	}
	e := effect{kind: alterTable, table: name}
	for _, spec := range list(r.ts) {
		s := reader{sql: r.sql, ts: spec}
		switch {
		case s.take("ADD", "COLUMN"), s.take("ADD"):
			s.take("IF", "NOT", "EXISTS")
			items := [][]token{s.ts}
			if len(s.ts) > 0 && s.ts[0].is("(") {
				items = list(inParentheses(s.ts))
			}
			for _, item := range items {
				e.define(&s, item)
			}
		case s.take("MODIFY", "COLUMN"), s.take("MODIFY"):
			s.take("IF", "EXISTS")
			if c, ok := s.column(s.ts); ok {
				e.modified = append(e.modified, c)
			}
		case s.take("CHANGE", "COLUMN"), s.take("CHANGE"):
			s.take("IF", "EXISTS")
			if len(s.ts) > 1 {
				e.dropped = append(e.dropped, s.ts[0].text)
				if c, ok := s.column(s.ts[1:]); ok {
					e.columns = append(e.columns, c)
				}
			}
		case s.take("RENAME", "COLUMN"):
			if len(s.ts) == 3 {
				e.dropped = append(e.dropped, s.ts[0].text)
				e.columns = append(e.columns, column{name: s.ts[2].text})
			}
		case s.take("RENAME", "KEY"), s.take("RENAME", "INDEX"), s.take("DROP", "KEY"), s.take("DROP", "INDEX"):
			s.take("IF", "EXISTS")
			if len(s.ts) > 0 {
				e.droppedKeys = append(e.droppedKeys, s.ts[0].text)
			}
		case s.take("RENAME", "TO"), s.take("RENAME", "AS"), s.take("RENAME"):
			if e.renamed, err = s.tableName(); err != nil {
				return effect{}, err
			}
		case s.take("DROP", "PRIMARY"):
			e.droppedKeys = append(e.droppedKeys, "PRIMARY")
		case s.take("DROP", "FOREIGN"), s.take("DROP", "CONSTRAINT"), s.take("DROP", "PARTITION"):
		case s.take("DROP", "COLUMN"), s.take("DROP"):
			s.take("IF", "EXISTS")
			if len(s.ts) > 0 {
				e.dropped = append(e.dropped, s.ts[0].text)
			}
		case len(spec) > 0:
			e.reshapes = true
		}
	}
	return e, nil
}

func (r *reader) dropTable() (effect, error) {
	e := effect{kind: dropTable}
	for _, item := range list(r.ts) {
		one := reader{sql: r.sql, ts: item}
		name, err := one.tableName()
		if err != nil {
			return effect{}, err
		}
		e.dropped = append(e.dropped, name)
	}
	return e, nil
}

// after returns the name that follows a keyword, "" when there is none.
func (r *reader) after(word string) string {
	for i, t := range r.ts {
		if t.is(word) && i+1 < len(r.ts) {
			return r.ts[i+1].text
		}
	}
	return ""
}

// renameTable returns the old names as dropped and the new ones as columns.
func (r *reader) renameTable() (effect, error) {
	e := effect{kind: renameTable}
	for _, item := range list(r.ts) {
		one := reader{sql: r.sql, ts: item}
		from, err := one.tableName()
		if err != nil {
			return effect{}, err
		}
		one.take("TO")
		to, err := one.tableName()
		if err != nil {
			return effect{}, err
		}
		e.dropped, e.columns = append(e.dropped, from), append(e.columns, column{name: to})
	}
	return e, nil
}
