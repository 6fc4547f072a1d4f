package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// LeaseTable is the table of leases in the rm database. Where the server has
// GET_LOCK it only tells who has the lock and since when: the server itself
// knows no more than a connection.
const LeaseTable = "omsinit_lease"

// CreateLeaseTable is the statement that makes the LeaseTable in a database;
// in the one that is in use, when it has no name.
func CreateLeaseTable(name string) string {
	table := Quote(LeaseTable)
	if name != "" {
		table = Quote(name) + "." + table
	}
	return "CREATE TABLE IF NOT EXISTS " + table + " (`name` varchar(64) NOT NULL, `token` varchar(64) NOT NULL, `node` varchar(255) NOT NULL, `host` varchar(255) NOT NULL, `pid` varchar(32) NOT NULL, `since` datetime NOT NULL, `expires` datetime(3) NOT NULL, PRIMARY KEY (`name`)) DEFAULT CHARSET = utf8mb4 COMMENT = 'omsinit: who works on the MetaDB'"
}

func leaseTable(c *config.Config) string {
	return Quote(c.RMDatabase) + "." + Quote(LeaseTable)
}

const (
	defaultLeaseTime = 30 * time.Second
	// leaseLook is how often somebody who waits looks whether a lease is free.
	leaseLook = 300 * time.Millisecond
)

// lease is a lock as a row with an expiry. Times are the server's, so the
// clocks of the nodes do not matter. Whoever is killed blocks the others until
// the lease expires.
type lease struct {
	table string // quoted, with its database
	name  string
	token string // of this holder alone
	span  time.Duration
}

func (l *Lock) takeLease(ctx context.Context, c *config.Config, o LockOptions) error {
	if o.LeaseTime <= 0 {
		o.LeaseTime = defaultLeaseTime
	}
	le := &lease{table: leaseTable(c), name: l.name, token: rand.Text(), span: o.LeaseTime}
	for _, q := range []string{
		CreateLeaseTable(c.RMDatabase),
		"INSERT IGNORE INTO " + le.table + " VALUES ('" + le.name + "', '', '', '', '', '2000-01-01', '2000-01-01')",
	} {
		if _, err := l.conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	hostname, _ := os.Hostname()
	timeout := time.NewTimer(o.Timeout)
	defer timeout.Stop()
	look := time.NewTicker(leaseLook)
	defer look.Stop()
	for waiting := false; ; waiting = true {
		got, err := le.write(ctx, l.conn, "node = ?, host = ?, pid = ?, since = NOW()", "expires < UTC_TIMESTAMP(3)", o.Node, hostname, strconv.Itoa(os.Getpid()))
		if err != nil {
			return err
		}
		if got {
			l.lease, l.keepAlive = le, min(l.keepAlive, le.span/5)
			return nil
		}
		if !waiting && o.Waiting != nil {
			o.Waiting(le.holder(ctx, l.conn))
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return finding.Transient(msg.Errorf("the MetaDB at %s is %w for longer than %s by %v; see whether that node still works on it; its lease ends by itself %s after the node does", address(c), ErrLocked, o.Timeout, le.holder(ctx, l.conn).Message(), le.span))
		}
	}
}

// write takes or renews the lease where the condition holds, and reports
// whether it did.
func (le *lease) write(ctx context.Context, conn *sql.Conn, set, condition string, args ...any) (bool, error) {
	q := fmt.Sprintf("UPDATE %s SET token = '%s', expires = UTC_TIMESTAMP(3) + INTERVAL %d MICROSECOND, %s WHERE name = '%s' AND %s",
		le.table, le.token, le.span.Microseconds(), set, le.name, condition)
	result, err := conn.ExecContext(ctx, q, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

func (le *lease) renew(ctx context.Context, conn *sql.Conn) error {
	ours, err := le.write(ctx, conn, "name = name", "token = '"+le.token+"' AND expires > UTC_TIMESTAMP(3)")
	if err != nil {
		return finding.Transient(msg.Errorf("%w: %v", ErrLockLost, err.Error()))
	}
	if !ours {
		return finding.Transient(ErrLockLost)
	}
	return nil
}

func (le *lease) condition() string {
	return fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE name = '%s' AND token = '%s' AND expires > UTC_TIMESTAMP(3))", le.table, le.name, le.token)
}

func (le *lease) release(ctx context.Context, conn *sql.Conn) {
	_, _ = conn.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET token = '', expires = '2000-01-01' WHERE name = '%s' AND token = '%s'", le.table, le.name, le.token))
}

func (le *lease) holder(ctx context.Context, conn *sql.Conn) Holder {
	var h Holder
	_ = conn.QueryRowContext(ctx, fmt.Sprintf("SELECT node, host, pid, CAST(since AS CHAR) FROM %s WHERE name = '%s'", le.table, le.name)).Scan(&h.Node, &h.Host, &h.PID, &h.Since)
	return h
}
