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
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// ErrLocked is in the chain of the error when another node kept the lock for longer than the time-out.
var ErrLocked = msg.Errorf("locked")

// ErrNoLocks is in the chain of the error when the server has no GET_LOCK, as was reported of OceanBase
// (github.com/prisma/orm/issues/18508, 2023).
var ErrNoLocks = errors.New("the server has no GET_LOCK")

// ErrLockLost is in the chain of the error when the lock went away during the work: another node may have it now, so
// the work must stop.
var ErrLockLost = msg.Errorf("the lock of the MetaDB is lost")

const (
	// defaultLockTimeout is for a Timeout of 0. Creating all tables takes seconds, so a holder that needs this long
	// is stuck.
	defaultLockTimeout = 10 * time.Minute
	// lockSlice is how long the server is asked to wait at a time, so that an unanswered request is noticed and a
	// cancelled one leaves nothing behind.
	lockSlice      = 5 * time.Second
	releaseTimeout = 5 * time.Second
	// defaultKeepAlive is far below the shortest idle timeout in use: ten seconds in some proxies.
	defaultKeepAlive = 2 * time.Second
)

// LockName returns the name of the lock of one OMS in its MetaDB. All regions share the rm and cm databases, so they
// share the lock. It has at most 64 characters, as MySQL allows.
func LockName(c *config.Config) string {
	sum := sha256.Sum256([]byte(c.CMDatabase + "\x00" + c.RMDatabase))
	return "omsinit:" + hex.EncodeToString(sum[:20])
}

// Lock is a lock of the MetaDB. It belongs to one connection and is gone with it; where the server has no GET_LOCK it is
// a lease, a row with an expiry. Work on other connections is done under Watch and asks Condition.
type Lock struct {
	conn      *sql.Conn
	name      string
	holder    int64 // the connection that the server names as the holder; 0 when it names none
	lease     *lease
	note      *note
	keepAlive time.Duration
}

// LockOptions are how to wait for a lock, and how to keep it.
type LockOptions struct {
	Timeout time.Duration // 0 means 10 minutes
	// Waiting is called when another node has the lock, and a second time when more comes to light of who that is. It
	// may be nil.
	Waiting func(Holder)
	// KeepAlive is how often Watch asks whether the lock is still this node's; 0 means 2 seconds.
	KeepAlive time.Duration
	// Lease takes a row in the rm database, which must exist, where the server has no GET_LOCK.
	Lease bool
	// LeaseTime is how long a lease lasts that is not renewed; 0 means 30 seconds.
	LeaseTime time.Duration
	// Node names this node in the LeaseTable; the host's name if empty.
	Node string
}

// Acquire takes the lock of this OMS on a connection of its own. The error is explained and has ErrLocked in its chain
// after Timeout; it is ErrNoLocks when the server has no such function and no Lease was asked for.
func Acquire(ctx context.Context, c *config.Config, db *sql.DB, o LockOptions) (*Lock, error) {
	o.Timeout = cmp.Or(max(o.Timeout, 0), defaultLockTimeout)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, Explain(c, err)
	}
	l := &Lock{conn: conn, name: LockName(c), keepAlive: cmp.Or(o.KeepAlive, defaultKeepAlive)}
	err = l.wait(ctx, c, db, o)
	if err == nil {
		l.note = newNote(c, l, o.Node)
		l.note.leave(ctx, conn)
		return l, nil
	}
	if errors.Is(err, ErrNoLocks) && o.Lease {
		if err = l.takeLease(ctx, c, o); err == nil {
			return l, nil
		}
	}
	l.drop()
	if errors.Is(err, ErrNoLocks) {
		return nil, err
	}
	return nil, Explain(c, err)
}

// Watch keeps the lock's connection, or its lease, alive until stop is called. The context that it returns is cancelled,
// with ErrLockLost in the cause, as soon as the lock is found lost. Conn must not be used meanwhile.
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
			if err := l.check(watched); err != nil {
				cancel(finding.Transient(err)) // after a stop this does nothing: the first cause counts
				return
			}
			l.note.leave(watched, l.conn) // its table may exist by now
		}
	}()
	return watched, func() {
		cancel(nil)
		<-done
	}
}

// check returns ErrLockLost unless the lock is still this node's. It renews a lease.
func (l *Lock) check(ctx context.Context) error {
	// A server that hangs must not pass for one that keeps the lock.
	ctx, cancel := context.WithTimeout(ctx, max(5*l.keepAlive, time.Second))
	defer cancel()
	var holder sql.NullInt64
	var err error
	ours := true
	switch {
	case l.lease != nil:
		ours, err = l.lease.renew(ctx, l.conn)
	case l.holder == 0:
		_, err = l.conn.ExecContext(ctx, "DO 1")
	default:
		err = l.conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", l.name).Scan(&holder)
		ours = holder.Int64 == l.holder
	}
	switch {
	case err != nil:
		return msg.Errorf("%w: %v", ErrLockLost, err.Error())
	case !ours:
		return ErrLockLost
	}
	return nil
}

// Condition returns an SQL condition that is true exactly while the lock is this node's. In the WHERE of a write on
// another connection it makes the server check the lock in the same moment.
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
		if free, err = l.try(ctx, min(lockSlice, time.Until(deadline))); free || err != nil {
			return err
		}
		before := holder
		holder = findHolder(ctx, c, db, l.name)
		if o.Waiting != nil && before.Since == "" && holder.Since != "" {
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
	switch {
	case Is(err, ErrSPDoesNotExist, ErrNotSupportedYet, errFunctionNotDefined): // OceanBase answers the first
		return false, fmt.Errorf("%w: %w", ErrNoLocks, err)
	case err == nil && !got.Valid:
		return false, errors.New("GET_LOCK returned NULL: the server is out of memory or ended the session")
	case err != nil || got.Int64 != 1:
		return false, err
	}
	// Not CONNECTION_ID: behind a proxy that can be another number.
	var holder sql.NullInt64
	if l.conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", l.name).Scan(&holder) == nil {
		l.holder = holder.Int64
	}
	return true, nil
}

// Conn returns the connection that has the lock. It must not be closed.
func (l *Lock) Conn() *sql.Conn { return l.conn }

// Release frees the lock and closes its connection, also when the context of the work was cancelled.
func (l *Lock) Release() {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	// The server releases the lock of a closed connection too; asking first means that it is free when Release returns.
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
