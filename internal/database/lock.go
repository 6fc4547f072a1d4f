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

// ErrNoLocks is in the chain of the error when the server has no GET_LOCK, or one that is good for nothing: OceanBase
// (github.com/prisma/orm/issues/18508, 2023), clusters, proxies.
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
	lockSlice = 5 * time.Second
	// lockGrace is how long after the time-out the last answer of the server may come.
	lockGrace      = 2 * time.Second
	releaseTimeout = 5 * time.Second
	// defaultKeepAlive is far below the shortest idle timeout in use: ten seconds in some proxies.
	defaultKeepAlive = 2 * time.Second
	// defaultLeaseTime is how long a node that dies or freezes with the lock holds up the others.
	defaultLeaseTime = 30 * time.Second
)

// LockName returns the name of the lock of one OMS in its MetaDB. All regions share the rm and cm databases, so they
// share the lock. It has at most 64 characters, as MySQL allows.
func LockName(c *config.Config) string {
	sum := sha256.Sum256([]byte(c.CMDatabase + "\x00" + c.RMDatabase))
	return "omsinit:" + hex.EncodeToString(sum[:20])
}

// Lock is a lock of the MetaDB. It belongs to one connection and is gone with it; where the server has no GET_LOCK it
// is a lease, a row with an expiry. Other work is done under Watch, on connections of Session, and asks Condition.
//
// A node that dies, freezes or loses its network keeps others waiting for the LeaseTime at most: by then the server has
// ended the lock's session, or the lease has expired, and it has ended those of Session before. So a node that wakes
// up cannot write any more.
type Lock struct {
	conn      *sql.Conn // nil: Hold found no locks on this server
	name      string
	holder    int64 // the connection that the server names as the holder; 0 when it names none
	lease     *lease
	note      *note
	keepAlive time.Duration
	span      time.Duration // LeaseTime
	unwatch   func()        // of Hold
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
	// Prepare is called before a lease is taken, to make its database. It may be nil.
	Prepare func(context.Context) error
	// LeaseTime is how long the lock outlives a node that does not keep it alive; 0 means 30 seconds.
	LeaseTime time.Duration
	// Node names this node in the LeaseTable; the host's name if empty.
	Node string
}

// Acquire takes the lock of this OMS on a connection of its own. The error is explained and has ErrLocked in its chain
// after Timeout; it is ErrNoLocks when the server has no such function and no Lease was asked for. A server that falls
// silent meanwhile does not prolong the Timeout.
func Acquire(ctx context.Context, c *config.Config, db *sql.DB, o LockOptions) (*Lock, error) {
	o.Timeout = cmp.Or(max(o.Timeout, 0), defaultLockTimeout)
	w := &waiting{LockOptions: o, c: c, db: db}
	l := &Lock{name: LockName(c), span: cmp.Or(o.LeaseTime, defaultLeaseTime)}
	l.keepAlive = min(cmp.Or(o.KeepAlive, defaultKeepAlive), l.span/5)
	bounded, cancel := context.WithTimeout(ctx, o.Timeout+lockGrace)
	defer cancel()
	err := l.acquire(bounded, w)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, ErrNoLocks):
	case bounded.Err() != nil && ctx.Err() == nil && !errors.Is(err, ErrLocked):
		err = w.silent()
	default:
		err = Explain(c, err)
	}
	l.drop()
	return nil, err
}

func (l *Lock) acquire(ctx context.Context, w *waiting) (err error) {
	if l.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	if err = limitIdle(ctx, l.conn, l.span); err != nil {
		return err
	}
	if err = l.wait(ctx, w); err == nil {
		l.note = newNote(w.c, l, w.Node)
		l.note.leave(ctx, l.conn)
	}
	if !errors.Is(err, ErrNoLocks) || !w.Lease {
		return err
	}
	if w.Prepare != nil {
		if err := w.Prepare(ctx); err != nil {
			return err
		}
	}
	return l.takeLease(ctx, w)
}

// Hold takes the lock and watches over it until Release. The work is done with the context that it returns, which is
// that of Watch. On a server without locks the Lock guards nothing, unless a Lease was asked for.
func Hold(ctx context.Context, c *config.Config, db *sql.DB, o LockOptions) (*Lock, context.Context, error) {
	l, err := Acquire(ctx, c, db, o)
	if errors.Is(err, ErrNoLocks) {
		return &Lock{}, ctx, nil
	}
	if err != nil {
		return nil, nil, err
	}
	watched, stop := l.Watch(ctx)
	l.unwatch = stop
	return l, watched, nil
}

// limitIdle makes the server end a session that is idle for so long, also one whose other side is frozen or away.
// The server's own limit is hours. MariaDB's limit for the time of a statement, which would cut an ALTER TABLE, is
// lifted. A proxy that does not let it be changed is left alone.
func limitIdle(ctx context.Context, conn *sql.Conn, idle time.Duration) error {
	const set = "SET SESSION wait_timeout = %d, net_read_timeout = %[1]d, net_write_timeout = %[1]d" +
		" /*M!100101 , max_statement_time = 0 */"
	_, err := conn.ExecContext(ctx, fmt.Sprintf(set, max(int(idle/time.Second), 1)))
	if refusesFunction(err) {
		return nil
	}
	return err
}

// Session returns a connection for work under the lock. The server ends its session when it is idle for two thirds of
// the LeaseTime, which is before others can have the lock: what a frozen node was about to send never arrives.
func (l *Lock) Session(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	conn, err := db.Conn(ctx)
	if err != nil || l.conn == nil {
		return conn, err
	}
	if err := limitIdle(ctx, conn, l.span*2/3); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// Watch keeps the lock's connection, or its lease, alive until stop is called. The context that it returns is
// cancelled, with ErrLockLost in the cause, as soon as the lock is found lost. A statement with that context may take
// as long as it takes. Conn must not be used meanwhile.
func (l *Lock) Watch(ctx context.Context) (context.Context, func()) {
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
	return context.WithValue(watched, watchKey{}, watched), func() {
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
		return msg.Errorf("%w: %v", ErrLockLost, err)
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

// waiting is one wait for a lock.
type waiting struct {
	LockOptions
	c    *config.Config
	db   *sql.DB
	seen *Holder // who has the lock; nil: it was not seen locked
}

// holder notes who has the lock, and reports it when it is the first time or when more is known than before.
func (w *waiting) holder(h Holder) {
	report := w.seen == nil || w.seen.Since == "" && h.Since != ""
	if w.seen = &h; report && w.Waiting != nil {
		w.Waiting(h)
	}
}

// silent is the error of a wait whose last question was not answered.
func (w *waiting) silent() error {
	if w.seen == nil {
		return finding.Transient(msg.Errorf("the MetaDB at %s did not answer within %s when this node asked for its lock: %w; see whether the server or the network to it hangs",
			address(w.c), w.Timeout, context.DeadlineExceeded))
	}
	return finding.Transient(msg.Errorf("the MetaDB at %s stopped answering while this node waited up to %s for its lock, which was last seen with %v: %w; see whether the server or the network to it hangs",
		address(w.c), w.Timeout, w.seen.Message(), context.DeadlineExceeded))
}

func (l *Lock) wait(ctx context.Context, w *waiting) error {
	deadline := time.Now().Add(w.Timeout)
	for slice := time.Duration(0); ; slice = lockSlice {
		free, err := l.try(ctx, min(slice, time.Until(deadline)))
		if free || err != nil {
			return err
		}
		w.holder(findHolder(ctx, w.c, w.db, l.name))
		if !time.Now().Before(deadline) {
			break
		}
	}
	return finding.Transient(msg.Errorf("the MetaDB at %s is %w for longer than %s by %v; see whether that node still works on it, and end its connection (KILL %d) if it does not",
		address(w.c), ErrLocked, w.Timeout, w.seen.Message(), w.seen.Connection))
}

// try asks for the lock and lets the server wait for it, in whole seconds.
func (l *Lock) try(ctx context.Context, wait time.Duration) (bool, error) {
	seconds := int((wait + time.Second - 1) / time.Second)
	var got sql.NullInt64
	err := l.conn.QueryRowContext(ctx, Unhurried+"GET_LOCK(?, ?)", l.name, seconds).Scan(&got)
	switch {
	case refusesFunction(err):
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

// Kind returns what it is: GET_LOCK, or lease.
func (l *Lock) Kind() string {
	if l.lease != nil {
		return "lease"
	}
	return "GET_LOCK"
}

// Conn returns the connection that has the lock. It must not be closed.
func (l *Lock) Conn() *sql.Conn { return l.conn }

// Release frees the lock and closes its connection, also when the context of the work was cancelled.
func (l *Lock) Release() {
	if l.unwatch != nil {
		l.unwatch()
	}
	if l.conn == nil {
		return
	}
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
	if l.conn != nil {
		_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = l.conn.Close()
	}
}
