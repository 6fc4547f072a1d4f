package backup

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// markTable is in each of the databases beside the real ones from the moment on in which the restored ones begin to
// take their places, until all of them have. It is in each, so that it outlives a next restore that is cut while it
// drops one after the other. Its comment is a mark.
const markTable = "omsinit_restoring"

// mark is the restore that puts databases in their places.
type mark struct {
	// fresh: they were empty before, so that what they hold now came from it.
	fresh     bool
	node, dir string
}

const (
	markFresh   = "fresh"
	markReplace = "replace"
)

func (m *mark) text() string {
	kind := markReplace
	if m.fresh {
		kind = markFresh
	}
	return kind + " " + cmp.Or(m.node, "-") + " " + m.dir
}

// Unfinished returns an *UnfinishedError when a restore has begun to put databases in their places and is not complete:
// some of them may be away, and others be of another time. Nothing may be created or started on such a MetaDB. It is
// transient: the restore may be on its way on another node, or be run again there.
func Unfinished(ctx context.Context, db database.Queryer, c *config.Config) error {
	m, err := readMark(ctx, db, c)
	if err != nil || m == nil {
		return database.Explain(c, err)
	}
	option := ""
	if !m.fresh {
		option = "--replace=" + c.RMDatabase + " "
	}
	return finding.Transient(&UnfinishedError{msg.M("a restore of the backup %s on %s has put restored databases in their places and is not complete, so that some may be missing or older than the others: unless it still runs, run `omsinit metadb restore %s%s` again there", m.dir, m.node, option, m.dir)})
}

// errCut is why nothing is tried beside the databases: what a restore that was cut has built there is to stay.
var errCut = msg.Errorf("a restore was cut")

// UnfinishedError is a restore that has put some databases in their places, and not yet all.
type UnfinishedError struct{ msg.Message }

// Error returns the English words.
func (e *UnfinishedError) Error() string { return e.String() }

// readMark returns the mark beside one of the databases, nil when there is none.
func readMark(ctx context.Context, db database.Queryer, c *config.Config) (*mark, error) {
	args := []any{markTable}
	for _, role := range config.Roles {
		args = append(args, c.Database(role)+scratchSuffix)
	}
	found, err := database.Column(ctx, db,
		"SELECT table_comment FROM information_schema.tables WHERE table_name = ? AND table_schema IN (?, ?, ?)",
		args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	fields := append(strings.SplitN(found[0], " ", 3), "", "")
	return &mark{fresh: fields[0] == markFresh, node: fields[1], dir: fields[2]}, nil
}

// Forget drops what a restore that was cut left beside the databases, when these were made anew.
func (j *Job) Forget(ctx context.Context) error {
	db, err := database.Open(j.Config, "", database.As(j.Node))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := Unfinished(ctx, db, j.Config); !errors.As(err, new(*UnfinishedError)) {
		return err
	}
	for _, role := range config.Roles {
		if _, err := db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+
			database.Quote(j.Config.Database(role)+scratchSuffix)); err != nil {
			return database.Explain(j.Config, err)
		}
	}
	return nil
}

// markAll notes beside all databases, before the first of them is touched, that they are being replaced.
func (w *workshop) markAll(ctx context.Context, conn *sql.Conn, fresh bool) error {
	dir, err := filepath.Abs(w.Dir)
	if err != nil {
		return err
	}
	now, begun := &mark{fresh: fresh, node: w.Node, dir: dir}, w.mark != nil
	w.mark = now
	for _, d := range w.dumps {
		statement := w.createMark(d)
		if begun { // clear has left that of the restore before
			statement = "ALTER TABLE " + d.markTable() + " COMMENT = " + literal(now.text())
		}
		if err := w.place(ctx, conn, statement); err != nil {
			return database.Explain(w.Config, lostCause(ctx, err))
		}
	}
	return nil
}

func (w *workshop) createMark(d *dumpReader) string {
	return "CREATE TABLE " + d.markTable() + " (id int NOT NULL PRIMARY KEY) COMMENT = " + literal(w.mark.text())
}

func (d *dumpReader) markTable() string { return database.Quote(d.scratch()) + "." + markTable }
