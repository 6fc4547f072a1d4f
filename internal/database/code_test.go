package database

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"

	"omsinit/testdata/testmaria"
)

// The codes are those that a real server answers with, also inside other errors.
func TestCodes(t *testing.T) {
	s := testmaria.Start(t)
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (a int PRIMARY KEY, KEY k (a))", "INSERT INTO d.t VALUES (1)",
		"CREATE USER poor@'%' IDENTIFIED BY 's3cret-poor'")
	poor := configFor(s)
	poor.MetaUser, poor.MetaPassword = "poor", "s3cret-poor"
	noView, noDatabase := ErrUnknownView, ErrNoSuchTable
	if s.Kind() == testmaria.MySQL {
		noView, noDatabase = ErrBadTable, ErrBadDB
	}
	for statement, want := range map[string]Code{
		"CREATE TABLE t (a int)":            ErrTableExists,
		"DROP TABLE missing":                ErrBadTable,
		"DROP VIEW missing":                 noView,
		"SELECT missing FROM t":             ErrBadField,
		"ALTER TABLE t ADD COLUMN a int":    ErrDupFieldname,
		"ALTER TABLE t ADD KEY k (a)":       ErrDupKeyname,
		"ALTER TABLE t DROP KEY missing":    ErrCantDropFieldOrKey,
		"ALTER TABLE t ADD PRIMARY KEY (a)": ErrMultiplePriKey,
		"INSERT INTO t VALUES (1)":          ErrDupEntry,
		"SELECT 1 FROM missing":             ErrNoSuchTable,
		"SELECT 1 FROM missing.t":           noDatabase,
		"USE missing":                       ErrBadDB,
		"DROP PROCEDURE missing":            ErrSPDoesNotExist,
		"DROP TRIGGER missing":              ErrTrgDoesNotExist,
		"DROP EVENT missing":                ErrEventDoesNotExist,
	} {
		if got := CodeOf(fmt.Errorf("around it: %w", query(t, configFor(s), "d", statement))); got != want {
			t.Errorf("%s: %d, want %d", statement, got, want)
		}
	}
	if err := query(t, poor, "", "SELECT 1 FROM d.t"); !IsDenied(err) || IsMissing(err) {
		t.Errorf("%v", err)
	}
	if err := query(t, configFor(s), "", "SELECT 1 FROM missing.t"); !IsMissing(err) || IsDenied(err) {
		t.Errorf("%v", err)
	}
}

func TestIs(t *testing.T) {
	for _, err := range []error{nil, errors.New("Error 1146"), mysql.ErrInvalidConn} {
		if CodeOf(err) != 0 || Is(err, 0, ErrNoSuchTable) {
			t.Errorf("%v is an answer of the server", err)
		}
	}
	if !IsUnsupportedLogin(&connectError{err: mysql.ErrOldPassword}) || IsUnsupportedLogin(mysql.ErrInvalidConn) {
		t.Error("a login that the driver does not support")
	}
}
