package flow

import (
	"context"
	"slices"
	"strconv"

	"omsinit/init/dialogue"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/registry"
	"omsinit/metrics"
)

// TryMetaDB looks into a MetaDB that nothing is known of yet: which of the databases are there, and which regions.
func TryMetaDB(ctx context.Context, cfg *config.Config) (found dialogue.Found, err error) {
	db, err := database.Open(cfg, "")
	if err != nil {
		return found, err
	}
	defer db.Close()
	names, err := database.Column(ctx, db, "SELECT schema_name FROM information_schema.schemata")
	if err != nil {
		return found, database.Explain(cfg, err)
	}
	for _, name := range []string{cfg.RMDatabase, cfg.CMDatabase, cfg.HeartbeatDatabase} {
		if slices.Contains(names, name) {
			found.Databases = append(found.Databases, name)
		}
	}
	if !slices.Contains(names, cfg.RMDatabase) {
		return found, nil
	}
	rows, err := registry.ReadRegions(ctx, db, cfg.RMDatabase)
	if err != nil {
		return found, nil // tables that are not as documented: nobody knows what is taken
	}
	for _, r := range rows {
		found.Regions = append(found.Regions, strconv.Itoa(r.Location)+" "+r.Name)
		found.Locations = append(found.Locations, r.Location)
		found.HasDefault = found.HasDefault || r.IsDefault
	}
	return found, nil
}

// TryTSDB tries a time-series database.
func TryTSDB(ctx context.Context, cfg *config.Config) error { return metrics.Check(ctx, cfg) }
