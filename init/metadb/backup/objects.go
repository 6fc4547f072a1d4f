package backup

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// Object is a view, trigger, routine or event: what a database holds besides tables.
type Object struct {
	Kind    string `json:"kind"` // view, trigger, procedure, function, event, …: as SQL names it, in lower case
	Name    string `json:"name"`
	Table   string `json:"table,omitempty"` // of a trigger
	Definer string `json:"definer"`
	// Statement makes it in its own database.
	Statement string `json:"statement"`
	// Beside makes a trigger in whatever database the session is in; Statement may name its own.
	Beside string `json:"beside,omitempty"`
	// SQLMode, Charset, Collation and TimeZone are those of the session that made it. Only events have the last.
	SQLMode   string `json:"sql_mode,omitempty"`
	Charset   string `json:"charset,omitempty"`
	Collation string `json:"collation,omitempty"`
	TimeZone  string `json:"time_zone,omitempty"`
}

func (o Object) String() string { return o.Kind + " " + o.Name }

// objectLists are where the server lists objects: kind, name, definer, table, and the parts of a trigger. Views come
// after the routines that they may call, and triggers in the order in which they fire.
var objectLists = []string{
	"SELECT LOWER(routine_type), routine_name, definer, '', '', '', '' FROM information_schema.routines WHERE routine_schema = ? ORDER BY 1, 2",
	"SELECT 'view', table_name, definer, '', '', '', '' FROM information_schema.views WHERE table_schema = ? ORDER BY 2",
	// An account without the right TRIGGER sees the name alone on MariaDB.
	"SELECT 'trigger', trigger_name, COALESCE(definer, ''), event_object_table, action_timing, event_manipulation, COALESCE(action_statement, '')" +
		" FROM information_schema.triggers WHERE trigger_schema = ? ORDER BY event_object_table, action_timing, event_manipulation, action_order",
	"SELECT 'event', event_name, definer, '', '', '', '' FROM information_schema.events WHERE event_schema = ? ORDER BY 2",
}

// errUnknownTable is what a server answers that has no such list, and so no such objects.
const errUnknownTable database.Code = 1109 // ER_UNKNOWN_TABLE

// listObjects returns the objects of a database, without their definitions.
func listObjects(ctx context.Context, q database.Queryer, name string) (all []Object, err error) {
	for _, list := range objectLists {
		found, err := database.All(ctx, q, list, []any{name}, func(o *triggered) []any {
			return []any{&o.Kind, &o.Name, &o.Definer, &o.Table, &o.timing, &o.event, &o.body}
		})
		if database.IsMissing(err) ||
			database.Is(err, errUnknownTable, database.ErrBadField, database.ErrNotSupportedYet) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			if t.Kind == "trigger" {
				t.Beside = fmt.Sprintf("CREATE DEFINER=%s TRIGGER %s %s %s ON %s FOR EACH ROW %s", account(t.Definer),
					database.Quote(t.Name), t.timing, t.event, database.Quote(t.Table), t.body)
			}
			all = append(all, t.Object)
		}
	}
	return all, nil
}

// triggered is a row of objectLists.
type triggered struct {
	Object
	timing, event, body string
}

// account quotes a definer, which the lists write as user@host, and a role without a host.
func account(definer string) string {
	at := strings.LastIndexByte(definer, '@')
	if at < 0 {
		return database.Quote(definer)
	}
	if definer[at+1:] == "" {
		return database.Quote(definer[:at])
	}
	return database.Quote(definer[:at]) + "@" + database.Quote(definer[at+1:])
}

// readObjects returns the objects of a database with their definitions. Seen from within it the definition of a view
// does not name it.
func readObjects(ctx context.Context, conn *sql.Conn, name string) ([]Object, error) {
	objects, err := listObjects(ctx, conn, name)
	if err != nil || len(objects) == 0 {
		return nil, err
	}
	if err := use(ctx, conn, name); err != nil {
		return nil, err
	}
	for i := range objects {
		if err := objects[i].define(ctx, conn); err != nil {
			return nil, msg.Errorf("cannot read the definition of %s in the database %s: %w", objects[i], name, err)
		}
	}
	return inOrder(objects), nil
}

// inOrder puts views behind those that they name, so that any client can make them one after the other.
func inOrder(objects []Object) []Object {
	var out []Object
	for rest := slices.Clone(objects); len(rest) > 0; {
		next := slices.IndexFunc(rest, func(o Object) bool {
			return o.Kind != "view" || !slices.ContainsFunc(rest, func(other Object) bool {
				return other.Kind == "view" && other.Name != o.Name &&
					strings.Contains(o.Statement, database.Quote(other.Name))
			})
		})
		next = max(next, 0) // two that seem to name each other
		out = append(out, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	return out
}

// errUnseenRoutine is the error about a routine of which the account sees only that it is there.
var errUnseenRoutine = msg.Errorf("the account may not see it: GRANT SHOW_ROUTINE ON *.* (MySQL), or GRANT SELECT ON mysql.proc (MariaDB)")

// define asks the server for the definition of an object.
func (o *Object) define(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, "SHOW CREATE "+strings.ToUpper(o.Kind)+" "+database.Quote(o.Name))
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values, to := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range values {
		to[i] = &values[i]
	}
	if !rows.Next() {
		return cmp.Or(rows.Err(), msg.Errorf("the server does not show it"))
	}
	if err := rows.Scan(to...); err != nil {
		return err
	}
	for i, name := range names {
		switch value := values[i].String; strings.ToLower(name) {
		case "sql_mode":
			o.SQLMode = value
		case "time_zone":
			o.TimeZone = value
		case "character_set_client":
			o.Charset = value
		case "collation_connection":
			o.Collation = value
		case "sql original statement":
			o.Statement = value
		default:
			if strings.HasPrefix(strings.ToLower(name), "create ") {
				o.Statement = value
			}
		}
	}
	if o.Statement == "" {
		return errUnseenRoutine
	}
	return rows.Err()
}

// making is an object that is to be made in a database.
type making struct {
	database  string
	object    Object
	statement string
	failed    error // why it waits
}

// makeObjects makes objects, of which some may need others: what fails waits until another one is made. do runs a
// statement. The error is the first answer to the first object that could not be made.
func (j *Job) makeObjects(ctx context.Context, conn *sql.Conn, list []making, do func(statement string) error) error {
	for len(list) > 0 {
		var waiting []making
		for _, m := range list {
			if err := m.object.settings(ctx, conn, m.database); err != nil {
				return err
			}
			if err := do(m.statement); err != nil {
				if database.CodeOf(err) == 0 {
					return err
				}
				m.failed = cmp.Or(m.failed, err)
				waiting = append(waiting, m)
			}
		}
		if len(waiting) == len(list) {
			m := waiting[0]
			return msg.Errorf("cannot create %s in the database %s: %w", m.object, m.database,
				j.explainDefiner(m.object, m.failed))
		}
		list = waiting
	}
	_, err := conn.ExecContext(ctx, "SET SESSION "+
		strings.Join(append([]string{"character_set_client = utf8mb4"}, required...), ", "))
	return err
}

// settings sets in the session those of the one that made the object. A definition that its character set cannot be
// trusted with is sent as it was read.
func (o Object) settings(ctx context.Context, conn *sql.Conn, name string) error {
	if err := use(ctx, conn, name); err != nil {
		return err
	}
	set := []string{"sql_mode = " + literal(o.SQLMode)}
	if o.TimeZone != "" {
		set = append(set, "time_zone = "+literal(o.TimeZone))
	}
	charset := "utf8mb4"
	ascii := !strings.ContainsFunc(o.Statement+o.Beside, func(r rune) bool { return r >= utf8.RuneSelf })
	if o.Charset != "" && (ascii || strings.HasPrefix(o.Charset, "utf8")) {
		charset = o.Charset
	}
	set = append(set, "character_set_client = "+literal(charset))
	if o.Collation != "" {
		set = append(set, "collation_connection = "+literal(o.Collation))
	}
	_, err := conn.ExecContext(ctx, "SET SESSION "+strings.Join(set, ", "))
	return err
}

// Each copy of it takes half a KB of the binary.
//
//go:noinline
func literal(value string) string { return string(append(escape([]byte{'\''}, []byte(value)), '\'')) }

const (
	errNoSuchUser     database.Code = 1449 // ER_NO_SUCH_USER: the definer
	errSpecificAccess database.Code = 1227 // ER_SPECIFIC_ACCESS_DENIED_ERROR
)

// explainDefiner adds to an error what to do where an account may not make objects of another one, or none at all.
func (j *Job) explainDefiner(o Object, err error) error {
	switch {
	case database.Is(err, errSpecificAccess, errNoSuchUser):
		return msg.Errorf("its definer is %s: %w; make that account again and grant user %s the right to name it (SET_ANY_DEFINER on MySQL, SET USER on MariaDB), or make the object with user %s as its definer",
			o.Definer, err, j.Config.MetaUser, j.Config.MetaUser)
	case database.Is(err, database.ErrBinlogNeedSuper):
		return msg.Errorf("%w; set log_bin_trust_function_creators = 1 on the server", err)
	}
	return database.Explain(j.Config, err)
}

// beside returns the statement that makes the object in the scratch database. What names a database of the backup
// names its scratch database instead, and an event is not to run there.
func (o Object) beside(databases []Database) string {
	switch o.Kind {
	case "trigger":
		return o.Beside
	case "event":
		return strings.Replace(o.Statement, " PRESERVE ENABLE", " PRESERVE DISABLE", 1)
	case "view":
		return renamed(o.Statement, databases)
	}
	return o.Statement
}

// renamed replaces the names of databases by those of their scratch databases, outside of strings. The server writes
// them in quotes, before a dot.
func renamed(statement string, databases []Database) string {
	var out strings.Builder
	for rest := statement; rest != ""; {
		i := strings.IndexAny(rest, "'`")
		if i < 0 {
			out.WriteString(rest)
			break
		}
		out.WriteString(rest[:i])
		rest = rest[i:]
		end := 1 + stringEnd([]byte(rest[1:]))
		if rest[0] == '`' {
			name, after := quotedName([]byte(rest[1:]))
			end = len(rest) - len(after)
			d := slices.IndexFunc(databases, func(d Database) bool { return strings.EqualFold(d.Name, name) })
			if d >= 0 && strings.HasPrefix(string(after), ".") {
				out.WriteString(database.Quote(databases[d].scratch()))
				rest = rest[end:]
				continue
			}
		}
		end = min(end, len(rest))
		out.WriteString(rest[:end])
		rest = rest[end:]
	}
	return out.String()
}

// quotedName reads up to the closing backtick.
func quotedName(b []byte) (name string, rest []byte) {
	for i := 0; i < len(b); i++ {
		if b[i] != '`' {
			continue
		}
		if i+1 < len(b) && b[i+1] == '`' {
			i++
			continue
		}
		return strings.ReplaceAll(string(b[:i]), "``", "`"), b[i+1:]
	}
	return string(b), nil
}

// unseen returns the rights without which the account does not see all objects of a database. The server leaves such
// objects out of its lists and does not say so.
func unseen(ctx context.Context, conn *sql.Conn, name string, objects []Object) (rights []string, err error) {
	lacking, err := database.Lacking(ctx, conn, name, seeing...)
	for _, right := range lacking {
		// Other rights on routines show them too.
		if right != database.Execute || !slices.ContainsFunc(objects, Object.isRoutine) {
			rights = append(rights, string(right))
		}
	}
	return rights, err
}

func (o Object) isRoutine() bool { return o.Kind != "view" && o.Kind != "trigger" && o.Kind != "event" }

// warnUnseen logs which rights an account lacks to see all of a database.
func (j *Job) warnUnseen(name string, rights []string) {
	if len(rights) > 0 {
		j.log(msg.M("warning: user %s lacks rights without which it does not see all of the database %s: if that holds triggers, events or routines, they are not in the backup, and a restore drops them; GRANT %s ON %s.* TO the user",
			j.Config.MetaUser, name, strings.Join(rights, ", "), database.Quote(name)))
	}
}
