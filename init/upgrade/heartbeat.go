package upgrade

import (
	"context"
	"database/sql"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// lastHeartbeat returns when a node of this region was last alive, by the server's clock; "" when none ever was.
func lastHeartbeat(ctx context.Context, db *sql.DB, c *config.Config) (string, error) {
	beats, err := registry.ReadBeats(ctx, db, c.HeartbeatDatabase)
	last, _ := registry.LastBeat(beats)
	return last.At, database.Explain(c, err)
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
	if s.beats == nil || s.OthersRun {
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
