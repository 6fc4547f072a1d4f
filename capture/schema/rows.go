package schema

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/secrets"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// mostSettings is how many rows a table may have to be taken for settings by its name alone.
const mostSettings = 500

// settingsName reports whether a table is named like one that holds settings.
func settingsName(table string) bool {
	return slices.ContainsFunc(match.Words(table), func(w string) bool {
		return slices.Contains([]string{"config", "configs", "configuration", "conf", "cfg", "setting", "settings",
			"param", "params", "parameter", "parameters", "property", "properties", "option", "options", "dict",
			"dictionary", "label", "labels", "enum", "i18n"}, w)
	})
}

// registered are the tables in which step 5 registers regions and nodes
// (oms-facts §6): data, not settings.
var registered = []string{"cluster_info", "resource_group", "location_cm", "host", tables.VersionTable}

// registers are the keys of config.yaml that name a region or a node.
var registers = []string{"cm_location", "cm_region", "cm_region_cn", "cm_nodes", "host_ip", "cm_url"}

// asked reports whether a table is among names, as TABLE or rm.TABLE.
func asked(names []string, role config.Role, table string) bool {
	return slices.Contains(names, table) || slices.Contains(names, string(role)+"."+table)
}

// settings returns the statements that make the rows of settings, as far as the previous release, where there is one,
// has not made them. Rows are settings that a second installation has too: those that belong to a region or a node, and
// data, it has not. Without a second one the name of the table decides.
func (r *Reader) settings(ctx context.Context, role config.Role, o tables.Objects, old *Previous) ([]string, error) {
	var out, taken, data []string
	for _, t := range o.Tables {
		if t.Name == tables.VersionTable || asked(r.Register, role, t.Name) {
			continue
		}
		rows, large, err := r.Words.From.Tables().Rows(ctx, role, t.Name)
		if err != nil {
			return nil, err
		}
		name := string(role) + "." + t.Name
		asked := asked(r.Rows, role, t.Name)
		writes := r.writes(name)
		switch {
		case large > 0 && asked:
			return nil, msg.Errorf("the table %s has %d rows, which are too many for settings (--rows)", name, large)
		case large > 0:
			r.Report.Note("rows", finding.Place{File: name}, msg.M("it has %d rows, which are too many for settings: they are left out", large))
			continue
		case len(rows.Values) == 0:
			continue
		}
		second, compared := r.secondRows(ctx, role, t.Name, rows.Columns)
		count := 0
		for _, row := range rows.Values {
			other, _ := second.Same(row)
			data := writes.Others || writes.Calls || slices.Contains(registered, t.Name) || !saysSomething(rows.Columns)
			setting := asked || !data
			switch {
			case asked || !setting:
			case compared:
				setting = r.shared(rows.Columns, row, second)
			case writes.Script: // step 5 writes them
				setting = false
			default:
				setting = settingsName(t.Name) && len(rows.Values) <= mostSettings
			}
			if !setting {
				continue
			}
			count++
			cells := r.cells(role, t.Name, rows.Columns, row, other)
			before := old.row(role, t.Name, rows.Columns, row)
			switch {
			case before == nil:
				out = append(out, insert(t.Name, rows.Columns, cells, old == nil))
			case !rows.Equal(before, row):
				unheard := &report.Report{} // nobody need look at what a release had before
				quiet := Reader{Words: r.Words, Report: unheard, Secrets: &secrets.Guard{Report: unheard}}
				old := quiet.cells(role, t.Name, rows.Columns, before, nil)
				out = append(out, update(t.Name, rows, cells, row, before, old))
			}
		}
		r.Report.Rows += count
		if count > 0 {
			taken = append(taken, fmt.Sprintf("%s (%d)", name, count))
		}
		if rest := len(rows.Values) - count; rest > 0 {
			data = append(data, fmt.Sprintf("%s (%d)", name, rest))
		}
	}
	at := finding.Place{File: string(role)}
	if len(taken) > 0 {
		r.Report.Note("rows", at, msg.M("rows of these tables are settings, and part of the pack: %s", msg.List(taken)))
	}
	if len(data) > 0 {
		r.Report.Note("rows", at, msg.M("rows of these tables are taken for data of this installation, and left out; --rows takes those of a table: %s", msg.List(data)))
	}
	return out, nil
}

// saysSomething reports whether a table has more than numbers that count by themselves, and times.
func saysSomething(columns []tables.Column) bool {
	return slices.ContainsFunc(columns, func(c tables.Column) bool { return !c.Auto && !c.IsTime() })
}

// belongs reports whether a row names a region or a node.
func (r *Reader) belongs(columns []tables.Column, row, other []string) bool {
	for i, c := range columns {
		if row[i] == tables.Null || c.IsNow() || c.IsBinary() || c.Auto {
			continue
		}
		l := match.Line{A: row[i], B: other[i], Spans: []match.Span{{Key: c.Name, End: len(row[i])}}}
		segments, _ := r.Words.ExplainValue(pack.Plain, "", l, true)
		for _, s := range segments {
			if s.Value != nil && slices.Contains(registers, s.Value.Keys[0]) {
				return true
			}
		}
	}
	return false
}

// insert returns the statement of a new row. In databases that are as new, numbers that count by themselves are kept,
// because other rows may refer to them.
func insert(table string, columns []tables.Column, cells []string, fresh bool) string {
	var names, values []string
	for i, c := range columns {
		if fresh || !c.Auto {
			names, values = append(names, database.Quote(c.Name)), append(values, cells[i])
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", database.Quote(table), strings.Join(names, ", "),
		strings.Join(values, ", "))
}

// update returns the statement of a row that the previous release has with other values. It leaves alone what somebody
// has changed since.
func update(table string, rows tables.Rows, cells, row, before, old []string) string {
	var set, where []string
	for i, c := range rows.Columns {
		name := database.Quote(c.Name)
		switch {
		case c.Auto:
		case c.Key:
			where = append(where, name+" = "+cells[i])
		case c.IsNow():
			set = append(set, name+" = NOW()")
		case row[i] != before[i]:
			set = append(set, name+" = "+cells[i])
			if before[i] != absent {
				where = append(where, name+" <=> "+old[i])
			}
		}
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s", database.Quote(table), strings.Join(set, ", "), strings.Join(where, " AND "))
}

// checkRows refuses tables of --rows that are not there.
func (r *Reader) checkRows() error {
	for _, name := range slices.Concat(r.Rows, r.Register) {
		found := slices.ContainsFunc(config.Roles, func(role config.Role) bool {
			return slices.ContainsFunc(r.objects[role].Tables, func(t tables.Object) bool {
				return name == t.Name || name == string(role)+"."+t.Name
			})
		})
		if !found {
			return msg.Errorf("there is no table %s whose rows could be taken; name it as TABLE or as rm.TABLE, cm.TABLE or hb.TABLE (--rows, --register)", name)
		}
	}
	return nil
}

// secondRows reads the same table of the second installation; ok is false where it cannot be asked.
func (r *Reader) secondRows(ctx context.Context, role config.Role, table string, columns []tables.Column) (
	rows tables.Rows, ok bool) {
	second := r.Words.Second
	if second == nil || second.Tables() == nil {
		return tables.Rows{}, false
	}
	rows, large, err := second.Tables().Rows(ctx, role, table)
	if err != nil || large > 0 || !slices.Equal(columns, rows.Columns) {
		return tables.Rows{}, false
	}
	return rows, true
}

// cells returns the values of one row as SQL, with what comes from config.yaml. second is the row of the second
// installation; nil when there is none.
func (r *Reader) cells(role config.Role, table string, columns []tables.Column, row, second []string) []string {
	var values, around []string
	for i, c := range columns {
		if c.Key {
			around = append(around, row[i])
		}
	}
	for i, c := range columns {
		switch {
		case row[i] == tables.Null:
			values = append(values, "NULL")
		case c.IsNow():
			values = append(values, "NOW()")
		case c.IsBinary():
			values = append(values, "x'"+hex.EncodeToString([]byte(row[i]))+"'")
		default:
			other := tables.Null
			if second != nil {
				other = second[i]
			}
			at := finding.Place{File: string(role) + "." + table, Key: c.Name}
			text := r.cell(at, table, strings.Join(around, " "), row[i], other)
			if !c.IsNumber() || strings.Contains(text, "{{") {
				text = "'" + text + "'"
			}
			values = append(values, text)
		}
	}
	return values
}

// cell returns one value as a template, escaped for single quotes. key is the row's; other is the value of the second
// installation, tables.Null when there is none.
func (r *Reader) cell(at finding.Place, table, key, text, other string) string {
	escaped := func(s string) string {
		s, _ = pack.EscapeAs(pack.SQL, pack.Standard, s)
		return s
	}
	l := match.Line{A: escaped(text), Parent: table + " " + key}
	if other != tables.Null {
		l.B = escaped(other)
	}
	l.Spans = []match.Span{{Key: at.Key, Start: 0, End: len(l.A)}}
	segments, differs := r.Words.ExplainValue(pack.SQL, at.File, l, other != tables.Null)
	if differs {
		r.Report.Note(report.Differs, at, msg.M("the value is kept as it is in the first installation"))
	}
	out := string(match.Explained{Lines: [][]match.Segment{segments}}.Template())
	for _, s := range segments {
		if len(s.Unsure) > 0 {
			may := match.Expressions(s.Unsure)
			r.Report.NoteCandidates(report.Text, at, msg.M("%s of %s may come from %s",
				s.Unsure[0].Shown(), at.Key, msg.List(may)), "", may)
		}
	}
	if (config.SoundsSecret(at.Key) || config.SoundsSecret(key)) && match.LooksLikeSecret(out) {
		r.Secrets.Sounds(at, other != tables.Null, differs)
	}
	return out
}
