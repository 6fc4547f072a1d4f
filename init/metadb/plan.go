package metadb

import (
	"context"
	"strings"
)

// Pending is what Apply has to do.
type Pending struct {
	Databases  []string // to create
	Tables     []string // to create, as database.table
	Columns    []string // to add, as database.table.column
	Files      []string // of which statements are to run, as "database version"
	VersionRow bool     // the release is to be recorded in oms_version
}

// Any reports whether there is anything. An installation that is only to be
// noted in a journal counts as done.
func (p Pending) Any() bool {
	return len(p.Databases) > 0 || len(p.Tables) > 0 || len(p.Columns) > 0 || len(p.Files) > 0 || p.VersionRow
}

// Plan returns what Apply would create, and only reads. Errors are those of Apply
// before it changes anything.
func (s *Step) Plan(ctx context.Context) (Pending, error) {
	w, db, err := s.begin()
	if err != nil {
		return Pending{}, err
	}
	defer db.Close()
	if err := w.look(ctx, db); err != nil {
		return Pending{}, err
	}
	r := Pending{VersionRow: w.plan.record}
	for _, dp := range w.plan.databases {
		if dp.create {
			r.Databases = append(r.Databases, dp.name)
		}
		for _, fp := range dp.files {
			if fp.origin != found {
				w.pending(&r, dp, fp)
			}
		}
	}
	return r, nil
}

// pending adds what the statements of one file would make.
func (w *work) pending(r *Pending, dp *databasePlan, fp *filePlan) {
	r.Files = append(r.Files, dp.name+" "+fp.version.String())
	for i := fp.from; i < len(fp.statements); i++ {
		st := fp.statements[i]
		have := w.live.columns(dp.name, st.table)
		switch {
		case w.leaves(dp, fp, st):
		case st.kind == createTable && have == nil:
			r.Tables = append(r.Tables, dp.name+"."+st.table)
		case st.kind == alterTable && have != nil:
			for _, c := range st.columns {
				if _, ok := have[strings.ToLower(c.name)]; !ok {
					r.Columns = append(r.Columns, dp.name+"."+st.table+"."+c.name)
				}
			}
		}
	}
}
