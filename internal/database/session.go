package database

import (
	"context"
	"database/sql/driver"
)

// session is a connection of the driver, with the network connection below it.
type session struct {
	driverConn
	wire *wire
}

// driverConn is what the driver's connections can do, and database/sql asks for.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// watchKey is the key under which a context has that of the Watch that it came from.
type watchKey struct{}

// watch remembers who watches over the server while a statement is answered.
func (s *session) watch(ctx context.Context) {
	if s.wire != nil {
		s.wire.watched, _ = ctx.Value(watchKey{}).(context.Context)
	}
}

// ExecContext executes a statement.
func (s *session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s.watch(ctx)
	r, err := s.driverConn.ExecContext(ctx, query, args)
	return r, ended(ctx, err)
}

// QueryContext executes a query.
func (s *session) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s.watch(ctx)
	r, err := s.driverConn.QueryContext(ctx, query, args)
	return r, ended(ctx, err)
}

// BeginTx starts a transaction.
func (s *session) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	s.watch(ctx)
	tx, err := s.driverConn.BeginTx(ctx, o)
	return tx, ended(ctx, err)
}

// Ping asks whether the server is there.
func (s *session) Ping(ctx context.Context) error {
	s.watch(ctx)
	return s.driverConn.Ping(ctx)
}

// ended is the error of a call whose context may have ended meanwhile. The driver closes a connection then, and calls
// it broken instead when that comes between two of its steps. What the server answered stays.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && CodeOf(err) == 0 {
		return ctx.Err()
	}
	return err
}
