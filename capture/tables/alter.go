package tables

import (
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/pattern"
)

func FindObject(list []Object, o Object) *Object {
	for i := range list {
		if list[i].Kind == o.Kind && list[i].Name == o.Name {
			return &list[i]
		}
	}
	return nil
}

// definition is one line of a CREATE TABLE.
type definition struct{ name, text string }

// parsedTable is a CREATE TABLE as the server prints it, a line each.
type parsedTable struct {
	columns []definition
	keys    []definition // PRIMARY for the primary key; also constraints, by their kind and name: an index may share it
	options string
}

func ParseTable(text string) parsedTable {
	var t parsedTable
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		l = strings.TrimSuffix(strings.TrimSpace(l), ",")
		switch {
		case i == 0:
		case strings.HasPrefix(l, ")"):
			t.options = strings.TrimSpace(strings.Join(append([]string{l[1:]}, lines[i+1:]...), " "))
			return t
		case strings.HasPrefix(l, "`"):
			t.columns = append(t.columns, definition{quotedName(l), l})
		case strings.HasPrefix(l, "PRIMARY KEY"):
			t.keys = append(t.keys, definition{"PRIMARY", l})
		case strings.HasPrefix(l, constraint):
			t.keys = append(t.keys, definition{constraint + quotedName(l), l})
		default:
			t.keys = append(t.keys, definition{quotedName(l), l})
		}
	}
	return t
}

const constraint = "CONSTRAINT "

// quotedName is the first name in backticks.
func quotedName(l string) string {
	_, rest, _ := strings.Cut(l, "`")
	name, _, _ := strings.Cut(rest, "`")
	return name
}

func findDefinition(list []definition, name string) *definition {
	for i := range list {
		if strings.EqualFold(list[i].name, name) {
			return &list[i]
		}
	}
	return nil
}

// Alter returns the statements that change one table.
func Alter(table string, before, now parsedTable, lossy func(table, what, statement string)) []string {
	var out []string
	head := "ALTER TABLE `" + table + "` "
	for i, c := range now.columns {
		old := findDefinition(before.columns, c.name)
		switch {
		case old == nil:
			place := " FIRST"
			if i > 0 {
				place = " AFTER `" + now.columns[i-1].name + "`"
			}
			out = append(out, head+"ADD COLUMN "+c.text+place)
		case old.text == c.text:
		case widens(old.text, c.text):
			out = append(out, head+"MODIFY COLUMN "+c.text)
		default:
			lossy(table, c.name, head+"MODIFY COLUMN "+c.text)
		}
	}
	for _, c := range before.columns {
		if findDefinition(now.columns, c.name) == nil {
			lossy(table, c.name, head+"DROP COLUMN `"+c.name+"`")
		}
	}
	for _, k := range now.keys {
		old := findDefinition(before.keys, k.name)
		switch {
		case old == nil:
			out = append(out, head+"ADD "+k.text)
		case old.text == k.text:
		case strings.HasPrefix(k.text, "KEY"):
			out = append(out, head+"DROP INDEX `"+k.name+"`, ADD "+k.text)
		default:
			lossy(table, strings.TrimPrefix(k.name, constraint), head+"ADD "+k.text)
		}
	}
	for _, k := range before.keys {
		if findDefinition(now.keys, k.name) == nil && strings.HasPrefix(k.text, "KEY") {
			out = append(out, head+"DROP INDEX `"+k.name+"`")
		} else if name, is := strings.CutPrefix(k.name, constraint); findDefinition(now.keys, k.name) == nil && is {
			lossy(table, name, head+"DROP CONSTRAINT `"+name+"`")
		} else if findDefinition(now.keys, k.name) == nil {
			lossy(table, k.name, head+"DROP INDEX `"+k.name+"`")
		}
	}
	if before.options != now.options {
		lossy(table, "options", head+now.options)
	}
	return out
}

// sized is a type with a length.
var sized = pattern.New("^(`[^`]*` (?:varchar|varbinary|char))\\((\\d+)\\)(.*)$")

// number is an integer type.
var integer = pattern.New("^(`[^`]*`) (tinyint|smallint|mediumint|int|bigint)(?:\\(\\d+\\))?( unsigned)?(.*)$")

// remark is what may differ without touching the rows.
var remark = pattern.New(` COMMENT '(?:[^']|'')*'$`)

// widens reports whether every value of the old column fits the new one: it is
// longer, or may be NULL, or differs in its default or comment.
func widens(old, now string) bool {
	old, now = remark().ReplaceAllString(old, ""), remark().ReplaceAllString(now, "")
	for _, s := range []*string{&old, &now} {
		before, _, found := strings.Cut(*s, " DEFAULT ")
		if found {
			*s = before
		}
	}
	if strings.HasSuffix(old, " NOT NULL") && !strings.Contains(now, " NOT NULL") {
		old = strings.TrimSuffix(old, " NOT NULL")
	}
	if old == now {
		return true
	}
	if a, b := sized().FindStringSubmatch(old), sized().FindStringSubmatch(now); a != nil && b != nil {
		x, _ := strconv.Atoi(a[2])
		y, _ := strconv.Atoi(b[2])
		return a[1] == b[1] && a[3] == b[3] && y >= x
	}
	order := []string{"tinyint", "smallint", "mediumint", "int", "bigint"}
	if a, b := integer().FindStringSubmatch(old), integer().FindStringSubmatch(now); a != nil && b != nil {
		return a[1] == b[1] && a[3] == b[3] && a[4] == b[4] && slices.Index(order, b[2]) >= slices.Index(order, a[2])
	}
	return false
}
