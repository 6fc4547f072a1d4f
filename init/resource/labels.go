package resource

import (
	"context"
	"database/sql"
	"strings"

	"omsinit/internal/database"
	"omsinit/internal/registry"
)

// labels are the resource labels. Step 5's banner names them, but no column is
// documented (oms-facts §4, §6). The reference schema has names alone, and each
// region has the label of its own name. A table of another shape belongs to a
// release that fills it through the pack's requests, and is left alone.
type labels struct {
	known bool // the table is one of names alone
	names []string
}

func readLabels(ctx context.Context, q registry.Queryer, cm string) (labels, error) {
	var l labels
	columns, others := 0, 0
	err := registry.Each(ctx, q, "SELECT column_name, is_nullable = 'YES' OR column_default IS NOT NULL OR extra LIKE '%auto_increment%' FROM information_schema.columns WHERE table_schema = ? AND table_name = 'resource_label'", func(rows *sql.Rows) error {
		var name string
		var filled bool
		err := rows.Scan(&name, &filled)
		switch {
		case strings.EqualFold(name, "name"):
			columns++
		case !filled:
			others++
		}
		return err
	}, cm)
	if l.known = err == nil && columns == 1 && others == 0; !l.known {
		return l, err
	}
	err = registry.Each(ctx, q, "SELECT name FROM "+database.Quote(cm)+".resource_label", func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		l.names = append(l.names, name)
		return err
	})
	return l, err
}

// changes makes the label of a region, or renames it with the region.
func (l labels) changes(before, name string) []change {
	if !l.known {
		return nil
	}
	c := change{inCM: true, table: "resource_label", key: "name=" + name}
	old, hasOld := l.find(before)
	switch spelled, ok := l.find(name); {
	case ok && spelled == name:
		return nil
	case ok:
		c.query, c.args = "UPDATE %s.resource_label SET name = ? WHERE name = ?", []any{name, spelled}
	case before != "" && hasOld:
		c.query, c.args = "UPDATE %s.resource_label SET name = ? WHERE name = ?", []any{name, old}
	default:
		c.query, c.args = "INSERT INTO %s.resource_label (name) VALUES (?)", []any{name}
	}
	return []change{c}
}

// find looks as the server compares names: without regard to case.
func (l labels) find(name string) (spelled string, ok bool) {
	for _, n := range l.names {
		if n == name {
			return n, true
		}
	}
	for _, n := range l.names {
		if strings.EqualFold(n, name) {
			return n, true
		}
	}
	return "", false
}
