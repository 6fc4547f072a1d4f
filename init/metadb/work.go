package metadb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// work is one run of Apply.
type work struct {
	*Step
	files    schema
	expected map[config.Role]expected
	live     *live
	plan     *plan
	lock     *mysql.Lock
	fence    string        // SQL condition that the lock is held
	waited   time.Duration // for the lock

	mu     sync.Mutex // of what follows, and of Log
	result Result
}

func newWork(s *Step, files schema) *work {
	w := &work{Step: s, files: files, expected: map[config.Role]expected{}}
	for _, d := range config.Roles {
		w.expected[d] = files.expect(d)
	}
	return w
}

// look reads the MetaDB and makes the plan.
func (w *work) look(ctx context.Context, q mysql.Queryer) error {
	err := w.inspect(ctx, q)
	if err == nil {
		w.plan, err = w.makePlan()
	}
	return err
}

func (w *work) inspect(ctx context.Context, q mysql.Queryer) error {
	var err error
	w.live, err = inspect(ctx, q, w.Config)
	if err == nil && w.From != "" && len(w.live.versions) == 0 {
		w.live.versions = []string{w.From}
	}
	return mysql.Explain(w.Config, err)
}

// recordsVersions reports whether the release knows the table oms_version.
func (w *work) recordsVersions() bool {
	e := w.expected[config.RM]
	return e.find(versionTable) != nil
}

// do works through the plan, the three databases side by side as far as the
// server returns connections.
func (w *work) do(ctx context.Context, db *sql.DB) error {
	for _, dp := range w.plan.databases {
		if dp.create {
			if err := w.createDatabase(ctx, db, dp); err != nil {
				return err
			}
		}
	}
	conns, err := w.connections(ctx, db)
	if err != nil {
		return err
	}
	todo := make(chan *databasePlan, len(w.plan.databases))
	for _, dp := range w.plan.databases {
		todo <- dp
	}
	close(todo)
	errs := make([]error, len(conns))
	var wg sync.WaitGroup
	// One that fails lets the others come to the end of their statement.
	working, failed := context.WithCancel(context.WithoutCancel(ctx))
	defer failed()
	for i, conn := range conns {
		wg.Go(func() {
			for dp := range todo {
				if errs[i] != nil || working.Err() != nil {
					continue
				}
				if errs[i] = w.migrate(ctx, working, conn, dp); errs[i] != nil {
					failed()
				}
			}
		})
	}
	wg.Wait()
	for _, c := range conns {
		c.Close()
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if err := w.look(ctx, db); err != nil {
		return err
	}
	for _, dp := range w.plan.databases {
		if s := w.expected[dp.Role].compare(w.live, dp.name); s.any() {
			return w.driftError(dp.name, s)
		}
	}
	return w.record(ctx, db)
}

// connections opens as many as there is work for. The first must be had.
func (w *work) connections(ctx context.Context, db *sql.DB) ([]*sql.Conn, error) {
	n := 0
	for _, dp := range w.plan.databases {
		if dp.create || dp.journal || len(dp.files) > 0 {
			n++
		}
	}
	if w.inTurn {
		n = 1
	}
	var conns []*sql.Conn
	for len(conns) < max(n, 1) {
		c, err := w.lock.Session(ctx, db)
		if err != nil && len(conns) > 0 {
			break // work in turn
		}
		if err != nil {
			return nil, mysql.Explain(w.Config, err)
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func (w *work) createDatabase(ctx context.Context, db *sql.DB, dp *databasePlan) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return mysql.Explain(w.Config, err)
	}
	defer conn.Close()
	// The account may not see a database that is there, hence IF NOT EXISTS.
	if _, err := w.send(ctx, conn, dp.createStatement()); err != nil {
		return msg.Errorf("cannot create the database %s: %w", dp.name, mysql.Explain(w.Config, err))
	}
	dp.create = false
	w.note(func(r *Result) { r.Databases = append(r.Databases, dp.name) }, msg.M("database %s created", dp.name))
	return nil
}

func (dp *databasePlan) createStatement() string {
	return "CREATE DATABASE IF NOT EXISTS " + mysql.Quote(dp.name) + " DEFAULT CHARACTER SET utf8mb4"
}

// migrate does the part of one database. It stops before the next statement
// when working is over.
func (w *work) migrate(ctx, working context.Context, conn *sql.Conn, dp *databasePlan) error {
	if !dp.journal && len(dp.files) == 0 {
		return nil
	}
	if _, err := w.send(ctx, conn, "USE "+mysql.Quote(dp.name)); err != nil {
		return msg.Errorf("cannot use the database %s: %w", dp.name, mysql.Explain(w.Config, err))
	}
	if dp.journal {
		for _, q := range w.ownTables(dp) {
			if _, err := w.send(ctx, conn, q); err != nil {
				return w.journalError(dp, err)
			}
		}
	}
	for _, fp := range dp.files {
		if err := w.apply(ctx, working, conn, dp, fp); err != nil || working.Err() != nil {
			return err
		}
	}
	return nil
}

// ownTables returns the statements for omsinit's own tables. The journal is the
// last: where it is, the others are.
func (w *work) ownTables(dp *databasePlan) []string {
	if dp.Role == config.RM {
		return []string{mysql.CreateLeaseTable(""), createJournal}
	}
	return []string{createJournal}
}

func (w *work) journalError(dp *databasePlan, err error) error {
	return msg.Errorf("cannot write the journal %s.%s: %w", dp.name, JournalTable, mysql.Explain(w.Config, err))
}

// apply runs the statements of one file that were not run.
func (w *work) apply(ctx, working context.Context, conn *sql.Conn, dp *databasePlan, fp *filePlan) error {
	j := &journal{w: w, conn: conn, f: fp.file, key: fp.version.String(), sums: fp.sums()}
	if fp.entry != nil {
		j.key = fp.entry.Version
	}
	if err := j.begin(ctx, fp.entry, fp.origin, fp.from+1); err != nil {
		return w.journalError(dp, err)
	}
	if fp.origin == found {
		w.note(func(r *Result) { r.Adopted = append(r.Adopted, dp.name+" "+fp.version.String()) },
			msg.M("schema of %s was in %s before there was a journal: noted as found, nothing was run",
				fp.version, dp.name))
		return nil
	}
	made := 0
	for i := fp.from; i < len(fp.statements); i++ {
		st := fp.statements[i]
		if err := w.statement(ctx, j, dp, fp, i); err != nil {
			return err
		}
		if st.kind == createTable && w.live.columns(dp.name, st.table) == nil {
			made++
			w.note(func(r *Result) { r.Tables = append(r.Tables, dp.name+"."+st.table) }, msg.Message{})
		}
		if working.Err() != nil {
			return nil // another database failed
		}
	}
	w.note(func(r *Result) { r.Files = append(r.Files, dp.name+" "+fp.version.String()) },
		msg.M("schema of %s applied to %s, tables created: %d", fp.version, dp.name, made))
	return nil
}

// statement runs one statement, and puts the next one in flight.
func (w *work) statement(ctx context.Context, j *journal, dp *databasePlan, fp *filePlan, i int) error {
	st := fp.statements[i]
	fail := func(err error) error {
		return msg.Errorf("cannot apply %s to the database %s, statement %d of %d (line %d: %s): %w",
			w.Pack.Source(fp.name)+": "+fp.name, dp.name, i+1, len(fp.statements), st.line, st.short(),
			mysql.Explain(w.Config, err))
	}
	if !w.leaves(dp, fp, st) {
		text, err := w.filledIn(fp, st)
		if err != nil {
			return fail(err)
		}
		st.text = text
		if st.kind == changeRows {
			if err := w.together(ctx, j, st, i); err != nil {
				return fail(err)
			}
			return nil
		}
		err = w.retry(ctx, func() error { _, err := w.send(ctx, j.conn, st.text); return err })
		switch {
		case err == nil:
		case oceanbaseCannotModifyLOB(st, err):
			w.note(nil, msg.M("passing over a statement that OceanBase does not support, which is documented as harmless: %s, line %d: %v", fp.name, st.line, err))
		case fp.uncertain(i) || fp.origin == completed:
			proven, lookErr := w.proven(ctx, j.conn, dp, st, err)
			if lookErr != nil {
				return fail(lookErr)
			}
			if !proven {
				return fail(w.noteFailure(ctx, j, err))
			}
		default:
			return fail(w.noteFailure(ctx, j, err))
		}
	}
	if err := j.next(ctx, i+2); err != nil {
		return w.journalError(dp, err)
	}
	return nil
}

// filledIn is what is sent of a statement.
func (w *work) filledIn(fp *filePlan, st statement) (string, error) {
	if !fp.template {
		return st.text, nil
	}
	return w.Pack.SQL(fp.name, st.text, pack.Data{Config: w.Config, HostIP: w.Node})
}

// noteFailure records the server's answer in the journal. Without an answer
// the statement stays in flight.
func (w *work) noteFailure(ctx context.Context, j *journal, err error) error {
	if mysql.CodeOf(err) != 0 && !mysql.Gone(err) {
		if noteErr := j.failed(ctx, err); errors.Is(noteErr, mysql.ErrLockLost) {
			return noteErr
		}
	}
	return err
}

// together runs a statement that changes rows in one transaction with the
// journal, so that it happens exactly once.
func (w *work) together(ctx context.Context, j *journal, st statement, i int) error {
	err := w.retry(ctx, func() error {
		if _, err := w.send(ctx, j.conn, "START TRANSACTION"); err != nil {
			return err
		}
		_, err := w.send(ctx, j.conn, st.text)
		if err == nil {
			err = j.next(ctx, i+2)
		}
		if err == nil {
			_, err = w.send(ctx, j.conn, "COMMIT")
		}
		if err != nil && !mysql.Gone(err) {
			_, _ = w.send(ctx, j.conn, "ROLLBACK")
		}
		return err
	})
	if err != nil {
		return w.noteFailure(ctx, j, err)
	}
	return nil
}

// retry does again what the server gave up because of a deadlock.
func (w *work) retry(ctx context.Context, do func() error) error {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 50*time.Millisecond, time.Second
	for try := 1; ; try++ {
		err := do()
		if !mysql.Is(err, mysql.ErrLockDeadlock, mysql.ErrOBTransRollbacked) || try == deadlockTries {
			return err
		}
		t := time.NewTimer(b.NextBackOff())
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

const deadlockTries = 5

// record writes the release into oms_version. A row that is there stays as it
// is: the time in it says when the release came.
func (w *work) record(ctx context.Context, db *sql.DB) error {
	if !w.plan.record {
		return nil
	}
	// Those of the statements may have been idle for too long while others worked.
	conn, err := w.lock.Session(ctx, db)
	if err != nil {
		return mysql.Explain(w.Config, err)
	}
	defer conn.Close()
	_, err = w.send(ctx, conn, insertVersion(w.Config), w.Pack.Release)
	if mysql.Is(err, mysql.ErrDupEntry) {
		return nil // a run that did not hear the answer
	}
	if err != nil {
		return msg.Errorf("cannot record the release %s in %s.%s: %w", w.Pack.Release, w.Config.RMDatabase,
			versionTable, mysql.Explain(w.Config, err))
	}
	w.note(func(r *Result) { r.VersionRow = true },
		msg.M("release %s recorded in %s.%s", w.Pack.Release, w.Config.RMDatabase, versionTable))
	return nil
}

// note adds to the result and tells about it, by one at a time.
func (w *work) note(add func(*Result), m msg.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if add != nil {
		add(&w.result)
	}
	if !m.IsZero() {
		w.log(m)
	}
}

// sorted is the result in the order of the files, whichever database was first.
func (w *work) sorted() Result {
	r := w.result
	place := map[string]int{}
	for i, d := range config.Roles {
		place[w.Config.Database(d)] = i
	}
	by := func(separator string) func(a, b string) int {
		return func(a, b string) int {
			a, _, _ = strings.Cut(a, separator)
			b, _, _ = strings.Cut(b, separator)
			return cmp.Compare(place[a], place[b])
		}
	}
	slices.SortStableFunc(r.Tables, by("."))
	slices.SortStableFunc(r.Files, by(" "))
	slices.SortStableFunc(r.Adopted, by(" "))
	return r
}

func (w *work) send(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
	if w.run != nil {
		return w.run(ctx, conn, text, args...)
	}
	return runStatement(ctx, conn, text, args...)
}
