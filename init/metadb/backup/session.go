package backup

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"omsinit/internal/database"
)

// atOnce is how many sessions work side by side.
const atOnce = 4

// required are the settings of a session without which values would not come back as they were.
var required = []string{
	"time_zone = '+00:00'",               // a TIMESTAMP reads the same everywhere
	"sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", // and no mode that refuses or rounds what is in a table
	"foreign_key_checks = 0",
	"unique_checks = 0",
}

// wished are settings that some servers do not have, or some accounts may not change.
var wished = []string{
	// of MySQL, in ms; it would cut the rows of a large table
	"max_execution_time = 0",
	"max_statement_time = 0",                                       // of MariaDB
	"ob_query_timeout = 7200000000", "ob_trx_timeout = 7200000000", // of OceanBase, in µs
	"net_read_timeout = 3600", "net_write_timeout = 3600",
	"sql_select_limit = 18446744073709551615",
	"sql_safe_updates = 0",
	"sql_quote_show_create = 1",
	"show_gipk_in_create_table_and_information_schema = 1", // generated invisible primary keys are columns like others
	"sql_generate_invisible_primary_key = 0",               // and are added to no table that has none
	"sql_require_primary_key = 0",
	"check_constraint_checks = 0", // what is in a table is not judged again
}

// pool is the connections for reading and writing rows.
type pool struct {
	*sql.DB
	sessions []*sql.Conn
}

func (j *Job) pool() (*pool, error) {
	db, err := database.Open(j.Config, "", database.As(j.Node), func(c *mysql.Config) {
		c.ParseTime = false    // also dates such as 0000-00-00 come back
		c.MaxAllowedPacket = 0 // the server's
		c.ReadTimeout = 0      // an index may take its time; the server is watched by the connection of the lock
		c.WriteTimeout = time.Hour
	})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(atOnce + 2)
	return &pool{DB: db}, nil
}

// begin opens n sessions with the settings above.
func (p *pool) begin(ctx context.Context, n int, lockTimeout time.Duration) error {
	wait := fmt.Sprintf("lock_wait_timeout = %d", int(cmp.Or(max(lockTimeout, 0), 10*time.Minute).Seconds())+1)
	for range n {
		conn, err := p.Conn(ctx)
		if err != nil {
			return err
		}
		p.sessions = append(p.sessions, conn)
		for _, s := range append([]string{wait}, wished...) {
			if _, err := conn.ExecContext(ctx, "SET SESSION "+s); err != nil && database.CodeOf(err) == 0 {
				return err
			}
		}
		if _, err := conn.ExecContext(ctx, "SET SESSION "+strings.Join(required, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// close ends all sessions, and what they have open.
func (p *pool) close() {
	for _, conn := range p.sessions {
		_ = conn.Close()
	}
	_ = p.Close()
}

// use makes a database that of the session.
func use(ctx context.Context, conn *sql.Conn, name string) error {
	_, err := conn.ExecContext(ctx, "USE "+database.Quote(name))
	return err
}

// lane is a queue of tables and the sessions that work on it.
type lane struct {
	sessions []*sql.Conn
	tables   []*table
}

// snapshot returns sessions that see each database as it is at one moment, with one session for each database. With
// quiet, and where the account may lock tables, all sessions see the same moment, and share all tables.
func snapshot(ctx context.Context, pool *pool, tables []*table, quiet bool) ([]*lane, error) {
	sessions := pool.sessions
	begin := func(conn *sql.Conn) error {
		if _, err := conn.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
		return err
	}
	locker, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer locker.Close()
	shared := quiet && lockTables(ctx, locker, tables)
	for _, conn := range sessions {
		if err := begin(conn); err != nil {
			return nil, err
		}
	}
	if shared {
		if _, err := locker.ExecContext(ctx, "UNLOCK TABLES"); err != nil {
			return nil, err
		}
	}
	if shared || len(tables) == 0 {
		return []*lane{{sessions, tables}}, nil
	}
	byDatabase := map[*Database]*lane{}
	var lanes []*lane
	for _, t := range tables {
		l := byDatabase[t.database]
		if l == nil {
			n := len(byDatabase) % len(sessions)
			if n == len(lanes) {
				lanes = append(lanes, &lane{sessions: sessions[n:][:1]})
			}
			l = lanes[n]
			byDatabase[t.database] = l
		}
		l.tables = append(l.tables, t)
	}
	return lanes, nil
}

// lockTables reports whether nobody can write to the tables until UNLOCK TABLES. It waits a moment for those who do,
// whom it keeps waiting meanwhile.
func lockTables(ctx context.Context, conn *sql.Conn, tables []*table) bool {
	var version string
	if err := conn.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil ||
		strings.Contains(version, "OceanBase") {
		return false // which takes the statement and locks nothing
	}
	if _, err := conn.ExecContext(ctx, "SET SESSION lock_wait_timeout = 3"); err != nil {
		return false
	}
	var list []string
	for _, t := range tables {
		list = append(list, t.full()+" READ")
	}
	_, err := conn.ExecContext(ctx, "LOCK TABLES "+strings.Join(list, ", "))
	return err == nil && len(list) > 0
}
