package upgrade

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// The journal of upgrades is a database of its own beside the three: a restore
// drops those, and whoever comes meanwhile must see that it is going on.
const (
	journalSuffix = "_omsinit_upgrade"
	longestName   = 64
)

func journalDatabase(c *config.Config) string { return c.RMDatabase + journalSuffix }

// State is how far an upgrade is.
type State string

// The states. Those that are open are continued by the next run.
const (
	Running     State = "running"
	Failed      State = "failed"       // kept as it is, for a person to look at
	Restoring   State = "restoring"    // after a failure
	RollingBack State = "rolling-back" // because a person asked for it
	Done        State = "done"
	Abandoned   State = "abandoned" // failed before the first change
	Restored    State = "restored"
	RolledBack  State = "rolled-back"
)

func (s State) open() bool {
	return slices.Contains([]State{Running, Failed, Restoring, RollingBack}, s)
}

// Record is one upgrade, a row of the journal. Its JSON form only ever grows.
type Record struct {
	ID          int64  `json:"id"`
	From        string `json:"from"`
	To          string `json:"to"`
	State       State  `json:"state"`
	Stage       string `json:"stage"`  // begun last
	Node        string `json:"node"`   // that began it, and has the backup
	Backup      string `json:"backup"` // folder on that node
	Made        string `json:"-"`      // when that backup was made, as its manifest says
	HA          string `json:"-"`      // ha.config from before it was switched off; empty: it was not
	OutageSince string `json:"outage_since"`
	Marks       string `json:"-"` // JSON, see marks
	Error       string `json:"error,omitempty"`
	Tool        string `json:"tool"`
	Started     string `json:"started"` // times of the server
	Finished    string `json:"finished,omitempty"`
}

const createUpgrades = "(`id` bigint NOT NULL AUTO_INCREMENT, `from_version` varchar(64) NOT NULL, `to_version` varchar(64) NOT NULL, " +
	"`state` varchar(32) NOT NULL, `stage` varchar(32) NOT NULL, `node` varchar(255) NOT NULL, `backup` varchar(1024) NOT NULL, `backup_made` varchar(64) NOT NULL DEFAULT '', " +
	"`ha` text, `outage_since` varchar(32) NOT NULL, `marks` mediumtext, `error` text, `tool` varchar(64) NOT NULL, " +
	"`started_at` datetime NOT NULL, `finished_at` datetime DEFAULT NULL, PRIMARY KEY (`id`)) DEFAULT CHARSET = utf8mb4 COMMENT = 'omsinit: upgrades'"

const createStages = "(`number` bigint NOT NULL AUTO_INCREMENT, `upgrade_id` bigint NOT NULL, `stage` varchar(32) NOT NULL, `node` varchar(255) NOT NULL, " +
	"`started_at` datetime(3) NOT NULL, `finished_at` datetime(3) DEFAULT NULL, `error` text, PRIMARY KEY (`number`)) DEFAULT CHARSET = utf8mb4 COMMENT = 'omsinit: stages of the upgrades'"

// journal reads and writes the records.
type journal struct {
	db *sql.DB
	c  *config.Config
	// fence is an SQL condition that the lock is held.
	fence string
}

func (j *journal) table(name string) string {
	return database.Quote(journalDatabase(j.c)) + "." + database.Quote(name)
}

// possible reports, as an error, why there can be no journal. Whether the account may make the database shows in the
// answer to a table in it, also while it is missing.
func (j *journal) possible(ctx context.Context) error {
	name := journalDatabase(j.c)
	if len(name) > longestName {
		return msg.Errorf("the name of the database %s is too long to keep a journal of the upgrade beside it in %s",
			j.c.RMDatabase, name)
	}
	_, err := j.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+j.table("upgrades")+" "+createUpgrades)
	if err = newMetaDB(j.c, err); err != nil {
		return msg.Errorf("cannot make the journal of the upgrade in the database %s: %w", name, err)
	}
	return nil
}

// create makes the database and its tables.
func (j *journal) create(ctx context.Context) error {
	if err := j.possible(ctx); err != nil {
		return err
	}
	for _, q := range []string{
		"CREATE DATABASE IF NOT EXISTS " + database.Quote(journalDatabase(j.c)) + " DEFAULT CHARACTER SET utf8mb4",
		"CREATE TABLE IF NOT EXISTS " + j.table("upgrades") + " " + createUpgrades,
		"CREATE TABLE IF NOT EXISTS " + j.table("stages") + " " + createStages,
	} {
		if _, err := j.db.ExecContext(ctx, q); err != nil {
			return msg.Errorf("cannot make the journal of the upgrade in the database %s: %w", journalDatabase(j.c),
				database.Explain(j.c, err))
		}
	}
	return nil
}

// newest reads the last record, nil when there is none.
func (j *journal) newest(ctx context.Context) (*Record, error) { return j.last(ctx, "TRUE") }

// lastChange reads the last record of an upgrade that has changed something:
// one that was abandoned leaves the way back of the one before.
func (j *journal) lastChange(ctx context.Context) (*Record, error) {
	return j.last(ctx, "state <> ?", Abandoned)
}

// lastTo reads the last record of an upgrade to a release.
func (j *journal) lastTo(ctx context.Context, release string) (*Record, error) {
	return j.last(ctx, "to_version = ?", release)
}

func (j *journal) last(ctx context.Context, condition string, args ...any) (*Record, error) {
	r := &Record{}
	err := j.db.QueryRowContext(ctx, "SELECT id, from_version, to_version, state, stage, node, backup, backup_made, COALESCE(ha, ''), outage_since, COALESCE(marks, ''), COALESCE(error, ''), tool, "+
		"CAST(started_at AS CHAR), COALESCE(CAST(finished_at AS CHAR), '') FROM "+j.table("upgrades")+" WHERE "+
		condition+" ORDER BY id DESC LIMIT 1", args...).
		Scan(&r.ID, &r.From, &r.To, &r.State, &r.Stage, &r.Node, &r.Backup, &r.Made, &r.HA, &r.OutageSince, &r.Marks,
			&r.Error, &r.Tool, &r.Started, &r.Finished)
	if errors.Is(err, sql.ErrNoRows) || hidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, newMetaDB(j.c, err)
	}
	return r, nil
}

// hidden: an account that may not see the journal's database has made none.
func hidden(err error) bool {
	return database.Is(err, database.ErrDBAccessDenied, database.ErrTableAccessDenied, database.ErrColumnAccessDenied)
}

// insert adds a record and fills in its number.
func (j *journal) insert(ctx context.Context, r *Record) error {
	result, err := j.db.ExecContext(ctx, "INSERT INTO "+j.table("upgrades")+" (from_version, to_version, state, stage, node, backup, outage_since, tool, started_at) SELECT ?, ?, ?, ?, ?, ?, ?, ?, NOW() FROM DUAL WHERE "+j.fence,
		r.From, r.To, r.State, r.Stage, r.Node, r.Backup, r.OutageSince, r.Tool)
	if err := j.written(result, err); err != nil {
		return err
	}
	r.ID, err = result.LastInsertId()
	return err
}

// save writes what may have changed in a record. Finished states get their time.
func (j *journal) save(ctx context.Context, r *Record) error {
	finished := "NULL"
	if !r.State.open() {
		finished = "COALESCE(finished_at, NOW())"
	}
	// COALESCE(id, …) makes every write change something where the server counts changes.
	result, err := j.db.ExecContext(ctx, "UPDATE "+j.table("upgrades")+" SET state = ?, stage = ?, node = ?, backup = ?, backup_made = ?, ha = NULLIF(?, ''), outage_since = ?, marks = NULLIF(?, ''), error = NULLIF(?, ''), tool = ?, finished_at = "+finished+
		" WHERE id = ? AND "+j.fence, r.State, r.Stage, r.Node, r.Backup, r.Made, r.HA, r.OutageSince, r.Marks, r.Error,
		r.Tool, r.ID)
	return j.written(result, err)
}

func (j *journal) written(result sql.Result, err error) error {
	if err == nil {
		var n int64
		if n, err = result.RowsAffected(); err == nil && n == 0 {
			return finding.Transient(database.ErrLockLost)
		}
	}
	if err != nil {
		return msg.Errorf("cannot write the journal of the upgrade: %w", database.Explain(j.c, err))
	}
	return nil
}

// begin notes that a stage begins, and gives its number.
func (j *journal) begin(ctx context.Context, r *Record, stage, node string) (int64, error) {
	result, err := j.db.ExecContext(ctx, "INSERT INTO "+j.table("stages")+
		" (upgrade_id, stage, node, started_at) SELECT ?, ?, ?, NOW(3) FROM DUAL WHERE "+j.fence, r.ID, stage, node)
	if err := j.written(result, err); err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// end notes how a stage ended. The stage has ended all the same when this fails.
func (j *journal) end(ctx context.Context, number int64, failure error) {
	var text any
	if failure != nil {
		text = failure.Error()
	}
	_, _ = j.db.ExecContext(ctx, "UPDATE "+j.table("stages")+" SET finished_at = NOW(3), error = ? WHERE number = ?",
		text, number)
}

// StageTime is one stage of an upgrade as it was.
type StageTime struct {
	Stage    string  `json:"stage"`
	Node     string  `json:"node"`
	Started  string  `json:"started"` // time of the server
	Finished string  `json:"finished,omitempty"`
	Seconds  float64 `json:"seconds"`
	Error    string  `json:"error,omitempty"`
}

func (j *journal) stages(ctx context.Context, id int64) ([]StageTime, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT stage, node, CAST(started_at AS CHAR), COALESCE(CAST(finished_at AS CHAR), ''), COALESCE(TIMESTAMPDIFF(MICROSECOND, started_at, finished_at), 0) / 1e6, COALESCE(error, '') FROM "+
		j.table("stages")+" WHERE upgrade_id = ? ORDER BY number", id)
	if err != nil {
		return nil, database.Explain(j.c, err)
	}
	defer rows.Close()
	out := []StageTime{}
	for rows.Next() {
		var s StageTime
		if err := rows.Scan(&s.Stage, &s.Node, &s.Started, &s.Finished, &s.Seconds, &s.Error); err != nil {
			return nil, database.Explain(j.c, err)
		}
		out = append(out, s)
	}
	return out, database.Explain(j.c, rows.Err())
}

// marks is the greatest id of each watched table at the time of the upgrade:
// what a rollback would lose is beyond it.
type marks map[string]int64

func (m marks) text() string {
	data, _ := json.Marshal(m)
	return string(data)
}

func readMarks(text string) marks {
	m := marks{}
	_ = json.Unmarshal([]byte(text), &m)
	return m
}
