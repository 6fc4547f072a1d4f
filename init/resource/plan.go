package resource

import (
	"context"
	"strings"

	"omsinit/internal/database"
	"omsinit/internal/pack"
)

// Plan says which rows Apply would write, and which requests it would send
// before; it only reads the MetaDB, and asks no CM. Without rows to write the
// region is registered, and the requests would find their work done.
func (s *Step) Plan(ctx context.Context) (Result, error) {
	var result Result
	if s.Pack.Register == pack.ByCalls {
		return result, nil // only the CM knows what it has done
	}
	db, err := database.Open(s.Config, "", database.As(s.HostIP))
	if err != nil {
		return result, err
	}
	defer db.Close()
	found, err := read(ctx, db, s.Config)
	if err != nil {
		return result, err
	}
	want := wanted(s.Config, s.HostIP)
	if err := found.conflict(want); err != nil {
		return result, err
	}
	for _, c := range found.changes(want) {
		name := s.Config.RMDatabase
		if c.inCM {
			name = s.Config.CMDatabase
		}
		result.Rows = append(result.Rows, Row{Table: name + "." + c.table, Key: c.key, Inserted: strings.HasPrefix(c.query, "INSERT")})
	}
	if len(result.Rows) > 0 {
		for _, call := range s.Pack.Calls {
			result.Calls = append(result.Calls, call.Name)
		}
	}
	return result, nil
}
