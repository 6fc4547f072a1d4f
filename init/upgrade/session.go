package upgrade

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// The stages of an upgrade, in their order. Each is journalled before it
// begins, and can be run again after it was cut. Those from Components to
// Resources are the node's own steps, which the caller runs.
const (
	stageBegin      = "begin"
	stageHAOff      = "ha-off"
	stageStop       = "stop"
	stageBackup     = "backup"
	stageVerify     = "verify"
	stageFiles      = "files"
	stageAdopt      = "adopt"
	stageSchema     = "schema"
	StageComponents = "components"
	StageStart      = "start"
	StageResources  = "resources"
	stageHAOn       = "ha-on"
	stageDone       = "done"
	stageRestore    = "restore" // outside the order
)

var stages = []string{stageBegin, stageHAOff, stageStop, stageBackup, stageVerify, stageFiles, stageAdopt,
	stageSchema, StageComponents, StageStart, StageResources, stageHAOn, stageDone}

// firstChange is the stage at which the databases are changed for the first time.
const firstChange = stageAdopt

// reached reports whether an upgrade is at a stage, or beyond it.
func (r *record) reached(stage string) bool {
	return slices.Index(stages, r.Stage) >= slices.Index(stages, stage)
}

// RefusedError is returned when an upgrade or a rollback must not be. Nothing was changed.
type RefusedError struct{ msg.Message }

// Error returns the English words.
func (e *RefusedError) Error() string { return e.String() }

func refused(format msg.Message) error { return &RefusedError{format} }

// Session is an upgrade on its way. It holds the lock of upgrades, which all
// nodes of this OMS share.
type Session struct {
	*Upgrade
	db   *sql.DB
	lock *database.Lock
	j    *journal
	rec  *record
	// began and stopped are times of this run; stopped is zero until its
	// programs stop.
	began, stopped time.Time
	manifest       *backup.Manifest
	statements     []metadb.Statements
	// beats are the signs of life from before the backup, nil before it.
	beats map[string]string
	// distrusted: OMS has run after the backup was made.
	distrusted bool
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
	db, err := u.open()
	if err != nil {
		return nil, err
	}
	s := &Session{Upgrade: u, db: db, j: &journal{db: db, c: u.Config}, began: u.now()}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	before, err := u.versions(ctx, db)
	if err != nil {
		return nil, err
	}
	if !open(before.newest) && before.from.String() != "" && before.from.Compare(before.to) == 0 {
		return s, nil
	}
	if err := s.acquire(ctx); err != nil {
		return nil, err
	}
	now, err := u.versions(ctx, db)
	if err != nil {
		return nil, err
	}
	if open(now.newest) {
		return s, s.resume(ctx, now)
	}
	for _, o := range u.releaseObjections(now) {
		return nil, refused(msg.M("%v; %v", o.Message, o.Fix))
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

func open(r *record) bool { return r != nil && r.State.open() }

// notAgain keeps nodes from repeating what failed, or what people undid.
func (u *Upgrade) notAgain(before, now *record) error {
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
	s.rec = &record{From: v.from.String(), To: v.to.String(), State: Running, Stage: stageBegin, Node: s.Node,
		OutageSince: since, Tool: s.Tool}
	if err := s.j.insert(ctx, s.rec); err != nil {
		return err
	}
	s.log(msg.M("upgrading from %s to %s", s.rec.From, s.rec.To))
	return nil
}

// resume goes on with an upgrade that was cut.
func (s *Session) resume(ctx context.Context, v *survey) error {
	s.rec = v.newest
	if s.rec.State == Restoring || s.rec.State == RollingBack {
		s.log(msg.M("the restore after the upgrade from %s to %s was cut; going on with it", s.rec.From, s.rec.To))
		failure := s.rec.Error
		if err := s.readBackup(); err != nil && s.rec.Node != s.Node {
			return s.elsewhere(err)
		}
		at, err := s.ranSinceRestore(ctx)
		if err != nil {
			return err
		}
		if at != "" {
			return refused(msg.M("the restore after the upgrade from %s to %s was cut, and OMS has run at %s, after it began: it is not gone on with by itself; take a backup of what there is with `omsinit upgrade backup`, then run `omsinit upgrade rollback --accept-loss`", s.rec.From, s.rec.To, at))
		}
		if err := s.undo(ctx, s.rec.State); err != nil {
			return err
		}
		return refused(msg.M("the upgrade from %s to %s was undone (%s): the old data is back", s.rec.From, s.rec.To, cmp.Or(failure, string(s.rec.State))))
	}
	for _, o := range s.unfinished(v) {
		return refused(msg.M("%v; %v", o.Message, o.Fix))
	}
	if s.rec.State == Failed && s.Unattended {
		return refused(msg.M("the upgrade from %s to %s failed (%s) and was left as it is: continue it with `omsinit upgrade apply`, or undo it with `omsinit upgrade rollback`", s.rec.From, s.rec.To, s.rec.Error))
	}
	if s.rec.Node != s.Node {
		s.log(msg.M("going on with the upgrade that %s began", s.rec.Node))
	}
	if !s.rec.reached(firstChange) {
		// Nothing was changed yet, and nobody knows what was written since: only
		// a new backup holds it.
		s.rec.Node, s.rec.Backup, s.rec.Made, s.rec.Stage = s.Node, "", "", stageBegin
	} else if err := s.distrustBackup(ctx); err != nil {
		return err
	}
	s.rec.State = Running
	s.log(msg.M("going on with the upgrade from %s to %s at the stage %s", s.rec.From, s.rec.To, s.rec.Stage))
	return s.j.save(ctx, s.rec)
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

// ranSinceRestore returns when OMS has run after a restore that was cut had stopped it, as when somebody started
// the old
// container: what was written then would be lost. It returns "" when it has not.
func (s *Session) ranSinceRestore(ctx context.Context) (string, error) {
	var stopped sql.NullString
	err := s.db.QueryRowContext(ctx, "SELECT CAST(MAX(started_at) + INTERVAL ? SECOND AS CHAR) FROM "+s.j.table("stages")+
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

// acquire takes the lock of upgrades. It is another one than that of the
// MetaDB, which the stages take in their turn; where the server has no locks,
// its lease is in the journal, which a restore does not drop.
func (s *Session) acquire(ctx context.Context) error {
	c := *s.Config
	c.RMDatabase = journalDatabase(s.Config)
	o := database.LockOptions{Timeout: cmp.Or(max(s.LockTimeout, 0), DefaultLockTimeout), Node: s.Node,
		Waiting: func(h database.Holder) {
			s.log(msg.M("waiting for another node that upgrades: %v", h.Message()))
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

// MetaDB runs the stages up to the new schema and the recorded release.
func (s *Session) MetaDB(ctx context.Context) error {
	for _, st := range []struct {
		name string
		do   func(context.Context) error
	}{
		{stageHAOff, s.switchHAOff}, {stageStop, s.stop}, {stageBackup, s.takeBackup}, {stageVerify,
			s.verifyBackup}, {stageFiles, s.keepFiles},
		{stageAdopt, s.adopt}, {stageSchema, s.changeSchema},
	} {
		switch {
		case !s.rec.reached(st.name) || s.rec.Stage == st.name:
			if err := s.stage(ctx, st.name, st.do); err != nil {
				return err
			}
		case st.name == stageStop:
			if err := s.stop(ctx); err != nil { // those of a container that was started again
				return err
			}
		}
	}
	return nil
}

const (
	// tries is how often a stage is tried again after a lost connection.
	tries = 3
	// patience is how long to wait for a MetaDB that is away.
	patience = time.Minute
)

// stage journals one stage and runs it. After a lost connection it is tried
// again.
func (s *Session) stage(ctx context.Context, name string, do func(context.Context) error) error {
	return s.again(ctx, name, do, temporary)
}

// Local journals one of the node's own steps and runs it. It has its own
// patience: only a lost lock is a reason to try it again.
func (s *Session) Local(ctx context.Context, name string, do func(context.Context) error) error {
	return s.again(ctx, name, do, func(err error) bool { return errors.Is(err, database.ErrLockLost) })
}

func (s *Session) again(ctx context.Context, name string, do func(context.Context) error,
	worth func(error) bool) error {
	for try := 1; ; try++ {
		err := s.attempt(ctx, name, do)
		if err == nil || ctx.Err() != nil || try == tries || !worth(err) {
			return err
		}
		s.log(msg.M("trying the stage %s again: %v", name, err))
	}
}

// temporary reports whether an error came of a connection that was lost.
func temporary(err error) bool {
	return database.Gone(err) || finding.IsTransient(err) || errors.Is(err, database.ErrLockLost)
}

func (s *Session) attempt(ctx context.Context, name string, do func(context.Context) error) error {
	if err := s.relock(ctx); err != nil {
		return err
	}
	held, stop := s.lock.Watch(ctx)
	err := s.journalled(held, name, do)
	lost := context.Cause(held)
	stop()
	if err != nil && errors.Is(lost, database.ErrLockLost) {
		err = lost
	}
	if errors.Is(err, database.ErrLockLost) || database.Gone(err) {
		s.unlock()
	}
	return err
}

func (s *Session) journalled(ctx context.Context, name string, do func(context.Context) error) error {
	// A run that goes on repeats the steps of the node, and is no less far because
	// of that: OMS that has run at the end must not be undone at the beginning.
	if name != stageRestore && !s.rec.reached(name) {
		s.rec.Stage = name
	}
	if err := s.j.save(ctx, s.rec); err != nil {
		return err
	}
	number, err := s.j.begin(ctx, s.rec, name, s.Node)
	if err != nil {
		return err
	}
	if err = s.at("before " + name); err == nil {
		err = do(ctx)
	}
	if err == nil {
		err = s.at("after " + name)
	}
	s.j.end(context.WithoutCancel(ctx), number, err)
	return err
}

func (s *Session) at(point string) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(point)
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
	now, err := s.j.newest(ctx)
	if err != nil {
		return err
	}
	if now == nil || now.ID != s.rec.ID || now.Node != s.rec.Node || !now.State.open() {
		return msg.Errorf("another node has gone on with the upgrade meanwhile; run `omsinit upgrade plan` to see how far it is")
	}
	return nil
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
	if !s.stopped.IsZero() {
		s.log(msg.M("the programs of this node were down for %s", s.now().Sub(s.stopped).Round(time.Second)))
	}
	removed, err := s.prune(ctx, s.rec.Backup)
	for _, dir := range removed {
		s.log(msg.M("old backup removed: %s", dir))
	}
	if err != nil {
		s.log(msg.M("warning: %v", err))
	}
	s.log(msg.M("upgraded from %s to %s; the backup from before is %s on %s; `omsinit upgrade rollback` goes back to it", s.rec.From, s.rec.To, s.rec.Backup, s.rec.Node))
	s.writeReport(ctx, nil)
	return nil
}

// settle notes how an upgrade ended.
func (s *Session) settle(ctx context.Context, state State) error {
	s.rec.State = state
	for try := 1; ; try++ {
		err := s.relock(ctx)
		if err == nil {
			err = s.j.save(ctx, s.rec)
		}
		if err == nil || ctx.Err() != nil || try == tries || !temporary(err) {
			return err
		}
		s.unlock()
	}
}
