package backup

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// probeWait is how long a probe waits for others that work on the MetaDB.
const probeWait = 10 * time.Second

// Probe tries, leaving nothing behind, what a backup and a restore of this
// MetaDB do: it makes databases beside the real ones with everything that these
// hold but the rows, puts a row into each, and drops them. Of the real
// databases it asks only what cannot succeed, to see whether the account may.
// Its findings are what stands against a backup or a restore; an error is a
// MetaDB that does not answer.
func (j *Job) Probe(ctx context.Context) ([]finding.Finding, error) {
	bounded := &Job{
		Config: j.Config, Heartbeats: j.Heartbeats, Partial: j.Partial, Node: j.Node, LockTimeout: probeWait,
		Uses: j.Uses, probing: true,
	}
	if j.LockTimeout > 0 {
		bounded.LockTimeout = min(j.LockTimeout, probeWait)
	}
	ctx, w, leave, err := bounded.workshop(ctx, &Manifest{Dumper: dumper})
	if errors.Is(err, database.ErrLocked) {
		return []finding.Finding{{ID: "backup.busy", Severity: finding.Warning, Transient: true,
			Message: msg.M("whether a backup can be restored was not tried: %v", err)}}, nil
	}
	if errors.Is(err, errCut) {
		return nil, nil // who looks for the databases reports it
	}
	if err != nil {
		return nil, err
	}
	defer leave()
	conn := w.sessions[0]
	found, err := w.databases(ctx, conn)
	if err != nil {
		if found, err = w.future(ctx, conn); err != nil { // who looks for those that are there reports it
			return nil, database.Explain(j.Config, err)
		}
	}
	var out []finding.Finding
	for _, d := range found {
		dump, findings, err := w.live(ctx, conn, d)
		if err != nil {
			return nil, database.Explain(j.Config, err)
		}
		w.dumps = append(w.dumps, dump)
		w.manifest.Databases = append(w.manifest.Databases, *d)
		out = append(out, findings...)
	}
	if err := j.refuseOther(w.manifest); err != nil { // a trial would end in the middle, and so would its clean-up
		return append(out, finding.Finding{ID: "backup.restore", Severity: finding.Error, Message: msg.M("%v", err),
			Fix: msg.M("choose a shorter name")}), nil
	}
	if err := w.clear(ctx, conn); err != nil && database.CodeOf(err) == 0 {
		return nil, database.Explain(j.Config, err)
	}
	if err := w.tryScratch(ctx); err != nil {
		if ctx.Err() != nil || database.Gone(err) {
			return nil, lostCause(ctx, err)
		}
		f := finding.Finding{ID: "backup.restore", Severity: finding.Error,
			Message: msg.M("a backup could not be restored, as a trial without rows shows: %v", err)}
		var uses []database.Use
		for _, d := range w.dumps {
			uses = append(uses, database.Use{Database: d.scratch(), Rights: beside(d.Objects)})
		}
		w.remedy(ctx, &f, err, uses...)
		out = append(out, f)
	}
	if err := w.dropScratch(ctx); err != nil {
		out = append(out, finding.Finding{ID: "backup.restore", Severity: finding.Error, Message: msg.M("%v", err)})
	}
	return out, nil
}

// future returns the databases as an initialisation makes them.
func (j *Job) future(ctx context.Context, conn *sql.Conn) (out []*Database, err error) {
	made := Database{Charset: "utf8mb4"}
	err = conn.QueryRowContext(ctx, "SELECT default_collate_name FROM information_schema.character_sets"+
		" WHERE character_set_name = 'utf8mb4'").Scan(&made.Collation)
	for _, made.Kind = range config.Roles {
		d := made
		d.Name = j.Config.Database(d.Kind)
		out = append(out, &d)
	}
	return out, err
}

// live reads the structure of a real database, and what of it a backup cannot bring back.
func (w *workshop) live(ctx context.Context, conn *sql.Conn, d *Database) (*dumpReader, []finding.Finding, error) {
	var out []finding.Finding
	note := func(id string, severity finding.Severity, m msg.Message, failed error, in ...database.Use) {
		f := finding.Finding{ID: id, Severity: severity, Message: m,
			Facts: []finding.Fact{{Name: "database", Value: d.Name}}}
		w.remedy(ctx, &f, failed, in...)
		out = append(out, f)
	}
	dump := &dumpReader{Database: d}
	tables, err := listTables(ctx, conn, d)
	if err != nil && database.CodeOf(err) == 0 && ctx.Err() == nil && !database.Gone(err) {
		note("backup.objects", finding.Error, msg.M("%v", err), err)
	} else if err != nil {
		return nil, nil, err
	}
	for _, t := range tables {
		if err := t.describe(ctx, conn); err != nil {
			return nil, nil, err
		}
		dump.tables = append(dump.tables, &dumpedTable{
			dump: dump, want: Table{Name: t.name, Columns: len(t.columns)}, definition: t.create,
		})
	}
	objects, err := listObjects(ctx, conn, d.Name)
	if err != nil {
		return nil, nil, err
	}
	rights, err := unseen(ctx, conn, d.Name, objects)
	if err != nil {
		return nil, nil, err
	}
	use := database.Use{Database: d.Name, Rights: own(d.Kind, objects)}
	if len(rights) > 0 {
		note("backup.unseen", finding.Warning,
			msg.M("user %s does not see whether the database %s holds triggers, events or routines, without these rights: %s; a backup has those alone that it sees", w.Config.MetaUser, d.Name, msg.List(rights)), nil, use)
	}
	missing, err := lacking(ctx, conn, d, objects)
	if err != nil {
		return nil, nil, err
	}
	d.Objects, err = readObjects(ctx, conn, d.Name)
	switch {
	case err == nil:
	case ctx.Err() != nil || database.Gone(err):
		return nil, nil, err
	case database.IsDenied(err) && slices.Contains(use.Rights, database.ShowView):
		missing = append(missing, string(database.ShowView))
	default:
		note("backup.objects", finding.Error, msg.M("%v", err), err)
		for _, r := range foreign(ctx, conn, d, objects) { // the trial does not come to them
			note("backup.objects", finding.Error, msg.M("%v", w.explainDefiner(*r.Object, r.err)), r.err)
		}
	}
	if len(missing) > 0 {
		note("backup.rights", finding.Error, msg.M("user %s lacks rights on the database %s that a restore needs: %s",
			w.Config.MetaUser, d.Name, msg.List(missing)), nil, use)
	}
	return dump, out, nil
}

// tryScratch makes the scratch databases without the rows of the real ones, and puts a row into each as a load does.
func (w *workshop) tryScratch(ctx context.Context) error {
	if err := spread(ctx, w.sessions, w.dumps, w.createTables); err != nil {
		return err
	}
	w.manifest.Server = w.server
	conn := w.sessions[0]
	for i, d := range w.dumps {
		for _, t := range d.tables {
			if _, err := w.compareDefinition(ctx, conn, t); err != nil {
				return err
			}
		}
		here, next := database.Quote(d.scratch()), database.Quote(w.dumps[(i+1)%len(w.dumps)].scratch())
		for _, q := range []string{
			"CREATE TABLE " + here +
				".omsinit_probe (a int NOT NULL PRIMARY KEY, b int GENERATED ALWAYS AS (a + 1) VIRTUAL)",
			"START TRANSACTION", "INSERT INTO " + here + ".omsinit_probe (a) VALUES (1)", "COMMIT",
			"CREATE VIEW " + here + ".omsinit_probe_view AS SELECT b FROM " + here + ".omsinit_probe",
			"DROP VIEW " + here + ".omsinit_probe_view",
			"RENAME TABLE " + here + ".omsinit_probe TO " + next + ".omsinit_probed",
			"DROP TABLE " + next + ".omsinit_probed",
		} {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				return msg.Errorf("cannot work in the database %s: %w", d.scratch(), database.Explain(w.Config, err))
			}
		}
	}
	return w.buildObjects(ctx)
}
