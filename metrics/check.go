// Package metrics is what omsinit does with the time-series database (TSDB):
// it makes sure that the configured one can be used before anything is told to
// report to it.
package metrics

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	client "github.com/influxdata/influxdb1-client/v2"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/passing"
)

// Check connects to the TSDB with the configured credentials and runs one
// harmless query. OMS wants InfluxDB 1.8 on port 8086, and its /ping may need
// the credentials as well (oms-facts §9). An address that does not answer is a
// passing error; refused credentials or another kind of server are not.
//
// CERESDB serves the InfluxDB protocol below /influxdb/v1 and has no /ping, so
// that only the query is tried.
func Check(ctx context.Context, cfg *config.Config) error {
	base := "http://" + cfg.TSDBURL
	ceres := cfg.TSDBService == "CERESDB"
	if ceres {
		base += "/influxdb/v1"
	}
	timeout := 5 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	c, err := client.NewHTTPClient(client.HTTPConfig{
		Addr: base, Username: cfg.TSDBUsername, Password: cfg.TSDBPassword.Reveal(), Timeout: timeout, UserAgent: "omsinit",
	})
	if err != nil {
		return msg.Errorf("tsdb_url %q is not an address of the form host:port", cfg.TSDBURL)
	}
	defer c.Close()
	if !ceres {
		_, version, err := c.Ping(0)
		if err != nil {
			return explain(cfg, err)
		}
		if strings.HasPrefix(strings.TrimPrefix(version, "v"), "2.") {
			return msg.Errorf("the time-series database at tsdb_url %s is InfluxDB %s; OMS needs InfluxDB 1.8", cfg.TSDBURL, version)
		}
	}
	resp, err := c.Query(client.NewQuery("SHOW DATABASES", "", ""))
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		return explain(cfg, err)
	}
	return nil
}

// explain puts the answer of the client library, which is often the bare body
// of a response, into a sentence.
func explain(cfg *config.Config, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return passing.Mark(msg.Errorf("cannot reach the time-series database at tsdb_url %s: %w", cfg.TSDBURL, u.Err))
	}
	text := strings.TrimSpace(err.Error())
	lower := strings.ToLower(text)
	if strings.Contains(lower, "authoriz") || strings.Contains(lower, "authenticat") || strings.Contains(lower, "credentials") {
		return msg.Errorf("the time-series database at tsdb_url %s refuses tsdb_username %q with the configured tsdb_password: %s", cfg.TSDBURL, cfg.TSDBUsername, shorten(text))
	}
	if strings.Contains(lower, "<html") || strings.Contains(lower, "<!doctype") {
		return msg.Errorf("what answers at tsdb_url %s is a web page, not InfluxDB 1.x", cfg.TSDBURL)
	}
	return msg.Errorf("the time-series database at tsdb_url %s does not answer as InfluxDB 1.x does: %s", cfg.TSDBURL, shorten(text))
}

// shorten keeps a foreign server's answer to one line of bearable length.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}
