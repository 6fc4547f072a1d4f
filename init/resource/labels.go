package resource

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"omsinit/internal/database"
	"omsinit/internal/registry"
)

// labels are the resource labels. Step 5's banner names them, but no column is
// documented (oms-facts §4, §6). The reference schema has names alone, and each
// region has the label of its own name. A table of another shape belongs to a
// release that fills it through the pack's requests, and is left alone.
type labels struct {
	namesOnly bool // the table has no other columns to fill
	names     []string
}

func readLabels(ctx context.Context, q database.Queryer, cm string, columns registry.Columns) (labels, error) {
	l := labels{namesOnly: columns.Fit("resource_label", "name")}
	if !l.namesOnly {
		return l, nil
	}
	err := database.Each(ctx, q, "SELECT name FROM "+database.Quote(cm)+".resource_label", nil,
		func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			l.names = append(l.names, name)
			return err
		})
	return l, err
}

// changes makes the label of a region, or renames it with the region.
func (l labels) changes(before, name string) []change {
	if !l.namesOnly {
		return nil
	}
	old, hasOld := l.find(before)
	switch spelled, ok := l.find(name); {
	case ok && spelled == name:
		return nil
	case ok:
		old = spelled
	case before == "" || !hasOld:
		return []change{insert(cmDatabase, "resource_label", "name="+name, value{"name", name})}
	}
	return []change{update(cmDatabase, "resource_label", "name="+name, value{"name", old}, value{"name", name})}
}

// find looks as the server compares names: without regard to case.
func (l labels) find(name string) (spelled string, ok bool) {
	if slices.Contains(l.names, name) {
		return name, true
	}
	i := slices.IndexFunc(l.names, func(n string) bool { return strings.EqualFold(n, name) })
	if i < 0 {
		return "", false
	}
	return l.names[i], true
}
