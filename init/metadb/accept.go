package metadb

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	driver "github.com/go-sql-driver/mysql"

	mysql "omsinit/internal/database"
)

// Error numbers of MySQL that matter here.
const (
	errTableExists     = 1050
	errUnknownTable    = 1051
	errUnknownColumn   = 1054
	errDuplicateColumn = 1060
	errDuplicateKey    = 1061
	errDuplicateEntry  = 1062
	errTwoPrimaryKeys  = 1068
	errCannotDrop      = 1091
	errNoSuchTable     = 1146
	errDeadlock        = 1213
	errNotSupported    = 1235
	errRoutineExists   = 1304
	errNoRoutine       = 1305
	errTriggerExists   = 1359
	errNoTrigger       = 1360
	errEventExists     = 1537
	errNoEvent         = 1539
	errNoView          = 4092 // of MariaDB; MySQL says 1051
	errSamePartition   = 1517
	errNoPartition     = 1507
	errOceanBaseRetry  = 6002
)

// oceanbaseCannotModifyLOB recognises the one error that the documentation
// tells people to ignore (oms-facts §4 and §11), and nothing else.
func oceanbaseCannotModifyLOB(st statement, err error) bool {
	var e *driver.MySQLError
	return st.kind == alterTable && errors.As(err, &e) && e.Number == errNotSupported &&
		strings.HasPrefix(e.Message, "Modify large text/lob column not supported")
}

// happenedBefore recognises the errors that say that a statement had done its
// work in an earlier run.
func happenedBefore(st statement, err error) bool {
	n := number(err)
	switch st.kind {
	case createTable:
		return n == errTableExists
	case alterTable:
		if st.renamed != "" && (n == errTableExists || n == errNoSuchTable) {
			return true
		}
		return slices.Contains([]uint16{errDuplicateColumn, errDuplicateKey, errCannotDrop, errUnknownColumn, errTwoPrimaryKeys, errSamePartition, errNoPartition}, n)
	case createIndex:
		return n == errDuplicateKey
	case dropIndex:
		return n == errCannotDrop
	case dropTable:
		return n == errUnknownTable
	case renameTable:
		return n == errTableExists || n == errNoSuchTable
	case createOther:
		return slices.Contains([]uint16{errTableExists, errRoutineExists, errTriggerExists, errEventExists}, n)
	case dropOther:
		return slices.Contains([]uint16{errUnknownTable, errNoView, errNoRoutine, errNoTrigger, errNoEvent}, n)
	}
	return false
}

// proven reports whether the error of a statement whose outcome was not known
// proves that it had happened: the number must say so, and the tables must
// look as after it.
func (w *work) proven(ctx context.Context, conn *sql.Conn, dp *databasePlan, st statement, err error) (bool, error) {
	if !happenedBefore(st, err) {
		return false, nil
	}
	columns := map[string]map[string]bool{}
	key := w.live.key
	lookErr := mysql.Each(ctx, conn, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ?", []any{dp.name}, func(rows *sql.Rows) error {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return err
		}
		if columns[key(table)] == nil {
			columns[key(table)] = map[string]bool{}
		}
		columns[key(table)][strings.ToLower(column)] = true
		return nil
	})
	if lookErr != nil {
		return false, mysql.Explain(w.Config, lookErr)
	}
	switch st.kind {
	case renameTable:
		for i, old := range st.dropped {
			if columns[key(old)] != nil || columns[key(st.columns[i].name)] == nil {
				return false, nil
			}
		}
		return true, nil
	case dropTable:
		return !slices.ContainsFunc(st.dropped, func(t string) bool { return columns[key(t)] != nil }), nil
	case createTable, alterTable:
		have := columns[key(st.table)]
		if st.renamed != "" {
			if have != nil {
				return false, nil
			}
			have = columns[key(st.renamed)]
		}
		if have == nil {
			return false, nil
		}
		for _, c := range st.columns {
			if !have[strings.ToLower(c.name)] {
				return false, nil
			}
		}
		for _, name := range st.dropped {
			added := slices.ContainsFunc(st.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
			if have[strings.ToLower(name)] && !added {
				return false, nil
			}
		}
	}
	return true, nil
}

// number is the server's error number, 0 when it is no answer of the server.
func number(err error) uint16 {
	var e *driver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}
