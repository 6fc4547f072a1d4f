package upgrade

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/testdata/testmaria"
)

func TestHighAvailability(t *testing.T) {
	for text, want := range map[string]bool{ha.Default: false, `{"enable": "true"}`: true, `{"enableStore":true}`: false, `{}`: false, "": false} {
		if got, err := haEnabled(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"{", "[]", "no", `{"enable":}`, `{"enable":true`} {
		if _, err := haEnabled(text); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// High availability is switched off and on again around an upgrade, and stays
// off after one that failed, as after the documented rollback.
func TestAutoHA(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 0)
	db := s.DB("oms_rm")
	value := func() string {
		text, err := database.Column(t.Context(), db, "SELECT CONCAT(cfg_value, ' ', gmt_modified) FROM oms_normal_config WHERE cfg_name = 'ha.config'")
		if err != nil {
			t.Fatal(err)
		}
		return text[0]
	}
	on := strings.Replace(ha.Default, `"enable":false`, `"enable":true`, 1)
	s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '"+on+"', gmt_modified = '2024-01-02'", "UPDATE oms_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 100 MINUTE")
	before := value()
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	u.AutoHA = true
	fail := ""
	u.fault = func(at string) error {
		if at == "after "+stageVerify && value() != strings.Replace(before, `"enable":true`, `"enable":false`, 1) {
			t.Errorf("during the upgrade it is %s", value())
		}
		if at == fail {
			return errors.New("an error of the test")
		}
		return nil
	}
	fail = "after " + stageBackup
	if _, err := drive(t.Context(), u); err == nil || value() != before {
		t.Errorf("after a failure before the first change: %v, %s", err, value())
	}
	fail = "after " + stageSchema
	if _, err := drive(t.Context(), u); err == nil || value() != strings.Replace(before, `"enable":true`, `"enable":false`, 1) {
		t.Errorf("after a restore: %v, %s", err, value())
	}
	s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '" + on + "', gmt_modified = '2024-01-02'")
	// It is cut, and goes on without being told about high availability.
	fail = "after " + stageHAOff
	cut, cancel := context.WithCancel(t.Context())
	defer cancel()
	cutAt := u.fault
	u.fault = func(at string) error {
		if err := cutAt(at); err != nil {
			s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '" + on + "', gmt_modified = '2024-01-02'") // as before the write
			cancel()
			return err
		}
		return nil
	}
	if _, err := drive(cut, u); err == nil {
		t.Fatal("not cut")
	}
	fail, u.fault, u.AutoHA = "", cutAt, false
	if list, err := u.Objections(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	got := value()
	if want := strings.Replace(before, `"refetchStoreIntervalMin":30`, `"refetchStoreIntervalMin":101`, 1); got != want && got != strings.Replace(want, "101", "102", 1) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What the console writes into ha.config while --auto-ha switches it stays: in
// the very moment of the switching, and before a failure switches it on again.
func TestAutoHAKeepsWhatTheConsoleWrites(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 0)
	db := s.DB("oms_rm")
	on := strings.Replace(ha.Default, `"enable":false`, `"enable":true`, 1)
	s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '" + on + "'")
	u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
	u.AutoHA = true
	committed := make(chan error, 1)
	u.fault = func(at string) error {
		switch at {
		case "before " + stageHAOff:
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				return err
			}
			if _, err := tx.Exec("UPDATE oms_normal_config SET cfg_value = REPLACE(cfg_value, '\"checkRequestIntervalSec\":600', '\"checkRequestIntervalSec\":601')"); err != nil {
				return err
			}
			go func() { // the upgrade has read, and waits for the row
				// InnoDB looks anew at its transactions only when nobody asked for 100 ms.
				for waiting := 0; waiting == 0; time.Sleep(200 * time.Millisecond) {
					if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'").Scan(&waiting); err != nil {
						committed <- err
						return
					}
				}
				committed <- tx.Commit()
			}()
		case "after " + stageBackup:
			s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = REPLACE(cfg_value, '\"clearAbnormalResourceHours\":72', '\"clearAbnormalResourceHours\":73')")
			return errors.New("an error of the test")
		}
		return nil
	}
	if due, err := drive(t.Context(), u); !due || err == nil {
		t.Fatal(due, err)
	}
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(`"checkRequestIntervalSec":600`, `"checkRequestIntervalSec":601`, `Hours":72`, `Hours":73`).Replace(on)
	if got, _, err := ha.Read(t.Context(), db, "oms_rm"); err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}
