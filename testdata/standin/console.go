package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// consoleConfig is what the console takes from application-oms.properties.
type consoleConfig struct {
	port   int
	source dataSource
	cmURL  string
	region string
}

const errNoApplicationName = javaError(
	"java.lang.IllegalArgumentException: spring.application.name must be configured!")

func readConsoleConfig(file string) (consoleConfig, error) {
	var c consoleConfig
	p, err := readProperties(file)
	if err != nil || p.get("spring.application.name") == "" {
		// Spring looks past a file that is not there and misses the first key
		// it needs (oms-facts §11).
		return c, errors.Join(errNoApplicationName, err)
	}
	if c.port, err = p.port("server.port"); err != nil {
		return c, err
	}
	if c.source, err = dataSourceOf(p, "spring.datasource."); err != nil {
		return c, err
	}
	if c.cmURL, err = p.require("oms.cm.url"); err != nil {
		return c, err
	}
	c.region = p.get("oms.region")
	return c, nil
}

// console is the web console's backend: its health and one page.
type console struct {
	config consoleConfig
	db     *sql.DB
	http   *http.Client
	ready  atomic.Bool // the MetaDB answered and has the schema
}

func runConsole(ctx context.Context, file string, log *slog.Logger) error {
	config, err := readConsoleConfig(file)
	if err != nil {
		return err
	}
	db, err := config.source.open()
	if err != nil {
		return err
	}
	defer db.Close()
	l, err := listen(config.port)
	if err != nil {
		return err
	}
	c := &console{config: config, db: db, http: newClient(3 * time.Second)}
	log.Info("console started", "port", config.port, "metadb", config.source.address, "database",
		config.source.database, "cm", config.cmURL)
	return together(ctx,
		func(ctx context.Context) error { return serve(ctx, l, c.handler()) },
		func(ctx context.Context) error {
			if err := config.source.await(ctx, db, log, "cluster_info", "oms_version"); err != nil {
				return err
			}
			c.ready.Store(true)
			log.Info("MetaDB connected")
			<-ctx.Done()
			return nil
		})
}

func (c *console) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /oms/health", c.health)
	mux.HandleFunc("GET /{$}", c.page)
	return mux
}

type healthAnswer struct {
	Success bool       `json:"success"`
	Data    healthData `json:"data"`
}

type healthData struct {
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty"`
	StandIn bool   `json:"standin"`
}

// health answers what obd polls (oms-facts §12) within its four seconds.
func (c *console) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	data := healthData{Healthy: true, StandIn: true}
	if err := c.check(ctx); err != nil {
		data.Healthy, data.Reason = false, err.Error()
	}
	answer(w, healthAnswer{Success: true, Data: data})
}

func (c *console) check(ctx context.Context) error {
	if !c.ready.Load() {
		return fmt.Errorf("the MetaDB at %s has not answered yet", c.config.source.address)
	}
	if err := c.db.PingContext(ctx); err != nil {
		return fmt.Errorf("the MetaDB at %s does not answer: %w", c.config.source.address, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.config.cmURL+"/", nil)
	if err != nil {
		return fmt.Errorf("oms.cm.url is wrong: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("the CM does not answer: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)); err != nil {
		return fmt.Errorf("the CM does not answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the CM at %s answers %s", c.config.cmURL, resp.Status)
	}
	return nil
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>OMS stand-in</title></head>
<body style="font-family: sans-serif; margin: 3em">
<h1>OMS stand-in</h1>
<p>This page comes from omsinit's stand-in for the OMS console. It is not OceanBase's software.</p>
<p lang="zh">本页面由 omsinit 的替身程序提供，并非 OceanBase 的软件。</p>
{{if .Problem}}<p><b>{{.Problem}}</b></p>{{end}}
<h2>oms_version</h2>
<ul>{{range .Versions}}<li>{{.}}</li>{{else}}<li>-</li>{{end}}</ul>
<h2>cluster_info</h2>
<table border="1" cellpadding="6" style="border-collapse: collapse">
<tr><th>region</th><th>region_cn</th><th>cm_url</th><th>code</th><th>is_default_cm</th></tr>
{{range .Regions}}<tr><td>{{.Region}}</td><td>{{.RegionCN}}</td><td>{{.CMURL}}</td><td>{{.Code}}</td><td>{{.Default}}</td></tr>
{{end}}</table>
</body></html>
`))

type pageData struct {
	Problem  string
	Versions []string
	Regions  []regionRow
}

type regionRow struct{ Region, RegionCN, CMURL, Code, Default string }

func (c *console) page(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	data, err := c.readPage(ctx)
	if err != nil {
		data.Problem = "MetaDB: " + err.Error()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pageTemplate.Execute(w, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (c *console) readPage(ctx context.Context) (pageData, error) {
	var data pageData
	rows, err := c.db.QueryContext(ctx, "SELECT version FROM oms_version ORDER BY gmt_modified, version")
	if err != nil {
		return data, err
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return data, err
		}
		data.Versions = append(data.Versions, v)
	}
	if err := rows.Err(); err != nil {
		return data, err
	}
	regions, err := c.db.QueryContext(ctx,
		"SELECT COALESCE(region, ''), COALESCE(region_cn, ''), COALESCE(cm_url, ''), code, is_default_cm FROM cluster_info ORDER BY code")
	if err != nil {
		return data, err
	}
	defer regions.Close()
	for regions.Next() {
		var row regionRow
		if err := regions.Scan(&row.Region, &row.RegionCN, &row.CMURL, &row.Code, &row.Default); err != nil {
			return data, err
		}
		data.Regions = append(data.Regions, row)
	}
	return data, regions.Err()
}
