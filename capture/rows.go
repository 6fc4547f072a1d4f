package capture

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// mostSettings is how many rows a table may have to be taken for settings by
// its name alone.
const mostSettings = 500

// settingsName reports whether a table is named like one that holds settings.
func settingsName(table string) bool {
	return slices.ContainsFunc(match.Words(table), func(w string) bool {
		return slices.Contains([]string{"config", "configs", "configuration", "conf", "cfg", "setting", "settings", "param", "params", "parameter", "parameters",
			"property", "properties", "option", "options", "dict", "dictionary", "label", "labels", "enum", "i18n"}, w)
	})
}

// registered are the tables in which step 5 registers regions and nodes
// (oms-facts §6): data, not settings.
var registered = []string{"cluster_info", "resource_group", "location_cm", "host", tables.VersionTable}

// column is one column of a table, as far as rows are concerned.
type column struct {
	name, kind, fallback, extra string
	key                         bool // of the primary key or a unique one
}

// chosen reports whether a person asked for the rows of a table.
func (j *Job) chosen(role config.Role, table string) bool {
	return slices.Contains(j.Rows, table) || slices.Contains(j.Rows, string(role)+"."+table)
}

// settings returns the statements that insert the rows of settings.
func (j *Job) settings(ctx context.Context, role config.Role, o tables.Objects) ([]string, error) {
	var out []string
	for _, t := range o.Tables {
		asked := j.chosen(role, t.Name)
		if !asked && (!settingsName(t.Name) || slices.Contains(registered, t.Name)) {
			continue
		}
		rows, columns, err := readRows(ctx, j.DB, j.From.Config, role, t.Name)
		if err != nil {
			return nil, err
		}
		if !asked && len(rows) > mostSettings {
			j.note(Finding{Kind: "rows", Path: string(role) + "." + t.Name, Text: msg.M("it is named like settings but has more than %d rows, so they are left out; --rows %s takes them", mostSettings, t.Name)})
			continue
		}
		second := j.secondRows(ctx, role, t.Name, columns)
		for _, row := range rows {
			out = append(out, j.insert(role, t.Name, columns, row, second))
			j.report.Rows++
		}
	}
	return out, nil
}

// checkRows refuses tables of --rows that are not there.
func (j *Job) checkRows(ctx context.Context) error {
	for _, name := range j.Rows {
		found := false
		for _, role := range config.Roles {
			if strings.Contains(name, ".") && !strings.HasPrefix(name, string(role)+".") {
				continue
			}
			list, err := tables.Texts(ctx, j.DB, "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
				j.From.Config.Database(role), strings.TrimPrefix(name, string(role)+"."))
			if err != nil {
				return database.Explain(j.From.Config, err)
			}
			found = found || len(list) > 0
		}
		if !found {
			return msg.Errorf("there is no table %s whose rows could be taken; name it as TABLE or as rm.TABLE, cm.TABLE or hb.TABLE (--rows)", name)
		}
	}
	return nil
}

// readRows reads a table in the order of its keys, without the columns that
// nobody writes: generated ones and numbers that count by themselves.
func readRows(ctx context.Context, db *sql.DB, c *config.Config, role config.Role, table string) ([][]string,
	[]column, error) {
	name := c.Database(role)
	list, err := tables.Texts(ctx, db, "SELECT column_name, column_type, COALESCE(column_default, ''), extra, column_key FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position", name, table)
	if err != nil {
		return nil, nil, msg.Errorf("cannot read the rows of %s.%s: %w", name, table, database.Explain(c, err))
	}
	var columns []column
	for _, r := range list {
		col := column{name: r[0], kind: strings.ToLower(r[1]), fallback: r[2], extra: strings.ToLower(r[3]),
			key: r[4] == "PRI" || r[4] == "UNI"}
		if strings.Contains(col.extra, "generated") && !strings.Contains(col.extra, "default_generated") || strings.Contains(col.extra, "auto_increment") {
			continue
		}
		if isTime(col) && strings.Contains(strings.ToLower(col.fallback), "current_timestamp") {
			continue
		}
		columns = append(columns, col)
	}
	if len(columns) == 0 {
		return nil, nil, nil
	}
	var quoted, order []string
	for _, col := range columns {
		q := database.Quote(col.name)
		if isTime(col) || strings.HasPrefix(col.kind, "date") || strings.HasPrefix(col.kind, "time") {
			quoted = append(quoted, "CAST("+q+" AS CHAR)") // as the server writes it
		} else {
			quoted = append(quoted, q)
		}
		if col.key {
			order = append([]string{q}, order...)
		}
	}
	query := "SELECT " + strings.Join(quoted, ", ") + " FROM " + database.Quote(name) + "." + database.Quote(table)
	if len(order) > 0 {
		query += " ORDER BY " + strings.Join(order, ", ")
	}
	rows, err := tables.Texts(ctx, db, query)
	if err != nil {
		return nil, nil, msg.Errorf("cannot read the rows of %s.%s: %w", name, table, database.Explain(c, err))
	}
	return rows, columns, nil
}

func isTime(c column) bool {
	return strings.HasPrefix(c.kind, "datetime") || strings.HasPrefix(c.kind, "timestamp")
}

// isNow reports whether a time tells when the row was made or changed.
func isNow(c column) bool {
	return isTime(c) && slices.ContainsFunc(match.Words(c.name), func(w string) bool {
		return slices.Contains([]string{"created", "create", "modified", "modify", "updated", "update", "gmt"}, w)
	})
}

func isNumber(c column) bool {
	for _, kind := range []string{"bigint", "int", "mediumint", "smallint", "tinyint", "decimal", "double", "float", "year"} {
		if strings.HasPrefix(c.kind, kind) {
			return true
		}
	}
	return false
}

func isBinary(c column) bool {
	return strings.Contains(c.kind, "blob") || strings.Contains(c.kind, "binary") || strings.HasPrefix(c.kind, "bit")
}

// secondRows reads the same table of the second installation; nil when there is
// none, or it cannot be asked.
func (j *Job) secondRows(ctx context.Context, role config.Role, table string, columns []column) [][]string {
	if j.Second == nil || j.SecondDB == nil {
		return nil
	}
	rows, other, err := readRows(ctx, j.SecondDB, j.Second.Config, role, table)
	if err != nil || !slices.Equal(columns, other) {
		return nil
	}
	return rows
}

// insert is the statement of one row, with what comes from config.yaml.
func (j *Job) insert(role config.Role, table string, columns []column, row []string, second [][]string) string {
	var names, values []string
	other := sameRow(columns, row, second)
	var around []string
	for i, c := range columns {
		if c.key {
			around = append(around, row[i])
		}
	}
	for i, c := range columns {
		names = append(names, database.Quote(c.name))
		switch {
		case row[i] == tables.Null:
			values = append(values, "NULL")
		case isNow(c):
			values = append(values, "NOW()")
		case isBinary(c):
			values = append(values, "x'"+hex.EncodeToString([]byte(row[i]))+"'")
		default:
			text := j.cell(role, table, c, strings.Join(around, " "), row[i], other, i)
			if !isNumber(c) || strings.Contains(text, "{{") {
				text = "'" + text + "'"
			}
			values = append(values, text)
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", database.Quote(table), strings.Join(names, ", "), strings.Join(values, ", "))
}

// sameRow finds the row of the second installation that has the same key.
func sameRow(columns []column, row []string, second [][]string) []string {
	for _, other := range second {
		same, keys := true, 0
		for i, c := range columns {
			if c.key {
				keys++
				same = same && row[i] == other[i]
			}
		}
		if same && keys > 0 {
			return other
		}
	}
	return nil
}

// cell is one value, escaped for single quotes.
func (j *Job) cell(role config.Role, table string, c column, around, text string, other []string, i int) string {
	escaped := func(s string) string {
		s, _ = pack.EscapeAs(pack.SQL, pack.Standard, s)
		return s
	}
	place := string(role) + "." + table
	l := match.Line{A: escaped(text), Parent: table + " " + around}
	two := other != nil && other[i] != tables.Null
	if two {
		l.B = escaped(other[i])
	}
	l.Spans = []match.Span{{Key: c.name, Start: 0, End: len(l.A)}}
	segments, _, ok := match.NewMatcher(j.words.Known(pack.SQL, pack.Standard), two, place).Explain(l)
	if !ok {
		j.note(Finding{Kind: "differs", Path: place, Key: c.name, Text: msg.M("the value is kept as it is in the first installation")})
		segments, _, _ = match.NewMatcher(j.words.Known(pack.SQL, pack.Standard), false, place).Explain(l)
	}
	e := match.Explained{Lines: [][]match.Segment{segments}}
	out := string(e.Template())
	for _, s := range segments {
		if len(s.Unsure) > 0 {
			candidates := expressionsOf(s.Unsure)
			j.note(Finding{Kind: "text", Path: place, Key: c.name, Candidates: candidates,
				Text: msg.M("%s of %s may come from %s", shownValue(s.Unsure[0]), c.name, strings.Join(candidates, ", "))})
		}
	}
	if (config.SoundsSecret(c.name) || config.SoundsSecret(around)) && match.LooksLikeSecret(out) &&
		!slices.Contains(j.Keep, place+":"+c.name) {
		j.note(Finding{Kind: "secret", Path: place, Key: c.name, Text: msg.M("%s is named like a secret, and its value does not come from config.yaml", c.name)})
	}
	return out
}
