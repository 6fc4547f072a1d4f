package metadb

import (
	"cmp"
	"slices"
	"strings"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
)

// shortfall is what a live database lacks of the expected one.
type shortfall struct {
	tables  []string // all of the table
	columns []missing
}

// missing is a column that a table lacks.
type missing struct {
	table  string
	column expectedColumn
}

func (s shortfall) any() bool { return len(s.tables) > 0 || len(s.columns) > 0 }

// compare finds what the live database lacks. Extra tables and columns are
// nobody's business here.
func (e expected) compare(l *live, db string) shortfall {
	var s shortfall
	for _, t := range e.tables {
		have := l.columns(db, t.name)
		if have == nil {
			s.tables = append(s.tables, t.name)
			continue
		}
		for _, c := range t.columns {
			if _, ok := have[strings.ToLower(c.name)]; !ok {
				s.columns = append(s.columns, missing{t.name, c})
			}
		}
	}
	return s
}

// unmendable returns the columns that no statement of the schema files would
// add: CREATE TABLE IF NOT EXISTS passes over a table that is there, however
// it looks.
func (s shortfall) unmendable() []missing {
	var out []missing
	for _, m := range s.columns {
		if !m.column.altered {
			out = append(out, m)
		}
	}
	return out
}

// driftError names the first missing column and gives the statements that add
// all of them.
func driftError(db string, columns []missing) error {
	var statements []string
	for i, m := range columns {
		if i == 0 || m.table != columns[i-1].table {
			statements = append(statements, "ALTER TABLE "+mysql.Quote(db)+"."+mysql.Quote(m.table))
		} else {
			statements[len(statements)-1] += ","
		}
		statements[len(statements)-1] += " ADD COLUMN " + strings.Join(strings.Fields(m.column.definition), " ")
	}
	return msg.Errorf("table %s.%s lacks the column %s (missing columns: %d), so another release or another program made it; if it belongs to this OMS, run: %s; otherwise choose other database names in config.yaml",
		db, columns[0].table, columns[0].column.name, len(columns), strings.Join(statements, "; ")+";")
}

// deviation is a column, a key or an option of a table that is there and not
// as the schema has it. A run leaves it alone.
type deviation struct {
	what       string // table.column, table.key KEY, or table ENGINE
	have, want string
	mend       string
	missing    bool // a key that is not there
}

// deviations compares the tables that are there with the expected ones: types
// with their lengths, whether NULL is allowed, defaults, character sets,
// collations, engines, keys.
func (e expected) deviations(l *live, db string) (out []deviation) {
	for _, t := range e.tables {
		have := l.table(db, t.name)
		if have == nil {
			continue
		}
		alter := "ALTER TABLE " + mysql.Quote(db) + "." + mysql.Quote(t.name) + " "
		primary := ""
		for _, k := range t.keys {
			columns, unique := keyColumns(k.definition)
			if k.name == "PRIMARY" {
				primary = columns
			}
			got, ok := have.keys[strings.ToLower(k.name)]
			what := t.name + "." + k.name + " KEY"
			add := "ADD " + strings.Join(strings.Fields(k.definition), " ") + ";"
			switch {
			case !ok && unique && have.hasUnique(columns):
				// under another name
			case !ok:
				out = append(out, deviation{what, "", k.definition, alter + add, true})
			case columns != "" && got != liveKey{columns, unique}:
				drop := "DROP KEY " + mysql.Quote(k.name) + ", "
				if k.name == "PRIMARY" {
					drop = "DROP PRIMARY KEY, "
				}
				want := liveKey{columns, unique}
				out = append(out, deviation{what, got.String(), want.String(), alter + drop + add, false})
			}
		}
		want := cmp.Or(t.options.engine, "innodb")
		if engine := strings.ToLower(have.engine); !t.vague && slices.Contains(otherEngines, engine) && engine != want {
			out = append(out, deviation{t.name + " ENGINE", have.engine, want, alter + "ENGINE = " + want + ";", false})
		}
		for _, c := range t.columns {
			got, ok := have.columns[strings.ToLower(c.name)]
			if !ok || t.vague || c.uncertain {
				continue
			}
			want := t.shape(c, primary)
			if got = got.within(want); want.within(got) != got {
				out = append(out, deviation{t.name + "." + c.name, got.String(), want.String(),
					alter + "MODIFY COLUMN " + strings.Join(strings.Fields(c.definition), " ") + ";", false})
			}
		}
	}
	return out
}

// otherEngines lose rows when a server dies, or all of them. What other servers
// call their own is none of our business.
var otherEngines = []string{"myisam", "aria", "memory", "csv", "archive", "blackhole", "mrg_myisam"}

// shape is what a column is with what it has of the table.
func (t *table) shape(c expectedColumn, primary string) shape {
	s := shapeOf(c.definition)
	if slices.Contains(strings.Split(primary, ","), strings.ToLower(c.name)) && s.null != "" {
		s.null = "NOT NULL"
	}
	for _, kind := range []string{"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"} {
		if name, _, _ := strings.Cut(s.kind, "("); name == kind && s.charset == "" && s.collate == "" {
			s.charset, s.collate = t.options.charset, t.options.collate
		}
	}
	return s
}

// hasUnique reports whether there is a unique key on these columns, whatever
// its name.
func (t *liveTable) hasUnique(columns string) bool {
	for _, k := range t.keys {
		if k.unique && k.columns == columns {
			return true
		}
	}
	return false
}

func (k liveKey) String() string {
	if k.unique {
		return "UNIQUE (" + k.columns + ")"
	}
	return "(" + k.columns + ")"
}

// warnOfDeviations logs how many there are and names the first.
func (w *work) warnOfDeviations() {
	var all []deviation
	for _, d := range config.Roles {
		all = append(all, w.expected[d].deviations(w.live, w.Config.Database(d))...)
	}
	if w.result.Deviating = len(all); len(all) > 0 {
		w.log(msg.M("warning: the tables are not as the schema has them (places: %d; the first one: %s): `omsinit metadb status` shows how, and with which statements they come back",
			len(all), all[0].what))
	}
}
