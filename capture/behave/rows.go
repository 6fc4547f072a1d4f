package behave

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"omsinit/capture/schema"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// rows looks whether each table that has rows in every installation has some here.
func (p *Proof) rows(ctx context.Context, _ string) error {
	db, err := database.Open(p.config, "")
	if err != nil {
		return err
	}
	defer db.Close()
	deadline := time.Now().Add(cmp.Or(p.RowsTime, time.Minute))
	for _, role := range config.Roles {
		objects, err := p.from().Tables().Objects(ctx, role)
		if err != nil {
			return err
		}
		for _, t := range objects.Tables {
			if !p.everywhere(ctx, role, t.Name) {
				continue
			}
			if ok, err := p.eventually(ctx, db, role, t.Name, deadline); err != nil {
				return err
			} else if !ok {
				p.differs(string(role)+"."+t.Name, msg.M("the installation has rows in this table, and the booted node has none: something that the old scripts write is missing; where they do it by SQL, capture again with --register %s", t.Name))
			}
		}
	}
	return nil
}

func (p *Proof) everywhere(ctx context.Context, role config.Role, table string) bool {
	for _, i := range p.Installations {
		if i.Tables() == nil {
			continue
		}
		rows, large, err := i.Tables().Rows(ctx, role, table)
		if err != nil || len(rows.Values) == 0 && large == 0 {
			return false
		}
	}
	return true
}

// eventually waits for a row: the components write some by themselves.
func (p *Proof) eventually(ctx context.Context, db *sql.DB, role config.Role, table string, deadline time.Time) (
	bool, error,
) {
	name := database.Quote(p.config.Database(role)) + "." + database.Quote(table)
	for {
		list, err := tables.Texts(ctx, db, "SELECT 1 FROM "+name+" LIMIT 1")
		if err != nil {
			return false, database.Explain(p.config, err)
		}
		if len(list) > 0 || time.Now().After(deadline) {
			return len(list) > 0, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// The first numbers that the rows of the booted node get: others than in any installation, and in each table.
const (
	firstNumber   = 40_000
	nextNumber    = 1_000
	smallerNumber = 100 // of a tinyint
)

// numbers makes the tables before the node boots, and lets them count from elsewhere, so that a number that a pack
// keeps as a constant refers to nothing. Why the tables cannot be made, the boot says.
func (p *Proof) numbers(ctx context.Context, self string) {
	if out, err := p.command(ctx, "", self, "init", "--only", "metadb"); err != nil {
		p.Log(msg.M("the tables could not be made before the boot: %v: %s", err, out))
		return
	}
	db := p.from().DB
	next := firstNumber
	for _, role := range config.Roles {
		name := p.config.Database(role)
		list, err := tables.Texts(ctx, db, "SELECT table_name, column_type FROM information_schema.columns WHERE table_schema = ? AND extra LIKE '%auto_increment%' ORDER BY 1", name)
		for _, row := range list {
			if tables.NotOMS(row[0]) {
				continue
			}
			number := next
			switch kind := strings.ToLower(row[1]); {
			case strings.HasPrefix(kind, "tinyint"):
				number = smallerNumber
			case strings.HasPrefix(kind, "smallint"):
				number = nextNumber
			}
			next += nextNumber
			_, failed := db.ExecContext(ctx, fmt.Sprintf("ALTER TABLE %s.%s AUTO_INCREMENT = %d", database.Quote(name),
				database.Quote(row[0]), number))
			err = cmp.Or(err, failed)
		}
		if err != nil {
			p.differs(string(role), msg.M("the tables could not be made to count from elsewhere, so that constants in the place of numbers were not looked for: %v", database.Explain(p.config, err)))
		}
	}
}

// holder is a place in the rows that holds the value of a key of config.yaml in every installation.
type holder struct {
	role          config.Role
	table, column string
	key           string
	where         []string // the columns that tell the row, and args their values; without them any row may hold it
	args          []any
}

func (h holder) place() string { return string(h.role) + "." + h.table }

// holds looks whether the booted node's rows refer to rows, and hold the values of its configuration, wherever those of
// the installations do.
func (p *Proof) holds(ctx context.Context, _ string) error {
	db, err := database.Open(p.config, "")
	if err != nil {
		return err
	}
	defer db.Close()
	references, err := schema.References(ctx, p.Installations)
	if err != nil {
		return err
	}
	for _, x := range references {
		query := fmt.Sprintf("SELECT COUNT(*) FROM %s.%s a WHERE a.%s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %s.%s b WHERE b.%s = a.%s)",
			database.Quote(p.config.Database(x.Role)), database.Quote(x.Table), database.Quote(x.Column),
			database.Quote(p.config.Database(x.ToRole)), database.Quote(x.To), database.Quote(x.ID),
			database.Quote(x.Column))
		var count int
		if err := db.QueryRowContext(ctx, query).Scan(&count); err != nil {
			p.differs(string(x.Role)+"."+x.Table,
				msg.M("what its rows refer to cannot be read: %v", database.Explain(p.config, err)))
		} else if count > 0 {
			p.differs(string(x.Role)+"."+x.Table, msg.M("%s is in each installation the number of a row of %s.%s, and here of none, in rows: %d; the pack keeps the number of the captured installation (refs of rows in pack.yaml)", x.Column, string(x.ToRole), x.To, count))
		}
	}
	if p.holders, err = p.findHolders(ctx); err != nil {
		return err
	}
	return p.held(ctx, "", cmp.Or(p.RowsTime, time.Minute))
}

// findHolders compares the rows of all installations with their configurations.
func (p *Proof) findHolders(ctx context.Context) (out []holder, err error) {
	for _, role := range config.Roles {
		objects, err := p.from().Tables().Objects(ctx, role)
		if err != nil {
			return nil, err
		}
		for _, t := range objects.Tables {
			var all []tables.Rows
			for _, i := range p.Installations {
				if i.Tables() == nil {
					continue
				}
				rows, large, err := i.Tables().Rows(ctx, role, t.Name)
				other := len(all) > 0 && !slices.Equal(all[0].Columns, rows.Columns)
				if err != nil || large > 0 || len(rows.Values) == 0 || other {
					all = nil
					break
				}
				all = append(all, rows)
			}
			if len(all) > 0 && t.Name != tables.VersionTable {
				out = append(out, p.holdersOf(role, t.Name, all)...)
			}
		}
	}
	return out, nil
}

// holdersOf are the holders in a table: its rows that have the same key everywhere one by one, the others together.
func (p *Proof) holdersOf(role config.Role, table string, all []tables.Rows) (out []holder) {
	var others [][][]string // by installation: rows that only it has
	for n, rows := range all {
		others = append(others, nil)
		for _, row := range rows.Values {
			if shared := sameEverywhere(all, row); shared == nil {
				others[n] = append(others[n], row)
			}
		}
	}
	for _, key := range config.Keys() {
		texts := p.texts(key.Name)
		if texts == nil {
			continue
		}
		for c, column := range all[0].Columns {
			if column.IsTime() || column.IsBinary() || column.Auto {
				continue
			}
			h := holder{role: role, table: table, column: column.Name, key: key.Name}
			any := true
			for n := range all {
				holds := func(row []string) bool { return holdsText(row[c], texts[n]) }
				any = any && slices.ContainsFunc(others[n], holds)
			}
			if any {
				out = append(out, h)
			}
			for _, row := range all[0].Values {
				shared := sameEverywhere(all, row)
				if shared == nil || column.Key {
					continue
				}
				every := true
				for n, row := range shared {
					every = every && holdsText(row[c], texts[n])
				}
				if !every {
					continue
				}
				one := h
				for k, c := range all[0].Columns {
					if c.Key {
						one.where, one.args = append(one.where, c.Name), append(one.args, row[k])
					}
				}
				out = append(out, one)
			}
		}
	}
	return out
}

// sameEverywhere are the rows with the same key in each installation; nil where there is no key, or not all have it.
func sameEverywhere(all []tables.Rows, row []string) (out [][]string) {
	for _, rows := range all {
		same, keyed := rows.Same(row)
		if same == nil || !keyed {
			return nil
		}
		out = append(out, same)
	}
	return out
}

// shortestHeld is how long a value must be for being found within a longer text.
const shortestHeld = 4

// texts are the values of a key in the installations; nil where they tell nothing: they are the same in two of them,
// or, with one installation, short or usual.
func (p *Proof) texts(key string) (out []string) {
	usual := ""
	for _, k := range config.Keys() {
		if k.Name == key {
			usual = k.Default
		}
	}
	for _, i := range p.Installations {
		if i.Tables() == nil {
			continue
		}
		text := plain(i.Config.Values()[key])
		if text == "" || slices.Contains(out, text) {
			return nil
		}
		out = append(out, text)
	}
	if len(out) == 1 && (len(out[0]) < shortestHeld || out[0] == usual) {
		return nil
	}
	return out
}

// plain is a value of config.yaml as a text; empty for a list, a switch and a secret.
func plain(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int:
		return fmt.Sprint(v)
	}
	return ""
}

// holdsText reports whether a value is a text, or holds it as a word of its own.
func holdsText(value, text string) bool {
	if value == text {
		return true
	}
	word := regexp.MustCompile(`(^|[^\w.])` + regexp.QuoteMeta(text) + `($|[^\w.])`)
	return len(text) >= shortestHeld && word.MatchString(value)
}

// held looks whether the rows hold the values that the configuration has now: those of one key, or of all.
func (p *Proof) held(ctx context.Context, key string, limit time.Duration) error {
	db, err := database.Open(p.config, "")
	if err != nil {
		return err
	}
	defer db.Close()
	deadline := time.Now().Add(limit)
	for _, h := range p.holders {
		want := plain(p.config.Values()[h.key])
		if key != "" && h.key != key || want == "" {
			continue
		}
		for {
			ok, err := h.held(ctx, db, p.config, want)
			if err != nil {
				return database.Explain(p.config, err)
			}
			if ok || time.Now().After(deadline) {
				if !ok {
					p.differs(h.place(), msg.M("%s holds the value of %s in each installation, and here it does not: the row does not come from config.yaml, or does not follow it (%s)", h.column, h.key, h.shown()))
				}
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(500 * time.Millisecond):
			}
		}
	}
	return nil
}

// shown names the row; its table where any row may hold the value.
func (h holder) shown() string {
	out := h.place()
	for n, column := range h.where {
		out += fmt.Sprintf(" %s=%v", column, h.args[n])
	}
	return out
}

// held reports whether a row holds a text; one that is not there holds nothing.
func (h holder) held(ctx context.Context, db *sql.DB, c *config.Config, want string) (bool, error) {
	query := fmt.Sprintf("SELECT %s FROM %s.%s", database.Quote(h.column), database.Quote(c.Database(h.role)),
		database.Quote(h.table))
	for n, column := range h.where {
		query += []string{" WHERE ", " AND "}[min(n, 1)] + database.Quote(column) + " = ?"
	}
	list, err := tables.Texts(ctx, db, query, h.args...)
	return slices.ContainsFunc(list, func(row []string) bool { return holdsText(row[0], want) }), err
}
