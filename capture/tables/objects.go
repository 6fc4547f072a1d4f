// Package tables reads the tables, views and routines of a MetaDB in one spelling, whatever server prints them, and
// knows what turns one into another.
package tables

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// Objects are what one database consists of, each as its normalised statement.
type Objects struct {
	Role   config.Role
	Tables []Object // those that others refer to come first
	Others []Object // views, then routines, then triggers
}

type Object struct {
	Kind string // table, view, procedure, function, trigger
	Name string
	SQL  string
}

// NotOMS are tables of omsinit itself.
func NotOMS(table string) bool { return strings.HasPrefix(strings.ToLower(table), "omsinit_") }

// VersionTable records releases (oms-facts §6). Step 2 writes its rows.
const VersionTable = "oms_version"

// ReadObjects reads the definition of everything in one database.
func ReadObjects(ctx context.Context, db *sql.DB, c *config.Config, role config.Role) (Objects, error) {
	name := c.Database(role)
	out := Objects{Role: role}
	fail := func(err error) (Objects, error) {
		return out, msg.Errorf("cannot read the schema of the database %s: %w", name, database.Explain(c, err))
	}
	// Statements name what is in the current database without it.
	conn, err := db.Conn(ctx)
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "USE "+database.Quote(name)); err != nil {
		return fail(err)
	}
	list, err := Texts(ctx, conn, "SHOW FULL TABLES")
	if err != nil {
		return fail(err)
	}
	for _, row := range list {
		switch {
		case NotOMS(row[0]):
		case row[1] == "VIEW":
			text, err := created(ctx, conn, "VIEW", row[0], "Create View")
			if err != nil {
				return fail(err)
			}
			out.Others = append(out.Others, Object{"view", row[0], normalView(text, name)})
		default:
			text, err := created(ctx, conn, "TABLE", row[0], "Create Table")
			if err != nil {
				return fail(err)
			}
			out.Tables = append(out.Tables, Object{"table", row[0], normalTable(text)})
		}
	}
	out.Tables = inOrder(out.Tables, "REFERENCES `%s`")
	out.Others = inOrder(out.Others, "`%s`")
	for _, kind := range []string{"procedure", "function"} {
		list, err := Texts(ctx, conn, "SELECT routine_name FROM information_schema.routines WHERE routine_schema = ? AND routine_type = ? ORDER BY 1", name, strings.ToUpper(kind))
		if err != nil {
			return fail(err)
		}
		for _, row := range list {
			text, err := created(ctx, conn, strings.ToUpper(kind), row[0], "Create "+strings.ToUpper(kind[:1])+kind[1:])
			if err != nil {
				return fail(err)
			}
			out.Others = append(out.Others, Object{kind, row[0], normalStored(text, name)})
		}
	}
	list, err = Texts(ctx, conn,
		"SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = ? ORDER BY 1", name)
	if err != nil {
		return fail(err)
	}
	for _, row := range list {
		text, err := created(ctx, conn, "TRIGGER", row[0], "SQL Original Statement")
		if err != nil {
			return fail(err)
		}
		out.Others = append(out.Others, Object{"trigger", row[0], normalStored(text, name)})
	}
	return out, nil
}

// created returns one column of SHOW CREATE. What the account may not see is
// empty there, and is an error: the pack would lack it.
func created(ctx context.Context, conn *sql.Conn, kind, name, column string) (string, error) {
	rows, err := conn.QueryContext(ctx, "SHOW CREATE "+kind+" "+database.Quote(name))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	text := ""
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		for i, c := range columns {
			if strings.EqualFold(c, column) {
				text = values[i].String
			}
		}
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	if text == "" {
		return "", msg.Errorf("this account may not see how %s was created; use one that may", name)
	}
	return text, nil
}

// queryer is a *sql.DB or a *sql.Conn.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Texts runs a query whose columns are all texts; NULL is Null.
func Texts(ctx context.Context, q queryer, query string, args ...any) ([][]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][]string
	for rows.Next() {
		values := make([]sql.RawBytes, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(columns))
		for i, v := range values {
			row[i] = string(v)
			if v == nil {
				row[i] = Null
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// Null stands for NULL among texts. No value is it: a bit(1) of 0 is a text of one NUL.
const Null = "\x00NULL\x00"

// inOrder puts what is referred to before what refers to it.
func inOrder(list []Object, reference string) []Object {
	var out []Object
	mark, _, _ := strings.Cut(reference, "%s")
	placed := map[string]bool{}
	for len(list) > 0 {
		var rest []Object
		for _, o := range list {
			waits := strings.Contains(o.SQL, mark) && slices.ContainsFunc(list, func(other Object) bool {
				return other.Name != o.Name && !placed[other.Name] &&
					strings.Contains(o.SQL, fmt.Sprintf(reference, other.Name))
			})
			if waits {
				rest = append(rest, o)
				continue
			}
			out = append(out, o)
			placed[o.Name] = true
		}
		if len(rest) == len(list) {
			return append(out, rest...) // they refer to each other
		}
		list = rest
	}
	return out
}

// Statements are those that create everything.
func (o Objects) Statements() []string {
	var out []string
	for _, t := range o.Tables {
		out = append(out, strings.Replace(t.SQL, "CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))
	}
	for _, x := range o.Others {
		out = append(out, x.SQL)
	}
	return out
}
