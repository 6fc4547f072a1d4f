package prove

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"omsinit/capture/report"
	"omsinit/capture/schema"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// schema creates the pack's schema in scratch databases and compares them with the installation's.
func (v *Proof) schema(ctx context.Context, p *pack.Pack) ([]finding.Finding, error) {
	var out []finding.Finding
	err := v.Scratch.Use(ctx, p, func(c *config.Config) error {
		for _, role := range config.Roles {
			differences, err := v.compareDatabase(ctx, role, c)
			if err != nil {
				return err
			}
			out = append(out, differences...)
		}
		return nil
	})
	// What the upgrade file leaves on purpose is noted elsewhere.
	out = slices.DeleteFunc(out, func(d finding.Finding) bool {
		return slices.ContainsFunc(v.Lossy, func(t string) bool {
			return strings.HasPrefix(d.Place.File, t+".") || strings.HasPrefix(d.Place.File, t+" ")
		})
	})
	return out, err
}

func (v *Proof) compareDatabase(ctx context.Context, role config.Role, scratch *config.Config) (
	[]finding.Finding, error) {
	have, err := v.catalog(ctx, role, v.From.Config)
	if err != nil {
		return nil, err
	}
	made, err := v.catalog(ctx, role, scratch)
	if err != nil {
		return nil, err
	}
	var out []finding.Finding
	all := maps.Clone(have)
	maps.Copy(all, made)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		differs := func(m msg.Message) {
			out = append(out, report.Difference("schema", finding.Place{File: string(role) + "." + name}, m))
		}
		switch h, m := have[name], made[name]; {
		case h == m:
		case h == "":
			differs(msg.M("the pack makes it, but the installation does not have it"))
		case m == "":
			differs(msg.M("the installation has it, but the pack does not make it"))
		default:
			differs(msg.M("the installation has %s, and the pack makes %s", fromDifference(h, m), fromDifference(m, h)))
		}
	}
	rows, err := v.compareRows(ctx, role, scratch)
	return append(out, rows...), err
}

// fromDifference is what a text has where it begins to differ from another.
func fromDifference(text, other string) string {
	const before, after = 20, 100
	a, b := []rune(text), []rune(other)
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	from, to := max(0, n-before), min(len(a), n+after)
	out := string(a[from:to])
	if from > 0 {
		out = "…" + out
	}
	if to < len(a) {
		out += "…"
	}
	return strconv.Quote(out)
}

// catalogQueries say what information_schema knows about a database: the first
// column is the name, the others what is to be the same.
var catalogQueries = []struct{ kind, query string }{
	{"table", "SELECT table_name, table_type, COALESCE(engine, ''), COALESCE(table_collation, ''), table_comment FROM information_schema.tables WHERE table_schema = ?"},
	{"column", "SELECT CONCAT(table_name, '.', column_name), ordinal_position, COALESCE(column_default, 'NULL'), is_nullable, column_type, COALESCE(character_set_name, ''), COALESCE(collation_name, ''), extra, column_comment FROM information_schema.columns WHERE table_schema = ?"},
	{"index", "SELECT CONCAT(table_name, '.', index_name, '#', seq_in_index), COALESCE(column_name, ''), non_unique, COALESCE(sub_part, ''), index_type FROM information_schema.statistics WHERE table_schema = ?"},
	{"view", "SELECT table_name, view_definition, check_option, is_updatable, security_type FROM information_schema.views WHERE table_schema = ?"},
	{"routine", "SELECT CONCAT(routine_type, ' ', routine_name), COALESCE(dtd_identifier, ''), routine_definition, sql_data_access, is_deterministic, security_type, routine_comment FROM information_schema.routines WHERE routine_schema = ?"},
	{"parameter", "SELECT CONCAT(specific_name, '#', ordinal_position), COALESCE(parameter_mode, ''), COALESCE(parameter_name, ''), dtd_identifier FROM information_schema.parameters WHERE specific_schema = ?"},
	{"trigger", "SELECT trigger_name, event_manipulation, event_object_table, action_timing, action_statement FROM information_schema.triggers WHERE trigger_schema = ?"},
	{"key", "SELECT CONCAT(table_name, '.', constraint_name, '#', ordinal_position), column_name, COALESCE(referenced_table_schema, ''), COALESCE(referenced_table_name, ''), COALESCE(referenced_column_name, '') FROM information_schema.key_column_usage WHERE table_schema = ?"},
	{"reference", "SELECT CONCAT(table_name, '.', constraint_name), update_rule, delete_rule FROM information_schema.referential_constraints WHERE constraint_schema = ?"},
	{"partition", "SELECT CONCAT(table_name, '.', partition_name), COALESCE(partition_method, ''), COALESCE(partition_expression, ''), COALESCE(partition_description, '') FROM information_schema.partitions WHERE table_schema = ? AND partition_name IS NOT NULL"},
}

// catalog is everything that information_schema knows about one database, and
// how the server would create each table. Those of scratch databases have the
// installation's names in the place of their own.
func (v *Proof) catalog(ctx context.Context, role config.Role, c *config.Config) (map[string]string, error) {
	name := c.Database(role)
	rename := v.Scratch.Names(c)
	out := map[string]string{}
	for _, q := range catalogQueries {
		list, err := tables.Texts(ctx, v.From.DB, q.query, name)
		if err != nil {
			return nil, msg.Errorf("cannot read the schema of the database %s: %w", name, database.Explain(c, err))
		}
		for _, row := range list {
			if tables.NotOMS(row[0]) {
				continue
			}
			out[row[0]+" ("+q.kind+")"] = rename.Replace(strings.Join(row[1:], " | "))
		}
	}
	objects, err := tables.ReadObjects(ctx, v.From.DB, c, role)
	if err != nil {
		return nil, err
	}
	for _, o := range append(objects.Tables, objects.Others...) {
		out[o.Name+" ("+o.Kind+" as created)"] = rename.Replace(strings.Join(strings.Fields(o.SQL), " "))
	}
	return out, nil
}

// compareRows compares the settings: each row that the pack makes must be in the installation.
func (v *Proof) compareRows(ctx context.Context, role config.Role, scratch *config.Config) ([]finding.Finding, error) {
	db := v.From.DB
	list, err := tables.Texts(ctx, db,
		"SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type <> 'VIEW' ORDER BY 1", scratch.Database(role))
	if err != nil {
		return nil, database.Explain(scratch, err)
	}
	references, err := schema.References(ctx, v.Installations())
	if err != nil {
		return nil, err
	}
	var out []finding.Finding
	for _, t := range list {
		if tables.NotOMS(t[0]) || t[0] == tables.VersionTable {
			continue
		}
		made, err := v.Scratch.Rows(ctx, scratch, role, t[0])
		if err != nil {
			return nil, err
		}
		if len(made.Values) == 0 {
			continue
		}
		have, err := tables.ReadRows(ctx, db, v.From.Config, role, t[0])
		if err != nil {
			continue // the table is not there, which was said already
		}
		for _, x := range references {
			if x.Role != role || x.ToRole != role || x.Table != t[0] {
				continue
			}
			theirs, err := v.Scratch.Rows(ctx, scratch, role, x.To)
			ours, failed := tables.ReadRows(ctx, db, v.From.Config, role, x.To)
			if err == nil && failed == nil {
				x.Resolve(made, theirs)
				x.Resolve(have, ours)
			}
		}
		comparable := len(have.Columns) == len(made.Columns)
		for _, row := range made.Values {
			if !comparable || !have.Has(row) {
				out = append(out, report.Difference("schema", finding.Place{File: string(role) + "." + t[0]},
					msg.M("the pack makes a row that the installation does not have: %s", made.KeyOf(row))))
			}
		}
	}
	return out, nil
}
