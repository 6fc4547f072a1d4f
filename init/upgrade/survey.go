package upgrade

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/internal/release"
)

// survey is what there is to know before an upgrade. It only reads.
type survey struct {
	recorded []release.Version
	// from is the release at hand: the newest that is recorded, or the one that
	// was stated. It has no text when it is not known.
	from, to release.Version
	// installed reports whether there is an installation: regions are registered.
	installed bool
	newest    *Record
	// cut is a restore by hand that left the databases in between.
	cut *backup.UnfinishedError
	own *Record // the newest that leads to this release
	way way
	ha  string // ha.config as it is stored
	// databases are those that a backup holds; findErr is why they are not known.
	databases  []backup.Size
	heartbeats []string // those among them
	findErr    error
	// statements are what the migration sends, where this image does it;
	// schemaErr is why they are not known.
	statements []metadb.Statements
	schemaErr  error
	hosts      []string // nodes that the CM knows
}

// due reports whether there is something to upgrade.
func (s *survey) due() bool { return s.from.String() != "" && s.from.Compare(s.to) < 0 }

// versions reads which release there is, and where an upgrade stopped.
func (u *Upgrade) versions(ctx context.Context, db *sql.DB) (*survey, error) {
	s := &survey{}
	var err error
	if s.to, err = release.Parse(u.Pack.Release); err != nil {
		return nil, msg.Errorf("cannot use the pack's release: %w", err)
	}
	if s.newest, err = (&journal{db: db, c: u.Config}).newest(ctx); err != nil {
		return nil, err
	}
	if s.own, err = (&journal{db: db, c: u.Config}).lastTo(ctx, u.Pack.Release); err != nil {
		return nil, err
	}
	if !open(s.newest) { // which tells of its own restore, and goes on with it
		if err := backup.Unfinished(ctx, db, u.Config); err != nil && !errors.As(err, &s.cut) {
			return nil, err
		}
	}
	if s.recorded, err = recordedVersions(ctx, db, u.Config); err != nil {
		return nil, err
	}
	if err := u.origin(s); err != nil {
		return nil, err
	}
	var regions int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM "+database.Quote(u.Config.RMDatabase)+
		".cluster_info").Scan(&regions)
	if err := newMetaDB(u.Config, err); err != nil {
		return nil, err
	}
	s.installed = regions > 0
	if s.due() {
		s.way = findWay(u.Pack.Upgrade.Routes, u.Pack.Edition, s.from, s.to)
	}
	return s, nil
}

// origin decides which release the upgrade begins at. What people state must
// not contradict what is recorded.
func (u *Upgrade) origin(s *survey) error {
	var stated release.Version
	var err error
	if u.From != "" {
		if stated, err = release.Parse(u.From); err != nil {
			return msg.Errorf("--from-version is %q, which is not a version such as 4.1.0-CE", u.From)
		}
	}
	if len(s.recorded) == 0 {
		if u.From == "" && open(s.newest) { // it was stated when that began
			if stated, err = release.Parse(s.newest.From); err != nil {
				return err
			}
		}
		s.from = stated
		return nil
	}
	s.from = slices.MaxFunc(s.recorded, func(a, b release.Version) int { return a.Compare(b) })
	if u.From != "" && stated.Core() != s.from.Core() && s.from.Compare(s.to) != 0 {
		return msg.Errorf("--from-version says %s, but the MetaDB %s records %s: leave --from-version out",
			stated.String(), u.Config.RMDatabase, s.from.String())
	}
	return nil
}

// look reads everything.
func (u *Upgrade) look(ctx context.Context, db *sql.DB) (*survey, error) {
	s, err := u.versions(ctx, db)
	if err != nil || !s.due() {
		return s, err
	}
	if s.ha, _, err = ha.Read(ctx, db, u.Config.RMDatabase); newMetaDB(u.Config, err) != nil {
		return nil, newMetaDB(u.Config, err)
	}
	found, err := u.find(ctx, db)
	if s.findErr = err; err != nil {
		s.heartbeats = []string{u.Config.HeartbeatDatabase} // the others cannot be told now
	} else {
		s.heartbeats = backup.Heartbeats(found)
	}
	if s.way.direct() {
		s.statements, s.schemaErr = u.pending(ctx, u.configs(s.heartbeats))
	}
	if s.findErr != nil {
		return s, nil
	}
	if s.databases, err = u.job("").Measure(ctx, db, found); err != nil {
		return nil, err
	}
	s.hosts, err = database.Column(ctx, db, "SELECT ip FROM "+database.Quote(u.Config.CMDatabase)+".host ORDER BY ip")
	return s, newMetaDB(u.Config, err)
}

// backupSpace compares what a backup takes with what is left where backups go, or
// where that will be.
func (u *Upgrade) backupSpace(s *survey) PlanBackup {
	b := PlanBackup{Dir: u.Layout.BackupDir(), FreeBytes: -1, Keep: u.keep()}
	for _, d := range s.databases {
		b.Bytes += d.DumpBytes
	}
	var fs unix.Statfs_t
	err := error(unix.ENOENT)
	for _, dir := range []string{b.Dir, u.Layout.RunDir(), u.Layout.Path("/")} {
		if errors.Is(err, unix.ENOENT) {
			err = unix.Statfs(dir, &fs)
		}
	}
	if err == nil {
		b.FreeBytes = int64(fs.Bavail) * int64(fs.Bsize)
	}
	b.Fits = b.FreeBytes < 0 || b.FreeBytes >= b.Bytes+spare
	return b
}

const fewNames = 8 // in a text; more are in the facts
