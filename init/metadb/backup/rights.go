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
var restoring = []database.Right{database.Select, database.Insert, database.Create, database.Drop, database.Alter}

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
func own(d config.Role, objects []Object) []database.Right {
	rights := slices.Concat(restoring, seeing)
	if d == config.Heartbeat { // which is trimmed
		rights = append(rights, database.Delete)
	}
	return withObjects(rights, objects)
}

// beside returns the rights that the scratch database of one with these objects needs.
func beside(objects []Object) []database.Right {
	return withObjects(append(slices.Clone(restoring), database.CreateView), objects)
}

func withObjects(rights []database.Right, objects []Object) []database.Right {
	for _, o := range objects {
		rights = append(rights, o.rights()...)
	}
	slices.Sort(rights)
	return slices.Compact(rights)
}

// rights returns those that it takes to read an object and to make it again.
func (o Object) rights() []database.Right {
	switch o.Kind {
	case "view":
		return []database.Right{database.CreateView, database.ShowView}
	case "trigger":
		return []database.Right{database.Trigger}
	case "event":
		return []database.Right{database.Event}
	}
	return []database.Right{database.CreateRoutine, database.Execute}
}

// routines are statements that need CREATE ROUTINE and can do nothing, because there is one of the name.
var routines = map[string]string{
	"procedure": "CREATE PROCEDURE %() SELECT 1", "function": "CREATE FUNCTION %() RETURNS int DETERMINISTIC RETURN 1",
}

// lacking returns which of the rights in its own place a database lacks that holds these objects, and can be seen
// without doing something. Those of seeing are not among them.
func lacking(ctx context.Context, conn *sql.Conn, d *Database, objects []Object) ([]database.Right, error) {
	asked := slices.DeleteFunc(own(d.Kind, objects), func(r database.Right) bool { return slices.Contains(seeing, r) })
	rights, err := database.Lacking(ctx, conn, d.Name, asked...)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(objects, func(o Object) bool { return routines[o.Kind] != "" })
	if i < 0 {
		return rights, nil
	}
	name := database.Quote(d.Name) + "." + database.Quote(objects[i].Name)
	_, err = conn.ExecContext(ctx, strings.Replace(routines[objects[i].Kind], "%", name, 1))
	switch {
	case err != nil && database.CodeOf(err) == 0:
		return nil, err
	case database.IsDenied(err):
		rights = append(rights, database.CreateRoutine)
	}
	return rights, nil
}

// remedy adds to a finding the statements that give the account what it lacks, where they are known: those that an
// error asks for, and those in databases.
func (w *workshop) remedy(ctx context.Context, f *finding.Finding, failed error, in ...database.Use) {
	var grants []string
	add := func(grant string, err error) {
		if err == nil {
			grants = append(grants, grant+";")
		}
	}
	switch right := database.Demanded(failed); {
	case right != "":
		add(database.GrantOn(ctx, w.pool, right, "*.*"))
	case errors.Is(failed, errUnseenRoutine) && strings.Contains(w.server, "MariaDB"):
		add(database.GrantOn(ctx, w.pool, "SELECT", "mysql.proc"))
	case errors.Is(failed, errUnseenRoutine):
		add(database.GrantOn(ctx, w.pool, "SHOW_ROUTINE", "*.*"))
	case failed == nil || database.IsDenied(failed):
		for _, use := range in {
			add(database.Grant(ctx, w.pool, use.Database, use.Rights...))
		}
	}
	if len(grants) > 0 {
		f.Fix = msg.M("run as an administrator of the MetaDB: %s", strings.Join(grants, " "))
		f.Facts = append(f.Facts, finding.Fact{Name: "grants", Value: grants})
	}
}
