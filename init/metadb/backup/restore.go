package backup

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
)

// scratchSuffix ends the names of the databases that dumps are read into.
const scratchSuffix = "_omsinit_restore"

// Restore brings a backup back. Each dump is read into a database of its own
// beside the real one and verified there; only when all are proven do they
// take their places. A database that holds tables is replaced only when
// replace is the name of the rm database. A run that was cut is run again.
func (j *Job) Restore(ctx context.Context, replace string) (*Manifest, error) {
	m, err := Read(j.Dir)
	if err != nil {
		return nil, err
	}
	for _, d := range m.Databases {
		if want := j.Config.Database(d.Kind); d.Kind != config.Heartbeat && want != d.Name {
			return nil, msg.Errorf("the backup in %s holds the database %s, and config.yaml names %s: it is a backup of another OMS", j.Dir, d.Name, want)
		}
		if len(d.Name)+len(scratchSuffix) > 64 {
			return nil, msg.Errorf("the name of the database %s is too long to restore it beside itself", d.Name)
		}
	}
	if replace != "" && replace != j.Config.RMDatabase {
		return nil, msg.Errorf("the databases are replaced only when --replace is the name of the first of them, %s, not %q", j.Config.RMDatabase, replace)
	}
	ctx, w, err := j.workshop(ctx)
	if err != nil {
		return nil, err
	}
	defer w.leave()
	if replace == "" {
		if err := j.refuseFull(ctx, w.db, m); err != nil {
			return nil, err
		}
	}
	err = sideBySide(ctx, m.Databases, func(ctx context.Context, d Database) error { return j.prove(ctx, w, d) })
	if err != nil {
		return nil, lostCause(ctx, err)
	}
	for _, d := range m.Databases {
		if err := j.takePlace(ctx, w.db, d, replace != ""); err != nil {
			return nil, msg.Errorf("cannot put the restored database %s in its place: %w; it is complete and verified as %s", d.Name, mysql.Explain(j.Config, lostCause(ctx, err)), d.Name+scratchSuffix)
		}
	}
	return m, nil
}

// workshop is what reading a backup back needs.
type workshop struct {
	client, dumper *tool
	db             *sql.DB
	leave          func()
}

// workshop finds the programs, connects, and keeps others from changing the MetaDB.
func (j *Job) workshop(ctx context.Context) (context.Context, *workshop, error) {
	client, err := findClient(ctx)
	if err != nil {
		return nil, nil, err
	}
	dumper, err := findDumper(ctx)
	if err != nil {
		return nil, nil, err
	}
	db, err := mysql.Open(j.Config, "", mysql.As(j.Node))
	if err != nil {
		return nil, nil, err
	}
	ctx, unlock, err := j.lock(ctx, db)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return ctx, &workshop{client, dumper, db, func() { unlock(); db.Close() }}, nil
}

// prove reads a dump into a database of its own beside the real one, and
// verifies it there.
func (j *Job) prove(ctx context.Context, w *workshop, d Database) error {
	if err := j.restoreBeside(ctx, w.db, w.client, d); err != nil {
		return err
	}
	if err := j.verify(ctx, w.db, w.dumper, d); err != nil {
		return err
	}
	j.progress(Progress{Database: d.Name, Bytes: d.Size, Total: d.Size, Tables: len(d.Tables), Done: true})
	return nil
}

func (j *Job) refuseFull(ctx context.Context, db *sql.DB, m *Manifest) error {
	for _, d := range m.Databases {
		tables, err := tableNames(ctx, db, d.Name)
		if err != nil {
			return mysql.Explain(j.Config, err)
		}
		if len(tables) > 0 {
			return msg.Errorf("the database %s holds tables (%s): a backup is restored into a fresh database; to drop what is there, give --replace=%s", d.Name, strings.Join(tables[:min(3, len(tables))], ", "), j.Config.RMDatabase)
		}
	}
	return nil
}

func createLike(name string, d Database) string {
	return fmt.Sprintf("CREATE DATABASE %s DEFAULT CHARACTER SET %s COLLATE %s", mysql.Quote(name), mysql.Quote(d.Charset), mysql.Quote(d.Collation))
}

// restoreBeside reads a dump into the scratch database.
func (j *Job) restoreBeside(ctx context.Context, db *sql.DB, client *tool, d Database) error {
	scratch := d.Name + scratchSuffix
	for _, q := range []string{"DROP DATABASE IF EXISTS " + mysql.Quote(scratch), createLike(scratch, d)} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return msg.Errorf("cannot restore the database %s: %w", d.Name, mysql.Explain(j.Config, err))
		}
	}
	f, err := os.Open(filepath.Join(j.Dir, d.File))
	if err != nil {
		return msg.Errorf("cannot read the backup: %w", err)
	}
	defer f.Close()
	in := &counted{from: bufio.NewReaderSize(f, 1<<20)}
	in.tell = func(n int64) { j.progress(Progress{Database: d.Name, Bytes: n, Total: d.Size}) }
	// A line that makes MariaDB's client safer, and that others trip over.
	if first, _ := in.from.Peek(6); bytes.HasPrefix(first, []byte("/*M!99")) || bytes.HasPrefix(first, []byte("/*!999")) {
		if _, err := in.from.ReadSlice('\n'); err != nil {
			return msg.Errorf("cannot read the backup: %w", err)
		}
	}
	cmd, done, err := client.command(ctx, j.Config, "--binary-mode", "--default-character-set=utf8mb4", scratch)
	if err != nil {
		return err
	}
	defer done()
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = in, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return msg.Errorf("cannot restore the database %s: %w", d.Name, complaint(err, &stderr))
	}
	return nil
}

// verify dumps what was restored once more and compares the rows.
func (j *Job) verify(ctx context.Context, db *sql.DB, dumper *tool, d Database) error {
	s, err := (&Job{Config: j.Config}).stream(ctx, dumper, d.Name+scratchSuffix, io.Discard)
	if err != nil {
		return msg.Errorf("cannot verify the restored database %s: %w", d.Name, err)
	}
	views, err := viewNames(ctx, db, d.Name+scratchSuffix)
	if err != nil {
		return mysql.Explain(j.Config, err)
	}
	for _, want := range d.Views {
		if !slices.Contains(views, want) {
			return msg.Errorf("the restored database %s lacks the view %s", d.Name, want)
		}
	}
	got := s.rows.list()
	for _, want := range d.Tables {
		i := slices.IndexFunc(got, func(t Table) bool { return t.Name == want.Name })
		switch {
		case i < 0:
			return msg.Errorf("the restored database %s lacks the table %s", d.Name, want.Name)
		case got[i].Rows != want.Rows:
			return msg.Errorf("the restored table %s.%s has %d rows, the manifest says %d", d.Name, want.Name, got[i].Rows, want.Rows)
		case got[i].Checksum != want.Checksum:
			return msg.Errorf("the rows of the restored table %s.%s are not those of the backup: their checksum is %s, the manifest says %s", d.Name, want.Name, got[i].Checksum, want.Checksum)
		}
	}
	return nil
}

// takePlace moves the tables of the scratch database into the real one in one
// statement, and makes the views again, which cannot be moved. The real one is
// dropped before where it may be replaced.
func (j *Job) takePlace(ctx context.Context, db *sql.DB, d Database, replace bool) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	scratch := d.Name + scratchSuffix
	views, err := definitions(ctx, conn, scratch, d.Views)
	if err != nil {
		return err
	}
	var moves []string
	for _, t := range d.Tables {
		moves = append(moves, mysql.Quote(scratch)+"."+mysql.Quote(t.Name)+" TO "+mysql.Quote(d.Name)+"."+mysql.Quote(t.Name))
	}
	statements := []string{strings.Replace(createLike(d.Name, d), "DATABASE", "DATABASE IF NOT EXISTS", 1),
		strings.Replace(createLike(d.Name, d), "CREATE", "ALTER", 1)}
	if replace {
		statements = []string{"DROP DATABASE IF EXISTS " + mysql.Quote(d.Name), createLike(d.Name, d)}
	}
	if len(moves) > 0 {
		statements = append(statements, "RENAME TABLE "+strings.Join(moves, ", "))
	}
	if d.Kind == config.RM {
		statements = append(statements, mysql.CreateLeaseTable(d.Name))
	}
	for _, q := range statements {
		if err := j.place(ctx, conn, q); err != nil {
			return err
		}
	}
	if err := createViews(ctx, conn, d.Name, views); err != nil {
		return err
	}
	return j.place(ctx, conn, "DROP DATABASE "+mysql.Quote(scratch))
}

func (j *Job) place(ctx context.Context, conn *sql.Conn, q string) error {
	if j.placing != nil {
		j.placing(q)
	}
	_, err := conn.ExecContext(ctx, q)
	return err
}

// counted returns how much was read.
type counted struct {
	from *bufio.Reader
	n    int64
	tell func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	c.tell(c.n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("cannot read the dump: %w", err)
	}
	return n, err
}
