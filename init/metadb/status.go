package metadb

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
)

// Status is what `omsinit metadb status` shows. It only ever grows.
type Status struct {
	Version   int              `json:"version"` // of this form: 1
	Release   string           `json:"release"` // of the pack
	Recorded  []string         `json:"recorded"`
	UpToDate  bool             `json:"up_to_date"`
	Databases []DatabaseStatus `json:"databases"`
}

// DatabaseStatus is one of the three.
type DatabaseStatus struct {
	Kind    config.Role  `json:"kind"`
	Name    string       `json:"name"`
	Exists  bool         `json:"exists"`
	Journal bool         `json:"journal"`
	Files   []FileStatus `json:"files"`
	// Missing and Extra compare the live tables with what was applied.
	Missing []Difference `json:"missing"`
	Extra   []string     `json:"extra"` // table, table.column, or table.key KEY
	// Problem is why a run would refuse to go on.
	Problem string `json:"problem,omitempty"`

	problem error
}

// FileStatus is one schema file.
type FileStatus struct {
	Version  string `json:"version"`
	Checksum string `json:"checksum"` // in the journal, or of the pack's file while it is not begun
	// State is pending, in flight, failed, unfinished, done, changed, or absent
	// (the pack has no such file any more).
	State     string `json:"state"`
	Origin    string `json:"origin,omitempty"` // created, found or completed
	Applied   int    `json:"applied"`
	Total     int    `json:"total"`
	InFlight  int    `json:"in_flight,omitempty"` // number of the statement
	Statement string `json:"statement,omitempty"`
	Error     string `json:"error,omitempty"`
	Tool      string `json:"tool,omitempty"`
	Started   string `json:"started,omitempty"` // time of the server
	Updated   string `json:"updated,omitempty"`
	Finished  string `json:"finished,omitempty"`
}

// Difference is something that is missing, and the statement that mends it.
type Difference struct {
	What string `json:"what"` // table, table.column, or table.key KEY
	Mend string `json:"mend"`
}

// Status reads the journals and compares the tables. It changes nothing.
func (s *Step) Status(ctx context.Context) (Status, error) {
	w, db, err := s.reading()
	if err != nil {
		return Status{}, err
	}
	defer db.Close()
	if w.live, err = inspect(ctx, db, s.Config); err != nil {
		return Status{}, mysql.Explain(s.Config, err)
	}
	keys, err := liveKeys(ctx, db, w)
	if err != nil {
		return Status{}, mysql.Explain(s.Config, err)
	}
	out := Status{Version: 1, Release: s.Pack.Release, Recorded: append([]string{}, w.live.versions...)}
	slices.Sort(out.Recorded)
	p, planErr := w.makePlan()
	out.UpToDate = planErr == nil && p.empty()
	for _, d := range config.Roles {
		dp := &databasePlan{Role: d, name: s.Config.Database(d)}
		dp.create, dp.journal = !w.live.hasDatabase(dp.name), w.live.columns(dp.name, JournalTable) == nil
		ds := DatabaseStatus{Kind: d, Name: dp.name, Exists: !dp.create, Journal: !dp.journal,
			Files: w.fileStatus(d), Missing: []Difference{}, Extra: []string{}}
		if ds.problem = w.planFiles(dp); ds.problem == nil {
			ds.problem = w.refuseDrift(dp)
		}
		if ds.problem != nil {
			ds.Problem = ds.problem.Error()
		}
		if ds.Exists && (ds.Journal || w.knows(dp)) {
			w.differences(&ds, w.done(dp), keys)
		}
		out.Databases = append(out.Databases, ds)
	}
	return out, nil
}

// reading opens the MetaDB for something that only looks.
func (s *Step) reading() (*work, *sql.DB, error) {
	release, err := ParseVersion(s.Pack.Release)
	if err != nil {
		return nil, nil, msg.Errorf("cannot use the pack's release: %w", err)
	}
	files, err := readSchema(s.Pack.FS(), release)
	if err != nil {
		return nil, nil, err
	}
	db, err := s.open()
	return newWork(s, files), db, err
}

func (w *work) fileStatus(d config.Role) []FileStatus {
	out := []FileStatus{}
	rest := slices.Clone(w.live.journals[d])
	for i := range w.files {
		f := &w.files[i]
		if f.database != d {
			continue
		}
		at := slices.IndexFunc(rest, func(e *entry) bool {
			v, err := ParseVersion(e.version)
			return err == nil && v.Compare(f.version) == 0
		})
		if at < 0 {
			out = append(out, FileStatus{Version: f.version.String(), Checksum: f.checksum(), State: "pending",
				Total: len(f.statements)})
			continue
		}
		e := rest[at]
		rest = slices.Delete(rest, at, at+1)
		fs := e.status()
		if (&filePlan{file: f, entry: e}).resume("") != nil {
			fs.State = "changed"
		}
		out = append(out, fs)
	}
	for _, e := range rest {
		fs := e.status()
		fs.State = "absent"
		out = append(out, fs)
	}
	return out
}

func (e *entry) status() FileStatus {
	fs := FileStatus{
		Version: e.version, Checksum: e.checksum, State: "unfinished", Origin: string(e.origin),
		Applied: e.applied, Total: e.total,
		InFlight: e.inFlight, Statement: e.statement, Error: e.err, Tool: e.tool,
		Started: e.started, Updated: e.updated, Finished: e.finished,
	}
	switch {
	case e.done():
		fs.State = "done"
	case e.err != "":
		fs.State = "failed"
	case e.inFlight > 0:
		fs.State = "in flight"
	}
	return fs
}

// liveKeys returns the names of the keys, as database.table.key.
func liveKeys(ctx context.Context, q mysql.Queryer, w *work) (map[string]bool, error) {
	keys := map[string]bool{}
	c := w.Config
	err := mysql.Each(ctx, q, "SELECT DISTINCT table_schema, table_name, index_name FROM information_schema.statistics WHERE table_schema IN (?, ?, ?)",
		[]any{c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase}, func(rows *sql.Rows) error {
			var db, table, key string
			err := rows.Scan(&db, &table, &key)
			keys[w.live.key(db)+"."+w.live.key(table)+"."+strings.ToLower(key)] = true
			return err
		})
	return keys, err
}

// differences fills in what is missing and what is extra.
func (w *work) differences(ds *DatabaseStatus, want expected, keys map[string]bool) {
	s := want.compare(w.live, ds.Name)
	for _, t := range s.tables {
		ds.Missing = append(ds.Missing, Difference{t, strings.Join(w.mend(ds.Name, t), "; ") + ";"})
	}
	for _, m := range s.columns {
		ds.Missing = append(ds.Missing, Difference{m.table + "." + m.column.name,
			"ALTER TABLE " + mysql.Quote(m.table) + " ADD COLUMN " + strings.Join(strings.Fields(m.column.definition), " ") + ";"})
	}
	for _, name := range w.live.tablesOf(ds.Name) {
		t := want.find(name)
		if t == nil {
			ds.Extra = append(ds.Extra, name)
			continue
		}
		if len(t.columns) == 0 {
			continue // made by LIKE or SELECT: the columns are not known
		}
		var extra []string
		for c := range w.live.columns(ds.Name, name) {
			if !want.has(t.name, c) {
				extra = append(extra, name+"."+c)
			}
		}
		slices.Sort(extra)
		ds.Extra = append(ds.Extra, extra...)
	}
	for _, t := range want.tables {
		if w.live.columns(ds.Name, t.name) == nil {
			continue
		}
		for _, k := range t.keys {
			if !keys[w.live.key(ds.Name)+"."+w.live.key(t.name)+"."+strings.ToLower(k.name)] {
				ds.Missing = append(ds.Missing, Difference{t.name + "." + k.name + " KEY",
					"ALTER TABLE " + mysql.Quote(t.name) + " ADD " + strings.Join(strings.Fields(k.definition), " ") + ";"})
			}
		}
	}
}
