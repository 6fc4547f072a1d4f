package ha

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The documented default must stay what it is, and valid.
func TestDefault(t *testing.T) {
	var v map[string]any
	if err := json.Unmarshal([]byte(Default), &v); err != nil {
		t.Fatal(err)
	}
	if v["enable"] != false || v["enableStore"] != true || v["refetchStoreIntervalMin"] != float64(30) || len(v) != 13 {
		t.Errorf("%v", v)
	}
}

func TestEdit(t *testing.T) {
	for _, tc := range []struct {
		text    string
		on      bool
		want    string
		enabled bool // before
	}{
		{Default, true, strings.Replace(Default, `"enable":false`, `"enable":true`, 1), false},
		{Default, false, Default, false},
		{"{ \"enableStore\" : true,\n  \"enable\" : true ,\"x\":{\"enable\":true}}\n", false,
			"{ \"enableStore\" : true,\n  \"enable\" : false ,\"x\":{\"enable\":true}}\n", true},
		{`{"enable":"false","mine":[1.50,"é\u00e9",null]}`, true,
			`{"enable":true,"mine":[1.50,"é\u00e9",null]}`, false},
		{`{"enable":"TRUE"}`, true, `{"enable":"TRUE"}`, true},
		{`{"enable":"true"}`, false, `{"enable":false}`, true},
		{`{"enable":null}`, true, `{"enable":true}`, false},
		{`{"enable":{"a":"}"}}`, true, `{"enable":true}`, false},
		{`{}`, true, `{"enable":true}`, false},
		{` { } `, true, ` {"enable":true } `, false},
		{`{"a":1}`, false, `{"enable":false,"a":1}`, false},
		{`{"Enable":true}`, true, `{"enable":true,"Enable":true}`, false},
		{`{"enable":true,"enable":false}`, true, `{"enable":true,"enable":true}`, false},
	} {
		if got, err := Enabled(tc.text); err != nil || got != tc.enabled {
			t.Errorf("%s is enabled: %v, %v", tc.text, got, err)
		}
		got, err := Edit(tc.text, tc.on)
		if err != nil || got != tc.want {
			t.Errorf("%s with %v becomes %s, %v; want %s", tc.text, tc.on, got, err, tc.want)
		}
		if now, err := Enabled(got); err != nil || now != tc.on || !json.Valid([]byte(got)) {
			t.Errorf("%s is enabled %v, %v", got, now, err)
		}
	}
	for _, text := range []string{"", "true", "[]", `"x"`, "{", `{"enable":}`, `{"enable":true} x`, `{"enable":true,}`,
		strings.Repeat("密", 500)} {
		_, err := Edit(text, true)
		if err == nil || !strings.Contains(err.Error(), "is not a JSON object") || len(err.Error()) > 1300 ||
			msg.Chinese.Text(err) == err.Error() {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Edit never touches more than it is asked to.
func FuzzEdit(f *testing.F) {
	f.Add(Default, true)
	f.Add(`{"enable":"false"}`, true)
	f.Add(" {\n} ", false)
	f.Fuzz(func(t *testing.T, text string, on bool) {
		got, err := Edit(text, on)
		if err != nil {
			return
		}
		var before, after map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &before); err != nil {
			return // our decoder is the same one, but null is no object
		}
		if err := json.Unmarshal([]byte(got), &after); err != nil {
			t.Fatalf("%q becomes %q: %v", text, got, err)
		}
		if now, err := Enabled(got); err != nil || now != on {
			t.Errorf("%q is enabled %v, %v", got, now, err)
		}
		delete(before, "enable")
		delete(after, "enable")
		for key, value := range before {
			if string(after[key]) != string(value) {
				t.Errorf("%q: %s became %s", key, value, after[key])
			}
		}
		if len(before) != len(after) {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}

func TestSwitch(t *testing.T) {
	s := testmaria.Start(t)
	s.Exec("CREATE DATABASE rm", "CREATE TABLE rm.oms_normal_config (cfg_name varchar(128) NOT NULL, cfg_value text NOT NULL, UNIQUE KEY (cfg_name))")
	db := s.DB("")
	ctx := context.Background()
	stored := func() string {
		t.Helper()
		text, found, err := Read(ctx, db, "rm")
		if err != nil || !found {
			t.Fatalf("%v, %v", found, err)
		}
		return text
	}
	if text, found, err := Read(ctx, db, "rm"); text != "" || found || err != nil {
		t.Errorf("%q, %v, %v", text, found, err)
	}
	on := strings.Replace(Default, `"enable":false`, `"enable":true`, 1)
	if c, err := Switch(ctx, db, "rm", true); err != nil || c != (Change{Default, on, false}) || !c.Changed() ||
		stored() != on {
		t.Errorf("made: %+v, %v, %s", c, err, stored())
	}
	if c, err := Switch(ctx, db, "rm", true); err != nil || c.Changed() {
		t.Errorf("again: %+v, %v", c, err)
	}
	if c, err := Switch(ctx, db, "rm", false); err != nil || c != (Change{on, Default, true}) || stored() != Default {
		t.Errorf("off: %+v, %v", c, err)
	}

	// A value that somebody is just writing is waited for, and kept.
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(
		`UPDATE rm.oms_normal_config SET cfg_value = '{"enable":false,"refetchStoreIntervalMin":99}'`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { _, err := Switch(ctx, db, "rm", true); done <- err }()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || stored() != `{"enable":true,"refetchStoreIntervalMin":99}` {
		t.Errorf("%v, %s", err, stored())
	}

	s.Exec("UPDATE rm.oms_normal_config SET cfg_value = 'enable: yes'")
	if _, err := Switch(ctx, db, "rm", false); err == nil || stored() != "enable: yes" {
		t.Errorf("%v, %s", err, stored())
	}
	s.Exec("ALTER TABLE rm.oms_normal_config DROP KEY cfg_name",
		"INSERT INTO rm.oms_normal_config VALUES ('ha.config', '{}')")
	if _, err := Switch(ctx, db, "rm", false); err == nil || !strings.Contains(err.Error(), "has 2 rows") {
		t.Errorf("%v", err)
	}
}

// An update keeps the time of the row, makes no row, and stores nothing that
// its edit refuses.
func TestUpdate(t *testing.T) {
	s := testmaria.Start(t)
	s.Exec("CREATE DATABASE rm",
		"CREATE TABLE rm.oms_normal_config (cfg_name varchar(128) NOT NULL, cfg_value text NOT NULL, "+
			"gmt_modified timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, UNIQUE KEY (cfg_name))")
	db := s.DB("")
	ctx := context.Background()
	var had []string
	set := func(text string) (string, error) { had = append(had, text); return `{"enable":true}`, nil }
	if c, err := Update(ctx, db, "rm", set); err != nil || c.Found || had[0] != "" {
		t.Errorf("%+v, %v, %q", c, err, had)
	}
	if _, found, err := Read(ctx, db, "rm"); found || err != nil {
		t.Errorf("a row was made: %v", err)
	}
	s.Exec(`INSERT INTO rm.oms_normal_config VALUES ('ha.config', '{"enable":false}', '2024-01-02')`)
	refused := errors.New("refused")
	if _, err := Update(ctx, db, "rm", func(string) (string, error) { return "other", refused }); err != refused {
		t.Errorf("%v", err)
	}
	if c, err := Update(ctx, db, "rm", set); err != nil || !c.Changed() || had[1] != `{"enable":false}` {
		t.Errorf("%+v, %v, %q", c, err, had)
	}
	var row string
	if err := db.QueryRow("SELECT CONCAT(cfg_value, ' ', gmt_modified) FROM rm.oms_normal_config").Scan(
		&row); err != nil || row != `{"enable":true} 2024-01-02 00:00:00` {
		t.Errorf("%s, %v", row, err)
	}
}

// What cannot be read is the documented default.
func TestHostDown(t *testing.T) {
	s := testmaria.Start(t)
	db, ctx := s.DB(""), context.Background()
	if got := HostDown(ctx, db, "rm"); got != 540*time.Second {
		t.Errorf("no database: %s", got)
	}
	s.Exec("CREATE DATABASE rm",
		"CREATE TABLE rm.oms_normal_config (cfg_name varchar(128) NOT NULL, cfg_value text NOT NULL)",
		"INSERT INTO rm.oms_normal_config VALUES ('ha.config', '')")
	for text, want := range map[string]time.Duration{
		`{"checkHostDownIntervalSec":60}`:    time.Minute,
		`{"checkHostDownIntervalSec":"120"}`: 2 * time.Minute,
		`{"checkHostDownIntervalSec":0}`:     540 * time.Second,
		`{"checkHostDownIntervalSec":"9 m"}`: 540 * time.Second,
		`{"enable":true}`:                    540 * time.Second,
		`no JSON`:                            540 * time.Second,
	} {
		if _, err := db.Exec("UPDATE rm.oms_normal_config SET cfg_value = ?", text); err != nil {
			t.Fatal(err)
		}
		if got := HostDown(ctx, db, "rm"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// Several that make the value at the same moment end with one row.
func TestSwitchAtOnce(t *testing.T) {
	s := testmaria.Start(t)
	s.Exec("CREATE DATABASE rm", "CREATE TABLE rm.oms_normal_config (cfg_name varchar(128) NOT NULL, cfg_value text NOT NULL, UNIQUE KEY (cfg_name))")
	db := s.DB("")
	for range 5 {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := Switch(context.Background(), db, "rm", true); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		text, _, err := Read(context.Background(), db, "rm")
		if on, _ := Enabled(text); err != nil || !on {
			t.Errorf("%s, %v", text, err)
		}
		s.Exec("DELETE FROM rm.oms_normal_config")
	}
}

// Any field can be read and set; the others stay as they are, to the letter.
func TestField(t *testing.T) {
	for _, tc := range []struct{ text, value, want string }{
		{`{"enable":true,"n":30}`, "30", `{"enable":true,"n":31}`},
		{`{ "n" : "30" , "m":{"n":1}}`, "30", `{ "n" : 31 , "m":{"n":1}}`},
		{`{"n":1,"n":2}`, "2", `{"n":31,"n":31}`},
		{`{ "enable" : false }`, "", `{"n":31, "enable" : false }`},
		{`{}`, "", `{"n":31}`},
	} {
		if got, err := Field(tc.text, "n"); err != nil || got != tc.value {
			t.Errorf("%s: %q, %v", tc.text, got, err)
		}
		if got, err := Set(tc.text, "n", "31"); err != nil || got != tc.want {
			t.Errorf("%s: %s, want %s, %v", tc.text, got, tc.want, err)
		}
	}
	for _, bad := range []string{"", "[]", `{"n":1`, `{"n":1} x`} {
		if _, err := Field(bad, "n"); err == nil {
			t.Errorf("%q: no error", bad)
		}
		if got, err := Set(bad, "n", "1"); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

// Every field but those that are set stays as it is, byte for byte.
func TestBackOn(t *testing.T) {
	for _, tc := range []struct {
		text, want string
		outage     time.Duration
	}{
		{`{"enable":false,"refetchStoreIntervalMin":30}`, `{"enable":true,"refetchStoreIntervalMin":30}`,
			29 * time.Minute},
		{`{"enable":false,"refetchStoreIntervalMin":30}`, `{"enable":true,"refetchStoreIntervalMin":31}`,
			30 * time.Minute},
		{`{ "enable" : false }`, `{"refetchStoreIntervalMin":61, "enable" : true }`, time.Hour},
		{`{"enable":false,"perceiveStoreClientCheckpoint":true,"refetchStoreIntervalMin":30}`,
			`{"enable":true,"perceiveStoreClientCheckpoint":true,"refetchStoreIntervalMin":30}`, 5 * time.Hour},
	} {
		if got, err := BackOn(tc.text, tc.outage); err != nil || got != tc.want {
			t.Errorf("%s after %s: %s, %v", tc.text, tc.outage, got, err)
		}
	}
}
