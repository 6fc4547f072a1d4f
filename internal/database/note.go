package database

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"

	"omsinit/internal/config"
)

// note is the row of the LeaseTable that tells others who has a lock of the
// server's. It decides nothing: it may be missing, and whoever was killed
// leaves one behind that no longer fits the connection.
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
	hostname, _ := os.Hostname()
	return &note{table: leaseTable(c), name: l.name, node: cmp.Or(node, hostname), token: noteToken(l.holder)}
}

func noteToken(connection int64) string { return fmt.Sprintf("connection %d", connection) }

// leave writes the note once. Before the first initialisation there is no
// table to write it in.
func (n *note) leave(ctx context.Context, conn *sql.Conn) {
	if n == nil || n.left {
		return
	}
	hostname, _ := os.Hostname()
	_, err := conn.ExecContext(ctx, "REPLACE INTO "+n.table+" (name, token, node, host, pid, since, expires) VALUES (?, ?, ?, ?, ?, NOW(), NOW())",
		n.name, n.token, n.node, hostname, strconv.Itoa(os.Getpid()))
	n.left = err == nil
}

func (n *note) remove(ctx context.Context, conn *sql.Conn) {
	if n != nil && n.left {
		_, _ = conn.ExecContext(ctx, "DELETE FROM "+n.table+" WHERE name = ? AND token = ?", n.name, n.token)
	}
}

// readNote completes what is known of the connection that has the lock.
func readNote(ctx context.Context, c *config.Config, db *sql.DB, name string, h *Holder) bool {
	var host string
	err := db.QueryRowContext(ctx, "SELECT node, host, pid, CAST(since AS CHAR) FROM "+leaseTable(c)+" WHERE name = ? AND token = ?", name, noteToken(h.Connection)).
		Scan(&h.Node, &host, &h.PID, &h.Since)
	h.Host = cmp.Or(h.Host, host)
	return err == nil
}
