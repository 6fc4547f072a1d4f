package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tsdbConfig is what the agent knows of the time-series database.
type tsdbConfig struct {
	enabled        bool
	service        string // INFLUXDB; empty means no report
	address        string // host:port, no scheme
	user, password string
}

func (t tsdbConfig) describe() string {
	if !t.enabled || t.service == "" {
		return "off"
	}
	return t.service + " " + t.address
}

// check logs in to the TSDB. An agent with metrics switched on does not start
// without it (oms-facts §9).
func (t tsdbConfig) check(ctx context.Context) error {
	if !t.enabled || t.service == "" {
		return nil
	}
	if t.service != "INFLUXDB" {
		return fmt.Errorf("cannot start: metricType %s is not supported, only INFLUXDB is", t.service)
	}
	if t.address == "" || strings.Contains(t.address, "/") {
		return fmt.Errorf("cannot start: metricServerAddr %q must be host:port", t.address)
	}
	// /ping needs no password on some servers, so ask for something that does.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		"http://"+t.address+"/query?"+url.Values{"q": {"SHOW DATABASES"}}.Encode(), nil)
	if err != nil {
		return fmt.Errorf("cannot start: metricServerAddr %q must be host:port", t.address)
	}
	if t.user != "" {
		req.SetBasicAuth(t.user, t.password)
	}
	resp, err := newClient(5 * time.Second).Do(req)
	if err != nil {
		return fmt.Errorf("cannot start: cannot reach the TSDB at %s: %w", t.address, err)
	}
	defer resp.Body.Close()
	// InfluxDB 1.x may put a refusal into the body of a 200.
	var said struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&said); err != nil &&
		resp.StatusCode == http.StatusOK {
		return fmt.Errorf("cannot start: %s does not answer like a TSDB: %w", t.address, err)
	}
	if resp.StatusCode != http.StatusOK || said.Error != "" {
		return fmt.Errorf("cannot start: the TSDB at %s refuses user %q: %s %s", t.address, t.user, resp.Status,
			said.Error)
	}
	return nil
}
