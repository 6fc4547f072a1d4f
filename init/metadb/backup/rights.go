package backup

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// seeing are the rights without which an account does not see whether a database holds triggers, events or routines.
var seeing = []database.Right{database.Trigger, database.Event, database.Execute}

// restoring are the rights that a restore needs in every database that it makes.
var restoring = []database.Right{database.Select, database.Insert, database.Create, database.Drop, database.Alter}[:5:5]

// Uses returns the rights that backups and restores need: in the databases themselves, and in those beside them that
// dumps are read into. What the databases hold besides tables needs more: Probe finds that.
func Uses(c *config.Config) (uses []database.Use) {
	for _, d := range config.Roles {
		name := c.Database(d)
		uses = append(uses, database.Use{Database: name, Later: true, Rights: own(d, nil)},
			database.Use{Database: name + scratchSuffix, Later: true, Rights: beside(nil)})
	}
	return uses
}

// own returns the rights that a database itself needs when it holds these objects.
//
//go:noinline
func own(d config.Role, objects []Object) []database.Right {
	rights := append(slices.Clone(seeing), restoring...)
	if d == config.Heartbeat { // which is trimmed
		rights = append(rights, database.Delete)
	}
	return withObjects(rights, objects)
}

// beside returns the rights that the scratch database of one with these objects needs.
//
//go:noinline
func beside(objects []Object) []database.Right {
	return withObjects(append([]database.Right{database.CreateView}, restoring...), objects)
}

func withObjects(rights []database.Right, objects []Object) []database.Right {
	for _, o := range objects {
		for _, r := range o.rights() {
			if !slices.Contains(rights, r) {
				rights = append(rights, r)
			}
		}
	}
	return rights
}

// rights returns those that it takes to read an object and to make it again.
func (o Object) rights() []database.Right {
	switch o.Kind {
	case "view":
		return []database.Right{database.CreateView, database.ShowView}
	case "trigger":
		return seeing[:1]
	case "event":
		return seeing[1:2]
	}
	return []database.Right{database.CreateRoutine, database.Execute}
}

// routines are statements that need CREATE ROUTINE and can do nothing, because there is one of the name.
var routines = map[string]string{
	"procedure": "CREATE PROCEDURE %() SELECT 1", "function": "CREATE FUNCTION %() RETURNS int DETERMINISTIC RETURN 1",
}

// lacking returns which of the rights in its own place a database lacks that holds these objects, and can be seen
// without doing something. Those of seeing are not among them.
func lacking(ctx context.Context, conn *sql.Conn, d *Database, objects []Object) (out []string, err error) {
	rights, err := database.Lacking(ctx, conn, d.Name, withObjects(restoring, objects)...)
	for _, r := range rights {
		if !slices.Contains(seeing, r) {
			out = append(out, string(r))
		}
	}
	for _, o := range objects {
		if create := routines[o.Kind]; create != "" && err == nil {
			name := (&table{database: d, name: o.Name}).full()
			_, failed := conn.ExecContext(ctx, strings.Replace(create, "%", name, 1))
			if database.IsDenied(failed) {
				return append(out, string(database.CreateRoutine)), nil
			}
		}
	}
	return out, err
}

// Demands returns what the objects that an account sees in the databases demand of it: the rights, those of them that
// it lacks, and the kinds of objects that it would not see. Nothing is changed.
func Demands(ctx context.Context, db *sql.DB, c *config.Config) (out database.Demands, err error) {
	l := look{ctx: ctx, out: &out}
	if l.conn, err = db.Conn(ctx); err != nil {
		return out, err
	}
	defer l.conn.Close()
	if err = l.ask(&l.server, "SELECT VERSION()"); err != nil {
		return out, err
	}
	for _, role := range config.Roles {
		if err = l.database(&Database{Kind: role, Name: c.Database(role)}); err != nil {
			return out, err
		}
	}
	slices.Sort(out.Unseen)
	out.Unseen = slices.Compact(out.Unseen)
	return out, nil
}

// look is one look at what databases hold.
type look struct {
	ctx    context.Context
	conn   *sql.Conn
	server string // its version
	out    *database.Demands
}

func (l *look) ask(into any, query string, args ...any) error {
	return l.conn.QueryRowContext(l.ctx, query, args...).Scan(into)
}

// visible reports whether there is a database, and the account sees it.
func (l *look) visible(name string) (found bool, err error) {
	err = l.ask(&found, "SELECT COUNT(*) > 0 FROM information_schema.schemata WHERE schema_name = ?", name)
	return found, err
}

// kindsBy are the kinds of objects that an account does not see without a right.
var kindsBy = map[string]string{string(database.Trigger): "TRIGGER", string(database.Event): "EVENT",
	string(database.Execute): "PROCEDURE"}

func (l *look) database(d *Database) error {
	objects, err := listObjects(l.ctx, l.conn, d.Name)
	if err != nil {
		return err
	}
	rights, err := unseen(l.ctx, l.conn, d.Name, objects)
	if err != nil {
		return err
	}
	for _, right := range rights {
		l.out.Unseen = append(l.out.Unseen, kindsBy[right])
	}
	found, err := l.visible(d.Name)
	if !found {
		l.out.Unseen = append(l.out.Unseen, "VIEW")
	}
	if err != nil || len(objects) == 0 {
		return err
	}
	here := database.Use{Database: d.Name, Later: true, Rights: own(d.Kind, objects)}
	there := database.Use{Database: d.scratch(), Later: true, Rights: beside(objects)}
	l.out.Uses = append(l.out.Uses, here, there)
	names, err := lacking(l.ctx, l.conn, d, objects)
	if err != nil {
		return err
	}
	here.Rights = nil
	for _, name := range names {
		here.Rights = append(here.Rights, database.Right(name))
	}
	if there.Rights, err = l.lacksBeside(there); err != nil {
		return err
	}
	l.out.Lacking = append(l.out.Lacking, here, there)
	return l.objects(d, objects)
}

// lacksBeside returns which rights the account lacks in a database that objects are to be made in.
func (l *look) lacksBeside(use database.Use) ([]database.Right, error) {
	out, err := database.Lacking(l.ctx, l.conn, use.Database, use.Rights...)
	if err != nil || !slices.Contains(use.Rights, database.CreateRoutine) {
		return out, err
	}
	exists, err := l.visible(use.Database)
	if err == nil && !exists {
		// A right is asked for before the database.
		_, failed := l.conn.ExecContext(l.ctx,
			"CREATE PROCEDURE "+database.Quote(use.Database)+".omsinit_nobody() SELECT 1")
		if database.IsDenied(failed) {
			out = append(out, database.CreateRoutine)
		}
	}
	return out, err
}

// objects looks at what can be seen of each object alone.
func (l *look) objects(d *Database, objects []Object) error {
	if err := use(l.ctx, l.conn, d.Name); err != nil && !database.IsDenied(err) {
		return err
	}
	refusals := foreign(l.ctx, l.conn, d, objects)
	for i := range objects {
		err := objects[i].define(l.ctx, l.conn)
		refusals = append(refusals, refusal{&objects[i], err})
		if objects[i].Kind == "view" && database.IsDenied(err) {
			l.out.Lacking = append(l.out.Lacking, database.Use{Database: d.Name, Later: true,
				Rights: []database.Right{database.ShowView}})
		}
	}
	for _, r := range refusals {
		if use, ok := demanded(r.err, l.server); ok {
			l.out.Uses, l.out.Lacking = append(l.out.Uses, use), append(l.out.Lacking, use)
			if isTwofold(use) {
				l.out.Unseen = append(l.out.Unseen, privileged)
			}
		}
	}
	return nil
}

// refusal is what a server has answered about an object.
type refusal struct {
	*Object
	err error
}

// foreign tries, for each definer of objects, to name it in a statement that can do nothing, because two of its columns
// have one name. It returns the refusals.
func foreign(ctx context.Context, conn *sql.Conn, d *Database, objects []Object) (refusals []refusal) {
	var tried []string
	for i := range objects {
		o := &objects[i]
		if o.Definer == "" || slices.Contains(tried, o.Definer) {
			continue
		}
		tried = append(tried, o.Definer)
		view := (&table{database: d, name: "omsinit_nobody"}).full()
		_, err := conn.ExecContext(ctx, "CREATE DEFINER = "+account(o.Definer)+" VIEW "+view+" AS SELECT 1 AS a, 2 AS a")
		if err == nil { // by a server that takes two columns of one name
			_, err = conn.ExecContext(ctx, "DROP VIEW "+view)
		}
		if database.Demanded(err) != "" {
			refusals = append(refusals, refusal{o, err})
		}
	}
	return refusals
}

// demanded returns the right that a server, whose version is given, asks for in a refusal.
//
//go:noinline
func demanded(failed error, server string) (database.Use, bool) {
	right, on := database.Demanded(failed), database.Everything
	if errors.Is(failed, errUnseenRoutine) {
		if right = "SHOW_ROUTINE"; strings.Contains(server, "MariaDB") {
			right, on = string(database.Select), database.AllRoutines
		}
	}
	return database.Use{Database: on, Later: true, Rights: []database.Right{database.Right(right)}}, right != ""
}

// privileged is what MySQL asks for once an account may name other definers, and not before.
const privileged = "DEFINER (SYSTEM_USER)"

//go:noinline
func isTwofold(use database.Use) bool {
	return use.Rights[0] == "SET_ANY_DEFINER" || use.Rights[0] == "SET_USER_ID" // before MySQL 8.2
}

// remedy adds to a finding the statements that give the account what it lacks, where they are known: those that an
// error asks for, and those in databases.
func (w *workshop) remedy(ctx context.Context, f *finding.Finding, failed error, in ...database.Use) {
	var twofold bool
	if use, ok := demanded(failed, w.server); ok {
		in, twofold = []database.Use{use}, isTwofold(use)
	} else if failed != nil && !database.IsDenied(failed) {
		return
	}
	var grants []string
	for _, use := range in {
		rights := slices.Clone(use.Rights)
		for _, other := range w.Uses { // a grant on exactly this database hides one on a wildcard
			if strings.EqualFold(other.Database, use.Database) {
				rights = append(rights, other.Rights...)
			}
		}
		slices.Sort(rights)
		grant, err := database.Grant(ctx, w.pool.DB, use.Database, slices.Compact(rights)...)
		if err != nil {
			return
		}
		grants = append(grants, grant+";")
	}
	if len(grants) > 0 {
		f.Fix = msg.M("run as an administrator of the MetaDB: %s", strings.Join(grants, " "))
		f.Facts = append(f.Facts, finding.Fact{Name: "grants", Value: grants})
	}
	if twofold {
		f.Fix = msg.M("%v; then check again: a definer with the right SYSTEM_USER demands that of the account, too", f.Fix)
		f.Facts = append(f.Facts, finding.Fact{Name: "unseen", Value: []string{privileged}})
	}
}
