package upgrade

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/atomicfile"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// RefusedError is returned when an upgrade or a rollback must not be. Nothing was changed.
type RefusedError struct {
	msg.Message
	// Tried: an upgrade was begun, and given up because its backup cannot be restored. To try again is work.
	Tried bool
}

// Error returns the English words.
func (e *RefusedError) Error() string { return e.String() }

func refused(format msg.Message) error { return &RefusedError{Message: format} }

// TakenError is returned when another node has gone on with the upgrade while this one had lost the lock. What is in
// the databases is no longer this node's to undo.
type TakenError struct{ msg.Message }

// Error returns the English words.
func (e *TakenError) Error() string { return e.String() }

func taken(err error) bool { return errors.As(err, new(*TakenError)) }

// Session is an upgrade on its way. It holds the lock of upgrades, which all
// nodes of this OMS share.
type Session struct {
	*Upgrade
	db   *sql.DB
	lock *database.Lock
	j    *journal
	rec  *Record
	// noted is rec as the journal had it when this session last read or wrote it.
	noted Record
	// stopped is when the programs were stopped in this run; zero before. halted
	// are those that ran, initialised the files that said that the node is it.
	stopped     time.Time
	halted      []string
	initialised map[string][]byte
	manifest    *backup.Manifest
	statements  []metadb.Statements
	// beats are the signs of life from before the backup, nil before it.
	beats map[string]string
	// distrusted: OMS has run after the backup was made.
	distrusted bool
}

func (u *Upgrade) session() (*Session, error) {
	db, err := u.open()
	return &Session{Upgrade: u, db: db, j: &journal{db: db, c: u.Config}}, err
}

// Due reports whether there is an upgrade to do. Without one the node does its
// own steps as at any other start.
func (s *Session) Due() bool { return s.rec != nil }

// From and To are the releases of an upgrade that is due.
func (s *Session) From() string { return s.rec.From }

// To is where the upgrade leads.
func (s *Session) To() string { return s.rec.To }

// Close releases the lock.
func (s *Session) Close() {
	s.unlock()
	s.db.Close()
}

func (s *Session) unlock() {
	if s.lock != nil {
		s.lock.Release()
		s.lock = nil
	}
}

// Begin takes the lock and notes that the upgrade begins, or goes on with one
// that was cut. When there is nothing to upgrade the session is not Due. Of
// nodes that begin at the same time one upgrades, the others wait and then find
// it done.
func (u *Upgrade) Begin(ctx context.Context) (_ *Session, err error) {
	s, err := u.session()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	before, err := u.versions(ctx, s.db)
	if err != nil {
		return nil, err
	}
	if !open(before.newest) && before.from.String() != "" && before.from.Compare(before.to) == 0 {
		return s, nil
	}
	if err := s.letFirst(ctx, before); err != nil {
		return nil, err
	}
	if err := s.acquire(ctx); err != nil {
		return nil, err
	}
	now, err := u.versions(ctx, s.db)
	if err != nil {
		return nil, err
	}
	if open(now.newest) {
		return s, s.resume(ctx, now)
	}
	g := &gates{Upgrade: u, survey: now}
	if g.release(); len(g.found) > 0 {
		return nil, g.refusal()
	}
	if !now.due() {
		s.unlock()
		return s, nil
	}
	if err := u.notAgain(before.own, now.own); err != nil {
		return nil, err
	}
	return s, s.start(ctx, now)
}

func open(r *Record) bool { return r != nil && r.State.open() }

// notAgain keeps nodes from repeating what failed, or what people undid.
func (u *Upgrade) notAgain(before, now *Record) error {
	if now == nil || now.State == Done {
		return nil
	}
	meanwhile := before == nil || before.ID != now.ID || before.State != now.State
	if !u.Unattended && !meanwhile || u.Unattended && now.State == Abandoned && !meanwhile {
		return nil
	}
	return refused(msg.M("the upgrade from %s to %s that %s began at %s ended with %s (%s); after the reason is removed, run `omsinit upgrade apply` to try again", now.From, now.To, now.Node, now.Started, now.State, cmp.Or(now.Error, "-")))
}

// start notes a new upgrade.
func (s *Session) start(ctx context.Context, v *survey) error {
	if err := s.j.create(ctx); err != nil {
		return err
	}
	since, err := lastHeartbeat(ctx, s.db, s.Config)
	if err == nil && since == "" { // there is no outage
		err = database.Explain(s.Config, s.db.QueryRowContext(ctx, "SELECT CAST(NOW() AS CHAR)").Scan(&since))
	}
	if err != nil {
		return err
	}
	s.rec = &Record{From: v.from.String(), To: v.to.String(), State: Running, Stage: stageBegin, Node: s.Node,
		OutageSince: since, Tool: s.Tool}
	if err := s.j.insert(ctx, s.rec); err != nil {
		return err
	}
	s.noted = *s.rec
	s.log(msg.M("upgrading from %s to %s", s.rec.From, s.rec.To))
	return nil
}

// resume goes on with an upgrade that was cut.
func (s *Session) resume(ctx context.Context, v *survey) error {
	s.rec, s.noted = v.newest, *v.newest
	s.warn(s.endSessions(ctx))
	if s.rec.State == Restoring || s.rec.State == RollingBack {
		s.log(msg.M("the restore after the upgrade from %s to %s was cut; going on with it", s.rec.From, s.rec.To))
		failure := s.rec.Error
		g := &gates{Upgrade: s.Upgrade}
		if err := cmp.Or(g.cutRestore(ctx, s), g.refusal()); err != nil {
			return err
		}
		if err := s.undo(ctx, s.rec.State); err != nil {
			return err
		}
		return refused(msg.M("the upgrade from %s to %s was undone (%s): the old data is back", s.rec.From, s.rec.To,
			cmp.Or(failure, string(s.rec.State))))
	}
	g := &gates{Upgrade: s.Upgrade, survey: v}
	if g.unfinished(); len(g.found) > 0 {
		return g.refusal()
	}
	if s.rec.State == Failed && s.Unattended {
		return refused(msg.M("the upgrade from %s to %s failed (%s) and was left as it is: continue it with `omsinit upgrade apply`, or undo it with `omsinit upgrade rollback`", s.rec.From, s.rec.To, s.rec.Error))
	}
	if s.rec.Node != s.Node {
		s.log(msg.M("going on with the upgrade that %s began", s.rec.Node))
	}
	if !s.rec.reached(firstChange) {
		// Nothing was changed yet, and nobody knows what was written since: only
		// a new backup holds it. The other stays, without what a killed run may have left in it.
		_ = atomicfile.Clean(filepath.Join(s.rec.Backup, backup.ManifestFile))
		s.rec.Node, s.rec.Backup, s.rec.Made, s.rec.Stage = s.Node, "", "", stageBegin
	} else if err := s.distrustBackup(ctx); err != nil {
		return err
	}
	s.rec.State, s.rec.Error = Running, ""
	s.log(msg.M("going on with the upgrade from %s to %s at the stage %s", s.rec.From, s.rec.To, s.rec.Stage))
	return s.save(ctx)
}

// endSessions ends what other nodes have left open in the MetaDB while they upgraded: the transactions of one that was
// cut off keep the tables from the one that goes on until the server notices, which may take hours. Whose sessions come
// through a proxy cannot be told; they stay.
func (s *Session) endSessions(ctx context.Context) error {
	ids, err := database.Column(ctx, s.db, "SELECT DISTINCT p.id FROM information_schema.processlist p JOIN "+
		s.j.table("stages")+
		" x ON p.host LIKE CONCAT(x.node, ':%') WHERE x.upgrade_id = ? AND x.node <> ? AND p.user = SUBSTRING_INDEX(USER(), '@', 1)",
		s.rec.ID, s.Node)
	for _, id := range ids {
		_, _ = s.db.ExecContext(ctx, "KILL "+id) // it may be gone already
	}
	return newMetaDB(s.Config, err)
}

// distrustBackup leaves it to people to restore a backup when OMS has run after
// it was made, as when somebody started the old container meanwhile, or when the
// new release ran already: what was written then is not in it.
func (s *Session) distrustBackup(ctx context.Context) error {
	last, err := lastHeartbeat(ctx, s.db, s.Config)
	if err == nil && last > s.rec.Started {
		s.KeepFailed, s.distrusted = true, true
		s.log(msg.M("warning: OMS has run at %s, after the backup of this upgrade was made; should the upgrade fail, the backup is not restored by itself", last))
	}
	return err
}

// stopTime is within which the programs have stopped after a restore has begun: heartbeats of that time say nothing.
const stopTime = time.Minute

// ranSinceRestore returns when OMS has run after a restore that was cut had stopped it, as when somebody started the
// old container: what was written then would be lost. It returns "" when it has not.
func (s *Session) ranSinceRestore(ctx context.Context) (string, error) {
	var stopped sql.NullString
	err := s.db.QueryRowContext(ctx, "SELECT CAST(MAX(started_at) + INTERVAL ? SECOND AS CHAR) FROM "+
		s.j.table("stages")+
		" WHERE upgrade_id = ? AND stage = ?", int(stopTime.Seconds()), s.rec.ID, stageRestore).Scan(&stopped)
	if err != nil || !stopped.Valid {
		return "", newMetaDB(s.Config, err)
	}
	last, err := lastHeartbeat(ctx, s.db, s.Config)
	if last <= stopped.String {
		last = ""
	}
	return last, err
}

// letFirst waits for another node to upgrade when this node's cm_url leads to one of the others: the console of this
// node is ready when that CM runs, and no node starts its programs before the upgrade is done, so the two would wait
// for each other. A person who runs the upgrade here knows that the CM runs, or does not need it.
func (s *Session) letFirst(ctx context.Context, before *survey) error {
	first := registry.CMNode(s.Config, s.Node)
	if first == "" || !s.Unattended || open(before.newest) && before.newest.Node == s.Node {
		return nil
	}
	if !open(before.newest) && before.own != nil {
		if err := s.notAgain(nil, before.own); err != nil {
			return err
		}
	}
	limit := cmp.Or(max(s.LockTimeout, 0), DefaultLockTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, finding.Transient(msg.Errorf("%s, where the CM of this region is (cm_url), has not upgraded the MetaDB within %s; see whether its new container runs, or run `omsinit upgrade apply` here", first, limit)))
	var followed sync.WaitGroup
	defer followed.Wait()
	defer cancel()
	followed.Go(func() {
		s.follow(ctx, msg.M("waiting for %s, where the CM of this region is (cm_url), to upgrade the MetaDB", first))
	})
	for {
		now, err := s.versions(ctx, s.db)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		case !open(now.newest) && (!now.due() || now.own != nil && (before.own == nil || *now.own != *before.own)):
			return nil
		}
		if !pause(ctx, followEvery) {
			return context.Cause(ctx)
		}
	}
}

// Finish switches high availability on again, notes that the upgrade is done,
// removes old backups and writes the report.
func (s *Session) Finish(ctx context.Context) error {
	if err := s.stage(ctx, stageHAOn, s.switchHAOn); err != nil {
		return err
	}
	s.rec.Stage = stageDone
	if err := s.settle(ctx, Done); err != nil {
		return err
	}
	if down := s.down(ctx); down > 0 {
		s.log(msg.M("the programs of this node were down for %s", down.Round(time.Second)))
	}
	s.prune(ctx, s.rec.Backup)
	s.log(msg.M("upgraded from %s to %s; the backup from before is %s on %s; `omsinit upgrade rollback` goes back to it",
		s.rec.From, s.rec.To, s.rec.Backup, s.rec.Node))
	s.log(msg.M("clear the browser's cache for the console's address: pages of the earlier release do not go with this one"))
	s.writeReport(ctx)
	return nil
}

// settle notes how an upgrade ended.
func (s *Session) settle(ctx context.Context, state State) error {
	s.rec.State = state
	return s.again(ctx, temporary, s.save)
}
