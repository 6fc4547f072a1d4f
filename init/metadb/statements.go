package metadb

import (
	"context"

	"omsinit/internal/config"
)

// Statements are what Apply would send for one schema file.
type Statements struct {
	Kind     config.Role `json:"kind"`
	Database string      `json:"database"`
	Version  string      `json:"version"` // of the file
	File     string      `json:"file"`    // in the pack
	SQL      []string    `json:"sql"`
}

// Statements lists what Apply would send now, and only reads. Files that are
// only noted in the journal are left out.
func (s *Step) Statements(ctx context.Context) ([]Statements, error) {
	w, db, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := w.look(ctx, db); err != nil {
		return nil, err
	}
	out := []Statements{}
	for _, dp := range w.plan.databases {
		for _, fp := range dp.files {
			st := Statements{Kind: dp.Role, Database: dp.name, Version: fp.version.String(),
				File: fp.name, SQL: []string{}}
			for i := fp.from; i < len(fp.statements); i++ {
				if !w.leaves(dp, fp, fp.statements[i]) {
					st.SQL = append(st.SQL, fp.statements[i].text)
				}
			}
			if len(st.SQL) > 0 {
				out = append(out, st)
			}
		}
	}
	return out, nil
}
