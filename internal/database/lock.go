package database

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// ErrLocked is in the chain of the error when another node kept the lock for
// longer than one was willing to wait.
var ErrLocked = msg.Errorf("locked")

// ErrNoLocks is in the chain of the error when the server has no GET_LOCK, as
// was reported of OceanBase (github.com/prisma/orm/issues/18508, 2023).
var ErrNoLocks = errors.New("the server has no GET_LOCK")

// ErrLockLost is in the chain of the error when the lock went away during the
// work: somebody else may have it now, so the work must stop.
var ErrLockLost = msg.Errorf("the lock of the MetaDB is lost")

const (
	// defaultLockTimeout is for a Timeout of 0. Creating all tables takes
	// seconds, so whoever holds the lock for this long is stuck.
	defaultLockTimeout = 10 * time.Minute
	// lockSlice is how long the server is asked to wait at a time, so that an
	// unanswered request is noticed and a cancelled one leaves nothing behind.
	lockSlice      = 5 * time.Second
	releaseTimeout = 5 * time.Second
	// defaultKeepAlive is far below the shortest idle timeout in use: ten
	// seconds in some proxies.
	defaultKeepAlive = 2 * time.Second
)

// LockName names the lock of one OMS in its MetaDB. All regions share the rm
// and cm databases, so they share the lock. At most 64 characters, as MySQL
// allows.
func LockName(c *config.Config) string {
	sum := sha256.Sum256([]byte(c.CMDatabase + "\x00" + c.RMDatabase))
	return "omsinit:" + hex.EncodeToString(sum[:20])
}

// Holder is who has a lock, as far as the server shows it.
type Holder struct {
	Node       string // as given to As or in LockOptions
	PID        string // process on that node
	Host       string // address of its connection, or its name
	Connection int64  // 0: not known, or a lease
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

// Lock is a lock of the MetaDB. It belongs to one connection and is gone with
// it; where the server has no GET_LOCK it is a lease, a row with an expiry.
// Work on other connections is done under Watch and asks Condition.
type Lock struct {
	conn      *sql.Conn
	name      string
	holder    int64 // the connection that holds it; 0: the server does not show it
	lease     *lease
	note      *note
	keepAlive time.Duration
}

// LockOptions is how to wait for a lock.
type LockOptions struct {
	Timeout time.Duration // 0 means 10 minutes
	// Waiting is called when somebody else has the lock, and a second time if
	// more comes to be known of who that is. It may be nil.
	Waiting func(Holder)
	// KeepAlive is how often Watch asks whether the lock is still held; 0 means
	// 2 seconds.
	KeepAlive time.Duration
	// Lease takes a row in the rm database, which must be there, where the
	// server has no GET_LOCK.
	Lease bool
	// LeaseTime is how long a lease holds that is not renewed; 0 means 30 seconds.
	LeaseTime time.Duration
	// Node names this node in the LeaseTable; the host's name if empty.
	Node string
}

// Acquire takes the lock of this OMS on a connection of its own. The error is
// explained and has ErrLocked in its chain after Timeout; it is ErrNoLocks when
// the server has no such function and no Lease was asked for.
func Acquire(ctx context.Context, c *config.Config, db *sql.DB, o LockOptions) (*Lock, error) {
	o.Timeout = cmp.Or(max(o.Timeout, 0), defaultLockTimeout)
	o.KeepAlive = cmp.Or(o.KeepAlive, defaultKeepAlive)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, Explain(c, err)
	}
	l := &Lock{conn: conn, name: LockName(c), keepAlive: o.KeepAlive}
	err = l.wait(ctx, c, db, o)
	if err == nil {
		l.note = newNote(c, l, o.Node)
		l.note.leave(ctx, conn)
	}
	if errors.Is(err, ErrNoLocks) && o.Lease {
		err = l.takeLease(ctx, c, o)
	}
	if err != nil {
		l.drop()
		if errors.Is(err, ErrNoLocks) {
			return nil, err
		}
		return nil, Explain(c, err)
	}
	return l, nil
}

// Watch keeps the lock's connection, or its lease, alive until stop is called.
// The context that it returns is cancelled, with ErrLockLost in the cause, as
// soon as the lock is found lost. Conn must not be used meanwhile.
func (l *Lock) Watch(ctx context.Context) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(l.keepAlive)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-watched.Done():
				return
			}
			if err := l.held(watched); err != nil {
				cancel(err) // the first cause counts: after a stop this is nothing
				return
			}
			l.note.leave(watched, l.conn) // its table may have come into being
		}
	}()
	return watched, func() {
		cancel(nil)
		<-done
	}
}

// held asks whether the lock is still ours, and renews a lease.
func (l *Lock) held(ctx context.Context) error {
	// A hanging server must not look like a lock that is held.
	ctx, cancel := context.WithTimeout(ctx, max(5*l.keepAlive, time.Second))
	defer cancel()
	if l.lease != nil {
		return l.lease.renew(ctx, l.conn)
	}
	if l.holder == 0 {
		if _, err := l.conn.ExecContext(ctx, "DO 1"); err != nil {
			return finding.Transient(msg.Errorf("%w: %v", ErrLockLost, err.Error()))
		}
		return nil
	}
	var holder sql.NullInt64
	if err := l.conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", l.name).Scan(&holder); err != nil {
		return finding.Transient(msg.Errorf("%w: %v", ErrLockLost, err.Error()))
	}
	if holder.Int64 != l.holder {
		return finding.Transient(ErrLockLost)
	}
	return nil
}

// Condition is an SQL condition that is true exactly while the lock is held.
// In the WHERE of a write on another connection it makes the server check the
// lock in the same moment.
func (l *Lock) Condition() string {
	switch {
	case l.lease != nil:
		return l.lease.condition()
	case l.holder == 0:
		return "1 = 1"
	}
	return fmt.Sprintf("IS_USED_LOCK('%s') = %d", l.name, l.holder)
}

func (l *Lock) wait(ctx context.Context, c *config.Config, db *sql.DB, o LockOptions) error {
	free, err := l.try(ctx, 0)
	if free || err != nil {
		return err
	}
	holder := findHolder(ctx, c, db, l.name)
	if o.Waiting != nil {
		o.Waiting(holder)
	}
	deadline := time.Now().Add(o.Timeout)
	for time.Now().Before(deadline) {
		slice := min(lockSlice, time.Until(deadline))
		if free, err = l.try(ctx, slice); free || err != nil {
			return err
		}
		reported := holder.Since != ""
		holder = findHolder(ctx, c, db, l.name)
		if o.Waiting != nil && !reported && holder.Since != "" {
			o.Waiting(holder)
		}
	}
	return finding.Transient(msg.Errorf("the MetaDB at %s is %w for longer than %s by %v; see whether that node still works on it, and end its connection (KILL %d) if it does not",
		address(c), ErrLocked, o.Timeout, holder.Message(), holder.Connection))
}

// try asks for the lock and lets the server wait for it, in whole seconds.
func (l *Lock) try(ctx context.Context, wait time.Duration) (bool, error) {
	seconds := int((wait + time.Second - 1) / time.Second)
	var got sql.NullInt64
	err := l.conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", l.name, seconds).Scan(&got)
	// OceanBase answers ErrSPDoesNotExist, others the other two.
	if Is(err, ErrSPDoesNotExist, ErrNotSupportedYet, errFunctionNotDefined) {
		return false, fmt.Errorf("%w: %w", ErrNoLocks, err)
	}
	if err != nil {
		return false, err
	}
	if !got.Valid {
		return false, errors.New("GET_LOCK gave NULL: the server is out of memory or ended the session")
	}
	if got.Int64 != 1 {
		return false, nil
	}
	// Not CONNECTION_ID: behind a proxy that can be another number.
	var holder sql.NullInt64
	if l.conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", l.name).Scan(&holder) == nil {
		l.holder = holder.Int64
	}
	return true, nil
}

// findHolder asks who has the lock. Not every server and not every account
// may know; what is not known stays empty.
func findHolder(ctx context.Context, c *config.Config, db *sql.DB, name string) Holder {
	var h Holder
	var id sql.NullInt64
	if db.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", name).Scan(&id) != nil || !id.Valid {
		return h
	}
	h.Connection = id.Int64
	var host sql.NullString
	if db.QueryRowContext(ctx, "SELECT host FROM information_schema.processlist WHERE id = ?", id.Int64).Scan(&host) == nil {
		h.Host = host.String
		if addr, _, err := net.SplitHostPort(host.String); err == nil {
			h.Host = addr
		}
	}
	if readNote(ctx, c, db, name, &h) {
		return h
	}
	rows, err := db.QueryContext(ctx, "SELECT attr_name, attr_value FROM performance_schema.session_account_connect_attrs WHERE processlist_id = ?", id.Int64)
	if err != nil {
		return h
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var value sql.NullString
		if rows.Scan(&key, &value) != nil {
			break
		}
		switch strings.ToLower(key) {
		case nodeAttribute:
			h.Node = value.String
		case "_pid":
			h.PID = value.String
		}
	}
	return h
}

// Conn is the connection that holds the lock. It must not be closed.
func (l *Lock) Conn() *sql.Conn { return l.conn }

// Release gives the lock back and closes its connection, also when the
// context of the work was cancelled.
func (l *Lock) Release() {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	// The server releases the lock of a closed connection too; asking first
	// means that it is free when Release returns.
	if l.lease != nil {
		l.lease.release(ctx, l.conn)
	} else {
		l.note.remove(ctx, l.conn)
		_, _ = l.conn.ExecContext(ctx, "DO RELEASE_LOCK(?)", l.name)
	}
	l.drop()
}

// drop closes the connection instead of giving it back to the pool.
func (l *Lock) drop() {
	_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = l.conn.Close()
}
