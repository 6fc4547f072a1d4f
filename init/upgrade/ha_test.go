package upgrade

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/testdata/testmaria"
)

func TestHighAvailability(t *testing.T) {
	for text, want := range map[string]bool{ha.Default: false, `{"enable": "true"}`: true,
		`{"enableStore":true}`: false, `{}`: false, "": false} {
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
		text, err := database.Column(t.Context(), db,
			"SELECT CONCAT(cfg_value, ' ', gmt_modified) FROM oms_normal_config WHERE cfg_name = 'ha.config'")
		if err != nil {
			t.Fatal(err)
		}
		return text[0]
	}
	on := strings.Replace(ha.Default, `"enable":false`, `"enable":true`, 1)
	s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '"+on+"', gmt_modified = '2024-01-02'",
		"UPDATE oms_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 100 MINUTE")
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
	if _, err := drive(t.Context(), u); err == nil ||
		value() != strings.Replace(before, `"enable":true`, `"enable":false`, 1) {
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
			// as before the write
			s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '" + on + "', gmt_modified = '2024-01-02'")
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
	if want := strings.Replace(before, `"refetchStoreIntervalMin":30`, `"refetchStoreIntervalMin":101`,
		1); got != want && got != strings.Replace(want, "101", "102", 1) {
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
					if err := db.QueryRow(
						"SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'").Scan(
						&waiting); err != nil {
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
	want := strings.NewReplacer(`"checkRequestIntervalSec":600`, `"checkRequestIntervalSec":601`, `Hours":72`,
		`Hours":73`).Replace(on)
	if got, _, err := ha.Read(t.Context(), db, "oms_rm"); err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// What an upgrade that was undone had switched off is on again after the next one with --auto-ha, unless people have
// decided otherwise meanwhile.
func TestAutoHAAfterOneThatWasUndone(t *testing.T) {
	t.Parallel()
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s := testmaria.Start(t, testmaria.On(k))
		c := installed(t, s, "oms", "4.1.1-CE", 0)
		db := s.DB("oms_rm")
		value := func() string {
			text, _, err := ha.Read(t.Context(), db, "oms_rm")
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		set := func(text string) {
			s.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = '" + text + "'")
		}
		on := strings.Replace(ha.Default, `"enable":false`, `"enable":true`, 1)
		set(on)
		s.Exec("UPDATE oms_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 100 MINUTE")
		fail := ""
		u := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
		u.fault = func(at string) error {
			if at == fail {
				return errors.New("an error of the test")
			}
			return nil
		}
		upgrade := func(auto bool, failing string) {
			t.Helper()
			u.AutoHA, fail = auto, failing
			if due, err := drive(t.Context(), u); !due || (err != nil) != (fail != "") {
				t.Fatal(due, err)
			}
		}
		rollBack := func() {
			t.Helper()
			if _, err := u.RollBack(t.Context(), Rollback{}); err != nil {
				t.Fatal(err)
			}
		}
		is := func(what, want string) {
			t.Helper()
			if got := value(); got != want {
				t.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
			}
		}
		// The outage began at the last sign of life, before the first upgrade.
		isOn := func(what string) {
			t.Helper()
			got := regexp.MustCompile(`(Min":)10[1-9]`).ReplaceAllString(value(), `${1}101`)
			if got != strings.Replace(on, `Min":30`, `Min":101`, 1) {
				t.Errorf("%s: %s", what, value())
			}
		}
		upgrade(true, "after "+stageSchema)
		is("restored", ha.Default)
		upgrade(true, "after "+stageProve)
		is("given up before the first change", ha.Default)
		upgrade(false, "after "+stageSchema)
		is("restored once more", ha.Default)
		upgrade(true, "after "+stageAdopt)
		is("restored, after it was taken over", ha.Default)
		upgrade(true, "")
		isOn("done")
		rollBack()
		is("rolled back", ha.Default)
		upgrade(true, "")
		isOn("done after a rollback")
		rollBack()
		edited := strings.Replace(ha.Default, `"checkRequestIntervalSec":600`, `"checkRequestIntervalSec":601`, 1)
		set(edited)
		upgrade(true, "")
		is("people have written it since", edited)
		rollBack()
		upgrade(true, "")
		is("people have, before the one that was undone last", edited)
	})
}
