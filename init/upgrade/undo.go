package upgrade

import (
	"context"
	"errors"
	"strings"
	"time"

	"omsinit/init/metadb/backup"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/ha"
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
		return []msg.Message{msg.M("the upgrade was interrupted at the stage %s; the next run goes on there",
			s.rec.Stage)}, failure
	}
	switch held := s.held(ctx, failure); {
	case taken(held):
		return []msg.Message{msg.M("another node has gone on with the upgrade, so nothing was undone; the next run of this node does its own part")}, held
	case held != nil:
		return []msg.Message{msg.M("the MetaDB does not answer, or another node works on it, so the upgrade stays at the stage %s; the next run goes on there", s.rec.Stage)}, finding.Transient(failure)
	}
	if s.rec.reached(stageHAOn) {
		return []msg.Message{msg.M("the end of the upgrade to %s is missing (stage %s): %v", s.rec.To,
			s.rec.Stage, failure),
			msg.M("nothing was undone: the databases belong to %s; remove the reason and run `omsinit upgrade apply` again", s.rec.To)}, failure
	}
	s.rec.Error = failure.Error()
	what := []msg.Message{msg.M("the upgrade from %s to %s failed at the stage %s: %v", s.rec.From, s.rec.To,
		s.rec.Stage, failure)}
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
	if path := s.writeReport(context.WithoutCancel(ctx)); path != "" {
		state = append(state, msg.M("the report is %s", path))
	}
	return append(what, state...), failure
}

// held makes sure, by a write to the journal, that the lock is ours and that no other node has gone on: nothing may
// be undone otherwise.
func (s *Session) held(ctx context.Context, failure error) error {
	if errors.Is(failure, database.ErrLocked) || taken(failure) {
		return failure
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := s.db.PingContext(ctx); err != nil {
		return err
	}
	return s.again(ctx, temporary, s.save)
}

func (s *Session) abandon(ctx context.Context, failure error) ([]msg.Message, error) {
	page := []msg.Message{msg.M("nothing was changed in the databases; they belong to %s as before", s.rec.From)}
	if err := s.startAgain(ctx); err != nil {
		page = append(page, msg.M("the programs %s could not be started again: %v", strings.Join(s.halted, " "), err))
	} else if len(s.halted) > 0 {
		page = append(page, msg.M("the programs that ran before run again: %s", strings.Join(s.halted, " ")))
	}
	if s.rec.HA != "" {
		if err := s.changeHA(ctx, func(now string) (string, error) { return ha.Edit(now, true) }); err != nil {
			return append(page, msg.M("high availability could not be switched on again: %v; do it with omsinit ha on, or in the console",
				err)), failure
		}
	}
	s.rec.State = Abandoned
	s.warn(s.save(ctx))
	next := msg.M("next: remove the reason and run `omsinit upgrade apply` again, or start the old container")
	if s.rec.Stage == stageProve {
		failure = &RefusedError{Message: msg.M("%v", failure), Tried: true}
		next = msg.M("the backup %s cannot be restored on this MetaDB, so the upgrade could not have been undone; next: remove the reason, try the restore with `omsinit upgrade verify --deep %s`, and run `omsinit upgrade apply` again, or start the old container", s.rec.Backup, s.rec.Backup)
	}
	return append(page, next), failure
}

// inBetween returns how the databases are after a failure that was not undone: that depends on the stage.
func (s *Session) inBetween() msg.Message {
	switch {
	case s.rec.reached(StageComponents):
		return msg.M("the databases belong to %s already; what failed is a step of this node", s.rec.To)
	case s.rec.reached(stageSchema):
		return msg.M("the databases are as the failed upgrade left them, between %s and %s; `omsinit metadb status` shows how far", s.rec.From, s.rec.To)
	}
	return msg.M("the tables are those of %s still; the release and the journals may be noted already", s.rec.From)
}

func (s *Session) keepAsItIs(ctx context.Context, failure error) ([]msg.Message, error) {
	s.rec.State = Failed
	s.warn(s.save(ctx))
	return []msg.Message{s.inBetween(),
		msg.M("next: `omsinit upgrade apply` to go on after the reason is removed, or `omsinit upgrade rollback` to restore %s", s.rec.Backup)}, failure
}

func (s *Session) restoreAfter(ctx context.Context, failure error) ([]msg.Message, error) {
	s.log(msg.M("restoring the backup %s", s.rec.Backup))
	err := s.undo(ctx, Restoring)
	if err == nil {
		return []msg.Message{msg.M("the backup %s is restored and verified: the databases belong to %s as before",
			s.rec.Backup, s.rec.From), s.haPage(ctx),
			msg.M("next: start the old container (docker stop this one, docker start the old one), or remove the reason and run `omsinit upgrade apply` again")}, failure
	}
	unread := s.readBackup() != nil
	switch {
	case unread && s.rec.Node != s.Node:
		s.warn(s.settle(ctx, Failed))
		return []msg.Message{msg.M("the backup is on another node: %s on %s", s.rec.Backup, s.rec.Node), s.inBetween(),
			msg.M("next: run `omsinit upgrade rollback` on %s", s.rec.Node)}, failure
	case ctx.Err() != nil || temporary(err):
		return []msg.Message{msg.M("the restore was cut: %v; the next run goes on with it", err)},
			finding.Transient(failure)
	}
	failure = msg.Errorf("%w; and the restore failed: %v", failure, err)
	if unread {
		s.warn(s.settle(ctx, Failed)) // no start of a container goes on by itself
		return []msg.Message{msg.M("the backup could not be restored: %v", err), s.inBetween(),
				msg.M("next: bring the backup back from where it was copied to, and run `omsinit upgrade rollback`")},
			failure
	}
	return s.unrestored(ctx, err), failure
}

// unrestored returns what is left to do when a backup that is here cannot be restored. Where it had been restored on
// trial the server has changed since.
func (s *Session) unrestored(ctx context.Context, err error) []msg.Message {
	page := []msg.Message{msg.M("the backup could not be restored: %v", err)}
	if p := s.manifest.Proof; p != nil {
		var now string
		_ = s.db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&now)
		page = append(page, msg.M("the same restore had worked at %s, on the server %s; the server has changed since (it is %s now): its rights, its space or its settings", p.At, p.Server, now),
			msg.M("the databases must not be used until these steps are done:"))
	} else {
		page = append(page, s.inBetween())
	}
	return append(page, msg.M("1. leave OMS stopped on all nodes; the backup %s on %s is unharmed", s.rec.Backup,
		s.rec.Node),
		msg.M("2. remove the reason above; `omsinit upgrade verify --deep %s` tries the restore without touching the databases", s.rec.Backup),
		msg.M("3. run `omsinit upgrade rollback` on %s: it restores all databases from the beginning, and may be repeated", s.rec.Node),
		msg.M("4. start the old container of %s", s.rec.From))
}

// haPage returns what is to be done about high availability after a restore,
// which leaves it off, as documented.
func (s *Session) haPage(ctx context.Context) msg.Message {
	now, _, _ := ha.Read(ctx, s.db, s.Config.RMDatabase)
	if on, err := haEnabled(now); err == nil && on { // with --ignore upgrade.ha
		return msg.M("high availability is on, as it was before the upgrade")
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
		return msg.Errorf("the backup cannot be used here: %w",
			msg.Errorf("%s holds the backup of %s, and the one from before the upgrade was made at %s", s.rec.Backup,
				m.Created, s.rec.Made))
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
	if err := s.again(ctx, func(error) bool { return true }, s.journalled(stageRestore, s.restore)); err != nil {
		return err
	}
	return s.settle(ctx, map[State]State{Restoring: Restored, RollingBack: RolledBack}[state])
}

func (s *Session) restore(ctx context.Context) error {
	if err := s.unchanged(ctx); err != nil {
		return err
	}
	if err := s.stop(ctx); err != nil {
		return err
	}
	if _, err := s.job(s.rec.Backup).Restore(ctx, s.Config.RMDatabase); err != nil {
		return err
	}
	return s.returnFiles()
}
