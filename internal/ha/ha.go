// Package ha reads and switches high availability: the field enable of the
// console's system parameter ha.config, a JSON text in oms_normal_config
// (oms-facts §6). All regions share it.
package ha

import (
	"context"
	"database/sql"

	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// Default is the documented default of ha.config: high availability is off
// (oms-facts §6).
const Default = `{"enable":false,"enableHost":false,"enableStore":true,"perceiveStoreClientCheckpoint":false,"enableConnector":true,"enableJdbcWriter":true,"subtopicStoreNumberThreshold":5,"checkRequestIntervalSec":600,"checkJdbcWriterIntervalSec":600,"checkHostDownIntervalSec":540,"checkModuleExceptionIntervalSec":240,"clearAbnormalResourceHours":72,"refetchStoreIntervalMin":30}`

// LeastNodes is how many nodes a region needs: tasks move between the nodes of
// one region only (oms-facts §8).
const LeastNodes = 2

// Read gives ha.config of an rm database as it is stored, and whether it is
// there. Its errors are the driver's, but for a value that is there twice.
func Read(ctx context.Context, q database.Queryer, rm string) (text string, found bool, err error) {
	return read(ctx, q, rm, "")
}

func read(ctx context.Context, q database.Queryer, rm, forUpdate string) (text string, found bool, err error) {
	var values []string
	err = database.Each(ctx, q, "SELECT COALESCE(cfg_value, '') FROM "+database.Quote(rm)+".oms_normal_config WHERE cfg_name = 'ha.config'"+forUpdate, nil, func(rows *sql.Rows) error {
		var v string
		err := rows.Scan(&v)
		values = append(values, v)
		return err
	})
	switch {
	case err != nil || len(values) == 0:
		return "", false, err
	case len(values) > 1:
		return "", true, msg.Errorf("the table oms_normal_config of the database %s has %d rows with cfg_name ha.config, and only one can count: delete the others", rm, len(values))
	}
	return values[0], true, nil
}

// Change is what Switch did.
type Change struct {
	Old, New string // the whole value, as it is stored
	Found    bool   // there was a value before; else Old is the documented default
}

// Changed reports whether anything was written.
func (c Change) Changed() bool { return !c.Found || c.Old != c.New }

// Beginner is a *sql.DB or a *sql.Conn.
type Beginner interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}

// Switch sets enable in ha.config of an rm database, in one transaction that
// keeps the row from everybody else, the console included. All other fields
// stay as they are, to the letter; a value that is not there is made of the
// documented default. A value that is not a JSON object is refused. Errors of
// the server are the driver's (see database.Explain).
func Switch(ctx context.Context, db Beginner, rm string, on bool) (Change, error) {
	change, err := try(ctx, db, rm, on)
	if database.Is(err, database.ErrDupEntry, database.ErrLockDeadlock) {
		// Somebody else made the row at the same moment; a deadlock when both had locked the gap.
		return try(ctx, db, rm, on)
	}
	return change, err
}

func try(ctx context.Context, db Beginner, rm string, on bool) (Change, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return Change{}, err
	}
	defer tx.Rollback() // after Commit it does nothing
	var c Change
	if c.Old, c.Found, err = read(ctx, tx, rm, " FOR UPDATE"); err != nil {
		return c, err
	}
	if !c.Found {
		c.Old = Default
	}
	if c.New, err = Edit(c.Old, on); err != nil {
		return c, err
	}
	table := database.Quote(rm) + ".oms_normal_config"
	switch {
	case !c.Found:
		_, err = tx.ExecContext(ctx, "INSERT INTO "+table+" (cfg_name, cfg_value) VALUES ('ha.config', ?)", c.New)
	case c.Changed():
		_, err = tx.ExecContext(ctx, "UPDATE "+table+" SET cfg_value = ? WHERE cfg_name = 'ha.config'", c.New)
	}
	if err != nil {
		return c, err
	}
	return c, tx.Commit()
}
