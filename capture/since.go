package capture

import (
	"context"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// previous is the release before, as its pack has it.
type previous struct {
	pack    *pack.Pack
	objects map[string]objects // by role
	schema  tree
}

// since opens the pack of the previous release.
func (j *Job) since() (*previous, error) {
	if j.Since == "" {
		return nil, nil
	}
	p, err := pack.Open(j.Since)
	if err != nil {
		return nil, err
	}
	old := &previous{pack: p, objects: map[string]objects{}, schema: tree{}}
	for _, role := range roles {
		names, _ := fs.Glob(p.FS(), path.Join("schema", role, "*.sql")) // only a wrong pattern is an error
		for _, name := range names {
			data, err := fs.ReadFile(p.FS(), name)
			if err != nil {
				return nil, msg.Errorf("cannot read %s of the previous release's pack: %w", name, err)
			}
			old.schema[name] = data
		}
	}
	return old, nil
}

// look creates the previous schema in scratch databases and reads it back, so
// that both are in the words of the same server.
func (j *Job) look(ctx context.Context, old *previous) error {
	if old == nil || j.DB == nil {
		return nil
	}
	for _, role := range roles {
		name := "schema/" + role + "/" + j.Release + ".sql"
		if _, again := old.schema[name]; again {
			return msg.Errorf("the previous release's pack has the file %s already, so it is of this release or a later one", name)
		}
	}
	return j.scratch(ctx, old.pack, func(c *config.Config) (err error) {
		for _, role := range roles {
			if old.objects[role], err = readObjects(ctx, j.DB, c, role); err != nil {
				return err
			}
		}
		return nil
	})
}

// files are the schema files of one database.
func (p *previous) files(role string) tree {
	out := tree{}
	for name, data := range p.schema {
		if strings.HasPrefix(name, "schema/"+role+"/") {
			out[name] = data
		}
	}
	return out
}

// without leaves out the rows that the previous release's files insert.
func (p *previous) without(role string, rows []string) []string {
	return slices.DeleteFunc(rows, func(row string) bool {
		for _, data := range p.files(role) {
			if strings.Contains(string(data), row+";") || strings.Contains(string(data), unliteral(row)+";") {
				return true
			}
		}
		return false
	})
}

// difference gives the statements that make the new schema of the old one. What
// would lose data is a comment, and is noted.
func (j *Job) difference(old, now objects) []string {
	var out []string
	lossy := func(table, what, statement string) {
		out = append(out, "-- not run, because it may lose data: "+strings.Join(strings.Fields(statement), " "))
		j.lossy = append(j.lossy, now.role+"."+table)
		j.note(Finding{Kind: "upgrade", Path: now.role + "." + table, Text: msg.M("%s: written as a comment, because it may lose data: %s", what, statement)})
	}
	for _, t := range now.tables {
		before := findObject(old.tables, t)
		if before == nil {
			out = append(out, objects{tables: []object{t}}.statements()...)
			continue
		}
		out = append(out, alter(t.name, parseTable(before.sql), parseTable(t.sql), lossy)...)
	}
	for _, t := range old.tables {
		if findObject(now.tables, t) == nil {
			lossy(t.name, "DROP TABLE", "DROP TABLE `"+t.name+"`")
		}
	}
	for _, o := range old.others {
		if same := findObject(now.others, o); same == nil || same.sql != o.sql {
			out = append(out, "DROP "+strings.ToUpper(o.kind)+" IF EXISTS `"+o.name+"`")
		}
	}
	for _, o := range now.others {
		if same := findObject(old.others, o); same == nil || same.sql != o.sql {
			out = append(out, o.sql)
		}
	}
	return out
}

func findObject(list []object, o object) *object {
	for i := range list {
		if list[i].kind == o.kind && list[i].name == o.name {
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
	keys    []definition // PRIMARY for the primary key; also constraints
	options string
}

func parseTable(text string) parsedTable {
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
		default:
			t.keys = append(t.keys, definition{quotedName(l), l})
		}
	}
	return t
}

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

// alter gives the statements that change one table.
func alter(table string, before, now parsedTable, lossy func(table, what, statement string)) []string {
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
			lossy(table, k.name, head+"ADD "+k.text)
		}
	}
	for _, k := range before.keys {
		if findDefinition(now.keys, k.name) == nil && strings.HasPrefix(k.text, "KEY") {
			out = append(out, head+"DROP INDEX `"+k.name+"`")
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
var sized = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("^(`[^`]*` (?:varchar|varbinary|char))\\((\\d+)\\)(.*)$")
})

// number is an integer type.
var integer = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("^(`[^`]*`) (tinyint|smallint|mediumint|int|bigint)(?:\\(\\d+\\))?( unsigned)?(.*)$")
})

// remark is what may differ without touching the rows.
var remark = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` COMMENT '(?:[^']|'')*'$`) })

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
