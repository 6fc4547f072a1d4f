package backup

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// Restore brings a backup back. Each dump is read into a database of its own
// beside the real one and verified there; only when all are proven do they
// take their places. A database that holds something is replaced only when
// replace is the name of the rm database. A run that was cut is run again, and
// until then Unfinished says so, if it had begun to put them in their places.
func (j *Job) Restore(ctx context.Context, replace string) (*Manifest, error) {
	m, err := Read(j.Dir)
	if err != nil {
		return nil, err
	}
	if err := j.refuseOther(m); err != nil {
		return nil, err
	}
	if replace != "" && replace != j.Config.RMDatabase {
		return nil, msg.Errorf("the databases are replaced only when --replace is the name of the first of them, %s, not %q", j.Config.RMDatabase, replace)
	}
	ctx, w, leave, err := j.workshop(ctx, m)
	if err != nil {
		return nil, err
	}
	defer leave()
	// A restore into empty databases goes on with what it had put there.
	replaces := replace != "" || w.mark != nil && w.mark.fresh
	if err := w.refuseLoss(ctx, replaces); err != nil {
		return nil, err
	}
	if err := w.build(ctx); err != nil {
		if ctx.Err() == nil { // what is cut is dropped by the next run
			_ = w.dropScratch(ctx)
		}
		return nil, lostCause(ctx, err)
	}
	fresh := replace == "" || w.mark != nil && w.mark.fresh
	if err := w.markAll(ctx, w.sessions[0], fresh); err != nil {
		return nil, err
	}
	if err := w.takePlaces(ctx, replaces); err != nil {
		return nil, lostCause(ctx, err)
	}
	j.verifying = w.verifying
	j.log(msg.M("restored in %.1f s, of which %.1f s were for comparing the rows", (w.loading + w.verifying).Seconds(),
		w.verifying.Seconds()))
	return m, nil
}

// refuseOther refuses a backup of other databases than those of config.yaml.
func (j *Job) refuseOther(m *Manifest) error {
	for _, d := range m.Databases {
		if want := j.Config.Database(d.Kind); d.Kind != config.Heartbeat && want != d.Name {
			return msg.Errorf("the backup in %s holds the database %s, and config.yaml names %s: it is a backup of another OMS", j.Dir, d.Name, want)
		}
		if len(d.scratch()) > 64 {
			return msg.Errorf("the name of the database %s is too long to restore it beside itself", d.Name)
		}
	}
	return nil
}

// refuseLoss refuses to drop what nobody asked to drop, and what the backup would bring back if it had been made by a
// program, or an account, that saw it.
func (w *workshop) refuseLoss(ctx context.Context, replace bool) error {
	for _, d := range w.dumps {
		tables, err := tableNames(ctx, w.sessions[0], d.Name)
		if err != nil {
			return database.Explain(w.Config, err)
		}
		objects, err := listObjects(ctx, w.sessions[0], d.Name)
		if err != nil {
			return database.Explain(w.Config, err)
		}
		var names []string
		for _, o := range objects {
			names = append(names, o.String())
		}
		rights, err := unseen(ctx, w.sessions[0], d.Name, objects)
		if err != nil {
			return database.Explain(w.Config, err)
		}
		w.warnUnseen(d.Name, rights)
		if !replace {
			if names = append(tables, names...); len(names) > 0 {
				return msg.Errorf("the database %s holds tables (%s): a backup is restored into a fresh database; to drop what is there, give --replace=%s", d.Name, msg.List(names).AtMost(3), w.Config.RMDatabase)
			}
			continue
		}
		lost := slices.DeleteFunc(objects, func(o Object) bool {
			return o.Kind == "view" || w.manifest.complete() && !d.missed(o)
		})
		if len(lost) > 0 {
			return msg.Errorf("the database %s holds objects that are not in the backup, because it was made without seeing them: %s; keep their definitions (SHOW CREATE) and drop them, then restore again", d.Name, lost[0])
		}
	}
	return nil
}

// missed reports whether the backup was made by an account that could not see such an object.
func (d *Database) missed(o Object) bool {
	switch o.Kind {
	case "trigger", "event":
		return slices.Contains(d.Unseen, strings.ToUpper(o.Kind))
	}
	return slices.Contains(d.Unseen, "EXECUTE")
}

// takePlaces puts the databases in their places, and then makes their objects there, which cannot be moved.
func (w *workshop) takePlaces(ctx context.Context, replace bool) error {
	conn := w.sessions[0]
	var list []making
	for _, d := range w.dumps {
		if err := w.takePlace(ctx, conn, d, replace); err != nil {
			return msg.Errorf("cannot put the restored database %s in its place: %w; it is complete and verified as %s",
				d.Name, database.Explain(w.Config, lostCause(ctx, err)), d.scratch())
		}
		for _, o := range d.Objects {
			list = append(list, making{database: d.Name, object: o, statement: o.Statement})
		}
	}
	if err := w.makeObjects(ctx, conn, list, func(q string) error { return w.place(ctx, conn, q) }); err != nil {
		return err
	}
	for _, d := range w.dumps {
		if err := w.place(ctx, conn, "DROP DATABASE "+database.Quote(d.scratch())); err != nil {
			return database.Explain(w.Config, err)
		}
	}
	return nil
}

// takePlace moves the tables of a scratch database into the real one in one
// statement. The real one is dropped before where it may be replaced.
func (w *workshop) takePlace(ctx context.Context, conn *sql.Conn, d *dumpReader, replace bool) error {
	var statements, moves []string
	for _, o := range d.Objects {
		if o.Kind == "trigger" { // with one its table cannot be moved
			statements = append(statements, "DROP TRIGGER "+database.Quote(d.scratch())+"."+database.Quote(o.Name))
		}
	}
	for _, t := range d.Tables {
		name := "." + database.Quote(t.Name)
		moves = append(moves, database.Quote(d.scratch())+name+" TO "+database.Quote(d.Name)+name)
	}
	if replace {
		statements = append(statements, "DROP DATABASE IF EXISTS "+database.Quote(d.Name),
			createLike(d.Name, d.Database))
	} else {
		statements = append(statements, strings.Replace(createLike(d.Name, d.Database), "DATABASE",
			"DATABASE IF NOT EXISTS", 1),
			strings.Replace(createLike(d.Name, d.Database), "CREATE", "ALTER", 1))
	}
	if len(moves) > 0 {
		statements = append(statements, "RENAME TABLE "+strings.Join(moves, ", "))
	}
	if d.Kind == config.RM {
		statements = append(statements, database.CreateLeaseTable(d.Name))
	}
	for _, q := range statements {
		if err := w.place(ctx, conn, q); err != nil {
			return err
		}
	}
	return nil
}

func (w *workshop) place(ctx context.Context, conn *sql.Conn, q string) error {
	if w.placing != nil {
		w.placing(q)
	}
	_, err := conn.ExecContext(ctx, q)
	return err
}
