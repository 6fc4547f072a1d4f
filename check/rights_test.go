package check

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

func probes(t *testing.T, db *testmaria.Server) []string {
	t.Helper()
	var names []string
	err := database.Each(t.Context(), db.DB(""),
		"SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'omsinit%'", nil,
		func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			names = append(names, name)
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestRights(t *testing.T) {
	db := testmaria.Start(t)
	account := func(name string, grants ...string) *config.Config {
		t.Helper()
		db.Exec("CREATE USER " + name + "@'%' IDENTIFIED BY 'pw'")
		for _, grant := range grants {
			db.Exec("GRANT " + grant + " TO " + name + "@'%'")
		}
		cfg := onServer(t, db, "_r")
		cfg.MetaUser, cfg.MetaPassword = name, "pw"
		return cfg
	}
	uses := func(c *config.Config) (uses []database.Use, _ error) {
		for _, name := range names(c) {
			uses = append(uses,
				database.Use{Database: name,
					Rights: []database.Right{database.Select, database.Insert, database.Create}},
				database.Use{Database: name, Later: true,
					Rights: []database.Right{database.Select, database.Alter, database.Drop}},
				database.Use{Database: name + "_later", Later: true, Rights: []database.Right{database.Create}})
		}
		return uses, nil
	}
	const all = "ALL ON rm_r.*,ALL ON cm_r.*,ALL ON hb_r.*,ALL ON rm_r_later.*,ALL ON cm_r_later.*,ALL ON hb_r_later.*"
	for _, tc := range []struct {
		name string
		cfg  *config.Config
		want string
		text string // in the message or the fix
	}{
		{"all", onServer(t, db, ""), "", ""},
		{"none", account("nobody"), "error metadb.rights, warning metadb.later-rights", "SELECT ON rm_r.*"},
		{"not everywhere", account("some", "SELECT, CREATE ON *.*", "ALL ON `__\\_r%`.*"), "", ""},
		{"tables but no ALTER", account("noalter", "CREATE, INSERT, UPDATE, DELETE, DROP, SELECT ON *.*"),
			"warning metadb.later-rights", "ALTER ON hb_r.*"},
		{"by name", account("three", strings.Split(all, ",")...), "", ""},
		{"two of three", account("two", "ALL ON rm_r.*", "ALL ON cm_r.*"),
			"error metadb.rights, warning metadb.later-rights", "CREATE ON hb_r.*"},
		{"the names alone", account("names", strings.Split(all, ",")[:3]...), "warning metadb.later-rights",
			"GRANT CREATE ON `hb\\_r\\_later`.* TO 'names'@'%'"},
		{"a pattern", account("pattern", "ALL ON `%\\_r%`.*"), "", ""},
		{"a pattern without DROP", account("nodrop",
			"SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON `__\\_r%`.*"), "warning metadb.later-rights",
			"DROP ON rm_r.*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := connected(t, Input{TryWrites: true, Uses: uses}, tc.cfg, metaDBDatabases, metaDBRights)
			if ids(got) != tc.want {
				t.Errorf("got %s: %+v", ids(got), got.Findings)
			}
			if tc.text != "" && !strings.Contains(got.Findings[0].Message.String()+
				got.Findings[0].Fix.String(), tc.text) {
				t.Errorf("%+v", got.Findings)
			}
			if lock := factOf(got, "lock"); lock != "GET_LOCK" {
				t.Errorf("the lock is %v", lock)
			}
		})
	}
	// The account without ALTER may create and drop, so nothing is left of it.
	if left := probes(t, db); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestTriedLock: a server without GET_LOCK gives a lease, and one that lets nobody lock is found out here.
func TestTriedLock(t *testing.T) {
	db := testmaria.Start(t)
	cfg := onServer(t, db, "")
	cfg.MetaPort = db.Without("GET_LOCK")
	got := connected(t, Input{TryWrites: true}, cfg, metaDBDatabases, metaDBRights)
	if ids(got) != "" || factOf(got, "lock") != "lease" {
		t.Errorf("got %s, %v", ids(got), got.Facts)
	}
	cfg.MetaPort = db.Intercept(func(statement string) (fate testmaria.Fate) {
		if strings.Contains(statement, "GET_LOCK") || strings.Contains(statement, database.LeaseTable) {
			fate.Instead = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=1105, MESSAGE_TEXT='prohibited'"
		}
		return fate
	})
	if got := connected(t, Input{TryWrites: true}, cfg, metaDBDatabases,
		metaDBRights); ids(got) != "error metadb.lock" {
		t.Errorf("got %s, %v", ids(got), got.Facts)
	}
	if left := probes(t, db); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestLeftovers: what killed runs left is removed when its time is over, and
// nothing else.
func TestLeftovers(t *testing.T) {
	db := testmaria.Start(t)
	now := time.Now().Unix()
	old, young := fmt.Sprintf("omsinit_check_%d_abcdefgh", now-5), fmt.Sprintf("omsinit_check_%d_abcdefgh", now+600)
	others := []string{"omsinit_check_results", "omsinit_check_1_abcdefgh", "omsinit_checks_1000000000_abcdefgh"}
	for _, name := range append(others, old, young) {
		db.Exec("CREATE DATABASE "+name, "CREATE TABLE "+name+".probe (id INT)")
	}
	if got := connected(t, Input{}, onServer(t, db, ""), metaDBDatabases); ids(got) != "" {
		t.Errorf("got %s", ids(got))
	}
	left := strings.Join(probes(t, db), " ")
	if strings.Contains(left, old) || !strings.Contains(left, young) {
		t.Errorf("left: %s", left)
	}
	for _, name := range others {
		if !strings.Contains(left, name) {
			t.Errorf("%s was removed", name)
		}
	}
}

// TestCancelledRights: a check whose time is over removes its database all the same.
func TestCancelledRights(t *testing.T) {
	db := testmaria.Start(t)
	in := Input{}
	in.setDefaults()
	n := &node{Input: in, cfg: onServer(t, db, "")}
	f := &found{}
	metaDBConnect(t.Context(), n, f)
	f.publish()
	defer n.db.Close()
	name, err := n.probeName(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if end, ok := probeEnd(name); !ok || end <= time.Now().Unix() {
		t.Errorf("the name %s says %d", name, end)
	}
	db.Exec("CREATE DATABASE " + name)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.dropProbe(ctx, name); err != nil {
		t.Error(err)
	}
	metaDBRights(ctx, n, f)
	if left := probes(t, db); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestRestore: what stands against a restore is a warning, and is asked only where no right is lacking.
func TestRestore(t *testing.T) {
	db := testmaria.Start(t)
	db.Exec("CREATE USER app@'%' IDENTIFIED BY 'pw'", "GRANT ALL ON rm.* TO app@'%'")
	for right, want := range map[string]string{"rm": "warning backup.rights", "elsewhere": ""} {
		cfg := onServer(t, db, "")
		cfg.MetaUser, cfg.MetaPassword = "app", "pw"
		in := Input{TryWrites: true, Uses: func(*config.Config) ([]database.Use, error) {
			return []database.Use{{Database: right, Later: true, Rights: []database.Right{database.Create}}}, nil
		}, Restorable: func(context.Context, *config.Config) ([]finding.Finding, error) {
			return []finding.Finding{{ID: "backup.rights", Severity: finding.Error, Message: msg.M("none")}}, nil
		}, Load: func() (*config.Config, []finding.Finding, error) { return cfg, nil, nil },
			Layout: layout.New(t.TempDir())}
		report, _ := Run(t.Context(), in)
		got := ""
		for _, r := range report.Results {
			if r.ID == "metadb.restore" {
				got = ids(r)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", right, got, want)
		}
	}
}
