package schema

import (
	"context"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Previous is the release before, as its pack has it.
type Previous struct {
	pack    *pack.Pack
	objects map[config.Role]tables.Objects         // by role
	rows    map[config.Role]map[string]tables.Rows // of settings, by role and table
	schema  map[string][]byte
}

// OpenPrevious opens the pack of the previous release; there is none where dir is empty.
func OpenPrevious(dir string) (*Previous, error) {
	if dir == "" {
		return nil, nil
	}
	// Without a folder Open gives the built-in pack.
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, msg.Errorf("the pack of the previous release, %s, is not a folder", dir)
	}
	p, err := pack.Open(dir)
	if err != nil {
		return nil, err
	}
	old := &Previous{pack: p, objects: map[config.Role]tables.Objects{},
		rows: map[config.Role]map[string]tables.Rows{}, schema: map[string][]byte{}}
	for _, role := range config.Roles {
		names, _ := fs.Glob(p.FS(), path.Join("schema", string(role), "*.sql")) // only a wrong pattern is an error
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
func (r *Reader) look(ctx context.Context, old *Previous) error {
	if old == nil {
		return nil
	}
	for _, role := range config.Roles {
		name := "schema/" + string(role) + "/" + r.Words.Release + ".sql"
		if _, again := old.schema[name]; again {
			return msg.Errorf("the previous release's pack has the file %s already, so it is of this release or a later one", name)
		}
	}
	return r.Scratch.Use(ctx, old.pack, func(c *config.Config) (err error) {
		for _, role := range config.Roles {
			if old.objects[role], err = tables.ReadObjects(ctx, r.Scratch.DB, c, role); err != nil {
				return err
			}
			old.rows[role] = map[string]tables.Rows{}
			for _, t := range old.objects[role].Tables {
				if t.Name == tables.VersionTable {
					continue
				}
				if old.rows[role][t.Name], err = r.Scratch.Rows(ctx, c, role, t.Name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// files are the schema files of one database.
func (p *Previous) files(role config.Role) map[string][]byte {
	out := map[string][]byte{}
	for name, data := range p.schema {
		if strings.HasPrefix(name, "schema/"+string(role)+"/") {
			out[name] = data
		}
	}
	return out
}

// absent stands for the value of a column that the previous release does not have.
const absent = "\x00ABSENT\x00"

// row returns the row of the previous release with the same key, in the columns of this one; nil where there is none.
func (p *Previous) row(role config.Role, table string, columns []tables.Column, row []string) []string {
	if p == nil {
		return nil
	}
	before := tables.Rows{Columns: columns}
	old := p.rows[role][table]
	for _, values := range old.Values {
		aligned := make([]string, len(columns))
		for i, c := range columns {
			at := slices.IndexFunc(old.Columns, func(o tables.Column) bool { return o.Name == c.Name })
			if aligned[i] = absent; at >= 0 {
				aligned[i] = values[at]
			}
		}
		before.Values = append(before.Values, aligned)
	}
	same, _ := before.Same(row)
	return same
}

// difference returns the statements that make the new schema of the old one. What
// would lose data is a comment, and is noted.
func (r *Reader) difference(old, now tables.Objects) []string {
	var out []string
	lossy := func(table, what, statement string) {
		out = append(out, "-- not run, because it may lose data: "+strings.Join(strings.Fields(statement), " "))
		r.Lossy = append(r.Lossy, string(now.Role)+"."+table)
		r.Report.Note("upgrade", finding.Place{File: string(now.Role) + "." + table},
			msg.M("%s: written as a comment, because it may lose data: %s", what, statement))
	}
	for _, t := range now.Tables {
		before := tables.FindObject(old.Tables, t)
		if before == nil {
			out = append(out, tables.Objects{Tables: []tables.Object{t}}.Statements()...)
			continue
		}
		out = append(out, tables.Alter(t.Name, tables.ParseTable(before.SQL), tables.ParseTable(t.SQL), lossy)...)
	}
	for _, t := range old.Tables {
		if tables.FindObject(now.Tables, t) == nil {
			lossy(t.Name, "DROP TABLE", "DROP TABLE `"+t.Name+"`")
		}
	}
	for _, o := range old.Others {
		if same := tables.FindObject(now.Others, o); same == nil || same.SQL != o.SQL {
			out = append(out, "DROP "+strings.ToUpper(o.Kind)+" IF EXISTS `"+o.Name+"`")
		}
	}
	for _, o := range now.Others {
		if same := tables.FindObject(old.Others, o); same == nil || same.SQL != o.SQL {
			out = append(out, o.SQL)
		}
	}
	return out
}
