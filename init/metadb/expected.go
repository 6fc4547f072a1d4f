package metadb

import (
	"slices"
	"strings"

	"omsinit/internal/config"
)

// expected is how the tables of one database look once all files are applied.
// Tables are kept in the order in which they are created.
type expected struct {
	tables []*table
}

type table struct {
	name    string
	columns []expectedColumn
	keys    []column // those with a name, and PRIMARY
	options options
	// vague reports whether a statement changed it in a way that is not followed here: what columns and options are is
	// not known any more.
	vague bool
}

type expectedColumn struct {
	column
	// altered: an ALTER TABLE adds it, so a table of an older release may well
	// lack it before the files are applied.
	altered bool
	// uncertain: it was to become a large text, which OceanBase may refuse (oms-facts §11).
	uncertain bool
}

// expect follows the statements of one database.
func (s schema) expect(d config.Role) expected {
	var e expected
	for f := range s.of(d) {
		for _, st := range f.statements {
			e.apply(st.effect)
		}
	}
	return e
}

func (e *expected) apply(ef effect) {
	switch ef.kind {
	case createTable:
		if e.find(ef.table) != nil {
			return // IF NOT EXISTS
		}
		t := &table{name: ef.table, options: ef.options}
		for _, c := range ef.columns {
			t.columns = append(t.columns, expectedColumn{column: c})
		}
		t.keys = slices.Clone(ef.keys)
		e.tables = append(e.tables, t)
	case alterTable:
		t := e.find(ef.table)
		if t == nil {
			return
		}
		if ef.renamed != "" {
			t.name = ef.renamed
		}
		for _, name := range ef.dropped {
			t.drop(name)
		}
		t.changeKeys(ef)
		t.vague = t.vague || ef.reshapes
		for _, m := range ef.modified {
			for i := range t.columns {
				if strings.EqualFold(t.columns[i].name, m.name) {
					kind := shapeOf(m.definition).kind
					t.columns[i].definition = m.definition
					t.columns[i].uncertain = strings.HasSuffix(kind, "text") || strings.HasSuffix(kind, "blob")
				}
			}
		}
		for _, c := range ef.columns {
			t.drop(c.name)
			t.columns = append(t.columns, expectedColumn{column: c, altered: true})
		}
	case createIndex, dropIndex:
		if t := e.find(ef.table); t != nil {
			t.changeKeys(ef)
		}
	case renameTable:
		for i, old := range ef.dropped {
			if t := e.find(old); t != nil {
				t.name = ef.columns[i].name
			}
		}
	case dropTable:
		for _, name := range ef.dropped {
			e.drop(name)
		}
	}
}

// changeKeys drops and adds keys. A key on a column that goes, goes or changes
// with it, which is not followed.
func (t *table) changeKeys(ef effect) {
	t.keys = slices.DeleteFunc(t.keys, func(k column) bool {
		columns, _ := keyColumns(k.definition)
		parts := strings.FieldsFunc(columns, func(r rune) bool { return r == ',' || r == '(' })
		named := func(name string) bool { return strings.EqualFold(name, k.name) }
		within := func(gone string) bool { return slices.Contains(parts, strings.ToLower(gone)) }
		return slices.ContainsFunc(ef.droppedKeys, named) || slices.ContainsFunc(ef.dropped, within)
	})
	t.keys = append(t.keys, ef.keys...)
}

func (e *expected) find(name string) *table {
	for _, t := range e.tables {
		if strings.EqualFold(t.name, name) {
			return t
		}
	}
	return nil
}

func (e *expected) drop(name string) {
	kept := e.tables[:0]
	for _, t := range e.tables {
		if !strings.EqualFold(t.name, name) {
			kept = append(kept, t)
		}
	}
	e.tables = kept
}

func (t *table) drop(name string) {
	kept := t.columns[:0]
	for _, c := range t.columns {
		if !strings.EqualFold(c.name, name) {
			kept = append(kept, c)
		}
	}
	t.columns = kept
}

// has reports whether a column is expected.
func (e expected) has(tableName, columnName string) bool {
	t := e.find(tableName)
	return t != nil && slices.ContainsFunc(t.columns,
		func(c expectedColumn) bool { return strings.EqualFold(c.name, columnName) })
}
