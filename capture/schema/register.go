package schema

import (
	"context"
	"slices"

	"omsinit/capture/match"
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
		second, compared := r.secondRows(ctx, role, t.Name, rows.Columns)
		for _, row := range rows.Values {
			if r.ofAnother(row) || !named && compared && r.shared(rows.Columns, row, second) {
				continue
			}
			if !named && r.writes(name).Calls {
				r.Report.Note(report.Call, finding.Place{File: name}, msg.M("both the CM and the recorded command write rows of this table, and which are whose is not known; --register %s lets step 5 write all of them", name))
				break
			}
			made := r.registration(role, t.Name, rows.Columns, row, second)
			made.Database, made.Table, made.Evidence = role, t.Name, pack.Observed
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
	if second := r.Words.Second; second != nil {
		w.Others = w.Others || second.Writers[name].Others
	}
	return w
}

// shared reports whether the second installation has a row, too, so that it belongs to neither.
func (r *Reader) shared(columns []tables.Column, row []string, second tables.Rows) bool {
	other, keyed := second.Same(row)
	return other != nil && (keyed || !r.belongs(columns, row, other))
}

// ofAnother reports whether a row names another node of the region.
func (r *Reader) ofAnother(row []string) bool {
	from := r.Words.From
	return !slices.Contains(row, from.HostIP) && slices.ContainsFunc(from.Config.CMNodes, func(node string) bool {
		return node != from.HostIP && slices.Contains(row, node)
	})
}

// registration turns a row into templates, by the row of the second installation that they explain best.
func (r *Reader) registration(role config.Role, table string, columns []tables.Column, row []string,
	second tables.Rows,
) pack.Row {
	explain := func(other []string) (made pack.Row, differs []string, unsure []match.Segment) {
		made.Values = map[string]string{}
		for i, c := range columns {
			switch {
			case c.Auto, row[i] == tables.Null:
			case c.IsNow():
				made.Now = append(made.Now, c.Name)
			default:
				l := match.Line{A: row[i], Parent: table, Spans: []match.Span{{Key: c.Name, End: len(row[i])}}}
				two := other != nil && other[i] != tables.Null
				if two {
					l.B = other[i]
				}
				segments, open := r.Words.ExplainValue(pack.Plain, table, l, two)
				if open {
					differs = append(differs, c.Name)
				}
				for _, s := range segments {
					if len(s.Unsure) > 0 {
						unsure = append(unsure, s)
					}
				}
				made.Values[c.Name] = string(match.Explained{Lines: [][]match.Segment{segments}}.Template())
				if c.Key {
					made.Key = append(made.Key, c.Name)
				}
			}
		}
		return made, differs, unsure
	}
	best, differs, unsure := explain(nil)
	for n, other := range second.Values {
		made, open, left := explain(other)
		if n == 0 || len(open) < len(differs) {
			best, differs, unsure = made, open, left
		}
	}
	if len(best.Key) == 0 {
		for _, c := range columns {
			if _, ok := best.Values[c.Name]; ok {
				best.Key = append(best.Key, c.Name)
			}
		}
	}
	at := finding.Place{File: string(role) + "." + table}
	for _, name := range differs {
		r.Report.Note(report.Differs, finding.Place{File: at.File, Key: name}, msg.M("the value is kept as it is in the first installation"))
	}
	for _, s := range unsure {
		may := match.Expressions(s.Unsure)
		r.Report.NoteCandidates(report.Text, finding.Place{File: at.File, Key: s.Key}, msg.M("%s of %s may come from %s",
			s.Unsure[0].Shown(), s.Key, msg.List(may)), "", may)
	}
	return best
}
