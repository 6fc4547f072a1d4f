package resource

import (
	"context"

	"omsinit/internal/database"
	"omsinit/internal/pack"
)

// Plan returns the rows that Apply would write, and the requests it would send
// before; it only reads the MetaDB, and asks no CM. Without rows to write the
// region is registered, and the requests would find their work done.
func (s *Step) Plan(ctx context.Context) (Result, error) {
	var result Result
	if err := s.planPack(ctx, &result); err != nil {
		return result, err
	}
	if s.Pack.Register == pack.ByCalls {
		return result, nil // only the CM knows what it has done
	}
	db, found, err := s.open(ctx)
	if err != nil {
		return result, err
	}
	defer db.Close()
	own := len(result.Rows)
	for _, c := range found.changes(want(s.Config, s.HostIP)) {
		result.Rows = append(result.Rows, c.row(s.name(c.place)))
	}
	if len(result.Rows) > own {
		for _, call := range s.Pack.Calls {
			result.Calls = append(result.Calls, call.Name)
		}
	}
	return result, nil
}

// planPack adds the rows of the pack that would be written.
func (s *Step) planPack(ctx context.Context, result *Result) error {
	if len(s.Pack.Rows) == 0 {
		return nil
	}
	db, err := database.Open(s.Config, "", database.As(s.HostIP))
	if err != nil {
		return err
	}
	defer db.Close()
	if result.Rows, err = s.planRows(ctx, db); err != nil {
		return err
	}
	settings, err := s.filled(true)
	if err != nil || len(settings) == 0 {
		return err
	}
	planned, err := s.settings(ctx, settings, loadSettings(s.Layout.SettingsRecord()), false)
	result.Rows = append(result.Rows, planned.Rows...)
	return err
}
