// Package database connects to the MetaDB, explains what goes wrong there, and holds the lock that keeps nodes from
// changing it at once.
//
// The MetaDB is MySQL, MariaDB, or a MySQL tenant of OceanBase (docs/oms-facts.md §1).
package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"omsinit/internal/config"
)

const (
	dialTimeout = 5 * time.Second
	// LoginTimeout bounds everything from the dial to a usable session. The port of another service may accept a
	// connection and wait for ever for the client to speak first. A server without skip_name_resolve whose name server
	// is away greets after 5 to 30 seconds.
	LoginTimeout = 35 * time.Second
	// readTimeout is the longest that one statement may stay without an answer, unless it is sent under Watch.
	readTimeout  = 5 * time.Minute
	writeTimeout = time.Minute
)

// nodeAttribute is the connection attribute by which a node names itself to the nodes that wait for it.
const nodeAttribute = "omsinit_node"

// Option changes how Open connects.
type Option func(*mysql.Config)

// As names this node to others that wait for a lock that it has.
func As(node string) Option {
	return func(c *mysql.Config) {
		// A comma would begin the next attribute.
		c.ConnectionAttributes = nodeAttribute + ":" + strings.ReplaceAll(node, ",", " ")
	}
}

// CountFoundRows makes RowsAffected of an UPDATE count the rows that were found, also those that it leaves as they
// were.
func CountFoundRows(c *mysql.Config) { c.ClientFoundRows = true }

// Open returns a connection pool for a database of the MetaDB, "" for none. It does not connect yet: the first
// statement does. Errors of statements go through Explain before a person sees them.
//
// Sessions speak utf8mb4 and keep the server's own time zone: what is written with NOW() agrees with what the OMS
// components write.
func Open(c *config.Config, database string, opts ...Option) (*sql.DB, error) {
	return open(c, database, LoginTimeout, opts...)
}

func open(c *config.Config, database string, hello time.Duration, opts ...Option) (*sql.DB, error) {
	mc := mysql.NewConfig()
	mc.User = c.MetaUser // may be user@tenant#cluster, so a DSN string is never made of it
	mc.Passwd = c.MetaPassword.Reveal()
	mc.Net, mc.Addr = "tcp", address(c)
	mc.DBName = database
	mc.Timeout, mc.ReadTimeout, mc.WriteTimeout = dialTimeout, readTimeout, writeTimeout
	mc.ParseTime = true
	mc.InterpolateParams = true // half the round trips, and proxies need no prepared statements
	mc.AllowNativePasswords = true
	mc.Logger = &mysql.NopLogger{} // standard error belongs to the user
	mc.DialFunc = dial
	for _, o := range opts {
		o(mc)
	}
	if err := mc.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, fmt.Errorf("cannot set the character set: %w", err)
	}
	// The second is for finding out whether the server wants TLS, not for keeping anything secret.
	encrypted := mc.Clone()
	encrypted.TLSConfig = "skip-verify"
	var connectors [2]driver.Connector
	for i, c := range []*mysql.Config{mc, encrypted} {
		var err error
		if connectors[i], err = mysql.NewConnector(c); err != nil {
			return nil, fmt.Errorf("cannot use the MetaDB settings for %s: %w", mc.Addr, err)
		}
	}
	db := sql.OpenDB(&connector{connectors[0], connectors[1], hello})
	db.SetMaxOpenConns(4)
	return db, nil
}

// Quote returns any text as an SQL identifier.
//
//go:noinline
func Quote(identifier string) string {
	return "`" + strings.ReplaceAll(identifier, "`", "``") + "`"
}

func address(c *config.Config) string {
	return net.JoinHostPort(c.MetaHost, strconv.Itoa(c.MetaPort))
}

// connector bounds the time of a login and distinguishes a foreign service from a broken MySQL server.
type connector struct {
	mysql     driver.Connector
	encrypted driver.Connector
	timeout   time.Duration
}

func (c *connector) Driver() driver.Driver { return c.mysql.Driver() }

func (c *connector) Connect(ctx context.Context) (conn driver.Conn, err error) {
	h := &hello{}
	bounded, cancel := context.WithTimeout(context.WithValue(ctx, helloKey{}, h), c.timeout)
	defer cancel()
	defer func() {
		// The driver trusts the greeting and indexes into it.
		if p := recover(); p != nil {
			h.wire.Close()
			conn, err = nil, &connectError{err: fmt.Errorf("malformed greeting: %v", p), foreign: true}
		}
	}()
	conn, err = c.mysql.Connect(bounded)
	if err == nil {
		return &session{conn.(driverConn), h.wire}, nil
	}
	// What a deadline of the caller cut is explained like the time-out of the login.
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	if h.foreign != "" {
		return nil, &connectError{err: fmt.Errorf("it says %q", h.foreign), foreign: true}
	}
	return nil, &connectError{err: err, dialled: h.dialled, spoke: h.spoke, wantsTLS: c.wantsTLS(bounded, err),
		lacksKey: lacksKey(err)}
}

// wantsTLS reports whether a login was refused because it was not encrypted. MySQL has an error of its own for that;
// MariaDB has the one of a wrong password, so it is tried.
func (c *connector) wantsTLS(ctx context.Context, err error) bool {
	if !Is(err, ErrAccessDenied) {
		return Is(err, errSecureTransportRequired)
	}
	conn, err := c.encrypted.Connect(ctx)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// lacksKey reports whether the server has no key for caching_sha2_password, without which a password can be sent
// through TLS only. The driver has no error for that, but a text.
func lacksKey(err error) bool {
	text := err.Error()
	return strings.Contains(text, "no pem data found") ||
		strings.Contains(text, "unexpected resp from server for caching_sha2")
}

// connectError is a failure before there was a session.
type connectError struct {
	err     error
	dialled bool // the port accepted the connection
	spoke   bool // something came from there
	foreign bool // which is nothing that a MySQL server sends
	// The account may come with TLS only, or its password needs a key that the server does not have.
	wantsTLS, lacksKey bool
}

func (e *connectError) Error() string { return e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// hello is what a server sent before the driver speaks.
type hello struct {
	dialled, spoke bool
	foreign        string // the first words of a service that is not MySQL
	wire           *wire
}

type helloKey struct{}

func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	h, _ := ctx.Value(helloKey{}).(*hello)
	tcp, ok := c.(*net.TCPConn)
	if h == nil || !ok {
		return c, nil
	}
	h.dialled, h.wire = true, &wire{listener: &listener{TCPConn: tcp, hello: h}}
	return h.wire, nil
}

// listener is a connection that looks at the first bytes of the server.
type listener struct {
	*net.TCPConn
	hello *hello
	first []byte
}

// shortestGreeting is the length of the fixed parts of a greeting, version 10, with an empty server version.
const shortestGreeting = 33

// Read refuses a service whose first bytes are no MySQL packet: three bytes of length, packet number 0, then 0xff for
// an error, or the protocol version of a greeting: 10, or 9 in the last century.
func (l *listener) Read(b []byte) (int, error) {
	n, err := l.TCPConn.Read(b)
	if len(l.first) >= 5 || n == 0 {
		return n, err
	}
	l.hello.spoke = true
	l.first = append(l.first, b[:n]...)
	if !greets(l.first) {
		l.hello.foreign = string(l.first[:min(len(l.first), 40)])
		return 0, fmt.Errorf("not a MySQL greeting: %q", l.hello.foreign)
	}
	return n, err
}

func greets(first []byte) bool {
	if len(first) > 3 && first[3] != 0 {
		return false
	}
	if len(first) <= 4 || first[4] == 0xff {
		return true
	}
	length := int(first[0]) | int(first[1])<<8 | int(first[2])<<16
	return (first[4] == 10 || first[4] == 9) && length >= shortestGreeting
}
