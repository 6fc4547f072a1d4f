package schema

import (
	"testing"

	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/internal/config"
)

// TestReferences: what a column refers to, by a foreign key, by numbers that differ, or by its name.
func TestReferences(t *testing.T) {
	text := func(values ...string) (out [][]string) {
		for _, v := range values {
			out = append(out, []string{v})
		}
		return out
	}
	installation := func(id string, held map[string]string) *source.Installation {
		auto := []tables.Column{{Name: "id", Kind: "bigint", Auto: true}}
		c := tables.Contents{Rows: map[string]tables.Rows{
			"cluster_info": {Columns: auto, Values: text("1", id)}, "other": {Columns: auto, Values: text(id)}}}
		sql := map[string]string{"keyed": "CREATE TABLE `keyed` (\n  CONSTRAINT `f` FOREIGN KEY (`x`) REFERENCES `other` (`id`)\n)"}
		for _, name := range []string{"cluster_info", "other"} {
			c.Objects.Tables = append(c.Objects.Tables, tables.Object{Kind: "table", Name: name})
		}
		for _, one := range []struct{ table, column string }{{"keyed", "x"}, {"named", "cluster_id"},
			{"flag", "is_cluster"}, {"away", "cluster_id"}, {"which", "some_id"}} {
			c.Rows[one.table] = tables.Rows{Columns: []tables.Column{{Name: one.column, Kind: "int"}},
				Values: text(held[one.table])}
			c.Objects.Tables = append(c.Objects.Tables,
				tables.Object{Kind: "table", Name: one.table, SQL: sql[one.table]})
		}
		return &source.Installation{Bundle: &source.Bundle{Tables: &tables.Snapshot{Databases: map[config.Role]tables.Contents{config.RM: c}}}}
	}
	a := installation("7", map[string]string{"keyed": "7", "named": "1", "flag": "1", "away": "9", "which": "7"})
	b := installation("40", map[string]string{"keyed": "40", "named": "1", "flag": "1", "away": "1", "which": "40"})
	for _, tc := range []struct {
		installations []*source.Installation
		want          map[string]Reference // by table
	}{
		{[]*source.Installation{a, b}, map[string]Reference{"keyed": {To: "other", Sure: true},
			"named": {To: "cluster_info"}}},
		{[]*source.Installation{a}, map[string]Reference{"keyed": {To: "other", Sure: true},
			"named": {To: "cluster_info"}}},
		{nil, nil},
	} {
		found, err := References(t.Context(), tc.installations)
		if err != nil || len(found) != len(tc.want) {
			t.Errorf("%+v, %v", found, err)
		}
		for _, x := range found {
			if w := tc.want[x.Table]; w.To != x.To || w.Sure != x.Sure || x.ID != "id" {
				t.Errorf("%+v, want %+v", x, w)
			}
		}
	}
}
