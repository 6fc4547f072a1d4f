package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
)

// ErrNothing is in the chain of the error when none of the databases is there.
var ErrNothing = msg.Errorf("there is no database to back up")

// Job is a backup or a restore with everything it touches.
type Job struct {
	Config *config.Config
	// Dir is the folder of the backup.
	Dir string
	// Heartbeats names heartbeat databases of other regions that cannot be
	// told from config.yaml and cluster_info.
	Heartbeats []string
	// Partial takes what is there of an installation that is not whole.
	Partial bool
	// Node names this node to those that wait for it, LockTimeout says how long
	// to wait for them; 0 means 10 minutes.
	Node        string
	LockTimeout time.Duration
	// Tool is the version of omsinit, for the manifest.
	Tool string
	// Log takes messages, Progress how far it is; both may be nil.
	Log      func(msg.Message)
	Progress func(Progress)
	// placing is told of each statement that puts a restored database in its
	// place, before it is sent. Tests interrupt there.
	placing func(statement string)

	mu sync.Mutex // of Progress, which is called by one at a time
}

// Progress is how far one database is.
type Progress struct {
	Database string
	Bytes    int64
	Total    int64 // 0: not known
	Tables   int   // that were begun; of a dump only
	Done     bool
}

// Backup dumps every database of this OMS into an empty or new folder. The
// manifest is written last, so that a run that was cut leaves no backup. It
// waits while somebody changes the MetaDB, and keeps others waiting.
func (j *Job) Backup(ctx context.Context) (_ *Manifest, err error) {
	dumper, err := findDumper(ctx)
	if err != nil {
		return nil, err
	}
	db, err := mysql.Open(j.Config, "", mysql.As(j.Node))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	ctx, unlock, err := j.lock(ctx, db)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Under the lock: what lies there may be on its way.
	if err := j.prepareDir(); err != nil {
		return nil, err
	}

	m := &Manifest{Version: 1, Created: time.Now().Format(time.RFC3339), Tool: j.Tool, Dumper: dumper.version,
		Releases: []string{}}
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&m.Server); err != nil {
		return nil, mysql.Explain(j.Config, err)
	}
	m.Releases = append(m.Releases, j.releases(ctx, db)...)
	found, err := j.databases(ctx, db)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrNothing
	}
	defer func() {
		if err != nil {
			j.removeDumps(found)
		}
	}()
	err = sideBySide(ctx, found, func(ctx context.Context, d *Database) error {
		if d.Kind == config.Heartbeat {
			if err := j.trim(ctx, db, d.Name); err != nil {
				return err
			}
		}
		return j.dump(ctx, db, dumper, d)
	})
	if err != nil {
		return nil, lostCause(ctx, err)
	}
	for _, d := range found {
		m.Databases = append(m.Databases, *d)
	}
	if err := m.write(j.Dir); err != nil {
		return nil, msg.Errorf("cannot write the backup: %w", err)
	}
	return m, nil
}

// lock keeps others from changing the MetaDB meanwhile, where it has locks.
func (j *Job) lock(ctx context.Context, db *sql.DB) (context.Context, func(), error) {
	l, err := mysql.Acquire(ctx, j.Config, db, mysql.LockOptions{Timeout: j.LockTimeout, Node: j.Node,
		Waiting: func(h mysql.Holder) {
			j.log(msg.M("waiting for another node that works on the MetaDB: %v", h.Message()))
		}})
	if errors.Is(err, mysql.ErrNoLocks) {
		return ctx, func() {}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	held, stop := l.Watch(ctx)
	return held, func() { stop(); l.Release() }, nil
}

// lostCause recognises a lost lock, of which only a killed program is seen.
func lostCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, mysql.ErrLockLost) {
		return cause
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// prepareDir makes the folder. A finished backup is never written over; what
// an unfinished one left is.
func (j *Job) prepareDir() error {
	if err := os.MkdirAll(j.Dir, 0o700); err != nil {
		return msg.Errorf("cannot write the backup: %w", err)
	}
	entries, err := os.ReadDir(j.Dir)
	if err != nil {
		return msg.Errorf("cannot write the backup: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if name == ManifestFile {
			return msg.Errorf("%s holds a backup already: choose another folder", j.Dir)
		}
		if !strings.HasSuffix(name, dumpSuffix) {
			return msg.Errorf("%s is not empty (%s): choose another folder", j.Dir, name)
		}
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(j.Dir, e.Name())); err != nil {
			return msg.Errorf("cannot write the backup: %w", err)
		}
	}
	return nil
}

// dumpSuffix is what dumps are called, finished or not.
const dumpSuffix = ".oms.sql"

func (j *Job) removeDumps(found []*Database) {
	for _, d := range found {
		_ = os.Remove(filepath.Join(j.Dir, d.File))
	}
}

func (j *Job) releases(ctx context.Context, db *sql.DB) []string {
	out, err := mysql.Column(ctx, db, "SELECT version FROM "+mysql.Quote(j.Config.RMDatabase)+".oms_version ORDER BY version")
	if err != nil {
		return nil // an installation from before the table
	}
	return out
}

// trim leaves the last row of heatbeat_sequence only, as documented before a
// backup (oms-facts §6), in small bites.
func (j *Job) trim(ctx context.Context, db *sql.DB, name string) error {
	table := mysql.Quote(name) + ".heatbeat_sequence"
	var last sql.NullInt64
	err := db.QueryRowContext(ctx, "SELECT MAX(id) FROM "+table).Scan(&last)
	for err == nil {
		var result sql.Result
		if result, err = db.ExecContext(ctx, "DELETE FROM "+table+" WHERE id < ? LIMIT 20000", last.Int64); err != nil {
			break
		}
		if n, _ := result.RowsAffected(); n == 0 {
			return nil
		}
	}
	if j.Partial && mysql.IsMissing(err) {
		return nil
	}
	return msg.Errorf("cannot trim %s before the backup: %w", name+".heatbeat_sequence", mysql.Explain(j.Config, err))
}

// dump writes one database and fills in what the manifest says of it.
func (j *Job) dump(ctx context.Context, db *sql.DB, dumper *tool, d *Database) (err error) {
	path := filepath.Join(j.Dir, d.File)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return msg.Errorf("cannot write the backup: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	before, err := tableNames(ctx, db, d.Name)
	if err != nil {
		return mysql.Explain(j.Config, err)
	}
	if d.Views, err = viewNames(ctx, db, d.Name); err != nil {
		return mysql.Explain(j.Config, err)
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(f, 1<<20)
	s, err := j.stream(ctx, dumper, d.Name, io.MultiWriter(out, sum))
	if err != nil {
		return msg.Errorf("cannot dump the database %s: %w", d.Name, err)
	}
	if err := errors.Join(out.Flush(), f.Sync()); err != nil {
		return msg.Errorf("cannot write the backup: %w", err)
	}
	d.Size, d.SHA256, d.Tables = s.bytes, hex.EncodeToString(sum.Sum(nil)), s.rows.list()
	for _, name := range before {
		if name != mysql.LeaseTable && !slices.ContainsFunc(d.Tables, func(t Table) bool { return t.Name == name }) {
			return msg.Errorf("cannot dump the database %s: %w", d.Name, msg.Errorf("the table %s is not in the dump", name))
		}
	}
	j.progress(Progress{Database: d.Name, Bytes: s.bytes, Tables: len(d.Tables), Done: true})
	return nil
}

// stream is a dump on its way.
type stream struct {
	rows  rows
	bytes int64
	end   []byte // the last bytes
}

// stream runs the dumper and refuses a dump that is empty or was cut off.
func (j *Job) stream(ctx context.Context, dumper *tool, name string, to io.Writer) (*stream, error) {
	cmd, done, err := dumper.command(ctx, j.Config, dumper.dumpArgs(name)...)
	if err != nil {
		return nil, err
	}
	defer done()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &stream{}
	copyErr := s.copy(stdout, to, func() {
		j.progress(Progress{Database: name, Bytes: s.bytes,
			Tables: len(s.rows.tables)})
	})
	if copyErr != nil {
		_ = cmd.Process.Kill()
	}
	waitErr := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case copyErr != nil:
		return nil, copyErr
	case waitErr != nil:
		return nil, complaint(waitErr, &stderr)
	case s.bytes == 0:
		return nil, msg.Errorf("the dump is empty")
	case !bytes.Contains(s.end, []byte("-- Dump completed")):
		return nil, msg.Errorf("the dump is cut off: it has no end mark")
	}
	return s, nil
}

func (s *stream) copy(from io.Reader, to io.Writer, tell func()) error {
	const keep = 200
	buffer := make([]byte, 256<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			p := buffer[:n]
			s.bytes += int64(n)
			if s.end = append(s.end, p[max(0, n-keep):]...); len(s.end) > keep {
				s.end = append(s.end[:0], s.end[len(s.end)-keep:]...)
			}
			if _, werr := to.Write(p); werr != nil {
				return werr
			}
			if _, werr := s.rows.Write(p); werr != nil {
				return werr
			}
			tell()
		}
		if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func tableNames(ctx context.Context, db *sql.DB, name string) ([]string, error) {
	return mysql.Column(ctx, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY table_name", name)
}

func viewNames(ctx context.Context, db *sql.DB, name string) ([]string, error) {
	return mysql.Column(ctx, db, "SELECT table_name FROM information_schema.views WHERE table_schema = ? ORDER BY table_name", name)
}

func (j *Job) log(m msg.Message) {
	if j.Log != nil {
		j.Log(m)
	}
}

func (j *Job) progress(p Progress) {
	if j.Progress != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.Progress(p)
	}
}

// dumpFile names the dump of a database, whatever characters that has.
func dumpFile(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '+'
	}, name)
	if clean != name {
		sum := sha256.Sum256([]byte(name))
		clean += fmt.Sprintf("-%x", sum[:4])
	}
	return clean + dumpSuffix
}
