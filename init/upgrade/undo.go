package upgrade

import (
	"context"
	"errors"
	"time"

	"omsinit/init/metadb/backup"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Fail decides what becomes of an upgrade that failed, and gives the page that
// says so: what failed, how the databases are, and the next command. Before the
// first change there is nothing to undo. After it the backup is restored,
// unless people want to look first, or the MetaDB is away: then the next run
// goes on. The error that it gives is the one to report.
func (s *Session) Fail(ctx context.Context, failure error) ([]msg.Message, error) {
	if ctx.Err() != nil {
		// Journalled: the next run goes on.
		return []msg.Message{msg.M("the upgrade was interrupted at the stage %s; the next run goes on there", s.rec.Stage)}, failure
	}
	if s.away(ctx, failure) {
		return []msg.Message{msg.M("the MetaDB does not answer, or another node works on it, so the upgrade stays at the stage %s; the next run goes on there", s.rec.Stage)}, finding.Transient(failure)
	}
	if s.rec.reached(stageHAOn) {
		return []msg.Message{msg.M("the end of the upgrade to %s is missing (stage %s): %v", s.rec.To, s.rec.Stage, failure),
			msg.M("nothing was undone: the databases belong to %s; remove the reason and run `omsinit upgrade apply` again", s.rec.To)}, failure
	}
	s.rec.Error = failure.Error()
	what := []msg.Message{msg.M("the upgrade from %s to %s failed at the stage %s: %v", s.rec.From, s.rec.To, s.rec.Stage, failure)}
	failure = msg.Errorf("%v", failure) // it will not go away by itself, whatever its cause says
	var state []msg.Message
	switch {
	case !s.rec.reached(firstChange):
		state, failure = s.abandon(ctx, failure)
	case s.KeepFailed:
		state, failure = s.keepAsItIs(ctx, failure)
	default:
		state, failure = s.restoreAfter(ctx, failure)
	}
	if path := s.writeReport(context.WithoutCancel(ctx), errors.New(s.rec.Error)); path != "" {
		state = append(state, msg.M("the report is %s", path))
	}
	return append(what, state...), failure
}

// away reports whether a failure came of a MetaDB that does not answer, or of
// a lock that another node has now.
func (s *Session) away(ctx context.Context, failure error) bool {
	if errors.Is(failure, database.ErrLocked) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return s.db.PingContext(ctx) != nil || s.relock(ctx) != nil
}

func (s *Session) abandon(ctx context.Context, failure error) ([]msg.Message, error) {
	if s.rec.HA != "" {
		err := s.changeHA(ctx, func(now highAvailability) (highAvailability, error) {
			if now == "" {
				return now, nil
			}
			return now.switched(true)
		})
		if err != nil {
			return []msg.Message{msg.M("high availability could not be switched on again: %v; do it with omsinit ha on, or in the console", err)}, failure
		}
	}
	s.rec.State = Abandoned
	if err := s.j.save(ctx, s.rec); err != nil {
		s.log(msg.M("warning: %v", err))
	}
	return []msg.Message{msg.M("nothing was changed in the databases; they belong to %s as before", s.rec.From),
		msg.M("next: remove the reason and run `omsinit upgrade apply` again, or start the old container")}, failure
}

func (s *Session) keepAsItIs(ctx context.Context, failure error) ([]msg.Message, error) {
	s.rec.State = Failed
	if err := s.j.save(ctx, s.rec); err != nil {
		s.log(msg.M("warning: %v", err))
	}
	return []msg.Message{msg.M("the databases are as the failed upgrade left them, between %s and %s; `omsinit metadb status` shows how far", s.rec.From, s.rec.To),
		msg.M("next: `omsinit upgrade apply` to go on after the reason is removed, or `omsinit upgrade rollback` to restore %s", s.rec.Backup)}, failure
}

func (s *Session) restoreAfter(ctx context.Context, failure error) ([]msg.Message, error) {
	s.log(msg.M("restoring the backup %s", s.rec.Backup))
	err := s.undo(ctx, Restoring)
	if err == nil {
		return []msg.Message{msg.M("the backup %s is restored and verified: the databases belong to %s as before", s.rec.Backup, s.rec.From), s.haPage(ctx),
			msg.M("next: start the old container (docker stop this one, docker start the old one), or remove the reason and run `omsinit upgrade apply` again")}, failure
	}
	if s.rec.Node != s.Node && s.readBackup() != nil {
		if err := s.settle(ctx, Failed); err != nil {
			s.log(msg.M("warning: %v", err))
		}
		return []msg.Message{msg.M("the backup is on another node: %s on %s; the databases are between %s and %s", s.rec.Backup, s.rec.Node, s.rec.From, s.rec.To),
			msg.M("next: run `omsinit upgrade rollback` on %s", s.rec.Node)}, failure
	}
	if ctx.Err() != nil || temporary(err) {
		return []msg.Message{msg.M("the restore was cut: %v; the next run goes on with it", err)}, finding.Transient(failure)
	}
	if s.readBackup() != nil {
		if err := s.settle(ctx, Failed); err != nil { // no start of a container goes on by itself
			s.log(msg.M("warning: %v", err))
		}
		return []msg.Message{msg.M("the backup could not be restored: %v", err), msg.M("the databases are as the failed upgrade left them, between %s and %s; `omsinit metadb status` shows how far", s.rec.From, s.rec.To),
			msg.M("next: bring the backup back from where it was copied to, and run `omsinit upgrade rollback`")}, msg.Errorf("%w; and the restore failed: %v", failure, err)
	}
	return []msg.Message{msg.M("the backup could not be restored: %v", err), msg.M("it is unharmed in %s; the databases must not be used", s.rec.Backup),
		msg.M("next: remove the reason and run `omsinit upgrade rollback`")}, msg.Errorf("%w; and the restore failed: %v", failure, err)
}

// haPage returns what is to be done about high availability after a restore,
// which leaves it off, as documented.
func (s *Session) haPage(ctx context.Context) msg.Message {
	if now, err := readHA(ctx, s.db, s.Config); err == nil {
		if on, err := now.enabled(); err == nil && on { // with --ignore upgrade.ha
			return msg.M("high availability is on, as it was before the upgrade")
		}
	}
	if s.rec.HA == "" {
		return msg.M("high availability is off, as it was before the upgrade")
	}
	return msg.M("high availability is off; switch it on in the console when the old release runs, with refetchStoreIntervalMin above the minutes since %s", s.rec.OutageSince)
}

// readBackup makes sure that the folder holds the very backup of this upgrade.
func (s *Session) readBackup() error {
	m, err := backup.Read(s.rec.Backup)
	if err != nil {
		return msg.Errorf("the backup cannot be used here: %w", err)
	}
	if m.Created != s.rec.Made {
		return msg.Errorf("the backup cannot be used here: %w", msg.Errorf("%s holds the backup of %s, and the one from before the upgrade was made at %s", s.rec.Backup, m.Created, s.rec.Made))
	}
	s.manifest = m
	return nil
}

// undo restores the backup: journalled before it begins, and gone on with by
// the next run when it is cut. Nothing is dropped before all of the backup has
// been read into databases beside the real ones, and verified there.
func (s *Session) undo(ctx context.Context, state State) error {
	if err := s.readBackup(); err != nil {
		return err
	}
	s.rec.State = state
	if err := s.again(ctx, stageRestore, s.restore, func(error) bool { return true }); err != nil {
		return err
	}
	return s.settle(ctx, map[State]State{Restoring: Restored, RollingBack: RolledBack}[state])
}

func (s *Session) restore(ctx context.Context) error {
	if err := s.stop(ctx); err != nil {
		return err
	}
	if _, err := s.job(s.rec.Backup).Restore(ctx, s.Config.RMDatabase); err != nil {
		return err
	}
	return s.returnFiles()
}
