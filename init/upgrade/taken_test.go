package upgrade

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// A node is away at any point of any stage, and another one upgrades meanwhile: when the first one is back it undoes
// nothing and notes nothing, whatever fails on it. Its next run finds the upgrade done.
func TestTakenOver(t *testing.T) {
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	want := wanted(t, s, dir)
	for i, point := range points() {
		for j, failure := range []error{nil, errors.New("an error of the test")} {
			t.Run(fmt.Sprintf("%s, error %v", point, failure), func(t *testing.T) {
				c := installed(t, s, fmt.Sprintf("t%d%d", i, j), "4.1.1-CE", 40)
				first, second := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1"),
					nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.2")
				first.Unattended, second.Unattended = true, true
				var page strings.Builder
				first.Log = func(m msg.Message) { fmt.Fprintln(&page, m) }
				first.fault = func(at string) error {
					if at != point {
						return nil
					}
					first.fault = nil
					cutAll(t, s)
					if due, err := drive(t.Context(), second); !due || err != nil {
						t.Error(due, err)
					}
					return failure
				}
				due, err := drive(t.Context(), first)
				if taken := (*TakenError)(nil); !due || !errors.As(err, &taken) || !finding.IsTransient(err) {
					t.Errorf("%v, %v\n%s", due, err, &page)
				}
				if r := newestRecord(t, s, c); r.State != Done || r.Error != "" {
					t.Errorf("%+v", r)
				}
				if due, err := drive(t.Context(), first); due || err != nil {
					t.Error(due, err)
				}
				if d := cmp.Diff(want, contents(t, s, c)); d != "" {
					t.Error(d)
				}
				dropAll(s, c)
			})
		}
	}
}

// The other node got further and was cut, too. What it may have let OMS write is not in the backup any more: the first
// node begins anew with what the journal says, instead of going on where it was.
func TestTakenOverInPart(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	c := installed(t, s, "p", "4.1.1-CE", 40)
	first, second := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1"), nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.2")
	first.fault = func(at string) error {
		if at != "before "+stageSchema {
			return nil
		}
		first.fault = nil
		cutAll(t, s)
		o := orderFor(c, dir, second.Layout.Root(), "10.0.0.2")
		o.DieAt = "after " + StageStart
		if out, err := command(o).CombinedOutput(); !killed(err) {
			t.Errorf("%v\n%s", err, out)
		}
		return nil
	}
	due, err := drive(t.Context(), first)
	if taken := (*TakenError)(nil); !due || !errors.As(err, &taken) {
		t.Errorf("%v, %v", due, err)
	}
	if r := newestRecord(t, s, c); r.State != Running || r.Stage != StageStart {
		t.Errorf("%+v", r)
	}
	if due, err := drive(t.Context(), first); !due || err != nil {
		t.Error(due, err)
	}
}

// A node is cut off in the middle of its backup. The server has not noticed, and its session keeps the tables: the node
// that goes on ends it.
func TestLeftSessions(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "l", "4.1.1-CE", 40)
	const address = "127.0.0.2"
	first, second := nodeFor(t, c, packAt(t, "4.2.3-CE"), address), nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.2")
	cfg, err := mysql.ParseDSN(s.DSN(c.RMDatabase))
	if err != nil {
		t.Fatal(err)
	}
	cfg.DialFunc = func(ctx context.Context, network, to string) (net.Conn, error) {
		return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext(ctx, network, to)
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	left, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer left.Rollback()
	tables, err := database.Column(t.Context(), left,
		"SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables { // as a backup has read them
		if _, err := database.Column(t.Context(), left, "SELECT COUNT(*) FROM "+database.Quote(table)); err != nil {
			t.Fatal(err)
		}
	}
	first.fault = func(at string) error {
		if at != "after "+stageBackup {
			return nil
		}
		first.fault = nil
		cutAllBut(t, s, address)
		if due, err := drive(t.Context(), second); !due || err != nil {
			t.Error(due, err)
		}
		return nil
	}
	if due, err := drive(t.Context(), first); !due || !taken(err) {
		t.Errorf("%v, %v", due, err)
	}
	if err := left.Commit(); err == nil {
		t.Error("the session that was left lives")
	}
}
