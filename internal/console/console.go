// Package console reads and changes what the console keeps of its own users in the MetaDB (docs/oms-facts.md §14.5).
package console

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"slices"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// lookTime bounds each look at the database that somebody waits for.
const lookTime = 15 * time.Second

// UnknownError is a name that no user has, or several.
type UnknownError struct{ msg.Message }

// Error returns the English words.
func (e *UnknownError) Error() string { return e.String() }

// User is the row of a user of the console that counts its failed logins (docs/oms-facts.md §14.5). Its JSON
// form only ever grows.
type User struct {
	Version  int    `json:"version"`
	User     string `json:"user"`
	Column   string `json:"column"` // that names the user
	Database string `json:"database"`
	Failures int64  `json:"login_failure_times"`
	Locked   bool   `json:"is_locked"`
	// Changed: the user was unlocked.
	Changed bool `json:"changed"`
}

// Free reports whether there is nothing to unlock.
func (u User) Free() bool { return !u.Locked && u.Failures == 0 }

// userColumns are the columns by which a person may name a user. That the table has one of them is a guess: only the
// two that are written are documented.
var userColumns = []string{"user_name", "username", "login_name", "name", "account", "email"}

const userTable = "oms_user"

// userColumnsOf returns those of userColumns that the table has; nothing when it lacks those that count failures.
func userColumnsOf(ctx context.Context, q database.Queryer, rm string) ([]string, error) {
	all, err := database.Column(ctx, q,
		"SELECT LOWER(column_name) FROM information_schema.columns WHERE table_schema = ? AND table_name = ?",
		rm, userTable)
	if err != nil || !slices.Contains(all, "login_failure_times") || !slices.Contains(all, "is_locked") {
		return nil, err
	}
	var columns []string
	for _, c := range userColumns {
		if slices.Contains(all, c) {
			columns = append(columns, c)
		}
	}
	return columns, nil
}

// Locked returns the names of the users of the console that are locked; nothing where there is no such table.
func Locked(ctx context.Context, q database.Queryer, rm string) ([]string, error) {
	columns, err := userColumnsOf(ctx, q, rm)
	if err != nil || len(columns) == 0 {
		return nil, err
	}
	return database.Column(ctx, q, "SELECT "+database.Quote(columns[0])+" FROM "+database.Quote(rm)+"."+userTable+
		" WHERE is_locked <> 0 ORDER BY 1")
}

// Unlock lets a user of the console log in again whom wrong passwords have locked: the documented
// `update oms_user set login_failure_times = 0, is_locked = 0`, of this one row. confirm is asked with what would be
// changed before it is; when it says no, or the user is free, nothing is.
func Unlock(
	ctx context.Context, cfg *config.Config, name string, confirm func(User) (bool, error),
) (User, error) {
	db, err := database.Open(cfg, "", database.CountFoundRows)
	if err != nil {
		return User{}, err
	}
	defer db.Close()
	u, err := findUser(ctx, db, cfg, name)
	if err != nil || u.Free() {
		return u, err
	}
	if yes, err := confirm(u); err != nil || !yes {
		return u, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	_, err = db.ExecContext(ctx, "UPDATE "+database.Quote(cfg.RMDatabase)+"."+userTable+
		" SET login_failure_times = 0, is_locked = 0 WHERE "+database.Quote(u.Column)+" = ?", u.User)
	u.Changed = err == nil
	return u, database.Explain(cfg, err)
}

// findUser finds the one row of a user.
func findUser(ctx context.Context, db *sql.DB, cfg *config.Config, name string) (u User, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	columns, err := userColumnsOf(ctx, db, cfg.RMDatabase)
	if err != nil {
		return u, database.Explain(cfg, err)
	}
	if len(columns) == 0 {
		return u, msg.Errorf("the database %s has no table oms_user with the columns login_failure_times and is_locked, so users of the console cannot be unlocked there; restart oms_console instead, which forgets failed logins",
			cfg.RMDatabase)
	}
	for _, column := range columns {
		var found []User
		query := "SELECT " + database.Quote(column) +
			", COALESCE(login_failure_times, 0), COALESCE(is_locked, 0) <> 0 FROM " +
			database.Quote(cfg.RMDatabase) + "." + userTable + " WHERE " + database.Quote(column) + " = ?"
		found, err = database.All(ctx, db, query, []any{name}, func(u *User) []any {
			return []any{&u.User, &u.Failures, &u.Locked}
		})
		if err != nil {
			return u, database.Explain(cfg, err)
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			u = found[0]
			u.Version, u.Column, u.Database = 1, column, cfg.RMDatabase
			return u, nil
		}
		return u, &UnknownError{msg.M(
			"the table oms_user has %d users whose %s is %s; name the one by another of its columns: %s",
			len(found), column, name, msg.List(columns))}
	}
	return u, &UnknownError{msg.M("the console has no user %q; users are looked for by %s of the table oms_user",
		name, msg.List(columns))}
}

// Print writes what was done.
func (u User) Print(w io.Writer, lang msg.Lang) {
	text := msg.M("the user %s is not unlocked: is_locked %v, failed logins %d", u.User, u.Locked, u.Failures)
	switch {
	case u.Changed:
		text = msg.M("unlocked the user %s: %s.oms_user had is_locked %v and login_failure_times %d, both are 0 now",
			u.User, u.Database,
			u.Locked, u.Failures)
	case u.Free():
		text = msg.M("the user %s is not locked, and has no failed logins: nothing was changed", u.User)
	}
	fmt.Fprintln(w, text.In(lang))
}
