package upgrade

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
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
	stageProve      = "prove"
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

var stages = []string{stageBegin, stageHAOff, stageStop, stageBackup, stageVerify, stageProve, stageFiles, stageAdopt,
	stageSchema, StageComponents, StageStart, StageResources, stageHAOn, stageDone}

// firstChange is the stage at which the databases are changed for the first time.
const firstChange = stageAdopt

// reached reports whether an upgrade is at a stage, or beyond it.
func (r *Record) reached(stage string) bool {
	return slices.Index(stages, r.Stage) >= slices.Index(stages, stage)
}

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
		return refused(msg.M("the upgrade from %s to %s was undone (%s): the old data is back", s.rec.From, s.rec.To, cmp.Or(failure, string(s.rec.State))))
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
		// a new backup holds it.
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
	ids, err := database.Column(ctx, s.db, "SELECT DISTINCT p.id FROM information_schema.processlist p JOIN "+s.j.table("stages")+
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
			s.log(msg.M("waiting for %s, which brings the MetaDB from %s to %s: stage %s", r.Node, r.From, r.To, r.Stage))
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

// MetaDB runs the stages up to the new schema and the recorded release.
func (s *Session) MetaDB(ctx context.Context) error {
	for _, st := range []struct {
		name string
		do   func(context.Context) error
	}{
		{stageHAOff, s.switchHAOff}, {stageStop, s.stop}, {stageBackup, s.takeBackup}, {stageVerify, s.verifyBackup},
		{stageProve, s.proveBackup}, {stageFiles, s.keepFiles}, {stageAdopt, s.adopt}, {stageSchema, s.changeSchema},
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
	return s.again(ctx, temporary, s.journalled(name, do))
}

// Local journals one of the node's own steps and runs it. It has its own
// patience: only a lost lock is a reason to try it again.
func (s *Session) Local(ctx context.Context, name string, do func(context.Context) error) error {
	return s.again(ctx, func(err error) bool { return errors.Is(err, database.ErrLockLost) }, s.journalled(name, do))
}

// again does something under the lock, and once more while the error is worth it.
func (s *Session) again(ctx context.Context, worth func(error) bool, do func(context.Context) error) error {
	for try := 1; ; try++ {
		err := s.attempt(ctx, do)
		if err == nil || ctx.Err() != nil || try == tries || taken(err) || !worth(err) {
			return err
		}
		s.log(msg.M("trying the stage %s again: %v", s.rec.Stage, err))
	}
}

// temporary reports whether an error came of a connection that was lost.
func temporary(err error) bool {
	return database.Gone(err) || finding.IsTransient(err) || errors.Is(err, database.ErrLockLost)
}

func (s *Session) attempt(ctx context.Context, do func(context.Context) error) error {
	if err := s.relock(ctx); err != nil {
		return err
	}
	held, stop := s.lock.Watch(ctx)
	err := do(held)
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

// journalled notes that a stage begins, does it, and notes how it ended.
func (s *Session) journalled(name string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		// A run that goes on repeats the steps of the node, and is no less far because
		// of that: OMS that has run at the end must not be undone at the beginning.
		if name != stageRestore && !s.rec.reached(name) {
			s.rec.Stage = name
		}
		if err := s.save(ctx); err != nil {
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
}

func (s *Session) save(ctx context.Context) error {
	err := s.j.save(ctx, s.rec)
	if err == nil {
		s.noted = *s.rec
	}
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
	s.log(msg.M("upgraded from %s to %s; the backup from before is %s on %s; `omsinit upgrade rollback` goes back to it", s.rec.From, s.rec.To, s.rec.Backup, s.rec.Node))
	s.log(msg.M("clear the browser's cache for the console's address: pages of the earlier release do not go with this one"))
	s.writeReport(ctx)
	return nil
}

// settle notes how an upgrade ended.
func (s *Session) settle(ctx context.Context, state State) error {
	s.rec.State = state
	return s.again(ctx, temporary, s.save)
}
