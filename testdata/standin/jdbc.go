package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// dataSource is what a generated file says about one database.
type dataSource struct {
	address  string // host:port, an IPv6 host in brackets
	database string
	user     string
	password string
}

// parseJDBC reads jdbc:mysql://host:port/database?… . The query is for the
// Java driver; the Go driver needs none of it.
func parseJDBC(text, user, password string) (dataSource, error) {
	rest, ok := strings.CutPrefix(text, "jdbc:")
	if !ok {
		return dataSource{}, fmt.Errorf("cannot use JDBC URL %q: it must start with jdbc:mysql://", text)
	}
	u, err := url.Parse(rest)
	if err != nil {
		return dataSource{}, fmt.Errorf("cannot use JDBC URL %q: it is not host:port/database", text)
	}
	if u.Scheme != "mysql" || u.User != nil || u.Opaque != "" {
		return dataSource{}, fmt.Errorf("cannot use JDBC URL %q: it must start with jdbc:mysql://host", text)
	}
	if strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(u.Host, "[") {
		return dataSource{}, fmt.Errorf("cannot use JDBC URL %q: an IPv6 address must be in brackets", text)
	}
	database := strings.TrimPrefix(u.Path, "/")
	if u.Hostname() == "" || database == "" || strings.Contains(database, "/") {
		return dataSource{}, fmt.Errorf("cannot use JDBC URL %q: it must name a host and a database", text)
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	return dataSource{
		address:  net.JoinHostPort(u.Hostname(), port),
		database: database,
		user:     user,
		password: password,
	}, nil
}

// dataSourceOf reads the URL, user and password under a prefix of keys:
// spring.datasource., jdbc. or jdbc.heartbeat.
func dataSourceOf(p javaProperties, prefix string) (dataSource, error) {
	text, err := p.require(prefix + "url")
	if err != nil {
		return dataSource{}, err
	}
	user, err := p.require(prefix + "username")
	if err != nil {
		return dataSource{}, err
	}
	password, err := p.require(prefix + "password")
	if err != nil {
		return dataSource{}, err
	}
	return parseJDBC(text, user, password)
}

func (d dataSource) open() (*sql.DB, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName, c.User, c.Passwd = "tcp", d.address, d.database, d.user, d.password
	c.Collation = "utf8mb4_general_ci"
	c.ClientFoundRows = true
	c.InterpolateParams = true // the Java drivers prepare nothing on the server
	c.Timeout, c.ReadTimeout, c.WriteTimeout = 3*time.Second, 10*time.Second, 10*time.Second
	c.Logger = log0{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to MetaDB %s: %w", d.address, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(4)
	db.SetConnMaxLifetime(time.Minute)
	return db, nil
}

// log0 drops what the driver would print beside the error it returns.
type log0 struct{}

func (log0) Print(...any) {}

// await connects and looks for the tables the component cannot do without. A
// MetaDB that does not answer is waited for, as a component in STARTING does;
// a refused login or a missing table ends the wait.
func (d dataSource) await(ctx context.Context, db *sql.DB, log *slog.Logger, tables ...string) error {
	for last := ""; ; {
		err := db.PingContext(ctx)
		if err == nil {
			return d.checkTables(ctx, db, tables)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !mayPass(err) {
			return fmt.Errorf("cannot log in to MetaDB %s, database %s, as %s: %w", d.address, d.database, d.user, err)
		}
		if err.Error() != last {
			log.Error("cannot reach the MetaDB, trying again every second", "address", d.address, "database",
				d.database, "error", err)
			last = err.Error()
		}
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
	}
}

func (d dataSource) checkTables(ctx context.Context, db *sql.DB, tables []string) error {
	for _, t := range tables {
		var n int
		err := db.QueryRowContext(ctx,
			"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", d.database,
			t).Scan(&n)
		if err != nil {
			return fmt.Errorf("cannot read the schema of database %s: %w", d.database, err)
		}
		if n == 0 {
			return fmt.Errorf("cannot start: the schema is missing: Table '%s.%s' doesn't exist (run omsinit init)",
				d.database, t)
		}
	}
	return nil
}

// Error numbers of a server that is there but cannot take a connection now.
const (
	errTooManyConnections = 1040
	errShutdown           = 1053
)

// mayPass distinguishes a MetaDB that is away from one that says no.
func mayPass(err error) bool {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return answer.Number == errTooManyConnections || answer.Number == errShutdown
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, mysql.ErrInvalidConn)
}
