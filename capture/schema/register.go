package schema

import (
	"context"
	"maps"
	"slices"
	"strings"

	"omsinit/capture/report"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// registered takes the rows of the tables of Register as those that step 5 writes. Rows of other nodes are theirs.
func (r *Reader) registered(ctx context.Context, role config.Role, o tables.Objects) error {
	for _, t := range o.Tables {
		name := string(role) + "." + t.Name
		named := asked(r.Register, role, t.Name)
		if !named && !r.byScript(name) {
			continue
		}
		rows, large, err := r.Words.From.Tables().Rows(ctx, role, t.Name)
		if err != nil {
			return err
		}
		if named && (large > 0 || len(rows.Values) == 0) {
			return msg.Errorf("the table %s has no row, or too many, that step 5 could write (--register)", name)
		}
		far := r.further(ctx, role, t.Name, rows.Columns)
		for _, row := range rows.Values {
			if r.ofAnother(row) || !named && len(far) > 0 && r.shared(rows.Columns, row, far).all {
				continue
			}
			if !named && r.writes(name).Calls {
				r.Report.Note(report.Call, finding.Place{File: name}, msg.M("both the CM and the recorded command write rows of this table, and which are whose is not known; --register %s lets step 5 write all of them", name))
				break
			}
			made, err := r.registration(ctx, role, t.Name, rows.Columns, row, far)
			if err != nil {
				return err
			}
			r.Registered = append(r.Registered, made)
		}
	}
	return nil
}

// byScript reports whether the recorded command writes to a table itself, and no component does so by itself.
func (r *Reader) byScript(name string) bool {
	w := r.writes(name)
	return w.Script && !w.Others
}

// writes is who writes to a table: what a component does by itself may be seen in one installation only.
func (r *Reader) writes(name string) tables.Writes {
	w := r.Words.From.Writers[name]
	for _, words := range r.vocabularies() {
		w.Others = w.Others || words.Second.Writers[name].Others
	}
	return w
}

// ofAnother reports whether a row names another node of the region.
func (r *Reader) ofAnother(row []string) bool {
	from := r.Words.From
	return !slices.Contains(row, from.HostIP) && slices.ContainsFunc(from.Config.CMNodes, func(node string) bool {
		return node != from.HostIP && slices.Contains(row, node)
	})
}

// registration turns a row into templates, by the rows of the further installations that they explain best.
func (r *Reader) registration(ctx context.Context, role config.Role, table string, columns []tables.Column,
	row []string, far []further,
) (made pack.Row, err error) {
	counterparts := r.counterparts(table, columns, row, far)
	has, seen := []bool{true}, []seenRow(nil)
	for _, s := range counterparts {
		if has = append(has, s.row != nil); s.row != nil {
			seen = append(seen, s)
		}
	}
	made = pack.Row{Database: role, Table: table, Values: map[string]string{}, Evidence: pack.Observed}
	if slices.Contains(has, false) {
		made.When = r.when(far, has, table+" "+strings.Join(row, " "))
	}
	texts := map[string]explained{}
	for i, c := range columns {
		at := finding.Place{File: string(role) + "." + table, Key: c.Name}
		switch {
		case c.Auto, row[i] == tables.Null:
			continue
		case c.IsNow():
			made.Now = append(made.Now, c.Name)
			continue
		}
		ref, found, err := r.refer(ctx, at, row[i], i, seen)
		switch {
		case err != nil:
			return made, err
		case found:
			if made.Refs == nil {
				made.Refs = map[string]pack.Reference{}
			}
			made.Refs[c.Name] = ref
		default:
			texts[c.Name] = r.explain(pack.Plain, at, table, "", row[i], i, seen)
			made.Values[c.Name] = texts[c.Name].template
		}
		if c.Key {
			made.Key = append(made.Key, c.Name)
		}
	}
	if len(made.Key) == 0 {
		made.Key = keyColumns(made, texts)
	}
	return made, nil
}

// counterparts are the rows of the further installations that a row corresponds to, one of each; with several
// installations there may be none in one.
func (r *Reader) counterparts(table string, columns []tables.Column, row []string, far []further) (out []seenRow) {
	quiet := r.quiet()
	for _, f := range far {
		var best []string
		least := len(columns)
		for _, other := range f.rows.Values {
			open, count := 0, 0
			for i, c := range columns {
				if c.Auto || c.IsNow() || row[i] == tables.Null {
					continue
				}
				count++
				open += min(1, quiet.explain(pack.Plain, finding.Place{Key: c.Name}, table, "", row[i], i,
					[]seenRow{{f.words, other}}).open)
			}
			if few := len(far) == 1 || 2*open <= count; few && (best == nil || open < least) {
				best, least = other, open
			}
		}
		out = append(out, seenRow{f.words, best})
	}
	return out
}

// identities are the keys of config.yaml that tell regions and nodes apart.
var identities = []string{"cm_location", "cm_nodes", "host_ip"}

// keyColumns are those that tell a row of a table without a key: what names the region or the node, and what is always
// the same. All of them where nothing names either.
func keyColumns(row pack.Row, texts map[string]explained) (key []string) {
	all := slices.Concat(slices.Collect(maps.Keys(row.Refs)), slices.Collect(maps.Keys(row.Values)))
	slices.Sort(all)
	named := false
	for _, column := range all {
		changes := false
		for _, v := range texts[column].values {
			isName := slices.Contains(identities, v.Keys[0])
			named, changes = named || isName, changes || !isName
		}
		if !changes {
			key = append(key, column)
		}
	}
	if !named {
		return all
	}
	return key
}

// refer returns how to look up the row that a number refers to; found is false where it refers to none, or to one that
// cannot be told from others.
func (r *Reader) refer(ctx context.Context, at finding.Place, number string, i int, seen []seenRow) (
	ref pack.Reference, found bool, err error,
) {
	n := slices.IndexFunc(r.references, func(x Reference) bool {
		return at.File == string(x.Role)+"."+x.Table && at.Key == x.Column
	})
	if n < 0 {
		if IsID(at.Key) {
			r.Report.Note(report.Text, at, msg.M("%s is kept as %s, and is named like the number of another row, which was not found: where the server counts otherwise it is wrong", at.Key, number))
		}
		return ref, false, nil
	}
	x := r.references[n]
	to := string(x.ToRole) + "." + x.To
	rows, _, err := r.Words.From.Tables().Rows(ctx, x.ToRole, x.To)
	if err != nil {
		return ref, false, err
	}
	row := numbered(rows, x.ID, number)
	var others []seenRow
	for _, s := range seen {
		theirs, _, err := s.words.Second.Tables().Rows(ctx, x.ToRole, x.To)
		if err != nil {
			return ref, false, err
		}
		if other := numbered(theirs, x.ID, s.row[i]); other != nil && slices.Equal(theirs.Columns, rows.Columns) {
			others = append(others, seenRow{s.words, other})
		}
	}
	where := r.naturalKey(pack.Plain, x, rows, row, others)
	ref = pack.Reference{Database: x.ToRole, Table: x.To, Column: x.ID, Where: where}
	if len(ref.Where) == 0 {
		r.Report.Note(report.Text, at, msg.M("%s is kept as %s, the number of a row of %s that nothing tells from the others: where the server counts otherwise it is wrong", at.Key, number, to))
		return ref, false, nil
	}
	if !x.Sure || len(others) == 0 {
		var shown []string
		for _, column := range slices.Sorted(maps.Keys(where)) {
			shown = append(shown, column+"="+where[column])
		}
		r.Report.Note(report.Likely, at, msg.M(
			"%s is taken for the number of the row of %s with %s, because it is named so and has no other numbers",
			at.Key, to, msg.List(shown)))
	}
	return ref, true, nil
}

// numbered returns the row with a number; nil where there is none.
func numbered(rows tables.Rows, column, number string) []string {
	at := slices.IndexFunc(rows.Columns, func(c tables.Column) bool { return c.Name == column })
	for _, row := range rows.Values {
		if at >= 0 && row[at] == number {
			return row
		}
	}
	return nil
}

// naturalKey returns the columns that tell a row from others in every installation, as templates: those of its keys, or
// without any, all that are explained. It is empty where they tell it from no other.
func (r *Reader) naturalKey(format pack.Format, x Reference, rows tables.Rows, row []string, seen []seenRow,
) map[string]string {
	if row == nil {
		return nil
	}
	quiet := r.quiet()
	keyed := slices.ContainsFunc(rows.Columns, func(c tables.Column) bool { return c.Key })
	out := map[string]string{}
	var used []int
	for i, c := range rows.Columns {
		if c.Auto || c.IsTime() || c.IsBinary() || keyed && !c.Key || row[i] == tables.Null {
			continue
		}
		at := finding.Place{File: string(x.ToRole) + "." + x.To, Key: c.Name}
		e := quiet.explain(format, at, x.To, "", row[i], i, seen)
		switch {
		case e.open > 0 && keyed:
			return nil
		case e.open == 0:
			out[c.Name] = e.template
			used = append(used, i)
		}
	}
	same := 0
	for _, other := range rows.Values {
		if !slices.ContainsFunc(used, func(i int) bool { return row[i] != other[i] }) {
			same++
		}
	}
	if same != 1 {
		return nil
	}
	return out
}

// inOrder puts rows behind those that they refer to.
func inOrder(rows []pack.Row) (out []pack.Row) {
	left := rows
	for len(left) > 0 {
		var rest []pack.Row
		for _, row := range left {
			waits := slices.ContainsFunc(left, func(other pack.Row) bool {
				return slices.ContainsFunc(slices.Collect(maps.Values(row.Refs)), func(ref pack.Reference) bool {
					return ref.Database == other.Database && ref.Table == other.Table &&
						(other.Database != row.Database || other.Table != row.Table)
				})
			})
			if waits {
				rest = append(rest, row)
			} else {
				out = append(out, row)
			}
		}
		if len(rest) == len(left) {
			return append(out, rest...) // they refer to each other
		}
		left = rest
	}
	return out
}
