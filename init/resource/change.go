package resource

import (
	"fmt"
	"strings"

	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// place is the database that a row is in.
type place bool

const (
	rmDatabase place = false
	cmDatabase place = true
)

// change is one row to write.
type change struct {
	place place
	table string
	key   string  // as it is reported
	where *value  // of an update; nil: an insert
	set   []value // nil: the row is deleted
}

// value is a column with its value.
type value struct {
	column string
	value  any
}

// groupID is the id of the resource group of that name, which may be as new as
// the row that refers to it.
type groupID string

func insert(p place, table, key string, set ...value) change {
	return change{place: p, table: table, key: key, set: set}
}

func remove(p place, table, key string, where value) change {
	return change{place: p, table: table, key: key, where: &where}
}

func update(p place, table, key string, where value, set ...value) change {
	return change{place: p, table: table, key: key, where: &where, set: set}
}

// statement returns the SQL with its arguments. Columns named here are the documented ones; times
// are given where the table wants them and the server does not fill them in.
func (c change) statement(databaseName string, columns registry.Columns) (string, []any) {
	in := database.Quote(databaseName)
	if c.set == nil {
		return fmt.Sprintf("DELETE FROM %s.%s WHERE %s = ?", in, c.table, c.where.column), []any{c.where.value}
	}
	var names, values []string
	var args []any
	for _, v := range c.set {
		names = append(names, v.column)
		if group, ok := v.value.(groupID); ok {
			values = append(values, "(SELECT id FROM "+in+".resource_group WHERE name = ?)")
			args = append(args, string(group))
			continue
		}
		values = append(values, "?")
		args = append(args, v.value)
	}
	stamps := columns.ForInsert(c.table)
	if c.where != nil {
		stamps = columns.ForUpdate(c.table)
	}
	for _, name := range stamps {
		names, values = append(names, name), append(values, "NOW()")
	}
	if c.where == nil {
		return fmt.Sprintf("INSERT INTO %s.%s (%s) VALUES (%s)",
			in, c.table, strings.Join(names, ", "), strings.Join(values, ", ")), args
	}
	for i := range names {
		names[i] += " = " + values[i]
	}
	return fmt.Sprintf("UPDATE %s.%s SET %s WHERE %s = ?",
		in, c.table, strings.Join(names, ", "), c.where.column), append(args, c.where.value)
}

// row is the change as it is reported.
func (c change) row(databaseName string) Row {
	return Row{Table: databaseName + "." + c.table, Key: c.key, Inserted: c.where == nil, Deleted: c.set == nil}
}

// Message returns what was done with the row, for people.
func (r Row) Message() msg.Message {
	switch {
	case r.Inserted:
		return msg.M("%s: %s registered", r.Table, r.Key)
	case r.Deleted:
		return msg.M("%s: %s deleted", r.Table, r.Key)
	}
	return msg.M("%s: %s corrected", r.Table, r.Key)
}
