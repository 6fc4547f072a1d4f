package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

// cmConfig is what the CM takes from drc-cm.properties and jdbc.properties.
type cmConfig struct {
	port      int
	location  int
	region    string
	source    dataSource
	heartbeat dataSource
}

func readCMConfig(base string) (cmConfig, error) {
	var c cmConfig
	dir := filepath.Join(base, "..", "config")
	drc, err := readProperties(filepath.Join(dir, "drc-cm.properties"))
	if err != nil {
		return c, err
	}
	if c.port, err = jettyPort(base); err != nil {
		return c, err
	}
	location, err := drc.require("drcCfg.cmLocation")
	if err != nil {
		return c, err
	}
	c.location, err = strconv.Atoi(location)
	if err != nil || c.location < 0 || c.location > 127 {
		return c, fmt.Errorf("cannot use drcCfg.cmLocation=%s: it must be a number from 0 to 127", location)
	}
	c.region = drc.get("drcCfg.region")
	jdbc, err := readProperties(filepath.Join(dir, "jdbc.properties"))
	if err != nil {
		return c, err
	}
	if c.source, err = dataSourceOf(jdbc, "jdbc."); err != nil {
		return c, err
	}
	c.heartbeat, err = dataSourceOf(jdbc, "jdbc.heartbeat.")
	return c, err
}

// jettyPort reads the HTTP port from a Jetty base: start.ini, then
// start.d/*.ini, under either name (oms-facts §14.2). Later files win.
func jettyPort(base string) (int, error) {
	files, err := filepath.Glob(filepath.Join(base, "start.d", "*.ini"))
	if err != nil {
		return 0, err
	}
	port := "8080" // Jetty's own
	for _, file := range append([]string{filepath.Join(base, "start.ini")}, files...) {
		p, err := readProperties(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		port = cmp.Or(p.get("jetty.http.port"), p.get("jetty.port"), port)
	}
	return parsePort("jetty.http.port", port)
}

// cm is the cluster manager. Whatever it knows is in the MetaDB.
type cm struct {
	db        *sql.DB
	heartbeat *sql.DB
	log       *slog.Logger
}

func runCM(ctx context.Context, jettyBase, stopPort string, interval time.Duration, log *slog.Logger,
	stderr io.Writer) error {
	config, err := readCMConfig(jettyBase)
	if err != nil {
		return err
	}
	if stopPort != "" {
		if l := listenToStop(stopPort, stderr); l != nil {
			defer l.Close()
		}
	}
	c := &cm{log: log}
	if c.db, err = config.source.open(); err != nil {
		return err
	}
	defer c.db.Close()
	if c.heartbeat, err = config.heartbeat.open(); err != nil {
		return err
	}
	defer c.heartbeat.Close()
	// Nothing is served before the MetaDB is there, so that a CM without one
	// is seen to be starting (oms-facts §3).
	if err := config.source.await(ctx, c.db, log, "resource_group", "host"); err != nil {
		return err
	}
	if err := config.heartbeat.await(ctx, c.heartbeat, log, "heart_beat", "heatbeat_sequence"); err != nil {
		return err
	}
	l, err := listen(config.port)
	if err != nil {
		return err
	}
	log.Info("CM started", "port", config.port, "location", config.location, "region", config.region,
		"metadb", config.source.address, "database", config.source.database, "heartbeat", config.heartbeat.database)
	return together(ctx,
		func(ctx context.Context) error { return serve(ctx, l, c.handler()) },
		func(ctx context.Context) error { return c.count(ctx, interval) })
}

// listenToStop opens Jetty's stop port on loopback, as its ShutdownMonitor does:
// tried once, at the start, and a failure is only said (oms-facts §14.2). Nobody
// stops a CM that way, so whoever connects is turned away.
func listenToStop(port string, stderr io.Writer) net.Listener {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		fmt.Fprintf(
			stderr, "Error binding ShutdownMonitor to port %s: java.net.BindException: Address already in use\n", port)
		return nil
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return l
}

func (c *cm) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "oms-standin: a stand-in for the CM, not OceanBase's software")
	})
	mux.HandleFunc("POST /consumer/create", c.createConsumer)
	mux.HandleFunc("POST /standin/heartbeat", c.takeHeartbeat)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, codeNotPlayed, fmt.Sprintf("%s %s is not played by the stand-in", r.Method, r.URL.Path))
	})
	return mux
}

// Error codes of the CM's answers. Only the first is documented (oms-facts §5).
const (
	codeExists    = 302
	codeNotPlayed = 404
	codeBadCall   = 400
	codeDatabase  = 500
)

// refuse answers as the CM does: HTTP 200, and the failure in the body.
func refuse(w http.ResponseWriter, code int, text string) {
	answer(w, struct {
		ErrMsg    string `json:"errMsg"`
		ErrCode   int    `json:"errCode"`
		IsSuccess bool   `json:"isSuccess"`
	}{"com.alibaba.drc.exception.CMBizException: " + text, code, false})
}

// maxConsumer is the longest consumer name, in bytes, that the table takes.
const maxConsumer = 128

func (c *cm) createConsumer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		refuse(w, codeBadCall, "cannot read the form: "+err.Error())
		return
	}
	name := r.Form.Get("consumer")
	if name == "" || len(name) > maxConsumer {
		refuse(w, codeBadCall, fmt.Sprintf("consumer must have 1 to %d bytes", maxConsumer))
		return
	}
	switch err := c.insertConsumer(r.Context(), name); {
	case isDuplicate(err):
		refuse(w, codeExists, "Consumer ["+name+"] already exists")
	case err != nil:
		c.log.Error("cannot create consumer", "consumer", name, "error", err)
		refuse(w, codeDatabase, "cannot write to the MetaDB: "+err.Error())
	default:
		c.log.Info("consumer created", "consumer", name)
		answer(w, struct {
			Consumer  string `json:"consumer"`
			IsSuccess bool   `json:"isSuccess"`
		}{name, true})
	}
}

// insertConsumer keeps the name in a table of the stand-in's own: the real
// one is not documented.
func (c *cm) insertConsumer(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := c.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS standin_consumer (
		consumer varchar(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
		gmt_created datetime NOT NULL,
		PRIMARY KEY (consumer)) DEFAULT CHARSET = utf8mb4`)
	if err != nil {
		return err
	}
	_, err = c.db.ExecContext(ctx, "INSERT INTO standin_consumer (consumer, gmt_created) VALUES (?, NOW())", name)
	return err
}

func isDuplicate(err error) bool {
	var answer *mysql.MySQLError
	return errors.As(err, &answer) && answer.Number == 1062
}
