package upgrade

import (
	"strings"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

func TestGate(t *testing.T) {
	t.Parallel()
	db := testmaria.Start(t)
	cfg := &config.Config{MetaHost: db.Host, MetaPort: db.Port, MetaUser: db.User,
		MetaPassword: config.Secret(db.Password), RMDatabase: "rm"}
	const (
		versions = "CREATE TABLE rm.oms_version (version varchar(64) PRIMARY KEY)"
		regions  = "CREATE TABLE rm.cluster_info (id int)"
	)
	reference, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		setup []string
		want  string // part of the error, empty for none
	}{
		{"no database", nil, ""},
		{"an empty database", []string{"CREATE DATABASE rm"}, ""},
		{"half-way through its first initialisation", []string{"CREATE DATABASE rm", regions, versions}, ""},
		{"this release", []string{"CREATE DATABASE rm", versions, "INSERT INTO rm.oms_version VALUES ('4.2.3-CE')"},
			""},
		{"this release, another spelling", []string{"CREATE DATABASE rm", versions,
			"INSERT INTO rm.oms_version VALUES ('feature_4.2.3_ce')"}, ""},
		{"this release after older ones", []string{"CREATE DATABASE rm", versions,
			"INSERT INTO rm.oms_version VALUES ('4.1.1-CE'), ('4.2.3-CE'), ('4.2.2-CE')"}, ""},
		{"an older release", []string{"CREATE DATABASE rm", versions, "INSERT INTO rm.oms_version VALUES ('4.2.2-CE')"},
			"belongs to OMS 4.2.2-CE"},
		{"a newer release", []string{"CREATE DATABASE rm", versions, "INSERT INTO rm.oms_version VALUES ('4.2.11-CE')"},
			"newer than this image"},
		{"not a version", []string{"CREATE DATABASE rm", versions, "INSERT INTO rm.oms_version VALUES ('latest')"},
			`"latest"`},
		{"an installation without the table",
			[]string{"CREATE DATABASE rm", regions, "INSERT INTO rm.cluster_info VALUES (1)"},
			"Version before 4.1.1 is not allowed to upgrade."},
		{"an installation with an empty table",
			[]string{"CREATE DATABASE rm", versions, regions, "INSERT INTO rm.cluster_info VALUES (1)"},
			"Version before 4.1.1 is not allowed to upgrade."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db.Exec("DROP DATABASE IF EXISTS rm")
			db.Exec(tc.setup...)
			err := Gate(t.Context(), cfg, reference)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if finding.IsTransient(err) {
				t.Errorf("tried again although a person must act: %v", err)
			}
		})
	}

	// A release without the table cannot be told by it.
	old := *reference
	old.Release = "4.1.1-CE"
	db.Exec("DROP DATABASE IF EXISTS rm", "CREATE DATABASE rm", regions, "INSERT INTO rm.cluster_info VALUES (1)")
	if err := Gate(t.Context(), cfg, &old); err != nil {
		t.Errorf("a pack without oms_version: %v", err)
	}
	// An account that may see the databases of OMS alone.
	db.Exec("DROP DATABASE IF EXISTS rm", "CREATE DATABASE rm", versions,
		"INSERT INTO rm.oms_version VALUES ('4.2.3-CE')", "CREATE USER narrow@'%' IDENTIFIED BY 'narrow'",
		"GRANT ALL ON rm.* TO narrow@'%'")
	narrow := *cfg
	narrow.MetaUser, narrow.MetaPassword = "narrow", "narrow"
	if err := Gate(t.Context(), &narrow, reference); err != nil {
		t.Errorf("an account with few rights: %v", err)
	}
	db.Stop()
	if err := Gate(t.Context(), cfg, reference); !finding.IsTransient(err) {
		t.Errorf("a MetaDB that is away: %v", err)
	}
}

// TestGateOfLongName: a database whose name leaves no room for a journal of upgrades beside it was not upgraded.
func TestGateOfLongName(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		db := testmaria.Start(t, testmaria.On(k))
		cfg := &config.Config{MetaHost: db.Host, MetaPort: db.Port, MetaUser: db.User,
			MetaPassword: config.Secret(db.Password), RMDatabase: strings.Repeat("r", longestName)}
		reference, err := pack.Open("")
		if err != nil {
			t.Fatal(err)
		}
		if err := Gate(t.Context(), cfg, reference); err != nil {
			t.Error(err)
		}
	})
}
