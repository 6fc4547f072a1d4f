package schema

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/source"
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
	for _, t := range r.referredFirst(role, o.Tables) {
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
			r.Report.Note("rows", finding.Place{File: name},
				msg.M("it has %d rows, which are too many for settings: they are left out", large))
			continue
		case len(rows.Values) == 0:
			continue
		}
		far := r.further(ctx, role, t.Name, rows.Columns)
		holdsSettings := settingsName(t.Name) || slices.ContainsFunc(rows.Values, func(row []string) bool {
			return r.shared(rows.Columns, row, far).all
		})
		count := 0
		for _, row := range rows.Values {
			shared := r.shared(rows.Columns, row, far)
			data := writes.Others || writes.Calls || slices.Contains(registered, t.Name) || !saysSomething(rows.Columns)
			setting, when := asked || !data, ""
			switch {
			case asked || !setting:
			case writes.Script && (len(far) == 0 || !shared.all): // step 5 writes them
				setting = false
			case len(far) > 0 && !shared.all:
				if holdsSettings {
					when = r.when(far, shared.has, t.Name+" "+rows.KeyOf(row))
				}
				if setting = shared.some || when != ""; setting && when == "" {
					key := finding.Place{File: name, Key: rows.KeyOf(row)}
					r.Report.Note(report.Differs, key,
						msg.M("not every installation has the row %s, and nothing explains which; the pack has it",
							rows.KeyOf(row)))
				}
			case len(far) > 0:
			default:
				setting = settingsName(t.Name) && len(rows.Values) <= mostSettings
			}
			if !setting {
				continue
			}
			count++
			cells, follows := r.cells(role, t.Name, rows.Columns, row, shared.seen)
			before := old.row(role, t.Name, rows.Columns, row)
			switch {
			case before == nil:
				if old != nil {
					r.lookUp(ctx, role, t.Name, rows.Columns, row, cells)
				}
				out = append(out, insert(t.Name, rows.Columns, cells, old == nil, when))
			case !rows.Equal(before, row):
				old, _ := r.quiet().cells(role, t.Name, rows.Columns, before, nil)
				out = append(out, update(t.Name, rows, cells, row, before, old))
			}
			if follows || when != "" {
				r.follow(role, t.Name, rows, row, shared.seen, when)
			}
		}
		var more []string
		isData := writes.Others || writes.Calls || writes.Script || slices.Contains(registered, t.Name)
		if holdsSettings && !isData && old == nil {
			more = r.optional(role, t.Name, rows, far)
		}
		count += len(more)
		out = append(out, more...)
		r.Report.Rows += count
		if count > 0 {
			taken = append(taken, fmt.Sprintf("%s (%d)", name, count))
		}
		if rest := len(rows.Values) + len(more) - count; rest > 0 {
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
func (r *Reader) belongs(words *match.Vocabulary, columns []tables.Column, row, other []string) bool {
	for i, c := range columns {
		if row[i] == tables.Null || c.IsNow() || c.IsBinary() || c.Auto {
			continue
		}
		l := match.Line{A: row[i], B: other[i], Spans: []match.Span{{Key: c.Name, End: len(row[i])}}}
		segments, _ := words.ExplainValue(pack.Plain, "", l, true)
		for _, s := range segments {
			if s.Value != nil && slices.Contains(registers, s.Value.Keys[0]) {
				return true
			}
		}
	}
	return false
}

// ofRegion reports whether a row holds what names a region or a node.
func (r *Reader) ofRegion(role config.Role, table string, columns []tables.Column, row []string, seen []seenRow) bool {
	for i, c := range columns {
		if row[i] == tables.Null || c.IsNow() || c.IsBinary() || c.Auto {
			continue
		}
		at := finding.Place{File: string(role) + "." + table, Key: c.Name}
		for _, v := range r.explain(pack.Plain, at, table, "", row[i], i, seen).values {
			if slices.Contains(registers, v.Keys[0]) {
				return true
			}
		}
	}
	return false
}

// insert returns the statement of a new row. In databases that are as new, numbers that count by themselves are kept,
// because other rows may refer to them. when is what the row depends on; empty: nothing.
func insert(table string, columns []tables.Column, cells []string, fresh bool, when string) string {
	var names, values []string
	for i, c := range columns {
		if fresh || !c.Auto {
			names, values = append(names, database.Quote(c.Name)), append(values, cells[i])
		}
	}
	head := fmt.Sprintf("INSERT INTO %s (%s) ", database.Quote(table), strings.Join(names, ", "))
	if when != "" {
		return head + "SELECT " + strings.Join(values, ", ") + " FROM DUAL WHERE '" + when + "' = '1'"
	}
	return head + "VALUES (" + strings.Join(values, ", ") + ")"
}

// referredFirst puts tables behind those that their rows refer to.
func (r *Reader) referredFirst(role config.Role, list []tables.Object) (out []tables.Object) {
	for left := slices.Clone(list); len(left) > 0; {
		n := slices.IndexFunc(left, func(t tables.Object) bool {
			return !slices.ContainsFunc(r.references, func(x Reference) bool {
				return x.Role == role && x.ToRole == role && x.Table == t.Name &&
					slices.ContainsFunc(left, func(o tables.Object) bool { return o.Name == x.To })
			})
		})
		n = max(n, 0) // they refer to each other
		out, left = append(out, left[n]), slices.Delete(left, n, n+1)
	}
	return out
}

// lookUp puts queries in the place of the numbers of other rows, which are others in databases that are not new.
func (r *Reader) lookUp(ctx context.Context, role config.Role, table string, columns []tables.Column,
	row, cells []string,
) {
	for i, c := range columns {
		n := slices.IndexFunc(r.references, func(x Reference) bool {
			return x.Role == role && x.ToRole == role && x.Table == table && x.Column == c.Name
		})
		if n < 0 || row[i] == tables.Null {
			continue
		}
		x := r.references[n]
		rows, _, err := r.Words.From.Tables().Rows(ctx, role, x.To)
		if err != nil {
			continue
		}
		var where []string
		for column, text := range r.naturalKey(pack.SQL, x, rows, numbered(rows, x.ID, row[i]), nil) {
			where = append(where, database.Quote(column)+" = '"+text+"'")
		}
		if slices.Sort(where); len(where) > 0 {
			cells[i] = fmt.Sprintf("(SELECT %s FROM %s WHERE %s)", database.Quote(x.ID), database.Quote(x.To),
				strings.Join(where, " AND "))
		}
	}
}

// follow adds the row to those that follow a changed config.yaml.
func (r *Reader) follow(role config.Role, table string, rows tables.Rows, row []string, seen []seenRow, when string) {
	made := pack.Row{Database: role, Table: table, Values: map[string]string{}, Setting: true, When: when,
		Evidence: pack.Observed}
	quiet := r.quiet()
	var constant []int
	for i, c := range rows.Columns {
		switch {
		case c.Auto, row[i] == tables.Null:
		case c.IsNow():
			made.Now = append(made.Now, c.Name)
		case !utf8.ValidString(row[i]): // bytes never come from config.yaml
		default:
			if c.Key {
				made.Key = append(made.Key, c.Name)
			}
			at := finding.Place{File: string(role) + "." + table, Key: c.Name}
			e := quiet.explain(pack.Plain, at, table, rows.KeyOf(row), row[i], i, seen)
			if made.Values[c.Name] = e.template; len(e.values) == 0 && e.open == 0 {
				constant = append(constant, i)
			}
		}
	}
	// Without a key it is what comes from nowhere, if that is in no other row.
	keyed := slices.ContainsFunc(rows.Columns, func(c tables.Column) bool { return c.Key })
	same := 0
	for _, other := range rows.Values {
		if !slices.ContainsFunc(constant, func(i int) bool { return row[i] != other[i] }) {
			same++
		}
	}
	for _, i := range constant {
		if same == 1 && !keyed {
			made.Key = append(made.Key, rows.Columns[i].Name)
		}
	}
	if len(made.Key) == 0 {
		r.Report.Note("rows", finding.Place{File: string(role) + "." + table}, msg.M("a row holds values of config.yaml, and nothing tells it from others, so that it does not follow a changed config.yaml"))
		return
	}
	r.Registered = append(r.Registered, made)
}

// optional returns the statements of rows that only further installations have, where a switch says which.
func (r *Reader) optional(role config.Role, table string, rows tables.Rows, far []further) (out []string) {
	taken := tables.Rows{Columns: rows.Columns, Values: rows.Values}
	for n, f := range far {
		for _, row := range f.rows.Values {
			if same, keyed := taken.Same(row); same != nil || !keyed {
				continue
			}
			taken.Values = append(taken.Values, row)
			has := []bool{false}
			var others []*source.Installation
			for k, g := range far {
				other, _ := g.rows.Same(row)
				if has = append(has, other != nil); other != nil && k != n {
					others = append(others, g.words.Second)
				}
			}
			when := r.when(far, has, table+" "+rows.KeyOf(row))
			if when == "" {
				continue
			}
			own := *r
			own.Words, own.Others = match.NewVocabulary(f.words.Second, nil, r.Words.Release), nil
			var seen []seenRow
			for _, other := range others {
				words := match.NewVocabulary(f.words.Second, other, r.Words.Release)
				theirs, _, err := other.Tables().Rows(context.Background(), role, table)
				if same, _ := theirs.Same(row); err == nil && same != nil {
					seen = append(seen, seenRow{words, same})
				}
			}
			if own.quiet().ofRegion(role, table, rows.Columns, row, seen) {
				continue
			}
			cells, _ := own.cells(role, table, rows.Columns, row, seen)
			out = append(out, insert(table, rows.Columns, cells, false, when))
			own.follow(role, table, rows, row, seen, when)
			r.Registered = own.Registered
		}
	}
	return out
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
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s", database.Quote(table), strings.Join(set, ", "),
		strings.Join(where, " AND "))
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

// cells returns the values of one row as SQL, with what comes from config.yaml, and whether any of them changes with
// it. seen is the row in further installations.
func (r *Reader) cells(role config.Role, table string, columns []tables.Column, row []string, seen []seenRow) (
	values []string, follows bool,
) {
	var around []string
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
			at := finding.Place{File: string(role) + "." + table, Key: c.Name}
			e := r.explain(pack.SQL, at, table, strings.Join(around, " "), row[i], i, seen)
			text := e.template
			if !c.IsNumber() || strings.Contains(text, "{{") {
				text = "'" + text + "'"
			}
			values, follows = append(values, text), follows || e.follows()
		}
	}
	return values, follows
}
