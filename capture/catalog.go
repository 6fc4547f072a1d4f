package capture

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// scratchPrefix begins the names of the databases that a pack is tried in.
const scratchPrefix = "omsinit_scratch_"

// scratch creates the databases of a pack under names of their own, hands them
// to use, and drops them, also when ctx has ended.
func (j *Job) scratch(ctx context.Context, p *pack.Pack, use func(*config.Config) error) error {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // it never fails
	c := *j.From.Config
	base := scratchPrefix + hex.EncodeToString(random)
	c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase = base+"_rm", base+"_cm", base+"_hb"
	list, err := tables.Texts(ctx, j.DB, "SELECT schema_name FROM information_schema.schemata WHERE LEFT(schema_name, ?) = ? ORDER BY 1", len(scratchPrefix), scratchPrefix)
	if err != nil {
		return database.Explain(&c, err)
	}
	for _, row := range list {
		if strings.HasPrefix(row[0], base) {
			return msg.Errorf("there is a database %s already; run the same command again", row[0])
		}
		// Of a capture that was killed, or of one that runs now.
		j.log(msg.M("there is the scratch database %s; if no other capture runs, drop it", row[0]))
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		for _, role := range config.Roles {
			if _, err := j.DB.ExecContext(ctx, "DROP DATABASE IF EXISTS "+database.Quote(c.Database(role))); err != nil {
				j.log(msg.M("cannot drop the scratch database %s, drop it by hand: %v", c.Database(role), database.Explain(&c, err)))
			}
		}
	}()
	if err := j.Scratch(ctx, &c, p); err != nil {
		return err
	}
	return use(&c)
}

// verifySchema creates the pack's schema in scratch databases and compares them
// with the installation's.
func (j *Job) verifySchema(ctx context.Context, p *pack.Pack) ([]Difference, error) {
	var out []Difference
	err := j.scratch(ctx, p, func(c *config.Config) error {
		for _, role := range config.Roles {
			differences, err := j.compareDatabase(ctx, role, c)
			if err != nil {
				return err
			}
			out = append(out, differences...)
		}
		return nil
	})
	// What the upgrade file leaves on purpose is noted elsewhere.
	out = slices.DeleteFunc(out, func(d Difference) bool {
		return slices.ContainsFunc(j.lossy, func(t string) bool {
			return strings.HasPrefix(d.Name, t+".") ||
				strings.HasPrefix(d.Name, t+" ")
		})
	})
	return out, err
}

func (j *Job) compareDatabase(ctx context.Context, role config.Role, scratch *config.Config) ([]Difference, error) {
	have, err := j.catalog(ctx, role, j.From.Config)
	if err != nil {
		return nil, err
	}
	made, err := j.catalog(ctx, role, scratch)
	if err != nil {
		return nil, err
	}
	var out []Difference
	all := maps.Clone(have)
	maps.Copy(all, made)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d := Difference{Part: "schema", Name: string(role) + "." + name}
		switch h, m := have[name], made[name]; {
		case h == m:
			continue
		case h == "":
			d.Text = msg.M("the pack makes it, but the installation does not have it")
		case m == "":
			d.Text = msg.M("the installation has it, but the pack does not make it")
		default:
			d.Text = msg.M("the installation has %s, and the pack makes %s", fromDifference(h, m), fromDifference(m, h))
		}
		out = append(out, d)
	}
	rows, err := j.compareRows(ctx, role, scratch)
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
// how the server would create each table, with the names of the databases
// replaced by what they are.
func (j *Job) catalog(ctx context.Context, role config.Role, c *config.Config) (map[string]string, error) {
	name := c.Database(role)
	var plain []string
	for _, r := range config.Roles {
		plain = append(plain, "`"+c.Database(r)+"`", "`"+string(r)+"`")
	}
	rename := strings.NewReplacer(plain...)
	out := map[string]string{}
	for _, q := range catalogQueries {
		list, err := tables.Texts(ctx, j.DB, q.query, name)
		if err != nil {
			return nil, msg.Errorf("cannot read the schema of the database %s: %w", name, database.Explain(c, err))
		}
		for _, row := range list {
			if tables.NotOMS(row[0]) {
				continue
			}
			for i, cell := range row[1:] {
				for _, r := range config.Roles {
					if cell == c.Database(r) {
						row[1+i] = string(r)
					}
				}
			}
			out[row[0]+" ("+q.kind+")"] = rename.Replace(strings.Join(row[1:], " | "))
		}
	}
	objects, err := tables.ReadObjects(ctx, j.DB, c, role)
	if err != nil {
		return nil, err
	}
	for _, o := range append(objects.Tables, objects.Others...) {
		out[o.Name+" ("+o.Kind+" as created)"] = rename.Replace(strings.Join(strings.Fields(o.SQL), " "))
	}
	return out, nil
}

// compareRows compares the settings: each row that the pack makes must be in
// the installation.
func (j *Job) compareRows(ctx context.Context, role config.Role, scratch *config.Config) ([]Difference, error) {
	list, err := tables.Texts(ctx, j.DB, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type <> 'VIEW' ORDER BY 1", scratch.Database(role))
	if err != nil {
		return nil, database.Explain(scratch, err)
	}
	var out []Difference
	for _, t := range list {
		if tables.NotOMS(t[0]) || t[0] == tables.VersionTable {
			continue
		}
		made, columns, err := readRows(ctx, j.DB, scratch, role, t[0])
		if err != nil {
			return nil, err
		}
		if len(made) == 0 {
			continue
		}
		have, _, err := readRows(ctx, j.DB, j.From.Config, role, t[0])
		if err != nil {
			continue // the table is not there, which was said already
		}
		for _, row := range made {
			// A setting may name one of the databases.
			for i := range row {
				for _, r := range config.Roles {
					row[i] = strings.ReplaceAll(row[i], scratch.Database(r),
						j.From.Config.Database(r))
				}
			}
			if !slices.ContainsFunc(have, func(h []string) bool { return equalRows(columns, row, h) }) {
				out = append(out, Difference{Part: "schema", Name: string(role) + "." + t[0],
					Text: msg.M("the pack makes a row that the installation does not have: %s", keysOf(columns, row))})
			}
		}
	}
	return out, nil
}

func equalRows(columns []column, a, b []string) bool {
	if len(a) != len(b) || len(columns) != len(a) {
		return false
	}
	for i, c := range columns {
		if !isNow(c) && a[i] != b[i] {
			return false
		}
	}
	return true
}

// keysOf names a row by its keys only: other columns may hold secrets.
func keysOf(columns []column, row []string) string {
	var out []string
	for i, c := range columns {
		if c.key {
			out = append(out, fmt.Sprintf("%s=%s", c.name, row[i]))
		}
	}
	return strings.Join(out, " ")
}
