package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// endedConn fails as a connection does whose context ends during a call.
type endedConn struct {
	driverConn
	cancel context.CancelFunc
	err    error
}

func (c *endedConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	c.cancel()
	return nil, c.err
}

func (c *endedConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	c.cancel()
	return nil, c.err
}

func (c *endedConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	c.cancel()
	return nil, c.err
}

// A call that was cut short says so, however the driver comes to notice it, and what the server answered stays.
func TestCutShort(t *testing.T) {
	calls := map[string]func(*session, context.Context) error{
		"exec":  func(s *session, ctx context.Context) error { _, err := s.ExecContext(ctx, "", nil); return err },
		"query": func(s *session, ctx context.Context) error { _, err := s.QueryContext(ctx, "", nil); return err },
		"begin": func(s *session, ctx context.Context) error { _, err := s.BeginTx(ctx, driver.TxOptions{}); return err },
	}
	answer := &mysql.MySQLError{Number: uint16(ErrDupEntry)}
	for name, call := range calls {
		for _, err := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, context.Canceled} {
			ctx, cancel := context.WithCancel(t.Context())
			got := Explain(&config.Config{MetaHost: "127.0.0.1", MetaPort: 2881, MetaUser: "root"},
				call(&session{driverConn: &endedConn{cancel: cancel, err: err}}, ctx))
			if !errors.Is(got, context.Canceled) || finding.IsTransient(got) {
				t.Errorf("%s, %v: %v", name, err, got)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		if got := call(&session{driverConn: &endedConn{cancel: cancel, err: answer}}, ctx); !errors.Is(got, answer) {
			t.Errorf("%s: %v", name, got)
		}
		if got := call(&session{driverConn: &endedConn{cancel: func() {}, err: driver.ErrBadConn}},
			t.Context()); got != driver.ErrBadConn {
			t.Errorf("%s, not cut: %v", name, got)
		}
	}
}

// Statements on several connections, cancelled at any moment, end with that and nothing else.
func TestCutShortForReal(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s)
	db, err := Open(c, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 4)
		works := make(chan struct{}, cap(done))
		for range cap(done) {
			go func() {
				conn, err := db.Conn(ctx)
				if err == nil {
					defer conn.Close()
				}
				if err == nil {
					_, err = conn.ExecContext(ctx, "DO 1")
				}
				works <- struct{}{}
				for err == nil {
					_, err = conn.ExecContext(ctx, "DO 1")
				}
				done <- err
			}()
		}
		<-works
		cancel()
		for range cap(done) {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
	}
}
