package upgrade

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// survey is what there is to know before an upgrade. It only reads.
type survey struct {
	recorded []metadb.Version
	// from is the release at hand: the newest that is recorded, or the one that
	// was stated. It has no text when it is not known.
	from, to metadb.Version
	// installed reports whether there is an installation: regions are registered.
	installed bool
	newest    *record
	own       *record // the newest that leads to this release
	way       way
	ha        highAvailability
	// databases are those that a backup holds; findErr is why they are not known.
	databases []sized
	findErr   error
	hosts     []string // nodes that the CM knows
}

// sized is a database with the figures of the server, which are estimates.
type sized struct {
	backup.Database
	rows  int64
	bytes int64 // of the data
	dump  int64 // bytes that a dump is expected to take
}

// due reports whether there is something to upgrade.
func (s *survey) due() bool { return s.from.String() != "" && s.from.Compare(s.to) < 0 }

// versions reads which release there is, and where an upgrade stopped.
func (u *Upgrade) versions(ctx context.Context, db *sql.DB) (*survey, error) {
	s := &survey{}
	var err error
	if s.to, err = metadb.ParseVersion(u.Pack.Release); err != nil {
		return nil, msg.Errorf("cannot use the pack's release: %w", err)
	}
	if s.newest, err = (&journal{db: db, c: u.Config}).newest(ctx); err != nil {
		return nil, err
	}
	if s.own, err = (&journal{db: db, c: u.Config}).lastTo(ctx, u.Pack.Release); err != nil {
		return nil, err
	}
	if s.recorded, err = recordedVersions(ctx, db, u.Config); err != nil {
		return nil, err
	}
	if err := u.origin(s); err != nil {
		return nil, err
	}
	var regions int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM "+database.Quote(u.Config.RMDatabase)+".cluster_info").Scan(&regions)
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
	var stated metadb.Version
	var err error
	if u.From != "" {
		if stated, err = metadb.ParseVersion(u.From); err != nil {
			return msg.Errorf("--from-version is %q, which is not a version such as 4.1.0-CE", u.From)
		}
	}
	if len(s.recorded) == 0 {
		if u.From == "" && open(s.newest) { // it was stated when that began
			if stated, err = metadb.ParseVersion(s.newest.From); err != nil {
				return err
			}
		}
		s.from = stated
		return nil
	}
	s.from = slices.MaxFunc(s.recorded, func(a, b metadb.Version) int { return a.Compare(b) })
	if u.From != "" && stated.Core() != s.from.Core() && s.from.Compare(s.to) != 0 {
		return msg.Errorf("--from-version says %s, but the MetaDB %s records %s: leave --from-version out", stated.String(), u.Config.RMDatabase, s.from.String())
	}
	return nil
}

// look reads everything.
func (u *Upgrade) look(ctx context.Context, db *sql.DB) (*survey, error) {
	s, err := u.versions(ctx, db)
	if err != nil || !s.due() {
		return s, err
	}
	if s.ha, err = readHA(ctx, db, u.Config); err != nil {
		return nil, err
	}
	found, err := u.job("").Find(ctx, db)
	if err != nil {
		s.findErr = err
		return s, nil
	}
	for _, d := range found {
		size, err := u.measure(ctx, db, *d)
		if err != nil {
			return nil, err
		}
		s.databases = append(s.databases, size)
	}
	s.hosts, err = database.Column(ctx, db, "SELECT ip FROM "+database.Quote(u.Config.CMDatabase)+".host ORDER BY ip")
	return s, newMetaDB(u.Config, err)
}

// measure asks the server for the size of a database. A binary value takes two
// characters a byte in a dump.
func (u *Upgrade) measure(ctx context.Context, db *sql.DB, d backup.Database) (sized, error) {
	s := sized{Database: d}
	// In one question with the sizes this takes the server a second.
	binary, err := database.Column(ctx, db, "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = ? AND data_type IN ('blob', 'tinyblob', 'mediumblob', 'longblob', 'binary', 'varbinary', 'bit')", d.Name)
	if err != nil {
		return s, database.Explain(u.Config, err)
	}
	rows, err := db.QueryContext(ctx, "SELECT table_name, COALESCE(table_rows, 0), COALESCE(data_length, 0) FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE'", d.Name)
	if err != nil {
		return s, database.Explain(u.Config, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var count, bytes int64
		if err := rows.Scan(&name, &count, &bytes); err != nil {
			return s, database.Explain(u.Config, err)
		}
		s.rows, s.bytes = s.rows+count, s.bytes+bytes
		switch {
		case name == "heatbeat_sequence": // trimmed before
		case slices.Contains(binary, name):
			s.dump += 2*bytes + 4096
		default:
			s.dump += bytes + bytes/5 + 4096
		}
	}
	return s, database.Explain(u.Config, rows.Err())
}

// freeSpace is what is left where backups go, or where that will be.
func (u *Upgrade) freeSpace() (bytes int64, ok bool) {
	var fs unix.Statfs_t
	for _, dir := range []string{u.Layout.BackupDir(), u.Layout.RunDir(), u.Layout.Path("/")} {
		if err := unix.Statfs(dir, &fs); err == nil {
			return int64(fs.Bavail) * int64(fs.Bsize), true
		} else if !errors.Is(err, unix.ENOENT) {
			return 0, false
		}
	}
	return 0, false
}

// listed joins a few names, and says that there are more.
func listed(names []string) string {
	const most = 8
	if len(names) > most {
		names = append(slices.Clone(names[:most]), "…")
	}
	return strings.Join(names, ", ")
}
