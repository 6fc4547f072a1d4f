// Package schema captures the three databases: how their tables are created, and the rows that are settings.
package schema

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/secrets"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Reader reads the databases of an installation.
type Reader struct {
	Words  *match.Vocabulary
	Others []*match.Vocabulary // with further installations in the place of the second
	Report *report.Report
	// Rows are tables, as TABLE or rm.TABLE, whose rows are taken beside those that are taken for settings.
	Rows []string
	// Register are tables whose rows belong to a region or a node, and are written by step 5.
	Register []string
	Secrets  *secrets.Guard
	// Registered are the rows of these tables, and those of settings that follow config.yaml.
	Registered []pack.Row
	Scratch    tables.Scratch
	// Lossy are tables, as rm.TABLE, that the upgrade file does not change as the installation has them, because that
	// may lose data.
	Lossy []string

	objects    map[config.Role]tables.Objects
	references []Reference
}

// Files returns the schema files of the pack by their names: everything, or what comes to those of the previous
// release, where old is not nil.
func (r *Reader) Files(ctx context.Context, old *Previous) (map[string][]byte, error) {
	out := map[string][]byte{}
	own := func(role config.Role) string { return "schema/" + string(role) + "/" + r.Words.Release + ".sql" }
	from := r.Words.From
	if from.Tables() == nil {
		r.Report.Note("schema", finding.Place{File: "schema"},
			msg.M("the MetaDB was left out, so the pack has no schema and cannot initialise one"))
		for _, role := range config.Roles {
			out[own(role)] = []byte("-- The schema was not captured.\n")
		}
		return out, nil
	}
	if err := r.look(ctx, old); err != nil {
		return nil, err
	}
	r.objects = map[config.Role]tables.Objects{}
	for _, role := range config.Roles {
		now, err := from.Tables().Objects(ctx, role)
		if err != nil {
			return nil, err
		}
		r.objects[role] = now
	}
	if err := r.checkRows(); err != nil {
		return nil, err
	}
	var err error
	if r.references, err = References(ctx, r.installations()); err != nil {
		return nil, err
	}
	for _, role := range config.Roles {
		now := r.objects[role]
		r.Report.Tables += len(now.Tables)
		r.noteNames(now)
		if err := r.registered(ctx, role, now); err != nil {
			return nil, err
		}
		rows, err := r.settings(ctx, role, now, old)
		if err != nil {
			return nil, err
		}
		statements := now.Statements()
		if old != nil {
			maps.Copy(out, old.files(role))
			statements = r.difference(old.objects[role], now)
		}
		out[own(role)] = r.file(role, statements, rows)
	}
	r.Registered = inOrder(r.Registered)
	return out, nil
}

// file writes a file down. It is a template when a statement needs the
// name of another database, or a row a value of config.yaml.
func (r *Reader) file(role config.Role, statements []string, rows []string) []byte {
	isTemplate := slices.ContainsFunc(rows, func(s string) bool { return strings.Contains(s, "{{") })
	for i, s := range statements {
		s = match.Literal(s, false)
		for _, other := range config.Roles {
			if other != role {
				s = r.nameDatabase(s, other)
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
	fmt.Fprintf(&b, "-- Schema of the %s database of OMS %s, as it was captured from an installation.\n", role,
		r.Words.Release)
	for _, s := range append(statements, rows...) {
		b.WriteString("\n" + s)
		if !strings.HasPrefix(s, "--") {
			b.WriteString(";")
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// nameDatabase writes the name of a database as an expression where a statement names something in it. The same word
// may be the alias of a table, or stand in a text.
func (r *Reader) nameDatabase(statement string, role config.Role) string {
	name := r.Words.From.Config.Database(role)
	named := regexp.MustCompile("'(?:[^'\\\\]|\\\\.|'')*'|`" + regexp.QuoteMeta(name) + "`\\.`([^`]+)`")
	o := r.objects[role]
	return named.ReplaceAllStringFunc(statement, func(s string) string {
		_, of, _ := strings.Cut(s, "`.`")
		is := func(x tables.Object) bool { return x.Name == strings.TrimSuffix(of, "`") }
		if s[0] == '\'' || !slices.ContainsFunc(o.Tables, is) && !slices.ContainsFunc(o.Others, is) {
			return s
		}
		return "`{{." + role.Key() + "}}`.`" + of
	})
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
func (r *Reader) noteNames(o tables.Objects) {
	for _, x := range o.Others {
		if x.Kind == "view" {
			continue // the server quotes every name in one
		}
		text := ""
		tables.OutsideQuotes(x.SQL, func(piece string) string { text += piece + "''"; return piece })
		for _, role := range config.Roles {
			name := r.Words.From.Config.Database(role)
			named := regexp.MustCompile(`(?i)(^|[^\w.$])` + regexp.QuoteMeta(name) + `\s*\.`)
			if named.MatchString(text) {
				expression := "{{." + role.Key() + "}}"
				r.Report.NoteCandidates(report.Text, finding.Place{File: string(o.Role) + "." + x.Name},
					msg.M("%s of %s may come from %s", `"`+name+`"`, x.Kind+" "+x.Name, expression), "",
					[]string{expression})
			}
		}
	}
}
