package capture

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// findRelease takes the release from the MetaDB, unless it was given.
func (j *Job) findRelease(ctx context.Context) error {
	if j.Release == "" && j.DB != nil {
		list, err := tables.Texts(ctx, j.DB,
			"SELECT version FROM "+database.Quote(j.From.Config.RMDatabase)+"."+database.Quote(tables.VersionTable)+" ORDER BY gmt_modified DESC, version DESC LIMIT 1")
		if err == nil && len(list) == 1 {
			j.Release = list[0][0]
		}
	}
	if j.Release == "" {
		return msg.Errorf("it is not known which release this is: the table oms_version does not say; give it with --release, such as --release 4.2.7-CE")
	}
	if strings.ContainsAny(j.Release, " \t\n'\"\\/") {
		return msg.Errorf("the release %q is no version such as 4.2.7-CE; give it with --release", j.Release)
	}
	j.report.Release = j.Release
	return nil
}

// schema adds the schema files to the pack.
func (j *Job) schema(ctx context.Context, t tree, old *previous) error {
	if j.DB == nil {
		j.note(Finding{Kind: "schema", Path: "schema", Text: msg.M("the MetaDB was left out, so the pack has no schema and cannot initialise one")})
		for _, role := range config.Roles {
			t["schema/"+string(role)+"/"+j.Release+".sql"] = []byte("-- The schema was not captured.\n")
		}
		return nil
	}
	if err := j.checkRows(ctx); err != nil {
		return err
	}
	for _, role := range config.Roles {
		now, err := tables.ReadObjects(ctx, j.DB, j.From.Config, role)
		if err != nil {
			return err
		}
		j.report.Tables += len(now.Tables)
		j.noteNames(now)
		rows, err := j.settings(ctx, role, now)
		if err != nil {
			return err
		}
		statements := now.Statements()
		if old != nil {
			for name, data := range old.files(role) {
				t[name] = data
			}
			statements = j.difference(old.objects[role], now)
			rows = old.without(role, rows)
		}
		t["schema/"+string(role)+"/"+j.Release+".sql"] = j.schemaFile(role, statements, rows)
	}
	return nil
}

// schemaFile writes a file down. It is a template when a statement needs the
// name of another database, or a row a value of config.yaml.
func (j *Job) schemaFile(role config.Role, statements []string, rows []string) []byte {
	isTemplate := slices.ContainsFunc(rows, func(s string) bool { return strings.Contains(s, "{{") })
	for i, s := range statements {
		s = match.Literal(s, false)
		for _, other := range config.Roles {
			name := j.From.Config.Database(other)
			if other != role {
				s = strings.ReplaceAll(s, "`"+name+"`.", "`{{."+other.Key()+"}}`.")
			}
		}
		if strings.Contains(s, "{{.") {
			isTemplate = true
		}
		statements[i] = s
	}
	var b strings.Builder
	if isTemplate {
		b.WriteString("-- omsinit: template\n")
	} else {
		for i := range statements {
			statements[i] = unliteral(statements[i])
		}
		for i := range rows {
			rows[i] = unliteral(rows[i])
		}
	}
	fmt.Fprintf(&b, "-- Schema of the %s database of OMS %s, as it was captured from an installation.\n", role, j.Release)
	for _, s := range append(statements, rows...) {
		b.WriteString("\n" + s)
		if !strings.HasPrefix(s, "--") {
			b.WriteString(";")
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// unliteral takes back what literal did, for a file that is no template.
func unliteral(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, `{{"{`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		braces, after, _ := strings.Cut(rest, `"}}`)
		b.WriteString("{" + braces)
		text = after
	}
}

// noteNames lists routines and triggers that name one of the databases without
// quotes. It may as well be the alias of a table, so it is left as it is.
func (j *Job) noteNames(o tables.Objects) {
	for _, x := range o.Others {
		if x.Kind == "view" {
			continue // the server quotes every name in one
		}
		text := ""
		tables.OutsideQuotes(x.SQL, func(piece string) string { text += piece + "''"; return piece })
		for _, role := range config.Roles {
			name := j.From.Config.Database(role)
			named := regexp.MustCompile(`(?i)(^|[^\w.$])` + regexp.QuoteMeta(name) + `\s*\.`)
			if named.MatchString(text) {
				expression := "{{." + role.Key() + "}}"
				j.note(Finding{Kind: "text", Path: string(o.Role) + "." + x.Name, Candidates: []string{expression},
					Text: msg.M("%s of %s may come from %s", `"`+name+`"`, x.Kind+" "+x.Name, expression)})
			}
		}
	}
}
