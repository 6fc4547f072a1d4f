package resource

import (
	"context"

	"omsinit/internal/pack"
)

// Plan returns the rows that Apply would write, and the requests it would send
// before; it only reads the MetaDB, and asks no CM. Without rows to write the
// region is registered, and the requests would find their work done.
func (s *Step) Plan(ctx context.Context) (Result, error) {
	var result Result
	if s.Pack.Register == pack.ByCalls {
		return result, nil // only the CM knows what it has done
	}
	db, found, err := s.open(ctx)
	if err != nil {
		return result, err
	}
	defer db.Close()
	for _, c := range found.changes(want(s.Config, s.HostIP)) {
		result.Rows = append(result.Rows, c.row(s.name(c.place)))
	}
	if len(result.Rows) > 0 {
		for _, call := range s.Pack.Calls {
			result.Calls = append(result.Calls, call.Name)
		}
	}
	return result, nil
}
