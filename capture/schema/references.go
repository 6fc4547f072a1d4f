package schema

import (
	"context"
	"slices"
	"strings"

	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/pattern"
)

// Reference is a column that holds the numbers of rows of another table, which its server counts.
type Reference struct {
	Role          config.Role
	Table, Column string
	To            string // the other table, of the same database or another one
	ToRole        config.Role
	ID            string // its number
	// Sure reports whether that is certain: there is a foreign key, or the numbers are others in each installation.
	// Else the column is only named so, and holds no other numbers.
	Sure bool
}

// foreign is a foreign key of one column.
var foreign = pattern.New("FOREIGN KEY \\(`([^`]+)`\\) REFERENCES (?:`([^`]+)`\\.)?`([^`]+)` \\(`([^`]+)`\\)")

// counted is a table whose rows are numbered.
type counted struct {
	role  config.Role
	table string
	id    string
	ids   []map[string]bool // by installation
}

// References finds the columns of installations that refer to numbered rows. An installation without a MetaDB, and a
// table with too many rows, says nothing.
func References(ctx context.Context, installations []*source.Installation) ([]Reference, error) {
	var from []tables.Reader
	for _, i := range installations {
		if i.Tables() != nil {
			from = append(from, i.Tables())
		}
	}
	var all []place
	var numbered []counted
	for _, reader := range from[:min(1, len(from))] {
		for _, role := range config.Roles {
			objects, err := reader.Objects(ctx, role)
			if err != nil {
				return nil, err
			}
			for _, t := range objects.Tables {
				p := readPlace(ctx, from, role, t)
				all = append(all, p)
				if at := slices.IndexFunc(p.columns(), func(c tables.Column) bool { return c.Auto }); at >= 0 {
					id := p.columns()[at].Name
					numbered = append(numbered, counted{role, t.Name, id, p.values(id)})
				}
			}
		}
	}
	var out []Reference
	for _, p := range all {
		for _, column := range p.columns() {
			if column.Auto || column.IsTime() || column.IsBinary() {
				continue
			}
			if x, ok := p.refers(column.Name, numbered); ok {
				out = append(out, x)
			}
		}
	}
	return out, nil
}

// place is a table with its rows in each installation.
type place struct {
	role config.Role
	tables.Object
	rows []tables.Rows
}

func readPlace(ctx context.Context, from []tables.Reader, role config.Role, t tables.Object) place {
	p := place{role: role, Object: t}
	for _, reader := range from {
		rows, large, err := reader.Rows(ctx, role, t.Name)
		if err != nil || large > 0 {
			rows = tables.Rows{}
		}
		p.rows = append(p.rows, rows)
	}
	return p
}

func (p place) columns() []tables.Column { return p.rows[0].Columns }

// values are those of a column, by installation.
func (p place) values(column string) (out []map[string]bool) {
	for _, rows := range p.rows {
		out = append(out, numbers(rows, column))
	}
	return out
}

// refers returns the table that a column refers to; ok is false where there is none, or several are as likely.
func (p place) refers(column string, numbered []counted) (best Reference, ok bool) {
	keys, held := foreign().FindAllStringSubmatch(p.SQL, -1), p.values(column)
	differ, most := others(held), 0
	for _, to := range numbered {
		if to.role == p.role && to.table == p.Name || !within(held, to.ids) {
			continue
		}
		isKey := slices.ContainsFunc(keys, func(m []string) bool {
			elsewhere := to.role != p.role
			return m[1] == column && m[3] == to.table && m[4] == to.id && (m[2] != "") == elsewhere
		})
		x := Reference{p.role, p.Name, column, to.table, to.role, to.id, isKey || differ}
		if isKey {
			return x, true
		}
		alike, points := namesTable(column, to.table), 1
		if !alike && !(IsID(column) && differ) {
			continue
		}
		if alike {
			points += 2
		}
		if x.Role == x.ToRole {
			points++
		}
		switch {
		case points > most:
			best, most, ok = x, points, true
		case points == most:
			ok = false
		}
	}
	return best, ok
}

// numbers are the values of a column.
func numbers(rows tables.Rows, column string) map[string]bool {
	out := map[string]bool{}
	at := slices.IndexFunc(rows.Columns, func(c tables.Column) bool { return c.Name == column })
	for _, row := range rows.Values {
		if at >= 0 && row[at] != tables.Null {
			out[row[at]] = true
		}
	}
	return out
}

// within reports whether all values are numbers of rows in the same installation, and whether there are any.
func within(held, ids []map[string]bool) bool {
	some := false
	for n, values := range held {
		for value := range values {
			if some = true; !ids[n][value] {
				return false
			}
		}
	}
	return some
}

// others reports whether two installations have no value in common: then nothing but another row explains it.
func others(held []map[string]bool) bool {
	for n, a := range held {
		for _, b := range held[n+1:] {
			common := false
			for value := range a {
				common = common || b[value]
			}
			if len(a) > 0 && len(b) > 0 && !common {
				return true
			}
		}
	}
	return false
}

// IsID reports whether a column is named like the number of something.
func IsID(column string) bool {
	name := strings.ToLower(column)
	return strings.HasSuffix(name, "_id") || strings.HasSuffix(column, "Id") || strings.HasSuffix(column, "ID")
}

// shortestName is how long the name of a thing must be for telling anything.
const shortestName = 3

// namesTable reports whether a column is named after a table: cluster_id and cluster_info.
func namesTable(column, table string) bool {
	bare := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "") }
	thing := strings.TrimSuffix(bare(column), "id")
	return IsID(column) && len(thing) >= shortestName && strings.Contains(bare(table), thing)
}

// Resolve puts the key of a row in the place of its number, in rows that refer to it: another server counts otherwise.
func (x Reference) Resolve(rows, to tables.Rows) {
	at := slices.IndexFunc(rows.Columns, func(c tables.Column) bool { return c.Name == x.Column })
	for _, row := range rows.Values {
		if at < 0 {
			return
		}
		if other := numbered(to, x.ID, row[at]); other != nil && to.KeyOf(other) != "" {
			row[at] = to.KeyOf(other)
		}
	}
}
