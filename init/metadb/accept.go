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

// oceanbaseCannotModifyLOB recognises the one error that the documentation
// tells people to ignore (oms-facts §4 and §11), and nothing else.
func oceanbaseCannotModifyLOB(st statement, err error) bool {
	var e *driver.MySQLError
	return st.kind == alterTable && errors.As(err, &e) && mysql.Is(err, mysql.ErrNotSupportedYet) &&
		strings.HasPrefix(e.Message, "Modify large text/lob column not supported")
}

// happenedBefore recognises the errors that say that a statement had done its
// work in an earlier run.
func happenedBefore(st statement, err error) bool {
	switch st.kind {
	case createTable:
		return mysql.Is(err, mysql.ErrTableExists)
	case alterTable:
		if st.renamed != "" && mysql.Is(err, mysql.ErrTableExists, mysql.ErrNoSuchTable) {
			return true
		}
		return mysql.Is(err, mysql.ErrDupFieldname, mysql.ErrDupKeyname, mysql.ErrCantDropFieldOrKey, mysql.ErrBadField,
			mysql.ErrMultiplePriKey, mysql.ErrSameNamePartition, mysql.ErrDropPartitionNonExistent)
	case createIndex:
		return mysql.Is(err, mysql.ErrDupKeyname)
	case dropIndex:
		return mysql.Is(err, mysql.ErrCantDropFieldOrKey)
	case dropTable:
		return mysql.Is(err, mysql.ErrBadTable)
	case renameTable:
		return mysql.Is(err, mysql.ErrTableExists, mysql.ErrNoSuchTable)
	case createOther:
		return mysql.Is(err, mysql.ErrTableExists, mysql.ErrSPAlreadyExists, mysql.ErrTrgAlreadyExists,
			mysql.ErrEventAlreadyExists)
	case dropOther:
		return mysql.Is(err, mysql.ErrBadTable, mysql.ErrUnknownView, mysql.ErrSPDoesNotExist,
			mysql.ErrTrgDoesNotExist, mysql.ErrEventDoesNotExist)
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
	l, lookErr := inspectTables(ctx, conn, dp.name)
	if lookErr != nil {
		return false, mysql.Explain(w.Config, lookErr)
	}
	switch st.kind {
	case renameTable:
		for i, old := range st.dropped {
			if l.table(dp.name, old) != nil || l.table(dp.name, st.columns[i].name) == nil {
				return false, nil
			}
		}
		return true, nil
	case dropTable:
		return !slices.ContainsFunc(st.dropped, func(t string) bool { return l.table(dp.name, t) != nil }), nil
	case createTable, alterTable:
		have := l.columns(dp.name, st.table)
		if st.renamed != "" {
			if have != nil {
				return false, nil
			}
			have = l.columns(dp.name, st.renamed)
		}
		if have == nil {
			return false, nil
		}
		for _, c := range st.columns {
			if _, ok := have[strings.ToLower(c.name)]; !ok {
				return false, nil
			}
		}
		for _, name := range st.dropped {
			added := slices.ContainsFunc(st.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
			if _, ok := have[strings.ToLower(name)]; ok && !added {
				return false, nil
			}
		}
	}
	return true, nil
}
