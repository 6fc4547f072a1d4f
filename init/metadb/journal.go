package metadb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/finding"
)

// JournalTable is in each of the databases and says what was done there.
const JournalTable = "omsinit_journal"

// origin is how a file came to be done.
type origin string

const (
	// created: its statements were run here.
	created origin = "created"
	// found: its tables were there before there was a journal, so nothing ran.
	found origin = "found"
	// completed: an installation without a journal lacked parts of it. Those
	// were made and what was there was left alone.
	completed origin = "completed"
)

// entry is a row of the journal: one file. Its Version is as the file was named,
// its Checksum that of all statements.
type entry struct {
	FileStatus
	appliedSum string // checksum of the applied statements
}

func (e *entry) done() bool { return e.Finished != "" }

const createJournal = "CREATE TABLE IF NOT EXISTS `" + JournalTable + "` (" +
	"`version` varchar(64) NOT NULL COMMENT 'schema file', " +
	"`checksum` char(64) NOT NULL COMMENT 'of all statements', " +
	"`total` int NOT NULL COMMENT 'statements', " +
	"`applied` int NOT NULL, " +
	"`applied_sum` char(64) NOT NULL COMMENT 'checksum of the applied statements', " +
	"`in_flight` int NOT NULL COMMENT 'statement that was sent last, 0: none', " +
	"`statement` mediumtext COMMENT 'in flight', " +
	"`error` text, " +
	"`origin` varchar(16) NOT NULL, " +
	"`tool` varchar(64) NOT NULL COMMENT 'version of omsinit', " +
	"`started_at` datetime NOT NULL, " +
	"`updated_at` datetime NOT NULL, " +
	"`finished_at` datetime DEFAULT NULL, " +
	"PRIMARY KEY (`version`)) DEFAULT CHARSET = utf8mb4 COMMENT = 'omsinit: schema files and how far they are'"

// sums returns the checksum after each number of statements. Comments and blank
// space between statements do not count.
func (f *file) sums() []string {
	out := make([]string, 1, len(f.statements)+1)
	out[0] = strings.Repeat("0", 64)
	for _, st := range f.statements {
		sum := sha256.Sum256([]byte(out[len(out)-1] + st.text))
		out = append(out, hex.EncodeToString(sum[:]))
	}
	return out
}

func (f *file) checksum() string { return f.sums()[len(f.statements)] }

// readJournals reads the journals that there are, in one round trip.
func readJournals(
	ctx context.Context, q mysql.Queryer, c *config.Config, in []config.Role,
) (map[config.Role][]*entry, error) {
	var parts []string
	for _, d := range in {
		parts = append(parts, fmt.Sprintf("SELECT '%s', version, checksum, total, applied, applied_sum, in_flight, COALESCE(statement, ''), COALESCE(error, ''), origin, tool, "+
			"CAST(started_at AS CHAR), CAST(updated_at AS CHAR), COALESCE(CAST(finished_at AS CHAR), '') FROM %s.%s", d, mysql.Quote(c.Database(d)), JournalTable))
	}
	out := map[config.Role][]*entry{}
	if len(parts) == 0 {
		return out, nil
	}
	err := mysql.Each(ctx, q, strings.Join(parts, " UNION ALL "), nil, func(rows *sql.Rows) error {
		var d config.Role
		var e entry
		err := rows.Scan(&d, &e.Version, &e.Checksum, &e.Total, &e.Applied, &e.appliedSum, &e.InFlight, &e.Statement,
			&e.Error, &e.Origin, &e.Tool, &e.Started, &e.Updated, &e.Finished)
		e.State = e.state()
		out[d] = append(out[d], &e)
		return err
	})
	return out, err
}

// state is what a row says of its file.
func (e *entry) state() string {
	switch {
	case e.done():
		return "done"
	case e.Error != "":
		return "failed"
	case e.InFlight > 0:
		return "in flight"
	}
	return "unfinished"
}

// journal writes the row of one file. Each write is refused by the server when
// the lock was lost.
type journal struct {
	w    *work
	conn *sql.Conn
	f    *file
	key  string // the version as the row has it
	sums []string
}

// begin makes or continues the row, with the statement n (from 1) in flight,
// or with all of them done when there are no more.
func (j *journal) begin(ctx context.Context, e *entry, o origin, n int) error {
	if e != nil {
		return j.write(ctx, n, "error = NULL, checksum = ?, total = ?, tool = ?", j.sums[len(j.f.statements)],
			len(j.f.statements), j.w.Tool)
	}
	finished := "NULL"
	if n > len(j.f.statements) {
		finished = "NOW()"
	}
	at, text := j.flight(n)
	q := "INSERT INTO " + JournalTable + " (version, checksum, total, applied, applied_sum, in_flight, statement, origin, tool, started_at, updated_at, finished_at) " +
		"SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, NOW(), NOW(), " + finished + " FROM DUAL WHERE " + j.w.fence
	return j.fenced(ctx, q, j.key, j.sums[len(j.f.statements)], len(j.f.statements), n-1, j.sums[n-1], at, text,
		string(o), j.w.Tool)
}

// next records that the statement before n is done and n is in flight.
func (j *journal) next(ctx context.Context, n int) error { return j.write(ctx, n, "error = NULL") }

// failed records the server's answer: the statement is known not to have
// happened, so it is in flight no longer.
func (j *journal) failed(ctx context.Context, err error) error {
	return j.fenced(ctx, "UPDATE "+JournalTable+
		" SET in_flight = 0, error = ?, updated_at = NOW() WHERE version = ? AND "+j.w.fence, err.Error(), j.key)
}

func (j *journal) write(ctx context.Context, n int, set string, args ...any) error {
	finished := "NULL"
	if n > len(j.f.statements) {
		finished = "NOW()"
	}
	at, text := j.flight(n)
	q := "UPDATE " + JournalTable +
		" SET applied = ?, applied_sum = ?, in_flight = ?, statement = ?, updated_at = NOW(), finished_at = " +
		finished + ", " + set +
		" WHERE version = ? AND " + j.w.fence
	return j.fenced(ctx, q, append(append([]any{n - 1, j.sums[n-1], at, text}, args...), j.key)...)
}

// flight is the number and the text of a statement that is about to be sent.
func (j *journal) flight(n int) (int, any) {
	if n > len(j.f.statements) {
		return 0, nil
	}
	return n, j.f.statements[n-1].text
}

func (j *journal) fenced(ctx context.Context, q string, args ...any) error {
	rows, err := j.w.send(ctx, j.conn, q, args...)
	if err == nil && rows == 0 {
		return finding.Transient(mysql.ErrLockLost)
	}
	return err
}
