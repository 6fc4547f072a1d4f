// Package metrics is what omsinit does with the time-series database (TSDB):
// it makes sure that the configured one can be used before anything is told to
// report to it, and reports how this node is doing, to the TSDB and in the text
// form of Prometheus.
package metrics

import (
	"context"

	"omsinit/internal/config"
)

// Check connects to the TSDB with the configured credentials and runs one
// harmless query. OMS wants InfluxDB 1.8 on port 8086, and its /ping may need
// the credentials as well (oms-facts §9). An address that does not answer is a
// passing error; refused credentials or another kind of server are not.
func Check(ctx context.Context, cfg *config.Config) error {
	s, err := dial(cfg)
	if err != nil {
		return err
	}
	defer s.close()
	if !s.ceres {
		if _, err := s.ping(ctx); err != nil {
			return err
		}
	}
	return s.login(ctx)
}

// login runs a query that needs the credentials. Of all SHOW statements
// CERESDB knows the one about measurements.
func (s *server) login(ctx context.Context) error {
	statement := "SHOW DATABASES"
	if s.ceres {
		statement = "SHOW MEASUREMENTS"
	}
	_, err := s.query(ctx, statement)
	return err
}
