package metadb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	mysql "omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// Every failure of a statement says where, what the server said, and what to do.
func TestFailureWords(t *testing.T) {
	s := testmaria.Start(t)
	p := packWith(t, nil)
	for i, tc := range []struct {
		name, state, message, hint string
		number                     mysql.Code
		passing                    bool
	}{
		{"right", "42000", "CREATE command denied to user", "grant it", 1142, false},
		{"read-only", "HY000", "The MariaDB server is running with the --read-only option",
			"the server that takes writes", 1290, false},
		{"disk full", "HY000", "Got error 28 from storage engine", "free disk space", 1030, false},
		{"table full", "HY000", "The table is full", "free disk space", 1114, false},
		{"packet", "08S01", "Got a packet bigger than max_allowed_packet bytes", "raise max_allowed_packet",
			1153, false},
		{"lock wait", "HY000", "Lock wait timeout exceeded", "SHOW PROCESSLIST", 1205, true},
		{"deadlock", "40001", "Deadlock found when trying to get lock", "run this again", 1213, true},
		{"syntax", "42000", "You have an error in your SQL syntax", "Error 1064", 1064, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tries := 0
			step := &Step{Config: configFor(s, fmt.Sprintf("w%d", i)), Pack: p}
			step.run = func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
				if strings.Contains(text, "EXISTS `host`") {
					tries++
					text = fmt.Sprintf("SIGNAL SQLSTATE '%s' SET MYSQL_ERRNO=%d, MESSAGE_TEXT='%s'", tc.state,
						tc.number, tc.message)
					args = nil
				}
				return runStatement(ctx, conn, text, args...)
			}
			_, err := step.Apply(context.Background())
			if err == nil {
				t.Fatal("no error")
			}
			db := step.Config.CMDatabase
			for _, want := range []string{"schema/cm/4.1.1-CE.sql", "database " + db, "statement 2 of 5",
				"CREATE TABLE IF NOT EXISTS `host`", tc.message, tc.hint} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			zh := msg.Chinese.Text(err)
			if !strings.Contains(zh, "第 2 条语句") || strings.Contains(err.Error()+zh, s.Password) {
				t.Errorf("in Chinese: %s", zh)
			}
			if finding.IsTransient(err) != tc.passing {
				t.Errorf("passing is %v", finding.IsTransient(err))
			}
			if want := map[bool]int{true: deadlockTries, false: 1}[tc.number == mysql.ErrLockDeadlock]; tries != want {
				t.Errorf("%d tries, want %d", tries, want)
			}
			step.run = nil
			apply(t, step)
		})
	}
}

// A deadlock is tried again and nothing is done twice.
func TestDeadlockIsRetried(t *testing.T) {
	s := testmaria.Start(t)
	p := packWith(t, richFiles)
	full := configFor(s, "full")
	apply(t, &Step{Config: full, Pack: p})
	deadlocks := 0
	step := &Step{Config: configFor(s, "oms"), Pack: p, inTurn: true}
	step.run = func(ctx context.Context, conn *sql.Conn, text string, args ...any) (int64, error) {
		n, err := runStatement(ctx, conn, text, args...)
		if strings.Contains(text, "UPDATE ledger") && deadlocks < 2 { // it happened, but the transaction is lost
			deadlocks++
			return runStatement(ctx, conn,
				"SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO=1213, MESSAGE_TEXT='Deadlock found'")
		}
		return n, err
	}
	apply(t, step)
	if deadlocks != 2 {
		t.Errorf("%d deadlocks", deadlocks)
	}
	if d := cmp.Diff(snapshot(t, s, full), snapshot(t, s, step.Config)); d != "" {
		t.Error(d)
	}
}
