package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// HistorySample is a figure of the past.
type HistorySample struct {
	At    time.Time
	Value float64
}

// MemoryHistory returns what the time-series database has of the memory of this node's container, at most one sample
// for each step. Only InfluxDB is asked.
func MemoryHistory(
	ctx context.Context, cfg *config.Config, a Applied, node string, since, step time.Duration,
) ([]HistorySample, error) {
	switch {
	case !cfg.TSDBEnabled || a.State != On:
		return nil, msg.Errorf("this node reports to no time-series database")
	case cfg.TSDBService == ceresDB:
		return nil, msg.Errorf("CERESDB is not asked for the past")
	}
	s, err := dial(cfg)
	if err != nil {
		return nil, err
	}
	defer s.close()
	resp, err := s.query(ctx, fmt.Sprintf(
		"SELECT MAX(memory_bytes) FROM %s.%s.omsinit_container WHERE node = %s AND time > now() - %ds GROUP BY time(%ds) fill(none)",
		quoted(a.Into.Database), quoted(a.Into.RetentionPolicy), literal(node),
		int(since.Seconds()), int(step.Seconds())))
	if err != nil {
		return nil, err
	}
	var out []HistorySample
	for _, result := range resp.Results {
		for _, series := range result.Series {
			for _, row := range series.Values {
				at, atOK := row[0].(json.Number)
				value, valueOK := row[len(row)-1].(json.Number)
				if !atOK || !valueOK {
					continue
				}
				ms, err := at.Int64()
				number, valueErr := value.Float64()
				if err == nil && valueErr == nil {
					out = append(out, HistorySample{time.UnixMilli(ms), number})
				}
			}
		}
	}
	return out, nil
}

// literal writes a text of InfluxQL.
func literal(text string) string { return "'" + influxQL.Replace(text) + "'" }

var influxQL = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`, "\n", `\n`)
