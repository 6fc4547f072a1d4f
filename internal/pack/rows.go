package pack

import (
	"fmt"
	"maps"
	"slices"
	"text/template"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// Row is a row of the MetaDB that holds values of config.yaml: one of a region or a node, or a setting.
type Row struct {
	Database config.Role `yaml:"database"`
	Table    string      `yaml:"table"`
	// Key are the columns that tell it from others.
	Key []string `yaml:"key,flow"`
	// Values are those of all columns, as templates.
	Values map[string]string `yaml:"values"`
	// Refs are columns with the number of another row, by their names.
	Refs map[string]Reference `yaml:"refs,omitempty"`
	// Now are columns that get the time when the row is made.
	Now []string `yaml:"now,flow,omitempty"`
	// When is a template that yields nothing where there is to be no such row; empty: always.
	When string `yaml:"when,omitempty"`
	// Setting reports whether the row is made by a schema file, once, and may be changed by people and by other
	// regions. It then only follows config.yaml, as long as it holds what that gave before.
	Setting  bool     `yaml:"setting,omitempty"`
	Evidence Evidence `yaml:"evidence,omitempty"`
}

// Reference is the number of a row that the server counts: it is looked up.
type Reference struct {
	Database config.Role `yaml:"database"`
	Table    string      `yaml:"table"`
	// Column is the one with the number, and Where what tells the row from others, as templates.
	Column string            `yaml:"column"`
	Where  map[string]string `yaml:"where"`
}

// rowTemplates are the templates of a row.
type rowTemplates struct {
	values map[string]*template.Template
	refs   map[string]map[string]*template.Template
	when   *template.Template
}

// columnName is what a name of a table or column may be.
var columnName = pattern.New(`^\w+$`)

func (c *checker) rows(rows []Row) {
	for i, row := range rows {
		c.evidence(row.Evidence, "rows", i)
		databases := []config.Role{row.Database}
		names := slices.Concat([]string{row.Table}, row.Now, slices.Sorted(maps.Keys(row.Values)))
		for _, column := range slices.Sorted(maps.Keys(row.Refs)) {
			ref := row.Refs[column]
			databases = append(databases, ref.Database)
			names = append(names, column, ref.Table, ref.Column)
			names = append(names, slices.Sorted(maps.Keys(ref.Where))...)
			if len(ref.Where) == 0 {
				c.fail(msg.M("it needs columns that tell which row is meant"), "rows", i, "refs", column)
			}
		}
		for _, database := range databases {
			if !slices.Contains(config.Roles, database) {
				c.fail(msg.M("database is %q; it is rm, cm or hb", database), "rows", i, "database")
			}
		}
		for _, name := range names {
			if !columnName().MatchString(name) {
				c.fail(msg.M("%q is no name of a table or column", name), "rows", i)
			}
		}
		for _, name := range row.Key {
			_, ref := row.Refs[name]
			if _, ok := row.Values[name]; !ok && !ref {
				c.fail(msg.M("the key has the column %q, which has no value", name), "rows", i, "key")
			}
		}
		if len(row.Key) == 0 {
			c.fail(msg.M("a row needs a key"), "rows", i, "key")
		}
		t := rowTemplates{refs: map[string]map[string]*template.Template{}}
		t.values = c.rowTemplates(row.Values, "rows", i, "values")
		for column, ref := range row.Refs {
			t.refs[column] = c.rowTemplates(ref.Where, "rows", i, "refs", column, "where")
		}
		if row.When != "" {
			t.when = c.rowTemplates(map[string]string{"when": row.When}, "rows", i)["when"]
		}
		c.pack.rows = append(c.pack.rows, t)
	}
}

// rowTemplates reads the templates of a mapping.
func (c *checker) rowTemplates(texts map[string]string, at ...any) map[string]*template.Template {
	out := map[string]*template.Template{}
	for name, text := range texts {
		place := fmt.Sprintf("%s:%d", c.place, line(c.root, append(slices.Clone(at), name)))
		t, _, err := parseTemplate(place, text, Plain, Standard, c.keys)
		if err != nil && c.err == nil {
			c.err = err
		}
		out[name] = t
	}
	return out
}

// FilledRow is a row with the values of a node.
type FilledRow struct {
	Row
	// Made reports whether there is to be such a row.
	Made bool
}

// FillRow fills in a row, by its place in Rows.
func (p *Pack) FillRow(n int, d Data) (FilledRow, error) {
	out := FilledRow{Row: p.Rows[n], Made: true}
	t := p.rows[n]
	var err error
	if t.when != nil {
		var text string
		text, err = render(t.when, d, p.Release, nil)
		out.Made = text != ""
	}
	fill := func(templates map[string]*template.Template) map[string]string {
		texts := map[string]string{}
		for name, t := range templates {
			text, failed := render(t, d, p.Release, nil)
			if failed != nil {
				err = msg.Errorf("cannot fill in %s of a row of %s: %w", name, p.Rows[n].Table, failed)
			}
			texts[name] = text
		}
		return texts
	}
	out.Values = fill(t.values)
	out.Refs = map[string]Reference{}
	for column, where := range t.refs {
		ref := p.Rows[n].Refs[column]
		ref.Where = fill(where)
		out.Refs[column] = ref
	}
	return out, err
}
