// Package ha reads and switches high availability: the field enable of the console's system parameter ha.config, a JSON
// text in oms_normal_config (docs/oms-facts.md §6). All regions share it.
package ha

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// Default is the documented default of ha.config: high availability is off (docs/oms-facts.md §6).
const Default = `{"enable":false,"enableHost":false,"enableStore":true,"perceiveStoreClientCheckpoint":false,"enableConnector":true,"enableJdbcWriter":true,"subtopicStoreNumberThreshold":5,"checkRequestIntervalSec":600,"checkJdbcWriterIntervalSec":600,"checkHostDownIntervalSec":540,"checkModuleExceptionIntervalSec":240,"clearAbnormalResourceHours":72,"refetchStoreIntervalMin":30}`

// LeastNodes is how many nodes a region needs: tasks move between the nodes of one region only (docs/oms-facts.md §8).
const LeastNodes = 2

// HostDown returns the age of a node's last heartbeat from which OMS calls the host down: checkHostDownIntervalSec of
// ha.config, and of its documented default where that cannot be read (docs/oms-facts.md §6, §14.6).
func HostDown(ctx context.Context, q database.Queryer, rm string) time.Duration {
	text, _, _ := Read(ctx, q, rm)
	for _, text := range []string{text, Default} {
		value, _ := Field(text, "checkHostDownIntervalSec")
		if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
			return time.Duration(seconds) * time.Second
		}
	}
	return 0
}

// Read returns ha.config of an rm database as it is stored, and whether there is one. Its errors are the driver's, but
// for a value that is there twice.
func Read(ctx context.Context, q database.Queryer, rm string) (text string, found bool, err error) {
	return read(ctx, q, rm, "")
}

func read(ctx context.Context, q database.Queryer, rm, forUpdate string) (text string, found bool, err error) {
	values, err := database.Column(ctx, q, "SELECT cfg_value FROM "+database.Quote(rm)+
		".oms_normal_config WHERE cfg_name = 'ha.config'"+forUpdate)
	switch {
	case err != nil || len(values) == 0:
		return "", false, err
	case len(values) > 1:
		return "", true, msg.Errorf("the table oms_normal_config of the database %s has %d rows with cfg_name ha.config, and only one can count: delete the others",
			rm, len(values))
	}
	return values[0], true, nil
}

// Change is what Switch or Update did.
type Change struct {
	Old, New string // the whole value, as it is stored
	Found    bool   // there was a value before; else Old is what was edited in its place
}

// Changed reports whether anything was written.
func (c Change) Changed() bool { return !c.Found || c.Old != c.New }

// Beginner is a *sql.DB or a *sql.Conn.
type Beginner interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}

// Switch sets enable in ha.config of an rm database as Update does. A value that is not there is made of the documented
// default.
func Switch(ctx context.Context, db Beginner, rm string, on bool) (Change, error) {
	return write(ctx, db, rm, writing{insert: true}, func(text string) (string, error) { return Edit(text, on) })
}

// Update replaces ha.config of an rm database by what edit returns for it, in one transaction that locks the row
// against everybody else, the console included: what they write meanwhile is waited for and is what edit gets, so no
// field goes back to an old value. The row keeps its gmt_modified. Where there is no row, edit gets "" and nothing is
// stored. An error of edit is returned as it is, and nothing is stored; edit may be called several times. Errors of the
// server are the driver's (see database.Explain).
func Update(ctx context.Context, db Beginner, rm string, edit func(text string) (string, error)) (Change, error) {
	return write(ctx, db, rm, writing{keepTime: true}, edit)
}

// writing is what distinguishes Switch and Update.
type writing struct {
	insert   bool // store a value that is not there
	keepTime bool // leave gmt_modified as it is
}

// mostTries is how often a write is tried that another one has got in the way of: it made the row at the same moment,
// or both had locked the gap where the row is missing, and the server ended one of them.
const mostTries = 10

func write(
	ctx context.Context, db Beginner, rm string, how writing, edit func(string) (string, error),
) (change Change, err error) {
	for range mostTries {
		change, err = try(ctx, db, rm, how, edit)
		if !database.Is(err, database.ErrDupEntry, database.ErrLockDeadlock) {
			break
		}
	}
	return change, err
}

func try(ctx context.Context, db Beginner, rm string, how writing, edit func(string) (string, error)) (Change, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return Change{}, err
	}
	defer tx.Rollback() // after Commit it does nothing
	var c Change
	if c.Old, c.Found, err = read(ctx, tx, rm, " FOR UPDATE"); err != nil {
		return c, err
	}
	if !c.Found && how.insert {
		c.Old = Default
	}
	if c.New, err = edit(c.Old); err != nil {
		return c, err
	}
	table := database.Quote(rm) + ".oms_normal_config"
	switch {
	case !c.Found && how.insert:
		_, err = tx.ExecContext(ctx, "INSERT INTO "+table+" (cfg_name, cfg_value) VALUES ('ha.config', ?)", c.New)
	case c.Found && c.Changed():
		set := "cfg_value = ?"
		if how.keepTime {
			var columns int
			err = tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.columns "+
				"WHERE table_schema = ? AND table_name = 'oms_normal_config' AND column_name = 'gmt_modified'",
				rm).Scan(&columns)
			if columns > 0 {
				set += ", gmt_modified = gmt_modified"
			}
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE "+table+" SET "+set+" WHERE cfg_name = 'ha.config'", c.New)
		}
	}
	if err != nil {
		return c, err
	}
	return c, tx.Commit()
}
