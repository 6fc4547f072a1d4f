package tables

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Scratch makes the databases of a pack under names of their own, beside those of an installation.
type Scratch struct {
	DB     *sql.DB
	Config *config.Config // of the installation
	// Create creates the three databases of a pack, under the names in the configuration.
	Create func(context.Context, *config.Config, *pack.Pack) error
	Log    func(msg.Message)
}

// Rows returns the rows of a scratch table as they would be in the installation: a setting may name one of its
// databases.
func (s Scratch) Rows(ctx context.Context, scratch *config.Config, role config.Role, table string) (Rows, error) {
	rows, err := ReadRows(ctx, s.DB, scratch, role, table)
	rename := s.Names(scratch)
	for _, row := range rows.Values {
		for i := range row {
			row[i] = rename.Replace(row[i])
		}
	}
	return rows, err
}

// Names returns what gives the scratch databases the names of the installation's. Theirs stand in no other text.
func (s Scratch) Names(scratch *config.Config) *strings.Replacer {
	var names []string
	for _, r := range config.Roles {
		names = append(names, scratch.Database(r), s.Config.Database(r))
	}
	return strings.NewReplacer(names...)
}

// scratchPrefix begins the names of the databases that a pack is tried in.
const scratchPrefix = "omsinit_scratch_"

// Use creates the databases, hands them to use, and drops them, also when ctx has ended.
func (s Scratch) Use(ctx context.Context, p *pack.Pack, use func(*config.Config) error) error {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // it never fails
	c := *s.Config
	base := scratchPrefix + hex.EncodeToString(random)
	c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase = base+"_rm", base+"_cm", base+"_hb"
	list, err := Texts(ctx, s.DB,
		"SELECT schema_name FROM information_schema.schemata WHERE LEFT(schema_name, ?) = ? ORDER BY 1",
		len(scratchPrefix), scratchPrefix)
	if err != nil {
		return database.Explain(&c, err)
	}
	// Whoever uses scratch databases holds a lock of their name, on a connection of its own.
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return database.Explain(&c, err)
	}
	defer conn.Close()
	locks := held(ctx, conn, "SELECT GET_LOCK(?, 0)", base)
	for _, row := range list {
		left := row[0][:min(len(row[0]), len(base))]
		if locks && held(ctx, conn, "SELECT IS_FREE_LOCK(?)", left) { // of a capture that was killed
			s.drop(ctx, row[0])
			_, _ = s.DB.ExecContext(ctx, "DROP USER IF EXISTS '"+Account(left)+"'@'%'") // where it may
		} else if !locks {
			s.Log(msg.M("there is the scratch database %s; if no other capture runs, drop it", row[0]))
		}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		for _, role := range config.Roles {
			s.drop(ctx, c.Database(role))
		}
	}()
	if err := s.Create(ctx, &c, p); err != nil {
		return err
	}
	return use(&c)
}

// Account is the name of an account that goes with scratch databases, by the name that theirs begin with.
func Account(base string) string { return strings.Replace(base, "_scratch", "", 1) }

// held asks a question about a lock whose answer is 1; a server without such locks says no.
func held(ctx context.Context, conn *sql.Conn, query, name string) bool {
	var answer sql.NullInt64
	err := conn.QueryRowContext(ctx, query, name).Scan(&answer)
	return err == nil && answer.Int64 == 1
}

// drop drops a scratch database.
func (s Scratch) drop(ctx context.Context, name string) {
	if _, err := s.DB.ExecContext(ctx, "DROP DATABASE IF EXISTS "+database.Quote(name)); err != nil {
		s.Log(msg.M("cannot drop the scratch database %s, drop it by hand: %v", name, database.Explain(s.Config, err)))
	}
}
