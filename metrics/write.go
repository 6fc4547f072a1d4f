package metrics

import (
	"context"
	"crypto/rand"
	"path"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// A throw-away database is named after the second at which nobody uses it any
// more: omsinit_check_1767225600_4fzyo82m. Whoever comes later removes those
// whose time is over, so a run that was killed leaves nothing for long.
const (
	probePrefix   = "omsinit_check_"
	probeLifetime = 2 * time.Minute
)

// CheckWrite makes sure that the configured user may create a database and
// write a point: it does so in a throw-away one, and removes it again. CERESDB
// has no such statements, and is left alone.
func CheckWrite(ctx context.Context, cfg *config.Config) error {
	if cfg.TSDBService == ceresDB {
		return nil
	}
	s, err := dial(cfg)
	if err != nil {
		return err
	}
	defer s.close()
	now := time.Now()
	s.removeLeftovers(ctx, now)
	name := probePrefix + strconv.FormatInt(now.Add(probeLifetime).Unix(), 10) + "_" + strings.ToLower(rand.Text()[:8])
	// A request takes its share of the time, so that some is left to clean up.
	share, cancel := context.WithDeadline(ctx, now.Add(shareOf(ctx, now)))
	defer cancel()
	if err := s.command(share, "CREATE DATABASE "+name); err != nil {
		return msg.Errorf("cannot create a database: %w", err)
	}
	err = s.write(share, place{database: name}, []byte("omsinit_check value=1i"), "")
	if dropErr := s.command(ctx, "DROP DATABASE "+name); err == nil && dropErr != nil {
		return msg.Errorf("cannot remove the throw-away database %s: %w", name, dropErr)
	}
	if err != nil {
		return msg.Errorf("cannot write a point: %w", err)
	}
	return nil
}

func shareOf(ctx context.Context, now time.Time) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return deadline.Sub(now) * 2 / 3
	}
	return 2 * requestTimeout
}

// removeLeftovers removes what killed runs left; when that fails, the next run
// tries again.
func (s *server) removeLeftovers(ctx context.Context, now time.Time) {
	resp, err := s.query(ctx, "SHOW DATABASES")
	if err != nil {
		return
	}
	for _, name := range names(resp) {
		if probeOver(name, now) {
			_ = s.command(ctx, "DROP DATABASE "+name)
		}
	}
}

// probeOver reports whether the name is that of a throw-away database whose
// time is over.
func probeOver(name string, now time.Time) bool {
	if ok, _ := path.Match(probePrefix+"[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]_????????", name); !ok {
		return false
	}
	end, err := strconv.ParseInt(name[len(probePrefix):len(probePrefix)+10], 10, 64)
	return err == nil && end < now.Unix() && !strings.ContainsAny(name, " \"';")
}
