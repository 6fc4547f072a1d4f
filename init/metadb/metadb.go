// Package metadb is step 2: it creates the three databases of OMS and their
// tables, and records the release in oms_version (oms-facts §4 and §6).
//
// The schema is data of the pack, schema/{rm,cm,hb}/<OMS version>.sql, each
// file what that release adds. Every file is read and split before the first
// statement runs.
//
// Each database has a journal, the table omsinit_journal, with a row per file.
// It is written before each statement, so that at any moment at most one
// statement is in flight: its outcome is not known after a run that was killed.
// The next run sends it again and accepts exactly the error that proves that
// it had happened. Statements that change rows are in one transaction with the
// journal.
package metadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/release"
)

// Step is step 2 with everything it touches.
type Step struct {
	Config *config.Config
	Pack   *pack.Pack
	// LockTimeout is how long to wait while another node works on the MetaDB;
	// 0 means 10 minutes.
	LockTimeout time.Duration
	// Node names this node to those that wait for it.
	Node string
	// Tool is the version of omsinit, for the journal.
	Tool string
	// Adopt takes databases that hold something else than OMS; its tables stay
	// as they are. Without it they are refused.
	Adopt bool
	// From is the release of an installation that records none; it counts as if
	// it were recorded. Empty for none.
	From string
	// Log takes progress; it may be nil. It is called by one at a time.
	Log func(msg.Message)

	// run sends one statement and gives the number of rows that it found; tests
	// put their own in its place.
	run func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error)
	// inTurn works on one database after the other.
	inTurn bool
	// connecting changes how connections are made.
	connecting []mysql.Option
	// locking changes how the lock is kept.
	locking mysql.LockOptions
}

// Result is what Apply changed.
type Result struct {
	Databases  []string // created
	Tables     []string // created, as database.table
	VersionRow bool     // the release was recorded in oms_version
	Files      []string // applied to the end, as "database version"
	Adopted    []string // noted as found in a database without a journal, as "database version"
	// Deviating is how many columns, keys and engines are not as the schema has them. A run leaves them alone.
	Deviating int
}

// Changed reports whether anything was written.
func (r Result) Changed() bool {
	return len(r.Databases) > 0 || len(r.Tables) > 0 || len(r.Files) > 0 || len(r.Adopted) > 0 || r.VersionRow
}

// Apply brings the MetaDB to the pack's release. A second run finds everything
// there and only reads. Of several nodes that apply at once one does the work
// while the others wait for it. Errors name the database, file and statement;
// those that may go away by themselves are transient, the one about a
// lock that another node keeps has database.ErrLocked in its chain.
//
// What was created before an error is in the Result.
func (s *Step) Apply(ctx context.Context) (Result, error) {
	w, db, err := s.begin()
	if err != nil {
		return Result{}, err
	}
	defer db.Close()
	for again := 0; ; again++ {
		err := w.attempt(ctx, db)
		if err == nil || ctx.Err() != nil || again == reconnects || !mysql.Gone(err) {
			return w.sorted(), err
		}
		s.log(msg.M("connecting to the MetaDB again, to continue: %v", err))
	}
}

// reconnects is how often a run goes on by itself after a connection broke.
const reconnects = 2

// schema returns the pack's schema files up to its release.
func (s *Step) schema() (schema, error) {
	target, err := release.Parse(s.Pack.Release)
	if err != nil {
		return nil, msg.Errorf("cannot use the pack's release: %w", err)
	}
	return readSchema(s.Pack.FS(), target)
}

// begin reads the schema files and opens the MetaDB.
func (s *Step) begin() (*work, *sql.DB, error) {
	files, err := s.schema()
	if err != nil {
		return nil, nil, err
	}
	db, err := s.open()
	return newWork(s, files), db, err
}

func (s *Step) open() (*sql.DB, error) {
	return mysql.Open(s.Config, "", append([]mysql.Option{mysql.As(s.Node), mysql.CountFoundRows}, s.connecting...)...)
}

// attempt is one way through, on connections that may break.
func (w *work) attempt(ctx context.Context, db *sql.DB) error {
	if err := w.inspect(ctx, db); err != nil {
		return err
	}
	// Without the lock the tables may be older than the journal that was read
	// after them: only a plan that finds everything done counts.
	if p, err := w.makePlan(); err == nil && p.empty() {
		w.warnOfDeviations()
		return nil
	}
	lock, held, err := w.hold(ctx, db)
	if err != nil {
		return err
	}
	defer lock.Release()
	w.lock, w.fence = lock, lock.Condition()
	// Whoever had the lock before may have done the work.
	if err = w.awaitOrphans(held, db); err == nil {
		err = w.look(held, db)
	}
	if err == nil && !w.plan.empty() {
		err = w.do(held, db)
	}
	if err == nil {
		w.warnOfDeviations()
	}
	if lost := context.Cause(held); err != nil && errors.Is(lost, mysql.ErrLockLost) {
		return mysql.Explain(w.Config, lost)
	}
	return err
}

// hold takes the MetaDB's lock. All attempts together wait no longer than the LockTimeout.
func (w *work) hold(ctx context.Context, db *sql.DB) (*mysql.Lock, context.Context, error) {
	o := w.lockOptions()
	o.Lease = true
	// The lease that takes the place of the lock is a row in this database.
	o.Prepare = func(ctx context.Context) error {
		if name := w.Config.Database(config.RM); !w.live.hasDatabase(name) {
			return w.createDatabase(ctx, db, &databasePlan{Role: config.RM, name: name})
		}
		return nil
	}
	if o.Timeout > 0 {
		o.Timeout = max(o.Timeout-w.waited, time.Second)
	}
	defer func(begun time.Time) { w.waited += time.Since(begun) }(time.Now())
	return mysql.Hold(ctx, w.Config, db, o)
}

func (s *Step) lockOptions() mysql.LockOptions {
	o := s.locking
	o.Timeout, o.Node = s.LockTimeout, s.Node
	o.Waiting = func(h mysql.Holder) {
		s.log(msg.M("waiting for another node that works on the MetaDB: %v", h.Message()))
	}
	return o
}

func (s *Step) log(m msg.Message) {
	if s.Log != nil {
		s.Log(m)
	}
}

// runStatement is what Step.run is unless a test says otherwise.
func runStatement(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
	result, err := conn.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// insertVersion is the statement that records a release.
func insertVersion(c *config.Config) string {
	return fmt.Sprintf("INSERT INTO %s.%s (version) VALUES (?)", mysql.Quote(c.RMDatabase), mysql.Quote(versionTable))
}
