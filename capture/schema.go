package capture

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// roles are the three databases, by their folders in a pack.
var roles = []string{"rm", "cm", "hb"}

// databaseOf gives the name of a database in the MetaDB.
func databaseOf(c *config.Config, role string) string {
	switch role {
	case "rm":
		return c.RMDatabase
	case "cm":
		return c.CMDatabase
	}
	return c.HeartbeatDatabase
}

// objects are what one database consists of, each as its normalised statement.
type objects struct {
	role   string
	tables []object // those that others refer to come first
	others []object // views, then routines, then triggers
}

type object struct {
	kind string // table, view, procedure, function, trigger
	name string
	sql  string
}

// notOMS are tables of omsinit itself.
func notOMS(table string) bool { return strings.HasPrefix(strings.ToLower(table), "omsinit_") }

// versionTable records releases (oms-facts §6). Step 2 writes its rows.
const versionTable = "oms_version"

// readObjects reads the definition of everything in one database.
func readObjects(ctx context.Context, db *sql.DB, c *config.Config, role string) (objects, error) {
	name := databaseOf(c, role)
	out := objects{role: role}
	fail := func(err error) (objects, error) {
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
	list, err := texts(ctx, conn, "SHOW FULL TABLES")
	if err != nil {
		return fail(err)
	}
	for _, row := range list {
		switch {
		case notOMS(row[0]):
		case row[1] == "VIEW":
			text, err := created(ctx, conn, "VIEW", row[0], "Create View")
			if err != nil {
				return fail(err)
			}
			out.others = append(out.others, object{"view", row[0], normalView(text, name)})
		default:
			text, err := created(ctx, conn, "TABLE", row[0], "Create Table")
			if err != nil {
				return fail(err)
			}
			out.tables = append(out.tables, object{"table", row[0], normalTable(text)})
		}
	}
	out.tables = inOrder(out.tables, "REFERENCES `%s`")
	out.others = inOrder(out.others, "`%s`")
	for _, kind := range []string{"procedure", "function"} {
		list, err := texts(ctx, conn, "SELECT routine_name FROM information_schema.routines WHERE routine_schema = ? AND routine_type = ? ORDER BY 1", name, strings.ToUpper(kind))
		if err != nil {
			return fail(err)
		}
		for _, row := range list {
			text, err := created(ctx, conn, strings.ToUpper(kind), row[0], "Create "+strings.ToUpper(kind[:1])+kind[1:])
			if err != nil {
				return fail(err)
			}
			out.others = append(out.others, object{kind, row[0], normalStored(text, name)})
		}
	}
	list, err = texts(ctx, conn, "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = ? ORDER BY 1", name)
	if err != nil {
		return fail(err)
	}
	for _, row := range list {
		text, err := created(ctx, conn, "TRIGGER", row[0], "SQL Original Statement")
		if err != nil {
			return fail(err)
		}
		out.others = append(out.others, object{"trigger", row[0], normalStored(text, name)})
	}
	return out, nil
}

// created gives one column of SHOW CREATE. What the account may not see is
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

// texts runs a query whose columns are all texts; NULL is \x00.
func texts(ctx context.Context, q queryer, query string, args ...any) ([][]string, error) {
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
				row[i] = null
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// null stands for NULL among texts.
const null = "\x00"

// inOrder puts what is referred to before what refers to it.
func inOrder(list []object, reference string) []object {
	var out []object
	mark, _, _ := strings.Cut(reference, "%s")
	placed := map[string]bool{}
	for len(list) > 0 {
		var rest []object
		for _, o := range list {
			waits := strings.Contains(o.sql, mark) && slices.ContainsFunc(list, func(other object) bool {
				return other.name != o.name && !placed[other.name] && strings.Contains(o.sql, fmt.Sprintf(reference, other.name))
			})
			if waits {
				rest = append(rest, o)
				continue
			}
			out = append(out, o)
			placed[o.name] = true
		}
		if len(rest) == len(list) {
			return append(out, rest...) // they refer to each other
		}
		list = rest
	}
	return out
}

// findRelease takes the release from the MetaDB, unless it was given.
func (j *Job) findRelease(ctx context.Context) error {
	if j.Release == "" && j.DB != nil {
		list, err := texts(ctx, j.DB, "SELECT version FROM "+database.Quote(j.From.Config.RMDatabase)+"."+database.Quote(versionTable)+" ORDER BY gmt_modified DESC, version DESC LIMIT 1")
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
		for _, role := range roles {
			t["schema/"+role+"/"+j.Release+".sql"] = []byte("-- The schema was not captured.\n")
		}
		return nil
	}
	if err := j.checkRows(ctx); err != nil {
		return err
	}
	for _, role := range roles {
		now, err := readObjects(ctx, j.DB, j.From.Config, role)
		if err != nil {
			return err
		}
		j.report.Tables += len(now.tables)
		j.noteNames(now)
		rows, err := j.settings(ctx, role, now)
		if err != nil {
			return err
		}
		statements := now.statements()
		if old != nil {
			for name, data := range old.files(role) {
				t[name] = data
			}
			statements = j.difference(old.objects[role], now)
			rows = old.without(role, rows)
		}
		t["schema/"+role+"/"+j.Release+".sql"] = j.schemaFile(role, statements, rows)
	}
	return nil
}

// statements are those that create everything.
func (o objects) statements() []string {
	var out []string
	for _, t := range o.tables {
		out = append(out, strings.Replace(t.sql, "CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))
	}
	for _, x := range o.others {
		out = append(out, x.sql)
	}
	return out
}

// schemaFile writes a file down. It is a template when a statement needs the
// name of another database, or a row a value of config.yaml.
func (j *Job) schemaFile(role string, statements []string, rows []string) []byte {
	isTemplate := slices.ContainsFunc(rows, func(s string) bool { return strings.Contains(s, "{{") })
	for i, s := range statements {
		s = literal(s, false)
		for _, other := range roles {
			name := databaseOf(j.From.Config, other)
			if other != role {
				s = strings.ReplaceAll(s, "`"+name+"`.", "`{{."+databaseKey(other)+"}}`.")
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
func (j *Job) noteNames(o objects) {
	for _, x := range o.others {
		if x.kind == "view" {
			continue // the server quotes every name in one
		}
		text := ""
		outsideQuotes(x.sql, func(piece string) string { text += piece + "''"; return piece })
		for _, role := range roles {
			name := databaseOf(j.From.Config, role)
			named := regexp.MustCompile(`(?i)(^|[^\w.$])` + regexp.QuoteMeta(name) + `\s*\.`)
			if named.MatchString(text) {
				expression := "{{." + databaseKey(role) + "}}"
				j.note(Finding{Kind: "text", Path: o.role + "." + x.name, Candidates: []string{expression},
					Text: msg.M("%s of %s may come from %s", `"`+name+`"`, x.kind+" "+x.name, expression)})
			}
		}
	}
}

func databaseKey(role string) string {
	return map[string]string{"rm": "drc_rm_db", "cm": "drc_cm_db", "hb": "drc_cm_heartbeat_db"}[role]
}
