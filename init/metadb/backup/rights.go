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
func own(d config.Role, objects []Object) []database.Right {
	rights := append(slices.Clone(seeing), restoring...)
	if d == config.Heartbeat { // which is trimmed
		rights = append(rights, database.Delete)
	}
	return withObjects(rights, objects)
}

// beside returns the rights that the scratch database of one with these objects needs.
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

// remedy adds to a finding the statements that give the account what it lacks, where they are known: those that an
// error asks for, and those in databases.
func (w *workshop) remedy(ctx context.Context, f *finding.Finding, failed error, in ...database.Use) {
	right, on := database.Demanded(failed), database.Everything
	if errors.Is(failed, errUnseenRoutine) {
		if right = "SHOW_ROUTINE"; strings.Contains(w.server, "MariaDB") {
			right, on = string(database.Select), database.AllRoutines
		}
	}
	if right != "" {
		in = []database.Use{{Database: on, Rights: []database.Right{database.Right(right)}}}
	} else if failed != nil && !database.IsDenied(failed) {
		return
	}
	var grants []string
	for _, use := range in {
		grant, err := database.Grant(ctx, w.pool.DB, use.Database, use.Rights...)
		if err != nil {
			return
		}
		grants = append(grants, grant+";")
	}
	if len(grants) > 0 {
		f.Fix = msg.M("run as an administrator of the MetaDB: %s", strings.Join(grants, " "))
		f.Facts = append(f.Facts, finding.Fact{Name: "grants", Value: grants})
	}
}
