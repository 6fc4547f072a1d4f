package schema

import (
	"context"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// further is a table in a further installation.
type further struct {
	words *match.Vocabulary // with that installation as the second
	rows  tables.Rows
}

// seenRow is a row in a further installation.
type seenRow struct {
	words *match.Vocabulary
	row   []string
}

// vocabularies are those of the first installation with each further one.
func (r *Reader) vocabularies() (out []*match.Vocabulary) {
	if r.Words.Second != nil {
		out = append(out, r.Words)
	}
	return append(out, r.Others...)
}

// installations are all of them, the first one before the others.
func (r *Reader) installations() []*source.Installation {
	out := []*source.Installation{r.Words.From}
	for _, words := range r.vocabularies() {
		out = append(out, words.Second)
	}
	return out
}

// further reads the same table of the further installations, where they can be asked.
func (r *Reader) further(ctx context.Context, role config.Role, table string, columns []tables.Column) (out []further) {
	for _, words := range r.vocabularies() {
		if words.Second.Tables() == nil {
			continue
		}
		rows, large, err := words.Second.Tables().Rows(ctx, role, table)
		if err == nil && large == 0 && slices.Equal(columns, rows.Columns) {
			out = append(out, further{words, rows})
		}
	}
	return out
}

// sharing is which installations have a row.
type sharing struct {
	seen []seenRow
	// all reports whether every further installation has it, and some whether any has. has is by installation, the
	// first one included.
	all, some bool
	has       []bool
}

// shared looks for a row in the further installations: one that belongs to a region or a node is in none of them.
func (r *Reader) shared(columns []tables.Column, row []string, far []further) sharing {
	out := sharing{all: true, has: []bool{true}}
	for _, f := range far {
		other, keyed := f.rows.Same(row)
		if other == nil && !keyed {
			other = r.alike(columns, row, f)
		}
		has := other != nil && (keyed || !r.belongs(f.words, columns, row, other))
		if has {
			out.seen = append(out.seen, seenRow{f.words, other})
		}
		out.has = append(out.has, has)
		out.all, out.some = out.all && has, out.some || has
	}
	return out
}

// mostBare is how many rows a table without a key may have for each to be compared with each.
const mostBare = 100

// alike returns the row of a further installation that differs from a row only in what config.yaml explains, and that
// has a text in common with it; nil where there is none. It is for tables whose rows have neither key nor number.
func (r *Reader) alike(columns []tables.Column, row []string, f further) []string {
	if slices.ContainsFunc(columns, func(c tables.Column) bool { return c.Auto }) || len(f.rows.Values) > mostBare {
		return nil
	}
	quiet := r.quiet()
	for _, other := range f.rows.Values {
		common, explained := false, true
		for i, c := range columns {
			switch {
			case c.IsNow():
			case row[i] == other[i]:
				common = common || row[i] != tables.Null && row[i] != ""
			case row[i] == tables.Null || other[i] == tables.Null:
				explained = false
			case explained:
				seen := []seenRow{{f.words, other}}
				explained = quiet.explain(pack.Plain, finding.Place{Key: c.Name}, "", "", row[i], i, seen).open == 0
			}
		}
		if common && explained {
			return other
		}
	}
	return nil
}

// when is the switch that a row depends on, as a template that yields something where the row is to be; empty where
// there is none.
func (r *Reader) when(far []further, has []bool, around string) string {
	installations := []*source.Installation{r.Words.From}
	for _, f := range far {
		installations = append(installations, f.words.Second)
	}
	if on := match.Switch(r.Words.Release, installations, has, around); on != "" {
		return "{{if " + on + "}}1{{end}}"
	}
	return ""
}

// explained is a value of a row as a template.
type explained struct {
	template string
	values   []*match.Value // that are in it
	open     int            // parts in which the installations differ, and nothing explains how
}

// follows reports whether the value changes with a key of config.yaml that can change on a node that runs.
func (e explained) follows() bool {
	return slices.ContainsFunc(e.values, func(v *match.Value) bool {
		return slices.ContainsFunc(v.Keys, func(key string) bool {
			isName := slices.ContainsFunc(config.Roles, func(role config.Role) bool { return role.Key() == key })
			return !isName && key != "release" && key != "root"
		})
	})
}

// explain turns a value of a row into a template, and notes what is not certain. key names the row.
func (r *Reader) explain(format pack.Format, at finding.Place, table, key, text string, i int, seen []seenRow) (
	out explained,
) {
	c := match.Cell{Place: at.File, Key: at.Key, Parent: table + " " + key, Text: text}
	for _, s := range seen {
		if s.row[i] != tables.Null {
			c.Seen = append(c.Seen, match.Seen{Words: s.words, Text: s.row[i]})
		}
	}
	parts, extra := r.Words.ExplainCell(format, c)
	for _, p := range parts {
		within := at
		if p.Path != "" {
			within.Key += " " + p.Path
		}
		template := p.Template()
		out.template += template
		if p.Differs {
			out.open++
			r.Report.Note(report.Differs, within, msg.M("%s is kept as it is in the first installation", within.Key))
		}
		for _, s := range p.Segments {
			if s.Value != nil {
				out.values = append(out.values, s.Value)
			}
			if len(s.Unsure) > 0 {
				may := match.Expressions(s.Unsure)
				r.Report.NoteCandidates(report.Text, within, msg.M("%s of %s may come from %s",
					s.Unsure[0].Shown(), within.Key, msg.List(may)), "", may)
			}
		}
		named := config.SoundsSecret(p.Key) || config.SoundsSecret(at.Key) || config.SoundsSecret(key)
		if p.Key != "" && named && match.LooksLikeSecret(strings.Trim(template, `"`)) {
			r.Secrets.Sounds(within, len(c.Seen) > 0, p.Differs)
		}
	}
	for _, path := range extra {
		within := finding.Place{File: at.File, Key: at.Key + " " + path}
		out.open++
		r.Report.Note(report.Differs, within, msg.M("only another installation has %s, which is left out", within.Key))
	}
	return out
}

// quiet is a reader that notes nothing: what it looks at is looked at elsewhere, or need not be looked at.
func (r *Reader) quiet() *Reader {
	unheard := &report.Report{}
	out := *r
	out.Report = unheard
	guard := *r.Secrets
	guard.Report = unheard
	out.Secrets = &guard
	return &out
}
