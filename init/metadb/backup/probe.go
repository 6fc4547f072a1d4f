package backup

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

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
	}
	if j.LockTimeout > 0 {
		bounded.LockTimeout = min(j.LockTimeout, probeWait)
	}
	ctx, w, leave, err := bounded.workshop(ctx, &Manifest{Dumper: dumper})
	if errors.Is(err, database.ErrLocked) {
		return []finding.Finding{{ID: "backup.busy", Severity: finding.Warning, Transient: true,
			Message: msg.M("whether a backup can be restored was not tried: %v", err)}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer leave()
	conn := w.sessions[0]
	found, err := w.databases(ctx, conn)
	if err != nil {
		return nil, nil // who looks for the databases reports it
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
	if err := w.clear(ctx, conn); err != nil && database.CodeOf(err) == 0 {
		return nil, database.Explain(j.Config, err)
	}
	if err := w.tryScratch(ctx); err != nil {
		if ctx.Err() != nil || database.Gone(err) {
			return nil, lostCause(ctx, err)
		}
		out = append(out, finding.Finding{ID: "backup.restore", Severity: finding.Error,
			Message: msg.M("a backup could not be restored, as a trial without rows shows: %v", err)})
	}
	if err := w.dropScratch(ctx); err != nil {
		out = append(out, finding.Finding{ID: "backup.restore", Severity: finding.Error, Message: msg.M("%v", err)})
	}
	return out, nil
}

// live reads the structure of a real database, and what of it a backup cannot bring back.
func (w *workshop) live(ctx context.Context, conn *sql.Conn, d *Database) (*dumpReader, []finding.Finding, error) {
	var out []finding.Finding
	note := func(id string, severity finding.Severity, m, fix msg.Message) {
		out = append(out, finding.Finding{ID: id, Severity: severity, Message: m, Fix: fix,
			Facts: []finding.Fact{{Name: "database", Value: d.Name}}})
	}
	dump := &dumpReader{Database: d}
	tables, err := listTables(ctx, conn, d)
	if err != nil && database.CodeOf(err) == 0 && ctx.Err() == nil && !database.Gone(err) {
		note("backup.objects", finding.Error, msg.M("%v", err), msg.Message{})
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
	if d.Objects, err = readObjects(ctx, conn, d.Name); err != nil {
		if ctx.Err() != nil || database.Gone(err) {
			return nil, nil, err
		}
		note("backup.objects", finding.Error, msg.M("%v", err), msg.Message{})
	}
	rights, err := unseen(ctx, conn, d.Name, d.Objects)
	if err != nil {
		return nil, nil, err
	}
	if len(rights) > 0 {
		note("backup.unseen", finding.Warning,
			msg.M("user %s does not see whether the database %s holds triggers, events or routines; a backup has those alone that it sees", w.Config.MetaUser, d.Name),
			grant(rights, d.Name, w.Config.MetaUser))
	}
	if rights, err = missingRights(ctx, conn, d); err != nil {
		return nil, nil, err
	}
	if len(rights) > 0 {
		note("backup.rights", finding.Error, msg.M("user %s lacks rights on the database %s that a restore needs: %s", w.Config.MetaUser, d.Name, msg.List(rights)),
			grant(rights, d.Name, w.Config.MetaUser))
	}
	return dump, out, nil
}

func grant(rights []string, name, user string) msg.Message {
	return msg.M("run GRANT %s ON %s.* TO the account of user %s", strings.Join(rights, ", "), database.Quote(name), user)
}

// missingRights asks for what a restore does to the real database, with names that are not there.
func missingRights(ctx context.Context, conn *sql.Conn, d *Database) (rights []string, err error) {
	none := database.Quote(d.Name) + ".omsinit_none"
	for _, try := range []struct{ right, statement string }{
		{"DROP", "DROP TABLE " + none},
		{"CREATE", "CREATE TABLE " + none + " LIKE " + none},
		{"ALTER", "ALTER TABLE " + none + " COMMENT ''"},
		{"INSERT", "INSERT INTO " + none + " VALUES (1)"},
		{"CREATE VIEW", "CREATE VIEW " + none + " AS SELECT 1 FROM " + database.Quote(d.Name) + ".omsinit_never"},
	} {
		if try.right == "CREATE VIEW" && len(d.Objects) == 0 {
			continue
		}
		_, err := conn.ExecContext(ctx, try.statement)
		if err != nil && database.CodeOf(err) == 0 {
			return nil, err
		}
		if database.IsDenied(err) {
			rights = append(rights, try.right)
		}
	}
	return rights, nil
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
			"CREATE TABLE " + here + ".omsinit_probe (a int NOT NULL PRIMARY KEY, b int GENERATED ALWAYS AS (a + 1) VIRTUAL)",
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
