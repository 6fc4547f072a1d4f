package metadb

import (
	"context"
	"database/sql"
	"errors"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
)

// Drop drops the three databases, for an initialisation from nothing. The
// confirmation must be the name of the rm database. Heartbeat databases of
// other regions stay. The caller takes a backup first.
func (s *Step) Drop(ctx context.Context, confirmation string) error {
	if confirmation != s.Config.RMDatabase {
		return msg.Errorf("nothing was dropped: to initialise the MetaDB again, type the name of the database %s, not %q", s.Config.RMDatabase, confirmation)
	}
	db, err := s.open()
	if err != nil {
		return err
	}
	defer db.Close()
	o := s.lock
	o.Timeout, o.Node = s.LockTimeout, s.Node
	o.Waiting = func(h mysql.Holder) {
		s.log(msg.M("waiting for another node that works on the MetaDB: %v", h.Message()))
	}
	held, unlock, err := s.keep(ctx, db, o)
	if err != nil {
		return err
	}
	defer unlock()
	// The rm database last: without it the next run takes the MetaDB for new.
	for _, d := range []config.Role{config.Heartbeat, config.CM, config.RM} {
		name := s.Config.Database(d)
		if _, err := db.ExecContext(held, "DROP DATABASE IF EXISTS "+mysql.Quote(name)); err != nil {
			if cause := context.Cause(held); errors.Is(cause, mysql.ErrLockLost) {
				err = cause
			}
			return msg.Errorf("cannot drop the database %s: %w", name, mysql.Explain(s.Config, err))
		}
		s.log(msg.M("database %s dropped", name))
	}
	return nil
}

// keep holds the lock, where the MetaDB has one. A lease would go with the
// database that it is in.
func (s *Step) keep(ctx context.Context, db *sql.DB, o mysql.LockOptions) (context.Context, func(), error) {
	l, err := mysql.Acquire(ctx, s.Config, db, o)
	if errors.Is(err, mysql.ErrNoLocks) {
		return ctx, func() {}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	held, stop := l.Watch(ctx)
	return held, func() { stop(); l.Release() }, nil
}
