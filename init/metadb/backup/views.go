package backup

import (
	"context"
	"database/sql"

	mysql "omsinit/internal/database"
)

// definitions returns the statements that make the views of a database. Seen
// from within it they do not name it, so that they make the same views in
// another one.
func definitions(ctx context.Context, conn *sql.Conn, database string, views []string) ([]string, error) {
	if len(views) == 0 {
		return nil, nil
	}
	if _, err := conn.ExecContext(ctx, "USE "+mysql.Quote(database)); err != nil {
		return nil, err
	}
	var out []string
	for _, name := range views {
		var view, text, charset, collation string
		if err := conn.QueryRowContext(ctx, "SHOW CREATE VIEW "+mysql.Quote(name)).Scan(&view, &text, &charset, &collation); err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

// createViews makes views, of which some may need others: what fails waits
// until another one is made.
func createViews(ctx context.Context, conn *sql.Conn, database string, statements []string) error {
	if len(statements) == 0 {
		return nil
	}
	if _, err := conn.ExecContext(ctx, "USE "+mysql.Quote(database)); err != nil {
		return err
	}
	for len(statements) > 0 {
		var waiting []string
		var failed error
		for _, q := range statements {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				waiting, failed = append(waiting, q), err
			}
		}
		if len(waiting) == len(statements) {
			return failed
		}
		statements = waiting
	}
	return nil
}
