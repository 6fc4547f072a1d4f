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
	keys    []column // named keys of CREATE TABLE and ADD KEY
}

type expectedColumn struct {
	column
	// altered: an ALTER TABLE adds it, so a table of an older release may well
	// lack it before the files are applied.
	altered bool
}

// expect follows the statements of one database.
func (s schema) expect(d config.Role) expected {
	var e expected
	for _, f := range s {
		if f.database != d {
			continue
		}
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
		t := &table{name: ef.table}
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
		t.keys = slices.DeleteFunc(t.keys, func(k column) bool {
			return slices.ContainsFunc(ef.droppedKeys,
				func(name string) bool { return strings.EqualFold(name, k.name) })
		})
		t.keys = append(t.keys, ef.keys...)
		for _, c := range ef.columns {
			t.drop(c.name)
			t.columns = append(t.columns, expectedColumn{column: c, altered: true})
		}
	case dropIndex:
		if t := e.find(ef.table); t != nil {
			t.keys = slices.DeleteFunc(t.keys, func(k column) bool {
				return slices.ContainsFunc(ef.droppedKeys,
					func(name string) bool { return strings.EqualFold(name, k.name) })
			})
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
