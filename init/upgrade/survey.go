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
	databases  []PlanDatabase
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
	conn, err := fresh(ctx, db)
	if err != nil {
		return nil, database.Explain(u.Config, err)
	}
	defer conn.Close()
	for _, d := range found {
		size, err := u.measure(ctx, conn, d)
		if err != nil {
			return nil, err
		}
		s.databases = append(s.databases, size)
	}
	s.hosts, err = database.Column(ctx, db, "SELECT ip FROM "+database.Quote(u.Config.CMDatabase)+".host ORDER BY ip")
	return s, newMetaDB(u.Config, err)
}

// measure asks the server for the size of a database, on a connection of its own. A binary value takes two characters a
// byte in a dump.
func (u *Upgrade) measure(ctx context.Context, conn *sql.Conn, d backup.Database) (PlanDatabase, error) {
	s := PlanDatabase{Kind: d.Kind, Name: d.Name}
	// In one question with the sizes this takes the server a second.
	binary, err := database.Column(ctx, conn, "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = ? AND data_type IN ('blob', 'tinyblob', 'mediumblob', 'longblob', 'binary', 'varbinary', 'bit')", d.Name)
	if err != nil {
		return s, database.Explain(u.Config, err)
	}
	files := fileSizes(ctx, conn, d.Name)
	err = database.Each(ctx, conn, "SELECT table_name, COALESCE(table_rows, 0), COALESCE(data_length, 0), COALESCE(index_length, 0) FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE'",
		[]any{d.Name}, func(rows *sql.Rows) error {
			var name string
			var count, bytes, index int64
			if err := rows.Scan(&name, &count, &bytes, &index); err != nil {
				return err
			}
			bytes = max(bytes, files[name]-index-emptyFile)
			s.Rows, s.Bytes = s.Rows+count, s.Bytes+bytes
			switch {
			case name == "heatbeat_sequence": // trimmed before
			case slices.Contains(binary, name):
				s.DumpBytes += 2*bytes + 4096
			default:
				s.DumpBytes += bytes + bytes/5 + 4096
			}
			return nil
		})
	return s, database.Explain(u.Config, err)
}

// emptyFile is what the file of a table takes that holds nothing.
const emptyFile = 128 << 10

// fresh returns a connection on which the server's figures are not those of yesterday: MySQL 8 keeps them for a day.
// Others do not know the variable.
func fresh(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	conn, err := db.Conn(ctx)
	if err == nil {
		_, _ = conn.ExecContext(ctx, "SET SESSION information_schema_stats_expiry = 0")
	}
	return conn, err
}

// fileSizes returns the sizes of the files of a database's tables: InnoDB's own figures may be old, such as after a
// load. An account without the right PROCESS learns nothing, and the figures have to do.
func fileSizes(ctx context.Context, conn *sql.Conn, name string) map[string]int64 {
	sizes := map[string]int64{}
	for _, table := range []string{"innodb_tablespaces", "innodb_sys_tablespaces"} { // MySQL 8, MariaDB
		_ = database.Each(ctx, conn, "SELECT name, file_size FROM information_schema."+table, nil, func(rows *sql.Rows) error {
			var file string
			var bytes int64
			err := rows.Scan(&file, &bytes)
			folder, file, _ := strings.Cut(file, "/")
			file, _, _ = strings.Cut(file, "#") // a partition
			if folder == name {
				sizes[file] += bytes
			}
			return err
		})
	}
	return sizes
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
