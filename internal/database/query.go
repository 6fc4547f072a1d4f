package database

import (
	"context"
	"database/sql"
)

// Queryer is a *sql.DB, *sql.Conn or *sql.Tx.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Unhurried begins a SELECT that may take as long as it takes, whatever limit the server sets for the time of a
// statement (max_statement_time of MariaDB, max_execution_time of MySQL). Other servers read a comment.
const Unhurried = "/*M!100102 SET STATEMENT max_statement_time = 0 FOR */ SELECT /*+ MAX_EXECUTION_TIME(86400000) */ "

// Each runs a query and calls row for each of its rows. Its errors are the driver's, or those of row.
func Each(ctx context.Context, q Queryer, query string, args []any, row func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// All runs a query and returns a T for each of its rows, scanned into the fields of it that are named. Its errors are
// the driver's.
func All[T any](ctx context.Context, q Queryer, query string, args []any, fields func(*T) []any) (list []T, err error) {
	err = Each(ctx, q, query, args, func(rows *sql.Rows) error {
		var t T
		err := rows.Scan(fields(&t)...)
		list = append(list, t)
		return err
	})
	return list, err
}

// Column runs a query and returns the texts of its only column, "" for NULL. Its errors are the driver's.
func Column(ctx context.Context, q Queryer, query string, args ...any) (texts []string, err error) {
	err = Each(ctx, q, query, args, func(rows *sql.Rows) error {
		var text sql.NullString
		err := rows.Scan(&text)
		texts = append(texts, text.String)
		return err
	})
	return texts, err
}
