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

// LeaseTable is the table of leases in the rm database. Where the server has GET_LOCK it only shows which node has the
// lock and since when: the server itself knows no more than a connection.
const LeaseTable = "omsinit_lease"

// CreateLeaseTable returns the statement that makes the LeaseTable in a database; "" is the one in use.
func CreateLeaseTable(name string) string {
	table := Quote(LeaseTable)
	if name != "" {
		table = Quote(name) + "." + table
	}
	return "CREATE TABLE IF NOT EXISTS " + table + " (`name` varchar(64) NOT NULL, `token` varchar(64) NOT NULL, `node` varchar(255) NOT NULL, `host` varchar(255) NOT NULL, `pid` varchar(32) NOT NULL, `since` datetime NOT NULL, `expires` datetime(3) NOT NULL, PRIMARY KEY (`name`)) DEFAULT CHARSET = utf8mb4 COMMENT = 'omsinit: who works on the MetaDB'"
}

func leaseTable(c *config.Config) string { return Quote(c.RMDatabase) + "." + Quote(LeaseTable) }

// leasePoll is how often a node that waits looks whether a lease is free.
const leasePoll = 300 * time.Millisecond

// lease is a lock as a row with an expiry. Times are the server's, so the clocks of the nodes do not matter. A holder
// that is killed blocks the others until the lease expires.
type lease struct {
	table string // quoted, with its database
	name  string
	token string // of this holder alone
	span  time.Duration
}

func (l *Lock) takeLease(ctx context.Context, w *waiting) error {
	le := &lease{table: leaseTable(w.c), name: l.name, token: rand.Text(), span: l.span}
	for _, q := range []string{
		CreateLeaseTable(w.c.RMDatabase),
		"INSERT IGNORE INTO " + le.table + " VALUES ('" + le.name + "', '', '', '', '', '2000-01-01', '2000-01-01')",
	} {
		if _, err := l.conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	// The lease is no less gone when the server ends the session: as with those of Session, before it expires.
	if err := limitIdle(ctx, l.conn, l.span*2/3); err != nil {
		return err
	}
	timeout := time.NewTimer(w.Timeout)
	defer timeout.Stop()
	poll := time.NewTicker(leasePoll)
	defer poll.Stop()
	for {
		got, err := le.write(ctx, l.conn, "node = ?, host = ?, pid = ?, since = NOW()", "expires < UTC_TIMESTAMP(3)",
			w.Node, hostname(), strconv.Itoa(os.Getpid()))
		if got {
			l.lease = le
			return nil
		}
		if err != nil && !isBusy(err) { // in a cluster the later of two writers is refused at the end
			return err
		}
		if w.seen == nil {
			w.holder(le.holder(ctx, l.conn))
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return finding.Transient(msg.Errorf("the MetaDB at %s is %w for longer than %s by %v; see whether that node still works on it; its lease ends by itself %s after the node does",
				address(w.c), ErrLocked, w.Timeout, le.holder(ctx, l.conn).Message(), l.span))
		}
	}
}

// write takes or renews the lease where the condition is true, and reports whether it did.
func (le *lease) write(ctx context.Context, conn *sql.Conn, set, condition string, args ...any) (bool, error) {
	q := fmt.Sprintf(
		"UPDATE %s SET token = '%s', expires = UTC_TIMESTAMP(3) + INTERVAL %d MICROSECOND, %s WHERE name = '%s' AND %s",
		le.table, le.token, le.span.Microseconds(), set, le.name, condition)
	result, err := conn.ExecContext(ctx, q, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// mine is an SQL condition on the row of this lease: this holder has it.
func (le *lease) mine() string {
	return fmt.Sprintf("name = '%s' AND token = '%s' AND expires > UTC_TIMESTAMP(3)", le.name, le.token)
}

// renew reports whether the lease was still this holder's.
func (le *lease) renew(ctx context.Context, conn *sql.Conn) (bool, error) {
	return le.write(ctx, conn, "name = name", le.mine())
}

func (le *lease) condition() string {
	return "EXISTS (SELECT 1 FROM " + le.table + " WHERE " + le.mine() + ")"
}

func (le *lease) release(ctx context.Context, conn *sql.Conn) {
	_, _ = conn.ExecContext(ctx, fmt.Sprintf(
		"UPDATE %s SET token = '', expires = '2000-01-01' WHERE name = '%s' AND token = '%s'",
		le.table, le.name, le.token))
}

func (le *lease) holder(ctx context.Context, conn *sql.Conn) Holder {
	return readHolder(ctx, conn, le.table, "name = ?", le.name)
}
