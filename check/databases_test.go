package check

import (
	"strings"
	"testing"

	"omsinit/internal/config"
	"omsinit/testdata/testmaria"
)

func TestDatabases(t *testing.T) {
	db := testmaria.Start(t, testmaria.Args("--character-set-server=utf8mb4"))
	db.Exec("CREATE DATABASE rm1", "CREATE TABLE rm1.cluster_info (id INT)", "CREATE DATABASE cm1",
		"CREATE TABLE cm1.omsinit_journal (id INT)", // of a run that was interrupted there
		"CREATE DATABASE hb1", "CREATE TABLE hb1.customers (id INT)", "CREATE TABLE hb1.orders (id INT)")
	got := connected(t, Input{}, onServer(t, db, "1"), metaDBDatabases)
	if ids(got) != "error metadb.foreign" ||
		!strings.Contains(got.Findings[0].Message.String(), "hb1 holds 2 tables") ||
		!strings.Contains(got.Findings[0].Message.String(), "customers, orders") {
		t.Errorf("got %+v", got)
	}
	if factOf(got, "database:rm1") != "ours" || factOf(got, "database:cm1") != "empty" ||
		factOf(got, "database:hb1") != "foreign" {
		t.Errorf("got %v", got.Facts)
	}
	// A captured release has tables that are documented nowhere.
	pack := Input{Tables: map[config.Role][]string{"hb": {"beats", "orders"}}}
	if got := connected(t, pack, onServer(t, db, "1"), metaDBDatabases); ids(got) != "" ||
		factOf(got, "database:hb1") != "ours" {
		t.Errorf("got %+v", got)
	}
	if got := connected(t, Input{}, onServer(t, db, "2"), metaDBDatabases); ids(got) != "" ||
		factOf(got, "database:rm2") != "absent" {
		t.Errorf("got %+v", got)
	}
}
