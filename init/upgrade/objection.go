package upgrade

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/registry"
)

// gates collects what stands against an upgrade, or going on with one.
type gates struct {
	*Upgrade
	*survey
	db    *sql.DB
	found []finding.Finding
}

// object adds a finding that stops the upgrade.
func (g *gates) object(id string, m, fix msg.Message, facts ...finding.Fact) {
	g.found = append(g.found, finding.Finding{ID: id, Severity: finding.Error, Message: m, Fix: fix, Facts: facts})
}

// mention adds a finding that people should know before the upgrade.
func (g *gates) mention(id string, m, fix msg.Message, facts ...finding.Fact) {
	g.found = append(g.found, finding.Finding{ID: id, Severity: finding.Warning, Message: m, Fix: fix, Facts: facts})
}

// refusal returns the first finding as an error.
func (g *gates) refusal() error {
	if len(g.found) == 0 {
		return nil
	}
	return refused(msg.M("%v; %v", g.found[0].Message, g.found[0].Fix))
}

func fact(name string, value any) finding.Fact { return finding.Fact{Name: name, Value: value} }

// Objections are everything that stands against the upgrade that is due; none
// when there is none. Nothing that it tries lasts.
func (u *Upgrade) Objections(ctx context.Context) ([]finding.Finding, error) {
	g, err := u.judge(ctx)
	return g.found, err
}

// judge reads everything, and asks all gates.
func (u *Upgrade) judge(ctx context.Context) (*gates, error) {
	g := &gates{Upgrade: u}
	var err error
	if g.db, err = u.open(); err != nil {
		return g, err
	}
	defer g.db.Close()
	if g.survey, err = u.look(ctx, g.db); err != nil {
		return g, err
	}
	if open(g.newest) {
		return g, g.goingOn(ctx)
	}
	g.release()
	if !g.due() {
		return g, nil
	}
	g.schema()
	g.highAvailability()
	g.disk()
	g.mounts()
	if err := (&journal{db: g.db, c: u.Config}).possible(ctx); err != nil {
		g.object("upgrade.journal", msg.M("%v", err),
			msg.M("run GRANT ALL ON `%s`.* TO the account of oms_meta_user", journalDatabase(u.Config)))
	}
	probe, err := u.job("").Probe(ctx)
	for _, f := range probe {
		if f.ID == "backup.unseen" { // what is not seen may be there, and a restore drops it
			f.Severity = finding.Error
		}
		g.found = append(g.found, f)
	}
	if err == nil {
		err = g.nodes(ctx)
	}
	if err == nil {
		err = g.busy(ctx)
	}
	return g, err
}

// goingOn: an upgrade that was begun is continued by the image that began it.
// While the databases are changed or restored nobody may write to them, such as
// an old container that was started after the run was cut. Before the first
// change the upgrade begins anew, and people may have switched high
// availability on again; what it had switched off itself it switches off again.
func (g *gates) goingOn(ctx context.Context) error {
	r := g.newest
	if g.unfinished(); len(g.found) > 0 {
		return nil
	}
	forward := r.State == Running || r.State == Failed
	if forward && r.reached(StageStart) {
		return nil // the new release runs
	}
	if !forward {
		s := &Session{Upgrade: g.Upgrade, db: g.db, j: &journal{db: g.db, c: g.Config}, rec: r}
		if err := g.cutRestore(ctx, s); err != nil || len(g.found) > 0 {
			return err
		}
	}
	err := g.nodes(ctx)
	if err == nil && forward && !r.reached(firstChange) && g.due() {
		again := *g.Upgrade
		again.AutoHA = again.AutoHA || r.HA != ""
		g.Upgrade = &again
		g.highAvailability()
		g.disk()
	}
	return err
}

func (g *gates) unfinished() {
	if r := g.newest; r.To != g.Pack.Release {
		g.object("upgrade.unfinished", msg.M("an upgrade from %s to %s is unfinished (state %s, stage %s, node %s), and this image is %s", r.From, r.To,
			r.State, r.Stage, r.Node, g.Pack.Release),
			msg.M("start the image of %s to continue it, or undo it with `omsinit upgrade rollback`", r.To))
	}
}

// cutRestore: what stands against going on with a restore that was cut.
func (g *gates) cutRestore(ctx context.Context, s *Session) error {
	if err := s.readBackup(); err != nil && s.rec.Node != s.Node {
		g.elsewhere(s.rec, err)
		return nil
	}
	at, err := s.ranSinceRestore(ctx)
	if err == nil && at != "" {
		g.object("upgrade.loss", msg.M("the restore after the upgrade from %s to %s was cut, and OMS has run at %s, after it began: it is not gone on with by itself", s.rec.From, s.rec.To, at),
			msg.M("take a backup of what there is with `omsinit upgrade backup`, then run `omsinit upgrade rollback --accept-loss`"))
	}
	return err
}

func (g *gates) elsewhere(r *Record, err error) {
	g.object("upgrade.elsewhere", msg.M("the backup was made on %s (%v)", r.Node, err),
		msg.M("run `omsinit upgrade rollback` there, or copy it here and name it with --backup"))
}

// release: which release there is, and whether there is a way.
func (g *gates) release() {
	from, to, way, db := g.from.String(), g.to.String(), g.way, g.Config.RMDatabase
	object := func(id string, m, fix msg.Message) {
		g.object(id, m, fix, fact("from", from), fact("to", to), fact("stops", append([]string{}, way.stops...)))
	}
	switch {
	case g.cut != nil:
		object("upgrade.unfinished", g.cut.Message, msg.Message{})
	case from == "" && g.installed:
		object("upgrade.version", msg.M("Version before 4.1.1 is not allowed to upgrade. The database %s records no release in the table oms_version", db),
			msg.M("make sure which release it is, and state it: `omsinit upgrade apply --from-version 4.1.0-CE`; it is then recorded in oms_version, as documented"))
	case from == "":
		object("upgrade.version", msg.M("the database %s holds no installation of OMS that could be upgraded", db),
			msg.M("start the container without IS_UPGRADE for a first installation, or correct drc_rm_db in config.yaml"))
	case g.from.Compare(g.to) > 0:
		object("upgrade.route", msg.M("the MetaDB %s belongs to OMS %s, and this image is the older %s: a downgrade is not an upgrade",
			db, from, to),
			msg.M("start the image of %s; the way back is `omsinit upgrade rollback`, with the backup from before the upgrade", from))
	case !g.due():
		return
	case g.from.Edition() != "" && g.from.Edition() != g.Pack.Edition:
		object("upgrade.route", msg.M("the MetaDB %s belongs to OMS %s, which is of another edition than this image (%s, %s)", db, from, to,
			g.Pack.Edition),
			msg.M("use an image of the edition %s", g.from.Edition()))
	case len(way.stops) == 0:
		object("upgrade.route", msg.M("no way is known from OMS %s to %s; %s is reached from: %s", from, to, to,
			msg.List(sources(g.Pack.Upgrade.Routes, g.Pack.Edition, g.to))),
			msg.M("look for the way in the documents of the release; where there is one, add it to upgrade.routes of the pack"))
	case !way.direct():
		object("upgrade.route", msg.M("OMS %s cannot be upgraded to %s directly: go to %s first (the whole way: %s)",
			from, to, way.stops[0],
			strings.Join(append([]string{from}, way.stops...), " -> ")),
			msg.M("upgrade with the image of %s, then of each further stop", way.stops[0]))
	case way.route != nil:
		steps := slices.DeleteFunc(strings.Fields(way.route.Requires), func(step string) bool {
			return slices.Contains(g.Confirmed, step)
		})
		if len(steps) > 0 {
			g.object("upgrade.manual", msg.M("the way from %s to %s needs steps by hand before: %s", from, to,
				msg.List(steps)),
				msg.M("do them as the documents of the release say, then give --confirm %s", strings.Join(steps, ",")),
				fact("steps", steps))
		}
	}
}

// schema: a pack that has no schema file of the release would call
// the upgrade done without having changed a table.
func (g *gates) schema() {
	switch route := g.way.route; {
	case !g.way.direct():
	case g.schemaErr != nil:
		g.object("upgrade.schema", msg.M("the schema cannot be brought to %s: %v", g.to.String(), g.schemaErr),
			msg.Message{})
	case route != nil && route.Schema != "none" && !hasSchema(g.Pack, g.to):
		g.object("upgrade.schema", msg.M("the pack has no schema file of %s, so it is not known what changes in the databases", g.to.String()),
			msg.M("add schema/{rm,cm,hb}/%s.sql to the pack, or schema: none to its route when the release changes no table", g.to.String()))
	}
}

func (g *gates) highAvailability() {
	on, err := haEnabled(g.ha)
	switch {
	case err != nil:
		report := g.mention
		if g.AutoHA {
			report = g.object // it could not be switched
		}
		report("upgrade.ha", msg.M("%v; so it is unknown whether high availability is on", err),
			msg.M("see to it in the console, and switch high availability off for the upgrade"))
	case on && !g.AutoHA:
		g.object("upgrade.ha", msg.M("high availability is on (ha.config has \"enable\": true)"),
			msg.M("give --auto-ha, which switches it off and on again, or switch it off with omsinit ha off, and on again after the upgrade"),
			fact("ha_config", g.ha))
	}
}

// spare is what must stay free beside a backup.
const spare = 64 << 20

func (g *gates) disk() {
	if g.findErr != nil {
		g.object("upgrade.databases", msg.M("it is not known what to back up: %v", g.findErr), msg.Message{})
		return
	}
	if space := g.backupSpace(g.survey); !space.Fits {
		need := space.Bytes + spare
		g.object("upgrade.disk", msg.M("the backup is expected to take %d MB, and %s has %d MB of free space", need>>20,
			space.Dir, space.FreeBytes>>20),
			msg.M("free space there: remove old backups (`omsinit upgrade backups`), or what else is not needed"),
			fact("needed_bytes", need), fact("free_bytes", space.FreeBytes))
	}
}

// mounts: the three mounts must be those of the old container. A new folder has neither data nor logs of the
// components.
func (g *gates) mounts() {
	l := g.Layout
	for _, dir := range []string{l.StoreDir(), l.RunDir()} {
		entries, _ := os.ReadDir(dir)
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != filepath.Base(l.BackupDir()) }) {
			return
		}
	}
	for _, pattern := range []string{"cm", "ghana", "oms_*", "tengine-*", "supervisord.log*"} {
		if found, _ := filepath.Glob(filepath.Join(l.LogDir(), pattern)); len(found) > 0 {
			return
		}
	}
	g.object("upgrade.mounts", msg.M("%s, %s and %s hold nothing of an old installation", l.LogDir(), l.StoreDir(),
		l.RunDir()),
		msg.M("start the container with the same three mounts as the old one; if they really were empty, give --ignore upgrade.mounts"))
}

// nodes: nobody may write to the databases meanwhile. Of this node only its own programs count, and those are stopped.
func (g *gates) nodes(ctx context.Context) error {
	except := ""
	if running, err := g.Programs.Running(ctx, g.Pack.Upgrade.Stop); g.StoppedOwn || err == nil && len(running) > 0 {
		except = g.Node
	}
	heartbeats := g.heartbeats
	if len(heartbeats) == 0 {
		heartbeats = []string{g.Config.HeartbeatDatabase}
	}
	return g.alive(ctx, heartbeats, except)
}

// alive objects to nodes with a fresh sign of life in heartbeat databases.
func (g *gates) alive(ctx context.Context, databases []string, except string) error {
	report := g.object
	if g.OthersRun {
		report = g.mention
	}
	for _, name := range databases {
		beats, err := registry.ReadBeats(ctx, g.db, name)
		if err != nil {
			return database.Explain(g.Config, err)
		}
		for _, b := range beats {
			if !b.Alive() || b.IP == except {
				continue
			}
			age := int(b.Age.Seconds())
			report("upgrade.node-alive", msg.M("OMS still runs on %s: its last sign of life in %s is %d s old", b.IP,
				name, age),
				msg.M("stop OMS on all nodes (docker stop); a node counts as stopped %d s after its last sign of life",
					int(registry.Alive.Seconds())),
				fact("host_ip", b.IP), fact("database", name), fact("age_seconds", age))
			g.found[len(g.found)-1].Transient = true
		}
	}
	return nil
}

// busy: what the tables tell of migrations that run.
func (g *gates) busy(ctx context.Context) error {
	for _, w := range g.Pack.Upgrade.Busy {
		names, err := g.watched(ctx, g.db, w, "")
		if err != nil {
			return err
		}
		report := g.mention
		if w.Refuse {
			report = g.object
		}
		if len(names) > 0 {
			report("upgrade.busy", msg.M("%s of %s are %s: %s", w.Table, g.Config.RMDatabase,
				strings.Join(w.Values, "/"),
				msg.List(names).AtMost(fewNames)),
				msg.M("make sure that no full migration and no full verification runs; those must be finished or paused before an upgrade"),
				fact("table", w.Table), fact("names", names))
		}
	}
	return nil
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
	query := "SELECT " + database.Quote(w.Name) + " FROM " + database.Quote(u.Config.RMDatabase) + "." +
		database.Quote(w.Table)
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	names, err := database.Column(ctx, db, query+" ORDER BY 1 LIMIT 1000", args...)
	if database.Is(err, database.ErrBadField) {
		return nil, nil
	}
	return names, newMetaDB(u.Config, err)
}
