package backup

import (
	"testing"

	"omsinit/internal/config"
	"omsinit/testdata/testmaria"
)

// The sizes that an upgrade looks for room with are not the server's statistics, which may be a day old.
func TestMeasureIsFresh(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		t.Parallel()
		s := testmaria.Start(t, testmaria.On(k))
		s.Exec("CREATE DATABASE oms_rm", "CREATE TABLE oms_rm.big (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, text varchar(2000) NOT NULL) STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0",
			"ANALYZE TABLE oms_rm.big",
			"SELECT data_length FROM information_schema.tables WHERE table_schema = 'oms_rm'",
			"INSERT INTO oms_rm.big (text) VALUES (REPEAT('x', 2000))")
		for range 13 { // 16 MB
			s.Exec("INSERT INTO oms_rm.big (text) SELECT text FROM oms_rm.big")
		}
		db := s.DB("")
		defer db.Close()
		var cached int64
		if err := db.QueryRow("SELECT data_length FROM information_schema.tables WHERE table_schema = 'oms_rm'").Scan(
			&cached); err != nil || cached > 1<<20 {
			t.Fatalf("the statistics are not old: %d, %v", cached, err)
		}
		got, err := (&Job{}).Measure(t.Context(), db, []Database{{Kind: config.RM, Name: "oms_rm"}})
		if err != nil || len(got) != 1 || got[0].Bytes < 15<<20 || got[0].Bytes > 40<<20 ||
			got[0].DumpBytes < got[0].Bytes {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
