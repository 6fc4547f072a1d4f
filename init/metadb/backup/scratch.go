package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// scratchSuffix ends the names of the databases that dumps are read into.
const scratchSuffix = "_omsinit_restore"

// commitSize is the size of the inserts of one transaction, in bytes. MariaDB fills an empty table faster in one; a
// cluster refuses one of 2 GB.
const commitSize = 512 << 20

// workshop reads the dumps of a backup into databases of their own beside the real ones.
type workshop struct {
	*Job
	manifest *Manifest
	pool     *pool
	sessions []*sql.Conn
	server   string // its version
	packet   int    // bytes that it takes at once
	dumps    []*dumpReader
	// mark is that of a restore that was cut while it put databases in their places; nil without one.
	mark *mark
	// sample bounds the bytes that are loaded of each table; 0 loads all.
	sample int64

	mu                 sync.Mutex
	rows               int64
	bytes              map[string]int64 // loaded, by database
	loading, verifying time.Duration
}

// workshop reads the manifest, connects, keeps others from changing the MetaDB, and drops what an earlier run left.
// The context ends when the lock is lost.
func (j *Job) workshop(ctx context.Context, m *Manifest) (_ context.Context, _ *workshop, leave func(), err error) {
	var closers []func()
	closeAll := func() {
		for _, c := range slices.Backward(closers) {
			c()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	w := &workshop{Job: j, manifest: m, bytes: map[string]int64{}}
	for i := range m.Databases {
		dump, err := openDump(j.Dir, &m.Databases[i])
		if err != nil {
			return nil, nil, nil, err
		}
		closers = append(closers, func() { dump.file.Close() })
		w.dumps = append(w.dumps, dump)
	}
	db, err := database.Open(j.Config, "", database.As(j.Node))
	if err != nil {
		return nil, nil, nil, err
	}
	closers = append(closers, func() { db.Close() })
	if w.pool, err = j.pool(); err != nil {
		return nil, nil, nil, err
	}
	closers = append(closers, w.pool.close)
	ctx, unlock, err := j.lock(ctx, db)
	if err != nil {
		return nil, nil, nil, err
	}
	closers = append(closers, unlock)
	if err = w.pool.begin(ctx, atOnce, j.LockTimeout); err == nil {
		w.sessions = w.pool.sessions
		err = w.sessions[0].QueryRowContext(ctx, "SELECT VERSION(), @@max_allowed_packet").Scan(&w.server, &w.packet)
	}
	if err == nil {
		w.mark, err = readMark(ctx, w.sessions[0], j.Config)
	}
	if err == nil && j.probing && w.mark != nil {
		err = errCut
	}
	if err == nil {
		err = w.clear(ctx, w.sessions[0])
	}
	if err != nil {
		return nil, nil, nil, database.Explain(j.Config, lostCause(ctx, err))
	}
	return ctx, w, closeAll, nil
}

// clear drops the scratch databases. The mark of a restore that was cut stays until one is complete.
func (w *workshop) clear(ctx context.Context, conn *sql.Conn) error {
	for _, d := range w.dumps {
		statements := []string{"DROP DATABASE IF EXISTS " + database.Quote(d.scratch())}
		if w.mark != nil {
			statements = append(statements, createLike(d.scratch(), d.Database), w.createMark(d))
		}
		for _, q := range statements {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropScratch drops them whatever came before, unless the lock is lost: then they may be another node's.
func (w *workshop) dropScratch(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), database.ErrLockLost) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	w.pool.close() // what its sessions have open keeps the tables
	pool, err := w.Job.pool()
	if err != nil {
		return err
	}
	defer pool.close()
	if err = pool.begin(ctx, 1, w.LockTimeout); err == nil {
		err = w.clear(ctx, pool.sessions[0])
	}
	return database.Explain(w.Config, err)
}

// spread does something with each item, as many side by side as there are sessions. The first failure ends the others.
func spread[T any](
	ctx context.Context, sessions []*sql.Conn, items []T, do func(context.Context, *sql.Conn, T) error,
) error {
	queue := make(chan T, len(items))
	for _, item := range items {
		queue <- item
	}
	close(queue)
	work, ctx := errgroup.WithContext(ctx)
	for _, conn := range sessions {
		work.Go(func() error {
			for item := range queue {
				if err := do(ctx, conn, item); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return work.Wait()
}

// build makes the scratch databases from the dumps and compares what is there then with the manifest.
func (w *workshop) build(ctx context.Context) error {
	if err := w.refuseUnknown(ctx); err != nil {
		return err
	}
	start := time.Now()
	if err := spread(ctx, w.sessions, w.dumps, w.createTables); err != nil {
		return err
	}
	var tables []*dumpedTable
	for _, d := range w.dumps {
		tables = append(tables, d.tables...)
	}
	slices.SortStableFunc(tables, func(a, b *dumpedTable) int { return int(b.bytes - a.bytes) })
	if err := spread(ctx, w.sessions, tables, w.loadRows); err != nil {
		return err
	}
	w.loading = time.Since(start)
	start = time.Now()
	if err := spread(ctx, w.sessions, tables, w.verify); err != nil {
		return err
	}
	w.verifying = time.Since(start)
	return w.buildObjects(ctx)
}

func createLike(name string, d *Database) string {
	return fmt.Sprintf("CREATE DATABASE %s DEFAULT CHARACTER SET %s COLLATE %s", database.Quote(name),
		database.Quote(d.Charset), database.Quote(d.Collation))
}

func (w *workshop) createTables(ctx context.Context, conn *sql.Conn, d *dumpReader) error {
	statement := createLike(d.scratch(), d.Database)
	if w.mark != nil { // clear has made it
		statement = strings.Replace(statement, "CREATE", "ALTER", 1)
	}
	if _, err := conn.ExecContext(ctx, statement); err != nil {
		return msg.Errorf("cannot create the database %s beside %s: %w", d.scratch(), d.Name,
			database.Explain(w.Config, err))
	}
	if err := use(ctx, conn, d.scratch()); err != nil {
		return database.Explain(w.Config, err)
	}
	for _, t := range d.tables {
		if _, err := conn.ExecContext(ctx, t.definition); err != nil {
			return msg.Errorf("cannot create the table %s.%s: %w", d.Name, t.want.Name, w.explainTable(err))
		}
	}
	return nil
}

const errNeedsPrimaryKey database.Code = 3750 // ER_TABLE_WITHOUT_PK

func (w *workshop) explainTable(err error) error {
	if database.Is(err, errNeedsPrimaryKey) {
		return msg.Errorf("%w; set sql_require_primary_key = OFF on the server, grant user %s SESSION_VARIABLES_ADMIN, or give the table a primary key before the backup", err, w.Config.MetaUser)
	}
	return database.Explain(w.Config, err)
}

func (w *workshop) loadRows(ctx context.Context, conn *sql.Conn, t *dumpedTable) error {
	inserts := t.inserts
	if w.sample > 0 && t.bytes > w.sample {
		inserts, t.sampled = t.sample(w.sample), &tally{crc: !w.manifest.complete()}
	}
	fail := func(err error) error {
		return msg.Errorf("cannot restore the table %s.%s: %w", t.dump.Name, t.want.Name,
			database.Explain(w.Config, err))
	}
	if err := use(ctx, conn, t.dump.scratch()); err != nil {
		return fail(err)
	}
	var buffer []byte
	open := int64(0) // bytes of the transaction
	for i, s := range inserts {
		statement, err := t.dump.read(s, &buffer)
		if err != nil {
			return err
		}
		if t.sampled != nil {
			_ = eachTuple(statement, func(tuple []byte) error { t.sampled.add(tuple); return nil })
		}
		if open == 0 {
			if _, err := conn.ExecContext(ctx, "START TRANSACTION"); err != nil {
				return fail(err)
			}
		}
		if err := insert(ctx, conn, statement, w.packet); err != nil {
			return fail(err)
		}
		if open += s.size; open > commitSize || i == len(inserts)-1 {
			if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
				return fail(err)
			}
			open = 0
		}
		w.loaded(t.dump.Database, s.size)
	}
	return nil
}

func (w *workshop) loaded(d *Database, bytes int64) {
	w.mu.Lock()
	w.bytes[d.Name] += bytes
	p := Progress{Database: d.Name, Bytes: w.bytes[d.Name], Total: d.Size}
	w.mu.Unlock()
	w.progress(p)
}

// nextValue is what a table has in its definition only because rows were there.
var nextValue = pattern.New(` AUTO_INCREMENT=\d+`)

// compareDefinition compares a table with what it was made from, as far as servers of one version say the same.
func (w *workshop) compareDefinition(ctx context.Context, conn *sql.Conn, t *dumpedTable) (*table, error) {
	d := t.dump.Database
	got := &table{database: &Database{Name: d.scratch()}, name: t.want.Name}
	if err := got.describe(ctx, conn); err != nil {
		return nil, msg.Errorf("cannot verify the restored table %s.%s: %w", d.Name, t.want.Name,
			database.Explain(w.Config, err))
	}
	switch {
	case t.want.Columns > 0 && t.want.Columns != len(got.columns):
		return nil, msg.Errorf("the restored table %s.%s has %d columns, the manifest says %d; if the server adds a primary key, set sql_generate_invisible_primary_key = OFF there, or grant user %s SESSION_VARIABLES_ADMIN",
			d.Name, t.want.Name, len(got.columns), t.want.Columns, w.Config.MetaUser)
	case w.manifest.complete() && w.manifest.Server == w.server &&
		nextValue().ReplaceAllString(got.create, "") != nextValue().ReplaceAllString(t.definition, ""):
		return nil, msg.Errorf("the restored table %s.%s is not that of the backup: it is %s, the backup has %s",
			d.Name, t.want.Name, got.create, t.definition)
	}
	return got, nil
}

// verify reads a table back and compares it with the manifest.
func (w *workshop) verify(ctx context.Context, conn *sql.Conn, t *dumpedTable) error {
	d := t.dump.Database
	fail := func(err error) error {
		return msg.Errorf("cannot verify the restored table %s.%s: %w", d.Name, t.want.Name,
			database.Explain(w.Config, err))
	}
	got, err := w.compareDefinition(ctx, conn, t)
	if err != nil {
		return err
	}
	if !w.manifest.complete() {
		if got.columns, err = readColumns(ctx, conn, d.scratch(), t.want.Name, w.manifest.writer()); err != nil {
			return fail(err)
		}
		got.crc = true
	}
	err = readRows(ctx, conn, got.full(), got.columns, func(tuple []byte) error { got.add(tuple); return nil })
	if err != nil {
		return fail(err)
	}
	rows, sum := t.want.Rows, t.want.Checksum
	if t.sampled != nil {
		rows, sum = t.sampled.rows, t.sampled.checksum()
	}
	w.mu.Lock()
	w.rows += got.rows
	w.mu.Unlock()
	switch {
	case got.rows != rows:
		return msg.Errorf("the restored table %s.%s has %d rows, the manifest says %d", d.Name, t.want.Name,
			got.rows, rows)
	case got.checksum() != sum:
		return msg.Errorf("the rows of the restored table %s.%s are not those of the backup: their checksum is %s, the manifest says %s", d.Name, t.want.Name, got.checksum(), sum)
	}
	return nil
}

// buildObjects makes the objects of all scratch databases, and sees that all of them are there.
func (w *workshop) buildObjects(ctx context.Context) error {
	conn := w.sessions[0]
	var list []making
	for _, d := range w.dumps {
		if !w.manifest.complete() {
			if err := w.runLast(ctx, conn, d); err != nil {
				return err
			}
			continue
		}
		for _, o := range d.Objects {
			list = append(list, making{database: d.scratch(), object: o, statement: o.beside(w.manifest.Databases)})
		}
	}
	err := w.makeObjects(ctx, conn, list, func(statement string) error {
		_, err := conn.ExecContext(ctx, statement)
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range w.dumps {
		got, err := listObjects(ctx, conn, d.scratch())
		if err != nil {
			return database.Explain(w.Config, err)
		}
		for _, want := range d.Objects {
			if !slices.ContainsFunc(got, func(o Object) bool { return o.Kind == want.Kind && o.Name == want.Name }) {
				return msg.Errorf("the restored database %s lacks the %s %s", d.Name, want.Kind, want.Name)
			}
		}
		w.progress(Progress{Database: d.Name, Bytes: d.Size, Total: d.Size, Tables: len(d.Tables), Done: true})
	}
	return nil
}

// runLast makes the views of a dump of the server's own programs, and reads their definitions.
func (w *workshop) runLast(ctx context.Context, conn *sql.Conn, d *dumpReader) error {
	if err := use(ctx, conn, d.scratch()); err != nil {
		return database.Explain(w.Config, err)
	}
	var buffer []byte
	for _, s := range d.last {
		statement, err := d.read(s, &buffer)
		if err == nil {
			_, err = conn.ExecContext(ctx, string(statement))
		}
		if err != nil {
			return msg.Errorf("cannot restore the views of the database %s: %w", d.Name,
				database.Explain(w.Config, err))
		}
	}
	views, err := readObjects(ctx, conn, d.scratch())
	if err != nil {
		return database.Explain(w.Config, err)
	}
	for _, want := range d.Views {
		if !slices.ContainsFunc(views, func(o Object) bool { return o.Name == want }) {
			return msg.Errorf("the restored database %s lacks the view %s", d.Name, want)
		}
	}
	d.Objects = views
	return nil
}

// words of a definition that a server may not know.
var (
	collationWord = pattern.New("(?i)\\bCOLLATE[ =]+`?([0-9a-z_]+)")
	charsetWord   = pattern.New("(?i)\\b(?:CHARSET|CHARACTER SET)[ =]+`?([0-9a-z_]+)")
)

const (
	errUnknownCharset   database.Code = 1115 // ER_UNKNOWN_CHARACTER_SET
	errUnknownCollation database.Code = 1273 // ER_UNKNOWN_COLLATION
)

// refuseUnknown reads the definitions of the tables, and refuses a backup of another server whose collations or
// character sets this one does not know. It names all of them.
func (w *workshop) refuseUnknown(ctx context.Context) error {
	conn := w.sessions[0]
	users := map[string][]string{} // of a word, the tables and databases
	unknown := map[string]bool{}
	ask := func(word, query, user string, code database.Code) error {
		if _, asked := unknown[word]; !asked {
			_, err := conn.ExecContext(ctx, query)
			if err != nil && database.CodeOf(err) == 0 {
				return err
			}
			unknown[word] = database.Is(err, code)
		}
		if unknown[word] && !slices.Contains(users[word], user) {
			users[word] = append(users[word], user)
		}
		return nil
	}
	words := func(definition, user string) error {
		for _, m := range collationWord().FindAllStringSubmatch(definition, -1) {
			if err := ask(m[1], "DO '' COLLATE "+database.Quote(m[1]), user, errUnknownCollation); err != nil {
				return err
			}
		}
		for _, m := range charsetWord().FindAllStringSubmatch(definition, -1) {
			if err := ask(m[1], "DO CONVERT('' USING "+database.Quote(m[1])+")", user, errUnknownCharset); err != nil {
				return err
			}
		}
		return nil
	}
	var buffer []byte
	for _, d := range w.dumps {
		d.Charset, d.Collation = w.known(d.Charset), w.known(d.Collation)
		if err := words(createLike("", d.Database), d.Name); err != nil {
			return database.Explain(w.Config, err)
		}
		for _, t := range d.tables {
			definition, err := d.read(t.create, &buffer)
			if err != nil {
				return err
			}
			t.definition = w.known(string(definition))
			if err := words(t.definition, d.Name+"."+t.want.Name); err != nil {
				return database.Explain(w.Config, err)
			}
		}
		for i, o := range d.Objects {
			o.Statement, o.Beside, o.Collation = w.known(o.Statement), w.known(o.Beside), w.known(o.Collation)
			d.Objects[i] = o
			if err := words(o.Statement+" COLLATE "+o.Collation, d.Name+"."+o.Name); err != nil {
				return database.Explain(w.Config, err)
			}
		}
	}
	if len(users) == 0 {
		return nil
	}
	var list msg.Clauses
	for _, word := range slices.Sorted(maps.Keys(users)) {
		list = append(list, msg.M("%s (%s)", word, msg.List(users[word]).AtMost(5)))
	}
	return msg.Errorf("the backup is of %s, and this server, %s, does not know: %s; restore it to a server that does, or choose others with --collation OLD=NEW",
		w.manifest.Server, w.server, list)
}

// known replaces the collations and character sets for which others were chosen.
func (w *workshop) known(text string) string {
	for old, replacement := range w.Collations {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(old)+`\b`).ReplaceAllLiteralString(text, replacement)
	}
	return text
}
