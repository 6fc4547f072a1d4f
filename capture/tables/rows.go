package tables

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// Column is one column of a table, as far as rows are concerned.
type Column struct {
	Name     string
	Kind     string // its type, in lower case
	Fallback string // its default
	Extra    string
	Key      bool // of the primary key or a unique one
	Auto     bool // a number that counts by itself, which is no key
}

// Rows are the rows of a table in the order of its keys, without the columns that nobody writes.
type Rows struct {
	Columns []Column
	Values  [][]string
}

// ReadRows reads the rows of a table.
func ReadRows(ctx context.Context, db *sql.DB, c *config.Config, role config.Role, table string) (Rows, error) {
	name := c.Database(role)
	failed := func(err error) (Rows, error) {
		return Rows{}, msg.Errorf("cannot read the rows of %s.%s: %w", name, table, database.Explain(c, err))
	}
	list, err := Texts(ctx, db, "SELECT column_name, column_type, COALESCE(column_default, ''), extra, column_key FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position", name, table)
	if err != nil {
		return failed(err)
	}
	var r Rows
	var quoted, order []string
	for _, row := range list {
		c := Column{Name: row[0], Kind: strings.ToLower(row[1]), Fallback: row[2], Extra: strings.ToLower(row[3]),
			Key: row[4] == "PRI" || row[4] == "UNI", Auto: strings.Contains(strings.ToLower(row[3]), "auto_increment")}
		c.Key = c.Key && !c.Auto
		if c.writesItself() {
			continue
		}
		r.Columns = append(r.Columns, c)
		q := database.Quote(c.Name)
		switch {
		case c.Key:
			order = append([]string{q}, order...)
		case c.Auto:
			order = append(order, q)
		}
		if c.IsTime() || strings.HasPrefix(c.Kind, "date") || strings.HasPrefix(c.Kind, "time") {
			q = "CAST(" + q + " AS CHAR)" // as the server writes it
		}
		quoted = append(quoted, q)
	}
	if len(r.Columns) == 0 {
		return r, nil
	}
	query := "SELECT " + strings.Join(quoted, ", ") + " FROM " + database.Quote(name) + "." + database.Quote(table)
	if len(order) > 0 {
		query += " ORDER BY " + strings.Join(order, ", ")
	}
	if r.Values, err = Texts(ctx, db, query); err != nil {
		return failed(err)
	}
	return r, nil
}

func (c Column) writesItself() bool {
	return strings.Contains(c.Extra, "generated") && !strings.Contains(c.Extra, "default_generated") ||
		c.IsTime() && strings.Contains(strings.ToLower(c.Fallback), "current_timestamp")
}

// IsTime reports whether a column holds a time of a day.
func (c Column) IsTime() bool {
	return strings.HasPrefix(c.Kind, "datetime") || strings.HasPrefix(c.Kind, "timestamp")
}

// IsNow reports whether a column's time tells when the row was made or changed.
func (c Column) IsNow() bool {
	name := strings.ToLower(c.Name)
	return c.IsTime() && (strings.HasPrefix(name, "gmt") || slices.ContainsFunc([]string{"creat", "modif", "updat"},
		func(part string) bool { return strings.Contains(name, part) }))
}

// IsNumber reports whether a column's values need no quotes.
func (c Column) IsNumber() bool {
	for _, kind := range []string{"bigint", "int", "mediumint", "smallint", "tinyint", "decimal", "double",
		"float", "year"} {
		if strings.HasPrefix(c.Kind, kind) {
			return true
		}
	}
	return false
}

// IsBinary reports whether a column's values are bytes, not text.
func (c Column) IsBinary() bool {
	return strings.Contains(c.Kind, "blob") || strings.Contains(c.Kind, "binary") || strings.HasPrefix(c.Kind, "bit")
}

// Same returns the row that has the same key as another, or the same number where there is no key; nil when there is
// none. keyed reports whether there is a key.
func (r Rows) Same(row []string) (same []string, keyed bool) {
	keyed = slices.ContainsFunc(r.Columns, func(c Column) bool { return c.Key })
	counted := slices.ContainsFunc(r.Columns, func(c Column) bool { return c.Auto })
	at := slices.IndexFunc(r.Values, func(other []string) bool {
		for i, c := range r.Columns {
			if row[i] != other[i] && (c.Key || !keyed && (c.Auto || !counted && !c.IsNow())) {
				return false
			}
		}
		return true
	})
	if at < 0 {
		return nil, keyed
	}
	return r.Values[at], keyed
}

// Has reports whether there is a row with the same values, but for the times of its making.
func (r Rows) Has(row []string) bool {
	return slices.ContainsFunc(r.Values, func(other []string) bool { return r.Equal(row, other) })
}

// Equal reports whether two rows have the same values, but for the times of their making and the numbers that they got.
func (r Rows) Equal(a, b []string) bool {
	for i, c := range r.Columns {
		if !c.IsNow() && !c.Auto && a[i] != b[i] {
			return false
		}
	}
	return true
}

// KeyOf names a row by its keys only: other columns may hold secrets.
func (r Rows) KeyOf(row []string) string {
	var out []string
	for i, c := range r.Columns {
		if c.Key {
			out = append(out, fmt.Sprintf("%s=%s", c.Name, row[i]))
		}
	}
	return strings.Join(out, " ")
}
