package metadb

import (
	"slices"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/release"
)

// Seeds returns a warning for each row of a schema file whose number is left to the server. A number that was given out
// is not given out again, so that a node that was killed within such a statement leaves other numbers than one that was
// not, and whatever refers to them by number, here or in another database, finds others.
func Seeds(p *pack.Pack) ([]finding.Finding, error) {
	target, err := release.Parse(p.Release)
	if err != nil {
		return nil, err
	}
	files, err := readSchema(p.FS(), target)
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	numbered := map[string]column{} // by database and table, in lower case
	for _, f := range files {
		for _, st := range f.statements {
			key := func(table string) string { return string(f.database) + "." + strings.ToLower(table) }
			for _, c := range slices.Concat(st.columns, st.modified) {
				if strings.Contains(strings.ToUpper(c.definition), "AUTO_INCREMENT") {
					numbered[key(st.table)] = c
				}
			}
			if st.kind != changeRows {
				continue
			}
			table, columns, first := seed(st.text)
			c, ok := numbered[key(table)]
			at := slices.IndexFunc(columns, func(name string) bool { return strings.EqualFold(name, c.name) })
			switch {
			case !ok, columns == nil && !leftOut(first, 0), at >= 0 && !leftOut(first, at):
				continue
			}
			found = append(found, finding.Finding{
				ID: "pack.seed", Severity: finding.Warning, Place: finding.Place{File: f.name, Line: st.line},
				Message: msg.M("rows of %s are numbered by the server: after a run that was killed they have other numbers; write the values of %s", table, c.name),
			})
		}
	}
	return found, nil
}

// leftOut reports whether the value of a column is one that the server replaces with a number.
func leftOut(row []string, at int) bool {
	return at < len(row) && slices.Contains([]string{"NULL", "DEFAULT", "0"}, strings.ToUpper(row[at]))
}

// seed returns the table that rows are inserted into, the columns that are named, nil for all, and the first row, nil
// where the rows are not written out. The table is "" where none is inserted.
func seed(sql string) (table string, columns, row []string) {
	ts, err := tokens(sql)
	r := &reader{sql: sql, ts: ts}
	if err != nil || !r.take("INSERT") && !r.take("REPLACE") {
		return "", nil, nil
	}
	for r.take("LOW_PRIORITY") || r.take("HIGH_PRIORITY") || r.take("DELAYED") || r.take("IGNORE") || r.take("INTO") {
	}
	if table, err = r.tableName(); err != nil {
		return "", nil, nil
	}
	if r.take("SET") {
		columns = []string{}
		for {
			parts := r.list("=", ",", "ON")
			if len(parts) == 0 || !r.take("=") {
				return table, columns, row
			}
			value := r.list(",", "ON")
			columns, row = append(columns, parts[len(parts)-1]), append(row, strings.Join(value, " "))
			if !r.take(",") {
				return table, columns, row
			}
		}
	}
	if r.take("(") {
		columns = r.items()
	}
	if r.take("VALUES") || r.take("VALUE") {
		if r.take("(") {
			row = r.items()
		}
	}
	return table, columns, row
}

// list returns the tokens up to one of the ends, which it leaves. What is in brackets counts as part of them.
func (r *reader) list(ends ...string) (list []string) {
	for depth := 0; len(r.ts) > 0; r.ts = r.ts[1:] {
		t := r.ts[0]
		if depth == 0 && t.is(ends...) {
			return list
		}
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		list = append(list, t.text)
	}
	return list
}

// items returns what stands in brackets, of which the first is taken already, between the commas.
func (r *reader) items() []string {
	items := []string{}
	for {
		items = append(items, strings.Join(r.list(",", ")"), " "))
		if !r.take(",") {
			r.take(")")
			return items
		}
	}
}
