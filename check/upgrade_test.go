package check

import (
	"context"
	"database/sql/driver"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// TestUpgradeState: what stands against an upgrade is asked of whoever knows it,
// and a MetaDB that does not answer is a finding of its own.
func TestUpgradeState(t *testing.T) {
	db := testmaria.Start(t)
	cfg := onServer(t, db, "")
	in := Input{Upgrade: "true", UpgradeGates: func(context.Context, *config.Config) ([]finding.Finding, error) {
		return []finding.Finding{{ID: "upgrade.ha", Severity: finding.Error, Message: msg.M("on")}}, nil
	}}
	if got := connected(t, in, cfg, metaDBDatabases, upgradeState); ids(got) != "error upgrade.ha" {
		t.Errorf("got %s", ids(got))
	}
	in.UpgradeGates = func(context.Context, *config.Config) ([]finding.Finding, error) { return nil, driver.ErrBadConn }
	if got := connected(t, in, cfg, metaDBDatabases, upgradeState); ids(got) != "error metadb.query" {
		t.Errorf("got %s", ids(got))
	}
}
