package metadb

import (
	"cmp"
	"slices"
	"strings"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/release"
)

// plan is what a run would do to the three databases.
type plan struct {
	databases []*databasePlan
	record    bool // the release is to be written into oms_version
}

// databasePlan is the part of one database.
type databasePlan struct {
	config.Role
	name    string
	create  bool // it is not there
	journal bool // its journal is not there
	files   []*filePlan
	problem error // why no run should continue
}

// filePlan is one file that is not done.
type filePlan struct {
	*file
	entry *entry // nil: it has no row yet
	// from is the index of the first statement to run; all of them when the
	// file was found done.
	from   int
	origin origin
}

// uncertain reports whether the outcome of a statement is not known: it was
// sent by a run that did not live to hear the answer.
func (f *filePlan) uncertain(i int) bool {
	return f.entry != nil && f.entry.InFlight == i+1 && i == f.from
}

// empty reports whether there is nothing to do.
func (p *plan) empty() bool {
	for _, d := range p.databases {
		if d.create || d.journal || len(d.files) > 0 {
			return false
		}
	}
	return !p.record
}

// makePlan compares the MetaDB with the files. It refuses what no run should
// continue: a file that changed after it was applied, a database that holds
// something else, tables that lack what was applied to them. The plan comes with
// the first of these errors, too, and has that of each database.
func (w *work) makePlan() (*plan, error) {
	p := &plan{record: w.recordsVersions() && !slices.Contains(w.live.versions, w.Pack.Release)}
	var problem error
	for _, d := range config.Roles {
		dp := &databasePlan{Role: d, name: w.Config.Database(d)}
		dp.create = !w.live.hasDatabase(dp.name)
		dp.journal = w.live.columns(dp.name, JournalTable) == nil
		if dp.problem = w.planFiles(dp); dp.problem == nil {
			dp.problem = w.refuseDrift(dp)
		}
		problem = cmp.Or(problem, dp.problem)
		p.databases = append(p.databases, dp)
	}
	return p, problem
}

func (w *work) planFiles(dp *databasePlan) error {
	known := w.knows(dp)
	if !known && !w.Adopt {
		if tables := w.live.tablesOf(dp.name); len(tables) > 0 {
			return msg.Errorf("the database %s holds something else than OMS (tables: %s); choose another name in config.yaml, or, if OMS is to live beside that, run `omsinit metadb migrate --adopt`, which leaves it as it is",
				dp.name, msg.List(tables).AtMost(5))
		}
	}
	complete := known && !w.releasedExpected(dp.Role).compare(w.live, dp.name).any()
	for f := range w.files.of(dp.Role) {
		fp := &filePlan{file: f, entry: w.live.entry(f), origin: created}
		switch {
		case fp.entry != nil:
			if err := fp.resume(dp.name); err != nil {
				return err
			}
			if fp.entry.done() {
				continue
			}
		case known && dp.journal && w.released(f.version) && complete:
			fp.origin, fp.from = found, len(f.statements)
		case known && dp.journal:
			fp.origin = completed
		}
		dp.files = append(dp.files, fp)
	}
	return nil
}

// knows reports whether a database is one of OMS: it has a journal, or a table
// of ours.
func (w *work) knows(dp *databasePlan) bool {
	if !dp.journal {
		return true
	}
	for _, t := range w.expected[dp.Role].tables {
		if w.live.columns(dp.name, t.name) != nil {
			return true
		}
	}
	return false
}

// released reports whether oms_version says that the release, or a later one,
// was initialised before there was a journal.
func (w *work) released(v release.Version) bool {
	for _, text := range w.live.versions {
		if r, err := release.Parse(text); err == nil && r.Compare(v) >= 0 {
			return true
		}
	}
	return false
}

// releasedExpected is how a database looks with all files of the releases in
// oms_version.
func (w *work) releasedExpected(d config.Role) expected {
	var e expected
	for f := range w.files.of(d) {
		if w.released(f.version) {
			for _, st := range f.statements {
				e.apply(st.effect)
			}
		}
	}
	return e
}

// leaves reports whether a statement is left out, because an installation
// without a journal is completed: what is there stays, and of a release that
// was initialised only tables and columns that are missing are made.
func (w *work) leaves(dp *databasePlan, fp *filePlan, st statement) bool {
	if fp.origin != completed {
		return false
	}
	columns := w.live.columns(dp.name, st.table)
	released := w.released(fp.version)
	wanted := w.releasedExpected(dp.Role)
	switch {
	case st.kind == createTable:
		return columns != nil || released && wanted.find(st.table) == nil
	case !released:
		return false
	case st.kind == alterTable && columns != nil:
		for _, c := range st.columns {
			if _, ok := columns[strings.ToLower(c.name)]; !ok && wanted.has(st.table, c.name) {
				return false
			}
		}
		return true
	case st.kind == alterTable || st.kind == createIndex:
		return columns != nil || wanted.find(st.table) == nil
	}
	return true
}

// resume finds where an unfinished file goes on. What was applied must not
// have changed since.
func (f *filePlan) resume(db string) error {
	e := f.entry
	if e.done() && e.Checksum == f.checksum() {
		return nil
	}
	sums := f.sums()
	if e.done() || e.Applied >= len(sums) || sums[e.Applied] != e.appliedSum {
		return msg.Errorf("the schema file %s has changed after it was applied to the database %s at %s (checksum then %s, now %s): put it back as it was, and make the change in a file of a later version",
			f.name, db, e.Updated, short(e.Checksum), short(f.checksum()))
	}
	if e.InFlight > 0 && (e.InFlight > len(f.statements) || f.statements[e.InFlight-1].text != e.Statement) {
		return msg.Errorf("statement %d of the schema file %s has changed, but it was sent to the database %s and its outcome is not known: put it back as it was, finish this run, and change it afterwards",
			e.InFlight, f.name, db)
	}
	f.from, f.origin = e.Applied, e.Origin
	return nil
}

func short(sum string) string { return sum[:min(len(sum), 12)] }

// refuseDrift looks for what no statement of the plan would mend.
func (w *work) refuseDrift(dp *databasePlan) error {
	done := w.done(dp)
	all := w.expected[dp.Role]
	s := done.compare(w.live, dp.name)
	// What a statement in flight, or one that was left out, takes away again.
	s.tables = slices.DeleteFunc(s.tables, func(t string) bool { return all.find(t) == nil })
	s.columns = slices.DeleteFunc(s.columns, func(m missing) bool { return !all.has(m.table, m.column.name) })
	if len(s.tables) == 0 {
		for _, m := range all.compare(w.live, dp.name).unmendable() {
			if !slices.ContainsFunc(s.columns, func(have missing) bool {
				return have.table == m.table &&
					have.column.name == m.column.name
			}) {
				s.columns = append(s.columns, m)
			}
		}
	}
	return w.driftError(dp.name, s)
}

// done is how a database should look now: the effects of what the journal
// calls applied.
func (w *work) done(dp *databasePlan) expected {
	var e expected
	for f := range w.files.of(dp.Role) {
		applied := len(f.statements)
		for _, fp := range dp.files {
			if fp.file == f {
				applied = fp.from
			}
		}
		for _, st := range f.statements[:applied] {
			e.apply(st.effect)
		}
	}
	return e
}

// driftError returns what is missing, and with which statements it comes back.
func (w *work) driftError(db string, s shortfall) error {
	switch {
	case len(s.tables) > 0:
		return msg.Errorf("the database %s lacks the table %s (missing tables: %d), which was there: see which program removes it; restore a backup if its rows are needed (omsinit metadb restore), or make it again, empty: %s",
			db, s.tables[0], len(s.tables), "USE "+mysql.Quote(db)+"; "+strings.Join(w.mend(db, s.tables[0]), "; ")+";")
	case len(s.columns) > 0:
		return driftError(db, s.columns)
	}
	return nil
}

// mend returns the statements that make a table.
func (w *work) mend(db, table string) []string {
	var out []string
	for _, f := range w.files {
		if w.Config.Database(f.database) != db {
			continue
		}
		for _, st := range f.statements {
			if strings.EqualFold(st.table, table) &&
				(st.kind == createTable || st.kind == alterTable || st.kind == createIndex) {
				out = append(out, strings.Join(strings.Fields(st.text), " "))
			}
		}
	}
	return out
}
