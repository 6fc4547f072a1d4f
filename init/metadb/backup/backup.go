package backup

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
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
	// Quiet says that OMS is stopped: then a backup locks the tables for a moment, so that all sessions see the same
	// one. A server may end a transaction of whoever writes meanwhile as a deadlock.
	Quiet bool
	// Collations are chosen for a restore: each is replaced by the other one.
	Collations map[string]string
	// Node names this node to those that wait for it, LockTimeout says how long
	// to wait for them; 0 means 10 minutes.
	Node        string
	LockTimeout time.Duration
	// Tool is the version of omsinit, for the manifest.
	Tool string
	// Uses are those of all who use the databases: a grant that is advised holds their rights, too.
	Uses []database.Use
	// Log takes messages, Progress how far it is; both may be nil.
	Log      func(msg.Message)
	Progress func(Progress)
	// placing is told of each statement that puts a restored database in its
	// place, before it is sent. Tests interrupt there.
	placing func(statement string)
	// probing: nobody has asked for a restore.
	probing bool
	// verifying is the part of the last restore in which rows were compared.
	verifying time.Duration

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
	db, err := database.Open(j.Config, "", database.As(j.Node))
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

	pool, err := j.pool()
	if err != nil {
		return nil, err
	}
	defer pool.close()
	if err := pool.begin(ctx, atOnce, j.LockTimeout); err != nil {
		return nil, database.Explain(j.Config, lostCause(ctx, err))
	}
	conn := pool.sessions[0]
	m := &Manifest{
		Version: 1, Created: time.Now().Format(time.RFC3339), Tool: j.Tool, Dumper: dumper, Releases: []string{},
	}
	if err := conn.QueryRowContext(ctx, "SELECT VERSION()").Scan(&m.Server); err != nil {
		return nil, database.Explain(j.Config, err)
	}
	m.Releases = append(m.Releases, j.releases(ctx, conn)...)
	found, err := j.databases(ctx, conn)
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
	for _, d := range found {
		if d.Kind == config.Heartbeat {
			if err := j.trim(ctx, conn, d.Name); err != nil {
				return nil, lostCause(ctx, err)
			}
		}
	}
	if err := j.dump(ctx, pool, found); err != nil {
		return nil, lostCause(ctx, database.Explain(j.Config, err))
	}
	for _, d := range found {
		m.Databases = append(m.Databases, *d)
		j.warnUnseen(d.Name, d.Unseen)
	}
	if err := m.write(j.Dir); err != nil {
		return nil, msg.Errorf("cannot write the backup: %w", err)
	}
	return m, nil
}

// lock keeps others from changing the MetaDB meanwhile, where it has locks.
func (j *Job) lock(ctx context.Context, db *sql.DB) (context.Context, func(), error) {
	if err := db.PingContext(ctx); err != nil { // a slow login is no wait for the lock
		return nil, nil, database.Explain(j.Config, err)
	}
	l, held, err := database.Hold(ctx, j.Config, db, database.LockOptions{Timeout: j.LockTimeout, Node: j.Node,
		Waiting: func(h database.Holder) {
			j.log(msg.M("waiting for another node that works on the MetaDB: %v", h.Message()))
		}})
	if err != nil {
		return nil, nil, err
	}
	return held, l.Release, nil
}

// lostCause recognises a lost lock, of which only a killed program is seen.
func lostCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, database.ErrLockLost) {
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

func (j *Job) releases(ctx context.Context, db asker) []string {
	out, err := database.Column(ctx, db, "SELECT version FROM "+database.Quote(j.Config.RMDatabase)+
		".oms_version ORDER BY version")
	if err != nil {
		return nil // an installation from before the table
	}
	return out
}

// trim leaves the last row of heatbeat_sequence only, as documented before a
// backup (oms-facts §6), in small bites.
func (j *Job) trim(ctx context.Context, db asker, name string) error {
	table := database.Quote(name) + ".heatbeat_sequence"
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
	if j.Partial && database.IsMissing(err) {
		return nil
	}
	return msg.Errorf("cannot trim %s before the backup: %w", name+".heatbeat_sequence",
		database.Explain(j.Config, err))
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
