package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// agentConfig is what the agent takes from supervisor.json and drc.properties.
type agentConfig struct {
	port    int
	bindIP  string
	cmAddr  string
	dataDir string // where asynchronous commands are kept
	metrics tsdbConfig
}

// readAgentConfig reads both files; a field of supervisor.json that is there
// and not empty wins over drc.properties (oms-facts §2). Either file may be
// missing, as long as the other one has what is needed.
func readAgentConfig(dir, port string) (agentConfig, error) {
	var c agentConfig
	v, err := readAgentValues(dir)
	if err != nil {
		return c, err
	}
	// Spring takes a -D option before any file (oms-facts §14.2).
	port = cmp.Or(port, v.drc.get("server.port"), "8080")
	if c.port, err = parsePort("server.port", port); err != nil {
		return c, err
	}
	if c.bindIP, err = v.require("bindIp", "bind.ip"); err != nil {
		return c, err
	}
	if err := checkIP("bindIp", c.bindIP); err != nil {
		return c, err
	}
	if c.cmAddr, err = v.require("cmAddr", "cm.url"); err != nil {
		return c, err
	}
	data := v.get("asyncCommandStoragePath", "")
	if data == "" {
		data = "./data/async_command"
	}
	if !filepath.IsAbs(data) {
		data = filepath.Join(dir, "..", data)
	}
	c.dataDir = data
	enabled, err := parseBool("enableMetrics", v.get("enableMetrics", "metrics.enable"))
	if err != nil {
		return c, err
	}
	c.metrics = tsdbConfig{
		enabled:  enabled,
		service:  v.get("metricType", "metrics.service.impl"),
		address:  v.get("metricServerAddr", "metrics.url"),
		user:     v.get("metricServerUsername", "metrics.user"),
		password: v.get("metricServerPassword", "metrics.password"),
	}
	return c, nil
}

// agentValues is both files, asked with the two names of one setting.
type agentValues struct {
	dir  string
	json map[string]string
	drc  javaProperties
}

func readAgentValues(dir string) (agentValues, error) {
	v := agentValues{dir: dir, json: map[string]string{}}
	drc, drcErr := readProperties(filepath.Join(dir, "drc.properties"))
	if drcErr != nil && !errors.Is(drcErr, os.ErrNotExist) {
		return v, drcErr
	}
	v.drc = drc
	file := filepath.Join(dir, "supervisor.json")
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return v, drcErr
	}
	if err != nil {
		return v, fmt.Errorf("cannot read the configuration: %w", err)
	}
	fields := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		return v, fmt.Errorf("cannot parse %s: %w", file, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return v, fmt.Errorf("cannot parse %s: something follows the object", file)
	}
	for key, field := range fields {
		switch f := field.(type) {
		case string:
			v.json[key] = f
		case bool:
			v.json[key] = strconv.FormatBool(f)
		case json.Number:
			v.json[key] = f.String()
		case nil:
		default:
			return v, fmt.Errorf("cannot use %s in %s: it must be a text, a number or true/false", key, file)
		}
	}
	return v, nil
}

func (v agentValues) get(jsonName, drcName string) string {
	if s := v.json[jsonName]; s != "" {
		return s
	}
	return v.drc.get(drcName)
}

func (v agentValues) require(jsonName, drcName string) (string, error) {
	s := v.get(jsonName, drcName)
	if s == "" {
		return "", fmt.Errorf("cannot start: neither %s in supervisor.json nor %s in drc.properties is set (%s)",
			jsonName, drcName, v.dir)
	}
	return s, nil
}

// agent is the OMS supervisor of one host.
type agent struct {
	config agentConfig
	http   *http.Client
	log    *slog.Logger
}

func runAgent(ctx context.Context, dir, port string, interval time.Duration, log *slog.Logger) error {
	config, err := readAgentConfig(dir, port)
	if err != nil {
		return err
	}
	if err := config.metrics.check(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(config.dataDir, 0o755); err != nil {
		return fmt.Errorf("cannot make the data folder: %w", err)
	}
	a := &agent{config: config, http: newClient(5 * time.Second), log: log}
	if err := a.record("start"); err != nil {
		return err
	}
	l, err := listen(config.port)
	if err != nil {
		return err
	}
	log.Info("agent started", "port", config.port, "host", config.bindIP, "cm", config.cmAddr, "metrics",
		config.metrics.describe())
	return together(ctx,
		func(ctx context.Context) error { return serve(ctx, l, a.handler()) },
		func(ctx context.Context) error { return a.beat(ctx, interval) })
}

func (a *agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "oms-standin: a stand-in for the OMS agent, not OceanBase's software")
	})
	mux.HandleFunc("POST /operateService", a.operateService)
	return mux
}

// serviceAnswer is the documented answer of the agent (oms-facts §5).
type serviceAnswer struct {
	Code        int     `json:"code"`
	Message     string  `json:"message"`
	Status      string  `json:"status"`
	ResultData  *string `json:"resultData"`
	ErrorDetail *string `json:"errorDetail"`
}

func (a *agent) operateService(w http.ResponseWriter, r *http.Request) {
	action := r.FormValue("action")
	if action != "start" && action != "clear" {
		answer(w, serviceAnswer{Code: 400, Message: fmt.Sprintf("unknown action %q", action), Status: "error"})
		return
	}
	if err := a.record("operateService " + action); err != nil {
		answer(w, serviceAnswer{Code: 500, Message: err.Error(), Status: "error"})
		return
	}
	answer(w, serviceAnswer{Code: 200, Message: "success", Status: "ok"})
}

// record notes a command in the data folder, which must therefore belong to
// the user the agent runs as.
func (a *agent) record(command string) error {
	f, err := os.OpenFile(filepath.Join(a.config.dataDir, "standin.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot write to the data folder: %w", err)
	}
	if _, err := fmt.Fprintf(f, "%s %s\n", time.Now().Format(time.RFC3339), command); err != nil {
		f.Close()
		return fmt.Errorf("cannot write to the data folder: %w", err)
	}
	return f.Close()
}

// beat reports to the CM at every interval that the host is alive. A CM that does
// not answer is tried again sooner: both may just have been started.
func (a *agent) beat(ctx context.Context, interval time.Duration) error {
	for last := "never"; ; {
		pause, now := interval, ""
		if err := a.sendHeartbeat(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			pause, now = min(interval, 500*time.Millisecond), err.Error()
		}
		switch {
		case now == last:
		case now != "":
			a.log.Error("cannot send the heartbeat", "cm", a.config.cmAddr, "error", now)
		default:
			a.log.Info("heartbeats arrive", "cm", a.config.cmAddr)
		}
		last = now
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

func (a *agent) sendHeartbeat(ctx context.Context) error {
	form := url.Values{"hostIp": {a.config.bindIP}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		strings.TrimSuffix(a.config.cmAddr, "/")+"/standin/heartbeat", strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("cannot use cmAddr: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var said struct {
		IsSuccess bool   `json:"isSuccess"`
		ErrMsg    string `json:"errMsg"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&said); err != nil {
		return fmt.Errorf("cannot understand the CM's answer (%s): %w", resp.Status, err)
	}
	if !said.IsSuccess {
		return fmt.Errorf("the CM refuses the heartbeat: %s", said.ErrMsg)
	}
	return nil
}
