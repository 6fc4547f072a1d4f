package backup

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// insertSize is the size that an INSERT grows to, in bytes. It is what every server takes.
const insertSize = 1 << 20

// table is one table of a database on its way into a dump, or out of it.
type table struct {
	database *Database
	name     string
	columns  []column
	create   string // the statement that makes it
	tally
}

func (t *table) full() string {
	return database.Quote(t.database.Name) + "." + database.Quote(t.name)
}

// insert is the beginning of an INSERT.
func (t *table) insert() string {
	var names []string
	for _, c := range t.columns {
		names = append(names, database.Quote(c.name))
	}
	return "INSERT INTO " + database.Quote(t.name) + " (" + strings.Join(names, ",") + ") VALUES "
}

// dump writes the databases, and fills in what the manifest says of them.
func (j *Job) dump(ctx context.Context, pool *pool, found []*Database) (err error) {
	var all []*table
	for _, d := range found {
		tables, err := listTables(ctx, pool.sessions[0], d)
		if err != nil {
			return err
		}
		all = append(all, tables...)
	}
	lanes, err := snapshot(ctx, pool, all, j.Quiet)
	if err != nil {
		return err
	}
	dumps := map[*Database]*dumpWriter{}
	defer func() {
		for _, w := range dumps {
			if w != nil { // there is none of the file that could not be made
				err = errors.Join(err, w.close())
			}
		}
	}()
	for _, d := range found {
		if dumps[d], err = newDump(filepath.Join(j.Dir, d.File), d); err != nil {
			return err
		}
	}
	err = eachTable(ctx, lanes, func(ctx context.Context, conn *sql.Conn, t *table) error {
		return t.describe(ctx, conn)
	})
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := dumps[t.database].write([]byte(t.create + ";\n")); err != nil {
			return err
		}
	}
	err = eachTable(ctx, lanes, func(ctx context.Context, conn *sql.Conn, t *table) error {
		if err := j.dumpTable(ctx, conn, t, dumps[t.database]); err != nil {
			return msg.Errorf("cannot dump the table %s.%s: %w", t.database.Name, t.name,
				database.Explain(j.Config, err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return spread(ctx, pool.sessions, found, func(ctx context.Context, conn *sql.Conn, d *Database) error {
		return j.finish(ctx, conn, d, dumps[d], all)
	})
}

// eachTable calls do for all tables, as many side by side as there are sessions.
func eachTable(ctx context.Context, lanes []*lane, do func(context.Context, *sql.Conn, *table) error) error {
	work, ctx := errgroup.WithContext(ctx)
	for _, l := range lanes {
		work.Go(func() error { return spread(ctx, l.sessions, l.tables, do) })
	}
	return work.Wait()
}

// dumpTable writes the rows of a table.
func (j *Job) dumpTable(ctx context.Context, conn *sql.Conn, t *table, to *dumpWriter) error {
	begin := t.insert()
	buffer := make([]byte, 0, insertSize+64<<10)
	flush := func() error {
		if len(buffer) == 0 {
			return nil
		}
		err := to.write(append(buffer, ";\n"...))
		buffer = buffer[:0]
		j.progress(to.progress())
		return err
	}
	err := readRows(ctx, conn, t.full(), t.columns, func(tuple []byte) error {
		t.add(tuple)
		if len(buffer) > 0 && len(buffer)+len(tuple) > insertSize {
			if err := flush(); err != nil {
				return err
			}
		}
		if len(buffer) == 0 {
			buffer = append(buffer, begin...)
		} else {
			buffer = append(buffer, ',')
		}
		buffer = append(buffer, tuple...)
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// finish writes the objects of a database and the end of its dump.
func (j *Job) finish(ctx context.Context, conn *sql.Conn, d *Database, to *dumpWriter, all []*table) (err error) {
	if d.Objects, err = readObjects(ctx, conn, d.Name); err != nil {
		return err
	}
	for _, o := range d.Objects {
		if o.Kind == "view" {
			d.Views = append(d.Views, o.Name)
		}
	}
	if d.Unseen, err = unseen(ctx, conn, d.Name, d.Objects); err != nil {
		return err
	}
	d.Tables = []Table{}
	for _, t := range all {
		if t.database == d {
			d.Tables = append(d.Tables,
				Table{Name: t.name, Rows: t.rows, Checksum: t.checksum(), Columns: len(t.columns)})
		}
	}
	if err := to.end(d.Objects); err != nil {
		return err
	}
	d.Size, d.SHA256 = to.bytes, hex.EncodeToString(to.sum.Sum(nil))
	p := to.progress()
	p.Tables, p.Done = len(d.Tables), true
	j.progress(p)
	return nil
}

// listTables returns the tables of a database. Who works on the MetaDB right now is not part of a backup. What is
// neither a table nor a view is refused, because a dump cannot bring it back.
func listTables(ctx context.Context, q database.Queryer, d *Database) (tables []*table, err error) {
	err = database.Each(ctx, q,
		"SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = ? ORDER BY table_name",
		[]any{d.Name}, func(rows *sql.Rows) error {
			var name, kind string
			if err := rows.Scan(&name, &kind); err != nil {
				return err
			}
			switch {
			case kind == "BASE TABLE" && name != database.LeaseTable:
				tables = append(tables, &table{database: d, name: name})
			case kind != "BASE TABLE" && kind != "VIEW":
				return msg.Errorf("the database %s holds %s, a %s: a backup cannot bring that back; drop it, or make a plain table of it", d.Name, name, kind)
			}
			return nil
		})
	return tables, err
}

func tableNames(ctx context.Context, q database.Queryer, name string) ([]string, error) {
	return database.Column(ctx, q, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY table_name", name)
}

// describe asks for the definition of the table, and its columns.
func (t *table) describe(ctx context.Context, conn *sql.Conn) error {
	if err := use(ctx, conn, t.database.Name); err != nil {
		return err
	}
	var name string
	if err := conn.QueryRowContext(ctx, "SHOW CREATE TABLE "+database.Quote(t.name)).Scan(&name,
		&t.create); err != nil {
		return err
	}
	var err error
	t.columns, err = readColumns(ctx, conn, t.database.Name, t.name, ourselves)
	return err
}

// generated is the EXTRA of a column that the server computes.
var generated = pattern.New("(?i)VIRTUAL|STORED|PERSISTENT")

// writer is who wrote a dump, as far as it matters for its rows.
type writer int

const (
	ourselves   writer = iota
	mysqldump          // which writes six digits of a FLOAT
	mariadbDump        // which writes the values of generated columns, too
)

// readColumns returns the columns of a table that a writer writes.
func readColumns(
	ctx context.Context, q database.Queryer, schema, name string, by writer,
) (columns []column, err error) {
	err = database.Each(ctx, q, "SELECT column_name, data_type, extra FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
		[]any{schema, name}, func(rows *sql.Rows) error {
			var name, dataType, extra string
			if err := rows.Scan(&name, &dataType, &extra); err != nil {
				return err
			}
			if by == mariadbDump || !generated().MatchString(extra) {
				columns = append(columns, newColumn(name, dataType, by != ourselves))
			}
			return nil
		})
	return columns, err
}

// dumpWriter writes the dump of a database. Several tables are written to it by turns, a whole statement at a time.
type dumpWriter struct {
	database string
	file     *os.File

	mu     sync.Mutex
	sum    hash.Hash
	bytes  int64
	onDisk int64 // that the system has been told to write out
}

// writeOut is after how many bytes the system is told to write a dump to the disk, so that little is left for the end.
const writeOut = 2 << 20

// header is what a client needs to load a dump as it is.
var header = "-- Dump of omsinit\nSET NAMES utf8mb4;\nSET " + strings.Join(required, ", ") + ";\n"

func newDump(path string, d *Database) (*dumpWriter, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, msg.Errorf("cannot write the backup: %w", err)
	}
	w := &dumpWriter{database: d.Name, file: f, sum: sha256.New()}
	return w, w.write([]byte(header))
}

func (w *dumpWriter) write(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := io.MultiWriter(w.file, w.sum).Write(p)
	w.bytes += int64(n)
	if err != nil {
		return msg.Errorf("cannot write the backup: %w", err)
	}
	if ready := w.bytes - w.onDisk; ready >= writeOut {
		// Only a file system without it fails: Sync is what counts.
		_ = unix.SyncFileRange(int(w.file.Fd()), w.onDisk, ready, unix.SYNC_FILE_RANGE_WRITE)
		w.onDisk = w.bytes
	}
	return nil
}

func (w *dumpWriter) progress() Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Progress{Database: w.database, Bytes: w.bytes}
}

// objectsFollow is the line after which a restore takes what is in the manifest instead.
const objectsFollow = "-- Views, routines, triggers and events\n"

// end writes the objects and the last line, and makes sure that all is on the disk.
func (w *dumpWriter) end(objects []Object) error {
	var b strings.Builder
	b.WriteString(objectsFollow)
	for _, o := range objects {
		delimiter := ";;"
		for strings.Contains(o.Statement, delimiter) {
			delimiter += ";"
		}
		fmt.Fprintf(&b, "SET sql_mode = %s;\n", literal(o.SQLMode))
		if o.TimeZone != "" {
			fmt.Fprintf(&b, "SET time_zone = %s;\n", literal(o.TimeZone))
		}
		fmt.Fprintf(&b, "DELIMITER %s\n%s%s\nDELIMITER ;\n", delimiter, o.Statement, delimiter)
	}
	b.WriteString("-- Dump completed\n")
	if err := w.write([]byte(b.String())); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return msg.Errorf("cannot write the backup: %w", err)
	}
	return nil
}

func (w *dumpWriter) close() error { return w.file.Close() }
