package metrics

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	client "github.com/influxdata/influxdb1-client/v2"

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
	if cfg.TSDBService == "CERESDB" {
		return nil
	}
	c, err := client.NewHTTPClient(client.HTTPConfig{
		Addr: "http://" + cfg.TSDBURL, Username: cfg.TSDBUsername, Password: cfg.TSDBPassword.Reveal(), Timeout: timeout(ctx), UserAgent: "omsinit",
	})
	if err != nil {
		return msg.Errorf("tsdb_url %q is not an address of the form host:port", cfg.TSDBURL)
	}
	defer c.Close()
	now := time.Now()
	removeLeftovers(c, now)
	name := probePrefix + strconv.FormatInt(now.Add(probeLifetime).Unix(), 10) + "_" + strings.ToLower(rand.Text()[:8])
	if err := command(c, "CREATE DATABASE "+name); err != nil {
		return msg.Errorf("cannot create a database: %w", explain(cfg, err))
	}
	err = write(c, name, now)
	if dropErr := command(c, "DROP DATABASE "+name); err == nil && dropErr != nil {
		return msg.Errorf("cannot remove the throw-away database %s: %w", name, explain(cfg, dropErr))
	}
	if err != nil {
		return msg.Errorf("cannot write a point: %w", explain(cfg, err))
	}
	return nil
}

func timeout(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		// A request takes its share, so that there is time left to clean up.
		return max(time.Until(deadline)/3, time.Millisecond)
	}
	return 5 * time.Second
}

// command runs a statement. A refusal may come with status 200.
func command(c client.Client, statement string) error {
	resp, err := c.Query(client.NewQuery(statement, "", ""))
	if err != nil {
		return err
	}
	return resp.Error()
}

func write(c client.Client, database string, now time.Time) error {
	points, err := client.NewBatchPoints(client.BatchPointsConfig{Database: database})
	if err != nil {
		return err
	}
	point, err := client.NewPoint("omsinit_check", nil, map[string]any{"value": 1}, now)
	if err != nil {
		return err
	}
	points.AddPoint(point)
	return c.Write(points)
}

// removeLeftovers removes what killed runs left; when that fails, the next run
// tries again.
func removeLeftovers(c client.Client, now time.Time) {
	resp, err := c.Query(client.NewQuery("SHOW DATABASES", "", ""))
	if err = errors.Join(err, respError(resp)); err != nil {
		return
	}
	for _, result := range resp.Results {
		for _, series := range result.Series {
			for _, row := range series.Values {
				if name := fmt.Sprint(row...); probeOver(name, now) {
					_ = command(c, "DROP DATABASE "+name)
				}
			}
		}
	}
}

func respError(resp *client.Response) error {
	if resp == nil {
		return errors.New("no answer")
	}
	return resp.Error()
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
