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

// sign is the last sign of life of a node.
type sign struct {
	host string
	age  time.Duration // by the server's clock
}

// signs reads the heartbeats of the agents in one heartbeat database, the
// youngest first. A database without that table has none.
func signs(ctx context.Context, db *sql.DB, c *config.Config, name string) ([]sign, error) {
	rows, err := db.QueryContext(ctx, "SELECT host_ip, TIMESTAMPDIFF(SECOND, MAX(gmt_modified), NOW()) FROM "+database.Quote(name)+
		".heart_beat WHERE task_name = 'supervisor' GROUP BY host_ip ORDER BY 2, 1")
	if err != nil {
		return nil, newMetaDB(c, err)
	}
	defer rows.Close()
	var out []sign
	for rows.Next() {
		var s sign
		var seconds sql.NullInt64
		if err := rows.Scan(&s.host, &seconds); err != nil {
			return nil, database.Explain(c, err)
		}
		if s.age = time.Duration(seconds.Int64) * time.Second; seconds.Valid {
			out = append(out, s)
		}
	}
	return out, database.Explain(c, rows.Err())
}

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
