package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"omsinit/internal/pattern"
)

// Right is what an account may do in a database, as GRANT names it.
type Right string

// Rights that omsinit and the components of OMS use.
const (
	Select        Right = "SELECT"
	Insert        Right = "INSERT"
	Update        Right = "UPDATE"
	Delete        Right = "DELETE"
	Create        Right = "CREATE" // databases and tables
	Drop          Right = "DROP"
	Alter         Right = "ALTER"
	Index         Right = "INDEX"
	References    Right = "REFERENCES"
	LockTables    Right = "LOCK TABLES"
	CreateView    Right = "CREATE VIEW"
	ShowView      Right = "SHOW VIEW"
	CreateRoutine Right = "CREATE ROUTINE"
	AlterRoutine  Right = "ALTER ROUTINE"
	Execute       Right = "EXECUTE"
	Event         Right = "EVENT"
	Trigger       Right = "TRIGGER"
)

// Use is what some part of omsinit or of OMS does in a database, and the rights that it needs there.
type Use struct {
	Database string
	Rights   []Right
	// Later is what a backup, a restore or an upgrade uses, and an initialisation does not.
	Later bool
}

// Demands are what the objects that databases hold demand of an account.
type Demands struct {
	Uses, Lacking []Use    // all, and those that the account lacks
	Unseen        []string // kinds of objects that it does not see
}

// On returns what GRANT names behind ON, without quotes.
func (u Use) On() string {
	if u.Database == Everything || u.Database == AllRoutines {
		return u.Database
	}
	return u.Database + ".*"
}

// attempts are statements that need the right and can do nothing: what they are about is not there, or they contradict
// themselves. The server looks at the rights before that. %s is a name that nobody has. Rights without one cannot be
// asked for without doing something.
var attempts = map[Right]string{
	Select:       "SELECT 1 FROM %s",
	Insert:       "INSERT INTO %s VALUES (1)",
	Update:       "UPDATE %s SET a = 1",
	Delete:       "DELETE FROM %s",
	Create:       "CREATE TABLE %s (a int, a int)",
	Drop:         "DROP TABLE %s",
	Alter:        "ALTER TABLE %s ADD COLUMN a int",
	Index:        "CREATE INDEX i ON %s (a)",
	LockTables:   "LOCK TABLES %s READ",
	CreateView:   "CREATE VIEW %s AS SELECT 1 AS a, 2 AS a",
	AlterRoutine: "DROP PROCEDURE %s",
	Event:        "DROP EVENT %s",
	Trigger:      "CREATE TRIGGER %[1]s BEFORE INSERT ON %[1]s FOR EACH ROW SET @omsinit = 1",
	Execute:      "CALL %s()",
}

// Lacking returns which of the rights the account lacks in a database, which need not exist. The server itself is asked
// for each, so roles, wildcards, the case of names and rights that were revoked in part count as they do later. Nothing
// is changed. Rights that cannot be asked for are taken for granted; LOCK TABLES is lacking without SELECT, too.
func Lacking(ctx context.Context, db asker, database string, rights ...Right) (lacking []Right, err error) {
	name := Quote(database) + "." + Quote("omsinit_nobody_"+strings.ToLower(rand.Text()[:12]))
	for _, right := range rights {
		attempt, ok := attempts[right]
		if !ok {
			continue
		}
		_, err := db.ExecContext(ctx, fmt.Sprintf(attempt, name))
		switch {
		case CodeOf(err) == 0 && err != nil, isLostConnection(err), isShutdown(err), IsReadOnly(err):
			return nil, err
		case Is(err, ErrBinlogNeedSuper): // which the server asks for first
			grants, err := Column(ctx, db, "SHOW GRANTS")
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(grants, func(g string) bool { return holds(g, database, right) }) {
				lacking = append(lacking, right)
			}
		case IsDenied(err):
			lacking = append(lacking, right)
		}
	}
	return lacking, nil
}

// holds reports whether a line of SHOW GRANTS gives a right in a database.
func holds(line, database string, right Right) bool {
	rights, on, _ := strings.Cut(line, " ON ")
	on, _, _ = strings.Cut(on, " TO ")
	pattern := strings.ReplaceAll(strings.Trim(strings.TrimSuffix(on, ".*"), "`"), "``", "`")
	return (strings.Contains(rights, "ALL PRIVILEGES") || strings.Contains(rights, string(right))) &&
		(on == Everything || Matches(strings.ToLower(pattern), strings.ToLower(database)))
}

// Matches follows GRANT: % and _ are wildcards unless a backslash is before them.
func Matches(pattern, name string) bool {
	wildcards := strings.NewReplacer(`\\%`, "%", `\\_`, "_", "%", ".*", "_", ".")
	return regexp.MustCompile("^" + wildcards.Replace(regexp.QuoteMeta(pattern)) + "$").MatchString(name)
}

// asker is a *sql.DB or *sql.Conn.
type asker interface {
	Queryer
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// What rights are on that is no database.
const (
	Everything  = "*.*"
	AllRoutines = "mysql.proc" // of MariaDB
)

// Grant returns the statement that gives the account of a connection rights in a database, or on one of the things
// above. The most exact grant that fits a database may count alone, so it has to hold all rights, not only those that
// were lacking.
func Grant(ctx context.Context, db *sql.DB, on string, rights ...Right) (string, error) {
	var account string
	if err := db.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&account); err != nil {
		return "", err
	}
	if at := strings.LastIndexByte(account, '@'); at >= 0 {
		account = literal(account[:at]) + "@" + literal(account[at+1:])
	}
	var exact bool // names have no wildcards
	if err := db.QueryRowContext(ctx, "SELECT @@partial_revokes").Scan(&exact); err != nil && CodeOf(err) == 0 {
		return "", err
	}
	if !exact {
		on = strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(on)
	}
	if on != Everything && on != AllRoutines {
		on = Quote(on) + ".*"
	}
	var list []string
	for _, right := range rights {
		list = append(list, string(right))
	}
	return "GRANT " + strings.Join(list, ", ") + " ON " + on + " TO " + account, nil
}

var demanded = pattern.New(`the (?:.*(?:, | or ))?([A-Z_ ]+) privilege\(s\)`)

// Demanded returns the right on *.* that a server asks for in its refusal, "" for any other error. Of several that
// would do it is the last, which allows least.
func Demanded(err error) string {
	if !Is(err, errSpecificAccessDenied) {
		return ""
	}
	if m := demanded().FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return ""
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
