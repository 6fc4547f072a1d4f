package database

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"strconv"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// Holder is the node that has a lock, as far as the server shows.
type Holder struct {
	Node       string // as given to As or in LockOptions
	PID        string // process on that node
	Host       string // address of its connection, or its name
	Connection int64  // 0 for a lease, and when the server does not show it
	Since      string // time of the server; from the LeaseTable only
}

// Message describes the holder.
func (h Holder) Message() msg.Message {
	switch {
	case h.Since != "":
		return msg.M("%s (process %s on %s, since %s)", h.Node, h.PID, h.Host, h.Since)
	case h.Node != "":
		return msg.M("%s (process %s, connection %d from %s)", h.Node, h.PID, h.Connection, h.Host)
	case h.Host != "":
		return msg.M("connection %d from %s", h.Connection, h.Host)
	case h.Connection != 0:
		return msg.M("connection %d", h.Connection)
	}
	return msg.M("another connection")
}

// findHolder asks who has the lock. Not every server and not every account may see that; what it may not stays empty.
func findHolder(ctx context.Context, c *config.Config, db *sql.DB, name string) Holder {
	var id sql.NullInt64
	if db.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", name).Scan(&id) != nil || !id.Valid {
		return Holder{}
	}
	h := readHolder(ctx, db, leaseTable(c), "name = ? AND token = ?", name, noteToken(id.Int64))
	h.Connection = id.Int64
	var host sql.NullString
	if db.QueryRowContext(ctx, "SELECT host FROM information_schema.processlist WHERE id = ?",
		id.Int64).Scan(&host) == nil {
		if addr, _, err := net.SplitHostPort(host.String); err == nil {
			host.String = addr
		}
		h.Host = cmp.Or(host.String, h.Host)
	}
	if h.Since == "" {
		const attributes = "SELECT MAX(IF(attr_name = ?, attr_value, NULL)), MAX(IF(attr_name = '_pid', attr_value, NULL))" +
			" FROM performance_schema.session_account_connect_attrs WHERE processlist_id = ?"
		var node, pid sql.NullString
		_ = db.QueryRowContext(ctx, attributes, nodeAttribute, id.Int64).Scan(&node, &pid)
		h.Node, h.PID = node.String, pid.String
	}
	return h
}

// rowQueryer is a *sql.DB or *sql.Conn.
type rowQueryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// readHolder reads a row of the LeaseTable; without one, or the right to see it, nothing is known of the holder.
func readHolder(ctx context.Context, q rowQueryer, table, condition string, args ...any) (h Holder) {
	_ = q.QueryRowContext(ctx, "SELECT node, host, pid, CAST(since AS CHAR) FROM "+table+" WHERE "+condition, args...).
		Scan(&h.Node, &h.Host, &h.PID, &h.Since)
	return h
}

// note is the row of the LeaseTable by which other nodes see who has a lock of the server's. It decides nothing: it may
// be missing, and a holder that was killed leaves one behind that no longer fits the connection.
type note struct {
	table string // quoted, with its database
	name  string
	node  string
	token string
	left  bool
}

// newNote returns nil where the server does not show which connection has a lock.
func newNote(c *config.Config, l *Lock, node string) *note {
	if l.holder == 0 {
		return nil
	}
	return &note{table: leaseTable(c), name: l.name, node: cmp.Or(node, hostname()), token: noteToken(l.holder)}
}

func noteToken(connection int64) string { return fmt.Sprintf("connection %d", connection) }

func hostname() string {
	name, _ := os.Hostname()
	return name
}

// leave writes the note once. Before the first initialisation there is no table to write it in.
func (n *note) leave(ctx context.Context, conn *sql.Conn) {
	if n == nil || n.left {
		return
	}
	_, err := conn.ExecContext(ctx, "REPLACE INTO "+n.table+
		" (name, token, node, host, pid, since, expires) VALUES (?, ?, ?, ?, ?, NOW(), '2000-01-01')",
		n.name, n.token, n.node, hostname(), strconv.Itoa(os.Getpid()))
	n.left = err == nil
}

func (n *note) remove(ctx context.Context, conn *sql.Conn) {
	if n != nil && n.left {
		_, _ = conn.ExecContext(ctx, "DELETE FROM "+n.table+" WHERE name = ? AND token = ?", n.name, n.token)
	}
}
