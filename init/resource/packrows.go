package resource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Rows brings the pack's rows of this region and node to a changed config.yaml, where its values are in them. was is
// the one before.
func (s *Step) Rows(ctx context.Context, was *config.Config) (result Result, err error) {
	before := *s
	before.Config = was
	then, err := before.filled(false)
	if err != nil {
		return result, err
	}
	now, err := s.filled(false)
	if err != nil || reflect.DeepEqual(then, now) {
		return result, err
	}
	return s.WriteRows(ctx)
}

// WriteRows writes the pack's rows of this region and node where they are missing or differ.
func (s *Step) WriteRows(ctx context.Context) (result Result, err error) {
	db, err := database.Open(s.Config, "", database.As(s.HostIP))
	if err != nil {
		return result, err
	}
	defer db.Close()
	if err = s.packRows(ctx, db, &result); err == nil {
		s.remembered(false)
	}
	return result, err
}

// filled are the rows of the pack that there are to be on this node: settings, or those of regions and nodes.
func (s *Step) filled(settings bool) (rows []pack.FilledRow, err error) {
	d := pack.Data{Config: s.Config, HostIP: s.HostIP, Layout: s.Layout, HTTPS: s.Layout.HTTPS()}
	for n, row := range s.Pack.Rows {
		if row.Setting != settings {
			continue
		}
		filled, err := s.Pack.FillRow(n, d)
		if err != nil {
			return nil, err
		}
		if filled.Made {
			rows = append(rows, filled)
		}
	}
	return rows, nil
}

// packRows writes the rows of the pack that are not there or differ: those that the old init writes itself, and that
// are of this region or node.
func (s *Step) packRows(ctx context.Context, db *sql.DB, result *Result) error {
	rows, err := s.filled(false)
	if err != nil || len(rows) == 0 {
		return err
	}
	lock, err := s.lock(ctx, db)
	if err != nil {
		return err
	}
	defer lock.Release()
	for _, row := range rows {
		err := s.resolve(ctx, lock.Conn(), row)
		var done *Row
		if err == nil {
			done, err = s.packRow(ctx, lock.Conn(), row, true)
		}
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

// missingRowError is a row that another one refers to and that is not there, or not yet.
type missingRowError struct{ text msg.Message }

// Error returns the English words.
func (e *missingRowError) Error() string { return e.In(msg.English) }

// In returns the words in a language.
func (e *missingRowError) In(lang msg.Lang) string { return e.text.In(lang) }

// resolve looks up the numbers of the rows that a row refers to.
func (s *Step) resolve(ctx context.Context, conn *sql.Conn, row pack.FilledRow) error {
	for _, column := range slices.Sorted(maps.Keys(row.Refs)) {
		ref := row.Refs[column]
		where, args := terms(sortedWithout(ref.Where, nil), ref.Where)
		table := database.Quote(s.Config.Database(ref.Database)) + "." + database.Quote(ref.Table)
		query := fmt.Sprintf("SELECT CAST(%s AS CHAR) FROM %s WHERE %s LIMIT 2", database.Quote(ref.Column), table,
			strings.Join(where, " AND "))
		var found []string
		err := database.Each(ctx, conn, query, args, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			found = append(found, id)
			return err
		})
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return finding.Transient(&missingRowError{msg.M(
				"%s of it is %s of a row of %s.%s, of which there are %d and not one: %s",
				column, ref.Column, s.Config.Database(ref.Database), ref.Table, len(found), shownKey(ref.Where))})
		}
		row.Values[column] = found[0]
	}
	return nil
}

// shownKey is what tells a row from others, as column=value.
func shownKey(values map[string]string) string {
	var shown []string
	for _, column := range sortedWithout(values, nil) {
		shown = append(shown, column+"="+values[column])
	}
	return strings.Join(shown, " ")
}

// awaitRows writes the rows of the pack as soon as those that they refer to are there: the CM may take its time.
func (s *Step) awaitRows(ctx context.Context, db *sql.DB, result *Result, limit time.Duration) error {
	for deadline := time.Now().Add(limit); ; {
		err := s.packRows(ctx, db, result)
		if _, missing := errors.AsType[*missingRowError](err); !missing || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// planRows are the rows of the pack that differ; those that refer to one that is not there yet are left out.
func (s *Step) planRows(ctx context.Context, db *sql.DB) (out []Row, err error) {
	rows, err := s.filled(false)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, database.Explain(s.Config, err)
	}
	defer conn.Close()
	for _, row := range rows {
		err := s.resolve(ctx, conn, row)
		if _, missing := errors.AsType[*missingRowError](err); missing {
			continue
		}
		var done *Row
		if err == nil {
			done, err = s.packRow(ctx, conn, row, false)
		}
		if err != nil {
			return nil, msg.Errorf("cannot read the rows of %s: %w", row.Table, database.Explain(s.Config, err))
		}
		if done != nil {
			out = append(out, *done)
		}
	}
	return out, nil
}

// packRow writes one row, or without write only looks; done is nil where it is as it should be.
func (s *Step) packRow(ctx context.Context, conn *sql.Conn, row pack.FilledRow, write bool) (done *Row, err error) {
	values := row.Values
	name := s.Config.Database(row.Database)
	table := database.Quote(name) + "." + database.Quote(row.Table)
	matches := func(columns []string) (count int, err error) {
		where, args := terms(columns, values)
		query := "SELECT COUNT(*) FROM " + table + " WHERE " + strings.Join(where, " AND ")
		err = conn.QueryRowContext(ctx, query, args...).Scan(&count)
		return count, err
	}
	all := sortedWithout(values, nil)
	done = &Row{Table: name + "." + row.Table, Key: keyOf(row.Row, values)}
	found, err := matches(row.Key)
	if err != nil {
		return nil, err
	}
	if found == 0 {
		if done.Inserted = true; write {
			err = insertRow(ctx, conn, table, row.Row, values)
		}
		return done, err
	}
	if same, err := matches(all); err != nil || same > 0 {
		return nil, err
	}
	if same, err := sameJSON(ctx, conn, table, values); err != nil || same {
		return nil, err
	}
	if !write {
		return done, nil
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

// keyOf names a row by the columns of its key.
func keyOf(row pack.Row, values map[string]string) string {
	key := map[string]string{}
	for _, column := range row.Key {
		key[column] = values[column]
	}
	return shownKey(key)
}

func insertRow(ctx context.Context, conn *sql.Conn, table string, row pack.Row, values map[string]string) error {
	var names, marks []string
	var args []any
	for _, column := range sortedWithout(values, nil) {
		names, marks, args = append(names, database.Quote(column)), append(marks, "?"), append(args, values[column])
	}
	for _, column := range row.Now {
		names, marks = append(names, database.Quote(column)), append(marks, "NOW()")
	}
	query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), strings.Join(marks, ", "))
	_, err := conn.ExecContext(ctx, query, args...)
	return err
}

// sameJSON reports whether there is a row with these values, JSON by what it says: a server may write it otherwise, and
// MySQL takes no text for the same as JSON.
func sameJSON(ctx context.Context, conn *sql.Conn, table string, values map[string]string) (same bool, err error) {
	var objects, others, quoted []string
	for _, column := range sortedWithout(values, nil) {
		if isJSON(values[column]) {
			objects, quoted = append(objects, column), append(quoted, "CAST("+database.Quote(column)+" AS CHAR)")
		} else {
			others = append(others, column)
		}
	}
	if len(objects) == 0 || len(others) == 0 {
		return false, nil
	}
	where, args := terms(others, values)
	query := "SELECT " + strings.Join(quoted, ", ") + " FROM " + table + " WHERE " + strings.Join(where, " AND ")
	err = database.Each(ctx, conn, query, args, func(rows *sql.Rows) error {
		have := make([]sql.NullString, len(objects))
		to := make([]any, len(objects))
		for i := range have {
			to[i] = &have[i]
		}
		err := rows.Scan(to...)
		equal := err == nil
		for i, column := range objects {
			equal = equal && have[i].Valid && saying(have[i].String) == saying(values[column])
		}
		same = same || equal
		return err
	})
	return same, err
}

// terms compares columns with their values.
func terms(columns []string, values map[string]string) (terms []string, args []any) {
	for _, column := range columns {
		terms, args = append(terms, database.Quote(column)+" <=> ?"), append(args, values[column])
	}
	return terms, args
}
