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

// Row is a row of the MetaDB that belongs to a region or a node.
type Row struct {
	Database config.Role `yaml:"database"`
	Table    string      `yaml:"table"`
	// Key are the columns that tell it from others.
	Key []string `yaml:"key,flow"`
	// Values are those of all columns, as templates.
	Values map[string]string `yaml:"values"`
	// Now are columns that get the time when the row is made.
	Now      []string `yaml:"now,flow,omitempty"`
	Evidence Evidence `yaml:"evidence,omitempty"`
}

// columnName is what a name of a table or column may be.
var columnName = pattern.New(`^\w+$`)

func (c *checker) rows(rows []Row) {
	for i, row := range rows {
		c.evidence(row.Evidence, "rows", i)
		if !slices.Contains(config.Roles, row.Database) {
			c.fail(msg.M("database is %q; it is rm, cm or hb", row.Database), "rows", i, "database")
		}
		names := slices.Concat([]string{row.Table}, row.Now, slices.Sorted(maps.Keys(row.Values)))
		for _, name := range names {
			if !columnName().MatchString(name) {
				c.fail(msg.M("%q is no name of a table or column", name), "rows", i)
			}
		}
		for _, name := range row.Key {
			if _, ok := row.Values[name]; !ok {
				c.fail(msg.M("the key has the column %q, which has no value", name), "rows", i, "key")
			}
		}
		if len(row.Key) == 0 {
			c.fail(msg.M("a row needs a key"), "rows", i, "key")
		}
		templates := map[string]*template.Template{}
		for name, text := range row.Values {
			place := fmt.Sprintf("%s:%d", c.place, line(c.root, []any{"rows", i, "values", name}))
			t, _, err := parseTemplate(place, text, Plain, Standard, c.keys)
			if err != nil && c.err == nil {
				c.err = err
			}
			templates[name] = t
		}
		c.pack.rows = append(c.pack.rows, templates)
	}
}

// RowValues fills in the values of a row, by its place in Rows.
func (p *Pack) RowValues(n int, d Data) (map[string]string, error) {
	out := map[string]string{}
	for name, t := range p.rows[n] {
		text, err := render(t, d, p.Release, nil)
		if err != nil {
			return nil, msg.Errorf("cannot fill in %s of a row of %s: %w", name, p.Rows[n].Table, err)
		}
		out[name] = text
	}
	return out, nil
}
