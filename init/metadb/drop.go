package metadb

import (
	"context"
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
	// Not a lease: it would go with the database that it is in.
	lock, held, err := mysql.Hold(ctx, s.Config, db, s.lockOptions())
	if err != nil {
		return err
	}
	defer lock.Release()
	conn, err := lock.Session(held, db)
	if err != nil {
		return mysql.Explain(s.Config, err)
	}
	defer conn.Close()
	// The rm database last: without it the next run takes the MetaDB for new.
	for _, d := range []config.Role{config.Heartbeat, config.CM, config.RM} {
		name := s.Config.Database(d)
		if _, err := conn.ExecContext(held, "DROP DATABASE IF EXISTS "+mysql.Quote(name)); err != nil {
			if cause := context.Cause(held); errors.Is(cause, mysql.ErrLockLost) {
				err = cause
			}
			return msg.Errorf("cannot drop the database %s: %w", name, mysql.Explain(s.Config, err))
		}
		s.log(msg.M("database %s dropped", name))
	}
	return nil
}
