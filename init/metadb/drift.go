package metadb

import (
	"strings"

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
			if !have[strings.ToLower(c.name)] {
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
