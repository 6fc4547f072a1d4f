package upgrade

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/init/metadb/backup"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/registry"
)

// objection is a finding that stops the upgrade.
func objection(id string, m, fix msg.Message, facts ...finding.Fact) finding.Finding {
	return finding.Finding{ID: id, Severity: finding.Error, Message: m, Fix: fix, Facts: facts}
}

// warning is a finding that people should know before the upgrade.
func warning(id string, m, fix msg.Message, facts ...finding.Fact) finding.Finding {
	return finding.Finding{ID: id, Severity: finding.Warning, Message: m, Fix: fix, Facts: facts}
}

func fact(name string, value any) finding.Fact { return finding.Fact{Name: name, Value: value} }

// Objections are everything that stands against the upgrade that is due; none
// when there is none. It only reads.
func (u *Upgrade) Objections(ctx context.Context) ([]finding.Finding, error) {
	db, err := u.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	s, err := u.look(ctx, db)
	if err != nil {
		return nil, err
	}
	return u.objections(ctx, db, s)
}

func (u *Upgrade) objections(ctx context.Context, db *sql.DB, s *survey) ([]finding.Finding, error) {
	if open(s.newest) {
		if out := u.unfinished(s); len(out) > 0 {
			return out, nil
		}
		return u.goingOn(ctx, db, s)
	}
	out := u.releaseObjections(s)
	if !s.due() {
		return out, nil
	}
	out = append(out, u.schemaObjections(ctx, s)...)
	out = append(out, u.haObjections(s)...)
	out = append(out, u.diskObjections(s)...)
	out = append(out, u.mountObjections()...)
	if err := backup.Tools(ctx); err != nil {
		out = append(out, objection("upgrade.tools", msg.M("the databases cannot be backed up: %v", err), msg.Message{}))
	}
	for _, more := range []func(context.Context, *sql.DB, *survey) ([]finding.Finding, error){u.aliveObjections,
		u.busyObjections, u.contentObjections} {
		o, err := more(ctx, db, s)
		if err != nil {
			return nil, err
		}
		out = append(out, o...)
	}
	return out, nil
}

// unfinished: an upgrade that was begun is continued by the image that began it.
func (u *Upgrade) unfinished(s *survey) []finding.Finding {
	r := s.newest
	if r.To == u.Pack.Release {
		return nil
	}
	return []finding.Finding{objection("upgrade.unfinished",
		msg.M("an upgrade from %s to %s is unfinished (state %s, stage %s, node %s), and this image is %s",
			r.From, r.To, r.State, r.Stage, r.Node, u.Pack.Release),
		msg.M("start the image of %s to continue it, or undo it with `omsinit upgrade rollback`", r.To))}
}

// goingOn: while the databases are changed or restored nobody may write to them,
// such as an old container that was started after the run was cut. Before the
// first change the upgrade begins anew, and people may have switched high
// availability on again; what it had switched off itself it switches off again.
func (u *Upgrade) goingOn(ctx context.Context, db *sql.DB, s *survey) ([]finding.Finding, error) {
	forward := s.newest.State == Running || s.newest.State == Failed
	if forward && s.newest.reached(StageStart) {
		return nil, nil // the new release runs
	}
	out, err := u.aliveObjections(ctx, db, s)
	if err == nil && forward && !s.newest.reached(firstChange) && s.due() {
		again := *u
		again.AutoHA = u.AutoHA || s.newest.HA != ""
		out = append(append(out, again.haObjections(s)...), u.diskObjections(s)...)
	}
	return out, err
}

// releaseObjections: which release there is, and whether there is a way.
func (u *Upgrade) releaseObjections(s *survey) []finding.Finding {
	c, way := u.Config, s.way
	one := func(id string, m, fix msg.Message) []finding.Finding {
		return []finding.Finding{objection(id, m, fix, fact("from", s.from.String()), fact("to", s.to.String()),
			fact("stops", append([]string{}, way.stops...)))}
	}
	switch {
	case s.from.String() == "" && s.installed:
		return one("upgrade.version", msg.M("Version before 4.1.1 is not allowed to upgrade. The database %s records no release in the table oms_version", c.RMDatabase),
			msg.M("make sure which release it is, and state it: `omsinit upgrade apply --from-version 4.1.0-CE`; it is then recorded in oms_version, as documented"))
	case s.from.String() == "":
		return one("upgrade.version", msg.M("the database %s holds no installation of OMS that could be upgraded", c.RMDatabase),
			msg.M("start the container without IS_UPGRADE for a first installation, or correct drc_rm_db in config.yaml"))
	case s.from.Compare(s.to) > 0:
		return one("upgrade.route", msg.M("the MetaDB %s belongs to OMS %s, and this image is the older %s: a downgrade is not an upgrade", c.RMDatabase, s.from.String(), s.to.String()),
			msg.M("start the image of %s; the way back is `omsinit upgrade rollback`, with the backup from before the upgrade", s.from.String()))
	case !s.due():
		return nil
	case s.from.Edition() != "" && s.from.Edition() != u.Pack.Edition:
		return one("upgrade.route", msg.M("the MetaDB %s belongs to OMS %s, which is of another edition than this image (%s, %s)", c.RMDatabase, s.from.String(), s.to.String(), u.Pack.Edition),
			msg.M("use an image of the edition %s", s.from.Edition()))
	case len(way.stops) == 0:
		return one("upgrade.route", msg.M("no way is known from OMS %s to %s; %s is reached from: %s", s.from.String(), s.to.String(), s.to.String(),
			strings.Join(sources(u.Pack.Upgrade.Routes, u.Pack.Edition, s.to), ", ")),
			msg.M("look for the way in the documents of the release; where there is one, add it to upgrade.routes of the pack"))
	case !way.direct():
		return one("upgrade.route", msg.M("OMS %s cannot be upgraded to %s directly: go to %s first (the whole way: %s)", s.from.String(), s.to.String(), way.stops[0],
			strings.Join(append([]string{s.from.String()}, way.stops...), " -> ")),
			msg.M("upgrade with the image of %s, then of each further stop", way.stops[0]))
	case way.route != nil && way.route.Requires != "" && !slices.Contains(u.Confirmed, way.route.Requires):
		return one("upgrade.manual", msg.M("the way from %s to %s needs a step by hand before: %s", s.from.String(), s.to.String(), way.route.Requires),
			msg.M("do it as the documents of the release say, then give --confirm %s", way.route.Requires))
	}
	return nil
}

// schemaObjections: a pack that has no schema file of the release would call
// the upgrade done without having changed a table.
func (u *Upgrade) schemaObjections(ctx context.Context, s *survey) []finding.Finding {
	if !s.way.direct() {
		return nil
	}
	step := u.step()
	step.From = u.From
	if _, err := step.Statements(ctx); err != nil {
		return []finding.Finding{objection("upgrade.schema", msg.M("the schema cannot be brought to %s: %v", s.to.String(), err), msg.Message{})}
	}
	if s.way.route != nil && s.way.route.Schema == "none" || s.way.route == nil || hasSchema(u.Pack, s.to) {
		return nil
	}
	return []finding.Finding{objection("upgrade.schema",
		msg.M("the pack has no schema file of %s, so it is not known what changes in the databases", s.to.String()),
		msg.M("add schema/{rm,cm,hb}/%s.sql to the pack, or schema: none to its route when the release changes no table", s.to.String()))}
}

func (u *Upgrade) haObjections(s *survey) []finding.Finding {
	on, err := s.ha.enabled()
	switch {
	case err != nil:
		report := warning
		if u.AutoHA {
			report = objection // it could not be switched
		}
		return []finding.Finding{report("upgrade.ha", msg.M("%v; so it is unknown whether high availability is on", err),
			msg.M("see to it in the console, and switch high availability off for the upgrade"))}
	case on && !u.AutoHA:
		return []finding.Finding{objection("upgrade.ha", msg.M("high availability is on (ha.config has \"enable\": true)"),
			msg.M("give --auto-ha, which switches it off and on again, or switch it off with omsinit ha off, and on again after the upgrade"),
			fact("ha_config", string(s.ha)))}
	}
	return nil
}

// spare is what must stay free beside a backup.
const spare = 64 << 20

func (u *Upgrade) diskObjections(s *survey) []finding.Finding {
	if s.findErr != nil {
		return []finding.Finding{objection("upgrade.databases", msg.M("it is not known what to back up: %v", s.findErr), msg.Message{})}
	}
	var need int64
	for _, d := range s.databases {
		need += d.dump
	}
	free, ok := u.freeSpace()
	if !ok || free >= need+spare {
		return nil
	}
	return []finding.Finding{objection("upgrade.disk",
		msg.M("the backup is expected to take %d MB, and %s has %d MB of free space", (need+spare)>>20, u.Layout.BackupDir(), free>>20),
		msg.M("free space there: remove old backups (`omsinit upgrade backups`), or what else is not needed"),
		fact("needed_bytes", need+spare), fact("free_bytes", free))}
}

// mountObjections: the three mounts must be those of the old container. A new
// folder has neither data nor logs of the components.
func (u *Upgrade) mountObjections() []finding.Finding {
	l := u.Layout
	for _, dir := range []string{l.StoreDir(), l.RunDir()} {
		entries, _ := os.ReadDir(dir)
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != filepath.Base(l.BackupDir()) }) {
			return nil
		}
	}
	for _, pattern := range []string{"cm", "ghana", "oms_*", "tengine-*", "supervisord.log*"} {
		if found, _ := filepath.Glob(filepath.Join(l.LogDir(), pattern)); len(found) > 0 {
			return nil
		}
	}
	return []finding.Finding{objection("upgrade.mounts",
		msg.M("%s, %s and %s hold nothing of an old installation", l.LogDir(), l.StoreDir(), l.RunDir()),
		msg.M("start the container with the same three mounts as the old one; if they really were empty, give --ignore upgrade.mounts"))}
}

// aliveObjections: nobody may write to the databases meanwhile. Of this node
// only its own programs count, and those are stopped.
func (u *Upgrade) aliveObjections(ctx context.Context, db *sql.DB, s *survey) ([]finding.Finding, error) {
	own := ""
	if u.Programs != nil {
		if running, err := u.Programs.Running(ctx, u.Pack.Upgrade.Stop); err == nil && len(running) > 0 {
			own = u.Node
		}
	}
	var names []string
	for _, d := range s.databases {
		if d.Kind == config.Heartbeat {
			names = append(names, d.Name)
		}
	}
	if len(names) == 0 { // the others cannot be told now
		names = []string{u.Config.HeartbeatDatabase}
	}
	return u.alive(ctx, db, names, own)
}

// alive objects to nodes with a fresh sign of life in heartbeat databases.
func (u *Upgrade) alive(ctx context.Context, db *sql.DB, databases []string, except string) ([]finding.Finding, error) {
	var out []finding.Finding
	for _, name := range databases {
		beats, err := registry.ReadBeats(ctx, db, name)
		if err != nil {
			return nil, database.Explain(u.Config, err)
		}
		for _, b := range beats {
			if !b.Alive() || b.IP == except {
				continue
			}
			age := int(b.Age.Seconds())
			running := objection("upgrade.node-alive",
				msg.M("OMS still runs on %s: its last sign of life in %s is %d s old", b.IP, name, age),
				msg.M("stop OMS on all nodes (docker stop); a node counts as stopped %d s after its last sign of life", int(registry.Alive.Seconds())),
				fact("host_ip", b.IP), fact("database", name), fact("age_seconds", age))
			running.Transient = true
			out = append(out, running)
		}
	}
	return out, nil
}

// busyObjections: what the tables tell of migrations that run.
func (u *Upgrade) busyObjections(ctx context.Context, db *sql.DB, _ *survey) ([]finding.Finding, error) {
	var out []finding.Finding
	for _, w := range u.Pack.Upgrade.Busy {
		names, err := u.watched(ctx, db, w, "")
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			continue
		}
		report := warning
		if w.Refuse {
			report = objection
		}
		out = append(out, report("upgrade.busy",
			msg.M("%s of %s are %s: %s", w.Table, u.Config.RMDatabase, strings.Join(w.Values, "/"), listed(names)),
			msg.M("make sure that no full migration and no full verification runs; those must be finished or paused before an upgrade"),
			fact("table", w.Table), fact("names", names)))
	}
	return out, nil
}

// watched lists the names of rows that the pack watches. A table or a column
// that is not there tells nothing.
func (u *Upgrade) watched(ctx context.Context, db *sql.DB, w pack.Watched, condition string) ([]string, error) {
	var conditions []string
	var args []any
	if w.Column != "" {
		conditions = append(conditions, database.Quote(w.Column)+" IN (?"+strings.Repeat(", ?", len(w.Values)-1)+")")
		for _, v := range w.Values {
			args = append(args, v)
		}
	}
	if condition != "" {
		conditions = append(conditions, condition)
	}
	query := "SELECT " + database.Quote(w.Name) + " FROM " + database.Quote(u.Config.RMDatabase) + "." + database.Quote(w.Table)
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	names, err := database.Column(ctx, db, query+" ORDER BY 1 LIMIT 1000", args...)
	if database.Is(err, database.ErrBadField) {
		return nil, nil
	}
	return names, newMetaDB(u.Config, err)
}

// contentObjections: what a dump as documented does not hold, or not exactly.
func (u *Upgrade) contentObjections(ctx context.Context, db *sql.DB, s *survey) ([]finding.Finding, error) {
	var out []finding.Finding
	for _, d := range s.databases {
		left, err := database.Column(ctx, db, "SELECT CONCAT('trigger ', trigger_name) FROM information_schema.triggers WHERE trigger_schema = ?"+
			" UNION ALL SELECT CONCAT(LOWER(routine_type), ' ', routine_name) FROM information_schema.routines WHERE routine_schema = ?", d.Name, d.Name)
		if err != nil {
			return nil, database.Explain(u.Config, err)
		}
		if len(left) > 0 {
			out = append(out, objection("upgrade.objects",
				msg.M("the database %s holds triggers or routines, which the documented backup leaves out, so that a restore would lose them: %s", d.Name, listed(left)),
				msg.M("keep their definitions (SHOW CREATE) and drop them, or accept their loss with --ignore upgrade.objects"),
				fact("database", d.Name), fact("objects", left)))
		}
		floats, err := database.Column(ctx, db, "SELECT CONCAT(table_name, '.', column_name) FROM information_schema.columns WHERE table_schema = ? AND data_type = 'float' ORDER BY 1", d.Name)
		if err != nil {
			return nil, database.Explain(u.Config, err)
		}
		if len(floats) > 0 {
			out = append(out, warning("upgrade.float",
				msg.M("the database %s holds columns of the type FLOAT, of which the server's dump program writes six digits: %s", d.Name, listed(floats)),
				msg.M("a restore gives these values back rounded to six digits; other types, DOUBLE too, come back as they were"),
				fact("database", d.Name), fact("columns", floats)))
		}
	}
	return out, nil
}
