package metadb

import (
	"context"
	"slices"
	"strings"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
)

// Status is what `omsinit metadb status` shows. It only ever grows.
type Status struct {
	Version   int              `json:"version"` // of this form: 1
	Release   string           `json:"release"` // of the pack
	Recorded  []string         `json:"recorded"`
	UpToDate  bool             `json:"up_to_date"`
	Databases []DatabaseStatus `json:"databases"`

	applied bool // there is nothing to apply
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
	Changed []Change     `json:"changed"`
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
	Origin    origin `json:"origin,omitempty"` // created, found or completed
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

// Change is something that is there, and not as the schema has it.
type Change struct {
	Difference
	Have string `json:"have"`
	Want string `json:"want"`
}

// Status reads the journals and compares the tables. It changes nothing.
func (s *Step) Status(ctx context.Context) (Status, error) {
	w, db, err := s.begin()
	if err != nil {
		return Status{}, err
	}
	defer db.Close()
	if w.live, err = inspect(ctx, db, s.Config); err != nil {
		return Status{}, mysql.Explain(s.Config, err)
	}
	out := Status{Version: 1, Release: s.Pack.Release, Recorded: append([]string{}, w.live.versions...)}
	slices.Sort(out.Recorded)
	p, planErr := w.makePlan()
	out.applied = planErr == nil && p.empty()
	out.UpToDate = out.applied
	for _, dp := range p.databases {
		ds := DatabaseStatus{Kind: dp.Role, Name: dp.name, Exists: !dp.create, Journal: !dp.journal,
			Files: w.fileStatus(dp.Role), Missing: []Difference{}, Changed: []Change{}, Extra: []string{},
			problem: dp.problem}
		if ds.problem != nil {
			ds.Problem = ds.problem.Error()
		}
		if ds.Exists && (ds.Journal || w.knows(dp)) {
			w.differences(&ds, w.done(dp))
			out.UpToDate = out.UpToDate && len(ds.Missing)+len(ds.Changed) == 0
		}
		out.Databases = append(out.Databases, ds)
	}
	return out, nil
}

// fileStatus returns the rows of the journal, in the order of the files, and
// those files that have none yet.
func (w *work) fileStatus(d config.Role) []FileStatus {
	out := []FileStatus{}
	absent := slices.Clone(w.live.journals[d])
	for f := range w.files.of(d) {
		e := w.live.entry(f)
		if e == nil {
			out = append(out, FileStatus{Version: f.version.String(), Checksum: f.checksum(), State: "pending",
				Total: len(f.statements)})
			continue
		}
		absent = slices.DeleteFunc(absent, func(a *entry) bool { return a == e })
		out = append(out, e.FileStatus)
		if (&filePlan{file: f, entry: e}).resume("") != nil {
			out[len(out)-1].State = "changed"
		}
	}
	for _, e := range absent {
		out = append(out, e.FileStatus)
		out[len(out)-1].State = "absent"
	}
	return out
}

// differences fills in what is missing and what is extra.
func (w *work) differences(ds *DatabaseStatus, want expected) {
	s := want.compare(w.live, ds.Name)
	for _, t := range s.tables {
		ds.Missing = append(ds.Missing, Difference{t, strings.Join(w.mend(ds.Name, t), "; ") + ";"})
	}
	for _, m := range s.columns {
		ds.Missing = append(ds.Missing, Difference{m.table + "." + m.column.name,
			"ALTER TABLE " + mysql.Quote(m.table) + " ADD COLUMN " + strings.Join(strings.Fields(m.column.definition),
				" ") + ";"})
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
	for _, d := range want.deviations(w.live, ds.Name) {
		if d.missing {
			ds.Missing = append(ds.Missing, Difference{d.what, d.mend})
		} else {
			ds.Changed = append(ds.Changed, Change{Difference{d.what, d.mend}, d.have, d.want})
		}
	}
}
