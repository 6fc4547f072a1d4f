package tables

import (
	"reflect"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/testdata/testmaria"
)

// TestWatch: who writes to a table is told by when it is, and by the server's general log where that is on.
func TestWatch(t *testing.T) {
	for _, log := range []bool{false, true} {
		s := testmaria.Start(t)
		c := config.Config{MetaHost: s.Host, MetaPort: s.Port, MetaUser: s.User,
			MetaPassword: config.Secret(s.Password), RMDatabase: "w_rm", CMDatabase: "w_cm", HeartbeatDatabase: "w_hb"}
		for _, name := range []string{"w_rm", "w_cm", "w_hb"} {
			s.Exec("CREATE DATABASE " + name)
		}
		for _, name := range []string{"script", "again", "calls", "beats", "both", "still", "late"} {
			s.Exec("CREATE TABLE w_rm."+name+" (a int PRIMARY KEY)", "INSERT INTO w_rm."+name+" VALUES (0)")
		}
		pool := s.DB("w_rm") // of a component
		defer pool.Close()
		pool.SetMaxOpenConns(1)
		run := func(query string) {
			if _, err := pool.Exec(query); err != nil {
				t.Fatal(err)
			}
		}
		run("SELECT 1")
		if log {
			s.Exec("SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1")
		}
		db := s.DB("w_rm")
		defer db.Close()
		w := Watch{From: Live{DB: db, Config: &c}, Quiet: 500 * time.Millisecond}
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		script := s.DB("w_rm")
		defer script.Close()
		if _, err := script.Exec("INSERT IGNORE INTO `again` VALUES (0)"); err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{"REPLACE INTO w_rm.script VALUES (1)", "UPDATE `both` SET a = 7"} {
			if _, err := script.Exec(query); err != nil {
				t.Fatal(err)
			}
		}
		w.Before(t.Context())
		run("INSERT INTO calls VALUES (5)")
		run("INSERT INTO `both` VALUES (5)")
		w.After(t.Context())
		w.Before(t.Context())
		run("INSERT INTO late VALUES (5)")
		done := make(chan struct{})
		go func() { // until it is seen
			defer close(done)
			for n := 1; n < 40; n++ {
				_, _ = pool.Exec("INSERT INTO beats VALUES (?)", n)
				time.Sleep(20 * time.Millisecond)
			}
		}()
		answered := make(chan struct{})
		go func() { // while it is looked what the components write by themselves
			defer close(answered)
			<-done
			w.After(t.Context())
			w.Before(t.Context())
		}()
		got, err := w.End(t.Context())
		<-answered
		if err != nil {
			t.Fatal(err)
		}
		beats := got["rm.beats"]
		delete(got, "rm.beats")
		want := map[string]Writes{"rm.script": {Script: true}, "rm.calls": {Calls: true}, "rm.late": {Calls: true},
			"rm.both": {Calls: true, Script: true}}
		if log {
			want["rm.again"] = Writes{Script: true}
		}
		if !reflect.DeepEqual(got, want) || !beats.Others {
			t.Errorf("log %v: %+v, beats %+v", log, got, beats)
		}
	}
}
