package capture

import (
	"context"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// previous is the release before, as its pack has it.
type previous struct {
	pack    *pack.Pack
	objects map[config.Role]tables.Objects // by role
	schema  tree
}

// since opens the pack of the previous release.
func (j *Job) since() (*previous, error) {
	if j.Since == "" {
		return nil, nil
	}
	// Without a folder Open gives the built-in pack.
	if info, err := os.Stat(j.Since); err != nil || !info.IsDir() {
		return nil, msg.Errorf("the pack of the previous release, %s, is not a folder", j.Since)
	}
	p, err := pack.Open(j.Since)
	if err != nil {
		return nil, err
	}
	old := &previous{pack: p, objects: map[config.Role]tables.Objects{}, schema: tree{}}
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
func (j *Job) look(ctx context.Context, old *previous) error {
	if old == nil || j.DB == nil {
		return nil
	}
	for _, role := range config.Roles {
		name := "schema/" + string(role) + "/" + j.Release + ".sql"
		if _, again := old.schema[name]; again {
			return msg.Errorf("the previous release's pack has the file %s already, so it is of this release or a later one", name)
		}
	}
	return j.scratch(ctx, old.pack, func(c *config.Config) (err error) {
		for _, role := range config.Roles {
			if old.objects[role], err = tables.ReadObjects(ctx, j.DB, c, role); err != nil {
				return err
			}
		}
		return nil
	})
}

// files are the schema files of one database.
func (p *previous) files(role config.Role) tree {
	out := tree{}
	for name, data := range p.schema {
		if strings.HasPrefix(name, "schema/"+string(role)+"/") {
			out[name] = data
		}
	}
	return out
}

// without leaves out the rows that the previous release's files insert.
func (p *previous) without(role config.Role, rows []string) []string {
	return slices.DeleteFunc(rows, func(row string) bool {
		for _, data := range p.files(role) {
			if strings.Contains(string(data), row+";") || strings.Contains(string(data), unliteral(row)+";") {
				return true
			}
		}
		return false
	})
}

// difference returns the statements that make the new schema of the old one. What
// would lose data is a comment, and is noted.
func (j *Job) difference(old, now tables.Objects) []string {
	var out []string
	lossy := func(table, what, statement string) {
		out = append(out, "-- not run, because it may lose data: "+strings.Join(strings.Fields(statement), " "))
		j.lossy = append(j.lossy, string(now.Role)+"."+table)
		j.note(Finding{Kind: "upgrade", Path: string(now.Role) + "." + table, Text: msg.M("%s: written as a comment, because it may lose data: %s", what, statement)})
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
