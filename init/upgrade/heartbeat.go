package upgrade

import (
	"context"
	"database/sql"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
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

// heartbeats returns the last sign of life of each node of all regions.
func (s *Session) heartbeats(ctx context.Context) (map[string]string, error) {
	regions, err := s.regions(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, c := range regions {
		beats, err := registry.ReadBeats(ctx, s.db, c.HeartbeatDatabase)
		if err != nil {
			return nil, database.Explain(c, err)
		}
		for _, b := range beats {
			out[b.IP] = max(out[b.IP], b.At)
		}
	}
	return out, nil
}

// nobodyRuns makes sure that no node has given a sign of life since the backup
// began: changed rows need not show in their number.
func (s *Session) nobodyRuns(ctx context.Context) error {
	if s.beats == nil {
		return nil
	}
	now, err := s.heartbeats(ctx)
	if err != nil {
		return err
	}
	for ip, at := range now {
		if at != s.beats[ip] {
			return msg.Errorf("OMS was started on %s while the backup was made (last sign of life %s): stop OMS on all nodes", ip, at)
		}
	}
	return nil
}
