package upgrade

import (
	"context"
	"database/sql"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
)

// aliveFor is how long after its last sign of life a node counts as running. A
// healthy one writes "about now" (oms-facts §6); how often is not documented.
const aliveFor = 60 * time.Second

// lastSign is when OMS was last seen alive, by the server's clock: the
// beginning of the outage. Now when it never was.
func lastSign(ctx context.Context, db *sql.DB, c *config.Config) (string, error) {
	var at string
	err := db.QueryRowContext(ctx, "SELECT CAST(COALESCE(MAX(gmt_modified), NOW()) AS CHAR) FROM "+database.Quote(c.HeartbeatDatabase)+
		".heart_beat WHERE task_name = 'supervisor'").Scan(&at)
	if err != nil && newMetaDB(c, err) == nil {
		err = db.QueryRowContext(ctx, "SELECT CAST(NOW() AS CHAR)").Scan(&at)
	}
	return at, database.Explain(c, err)
}
