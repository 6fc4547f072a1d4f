package resource

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// packRows writes the rows of the pack that are not there or differ: those that the old init writes itself, and that
// are of this region or node.
func (s *Step) packRows(ctx context.Context, db *sql.DB, result *Result) error {
	if len(s.Pack.Rows) == 0 {
		return nil
	}
	lock, err := s.lock(ctx, db)
	if err != nil {
		return err
	}
	defer lock.Release()
	for n, row := range s.Pack.Rows {
		values, err := s.Pack.RowValues(n, pack.Data{Config: s.Config, HostIP: s.HostIP})
		if err != nil {
			return err
		}
		done, err := s.packRow(ctx, lock.Conn(), row, values)
		if err != nil {
			return msg.Errorf("cannot write a row of %s: %w", row.Table, database.Explain(s.Config, err))
		}
		if done != nil {
			s.log(done.Message())
			result.Rows = append(result.Rows, *done)
		}
	}
	return nil
}

// packRow writes one row; done is nil where it is as it should be.
func (s *Step) packRow(ctx context.Context, conn *sql.Conn, row pack.Row, values map[string]string) (
	done *Row, err error,
) {
	name := s.Config.Database(row.Database)
	table := database.Quote(name) + "." + database.Quote(row.Table)
	matches := func(columns []string) (count int, err error) {
		where, args := terms(columns, values)
		query := "SELECT COUNT(*) FROM " + table + " WHERE " + strings.Join(where, " AND ")
		err = conn.QueryRowContext(ctx, query, args...).Scan(&count)
		return count, err
	}
	all := slices.Sorted(maps.Keys(values))
	var shown []string
	for _, column := range row.Key {
		shown = append(shown, column+"="+values[column])
	}
	done = &Row{Table: name + "." + row.Table, Key: strings.Join(shown, " ")}
	found, err := matches(row.Key)
	if err != nil {
		return nil, err
	}
	if found == 0 {
		done.Inserted = true
		var names, marks []string
		var args []any
		for _, column := range all {
			names, marks, args = append(names, database.Quote(column)), append(marks, "?"), append(args, values[column])
		}
		for _, column := range row.Now {
			names, marks = append(names, database.Quote(column)), append(marks, "NOW()")
		}
		query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), strings.Join(marks, ", "))
		_, err = conn.ExecContext(ctx, query, args...)
		return done, err
	}
	if same, err := matches(all); err != nil || same > 0 {
		return nil, err
	}
	rest := slices.DeleteFunc(all, func(column string) bool { return slices.Contains(row.Key, column) })
	set, args := terms(rest, values)
	for i := range set {
		set[i] = strings.Replace(set[i], "<=>", "=", 1)
	}
	where, more := terms(row.Key, values)
	query := fmt.Sprintf("UPDATE %s SET %s WHERE %s", table, strings.Join(set, ", "), strings.Join(where, " AND "))
	_, err = conn.ExecContext(ctx, query, append(args, more...)...)
	return done, err
}

// terms compares columns with their values.
func terms(columns []string, values map[string]string) (terms []string, args []any) {
	for _, column := range columns {
		terms, args = append(terms, database.Quote(column)+" <=> ?"), append(args, values[column])
	}
	return terms, args
}
