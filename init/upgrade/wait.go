package upgrade

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// acquire takes the lock of upgrades. It is another one than that of the
// MetaDB, which the stages take in their turn; where the server has no locks,
// its lease is in the journal, which a restore does not drop.
func (s *Session) acquire(ctx context.Context) error {
	c := *s.Config
	c.RMDatabase = journalDatabase(s.Config)
	waiting, got := context.WithCancel(ctx)
	var followed sync.WaitGroup
	defer followed.Wait()
	defer got()
	follows := false
	o := database.LockOptions{Timeout: cmp.Or(max(s.LockTimeout, 0), DefaultLockTimeout), Node: s.Node,
		Waiting: func(h database.Holder) {
			if follows {
				return
			}
			follows = true
			followed.Go(func() { s.follow(waiting, msg.M("waiting for another node that upgrades: %v", h.Message())) })
		}}
	l, err := database.Acquire(ctx, &c, s.db, o)
	if errors.Is(err, database.ErrNoLocks) {
		if err := s.j.create(ctx); err != nil {
			return err
		}
		o.Lease = true
		l, err = database.Acquire(ctx, &c, s.db, o)
	}
	if err != nil {
		return err
	}
	s.lock, s.j.fence = l, l.Condition()
	return nil
}

// followEvery is how often a node that waits looks how far the other one is.
const followEvery = time.Second

// follow prints for whom this node waits, and each stage that the other one begins, until the wait is over. other is
// printed as long as the journal does not tell.
func (s *Session) follow(ctx context.Context, other msg.Message) {
	said := ""
	for {
		r, err := s.j.newest(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // the wait itself has the words for a MetaDB that is away
		case open(r) && said != r.Node+r.Stage:
			said = r.Node + r.Stage
			s.log(msg.M("waiting for %s, which brings the MetaDB from %s to %s: stage %s", r.Node, r.From,
				r.To, r.Stage))
		case !open(r) && said == "":
			said = "-"
			s.log(other)
		}
		if !pause(ctx, followEvery) {
			return
		}
	}
}

// pause waits, and reports whether it was not interrupted.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// relock takes the lock again after it was lost, and makes sure that nobody
// has gone on meanwhile. A MetaDB that is just restarting is waited for.
func (s *Session) relock(ctx context.Context) error {
	if s.lock != nil {
		return nil
	}
	for deadline := time.Now().Add(patience); ; {
		err := s.acquire(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil || !temporary(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := s.unchanged(ctx); err != nil {
		s.unlock() // so that the next one looks again
		return err
	}
	return nil
}

// unchanged makes sure that the journal is as this session has left it: a write whose answer was lost may be there.
func (s *Session) unchanged(ctx context.Context) error {
	now, err := s.j.lastChange(ctx)
	if err != nil {
		return err
	}
	same := func(r *Record) bool {
		return now.ID == r.ID && now.Node == r.Node && now.State == r.State && now.Stage == r.Stage
	}
	if now == nil || !same(&s.noted) && !same(s.rec) {
		return finding.Transient(&TakenError{msg.M("another node has gone on with the upgrade meanwhile; run `omsinit upgrade plan` to see how far it is")})
	}
	return nil
}
