package metadb

import (
	"context"
	"database/sql"
	"strings"
	"time"

	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
)

// orphanLook is how often a statement is looked for that outlives its sender.
const orphanLook = 100 * time.Millisecond

// awaitOrphans waits for statements in flight that the server still works on
// although whoever sent them is gone. What the tables look like meanwhile means
// nothing: at the end of an ALTER TABLE its table is away for a moment.
func (w *work) awaitOrphans(ctx context.Context, db *sql.DB) error {
	if err := w.inspect(ctx, db); err != nil {
		return err
	}
	var args []any
	for _, entries := range w.live.journals {
		for _, e := range entries {
			if e.InFlight > 0 {
				args = append(args, e.Statement)
			}
		}
	}
	if len(args) == 0 {
		return nil
	}
	query := "SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND info IN (?" +
		strings.Repeat(", ?", len(args)-1) + ")"
	told := false
	tick := time.NewTicker(orphanLook)
	defer tick.Stop()
	for {
		var running int
		if err := db.QueryRowContext(ctx, query, args...).Scan(&running); err != nil {
			if mysql.Gone(err) || ctx.Err() != nil {
				return mysql.Explain(w.Config, err)
			}
			return nil // a server that does not tell
		}
		if running == 0 {
			return nil
		}
		if !told {
			told = true
			w.log(msg.M("waiting for a statement that the server still works on for a run that is gone"))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
