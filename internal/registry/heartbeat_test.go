package registry

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"omsinit/testdata/testmaria"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReadAllBeats(t *testing.T) {
	s := testmaria.Start(t)
	db, ctx := s.DB(""), context.Background()
	if b, err := ReadAllBeats(ctx, db, "hb1"); err != nil || len(b.Own) != 0 ||
		cmp.Diff([]string{"hb1"}, b.Databases) != "" {
		t.Errorf("no database: %+v, %v", b, err)
	}
	s.Exec("CREATE DATABASE hb1", "CREATE DATABASE hb2", "CREATE DATABASE other")
	if b, err := ReadBeats(ctx, db, "hb1"); err != nil || len(b) != 0 {
		t.Errorf("no table: %+v, %v", b, err)
	}
	for _, d := range []string{"hb1", "hb2"} {
		s.Exec("CREATE TABLE "+d+".heart_beat (host_ip varchar(64), task_name varchar(64), gmt_modified datetime)",
			"CREATE TABLE "+d+".heatbeat_sequence (id int)")
	}
	s.Exec("SET SESSION sql_mode = ''",
		"INSERT INTO hb1.heart_beat VALUES ('10.0.0.1', 'supervisor', NOW() - INTERVAL 1 HOUR), ('10.0.0.1', 'supervisor', NOW() - INTERVAL 90 SECOND), ('10.0.0.2', 'other', NOW()), ('10.0.0.3', 'supervisor', NULL), ('10.0.0.5', 'supervisor', NOW() + INTERVAL 1 DAY)",
		"INSERT INTO hb2.heart_beat VALUES ('10.1.0.1', 'supervisor', NOW())",
		"CREATE TABLE other.heart_beat (x int)", "CREATE TABLE other.heatbeat_sequence (x int)")
	b, err := ReadAllBeats(ctx, db, "hb1")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"hb1", "hb2"}, b.Databases); d != "" {
		t.Error(d)
	}
	if len(b.Own) != 2 || len(b.Others) != 1 {
		t.Errorf("%+v", b)
	}
	one, ok := FindBeat(b.Own, "::ffff:10.0.0.1")
	if !ok || one.Age < 89*time.Second || one.Age > 10*time.Minute || one.At == "" {
		t.Errorf("%+v", one)
	}
	if ahead, ok := FindBeat(b.Own, "10.0.0.5"); !ok || ahead.Age > -23*time.Hour || !ahead.Alive() || one.Alive() {
		t.Errorf("%+v", ahead)
	}
	if last, ok := LastBeat(b.Own); !ok || last.IP != "10.0.0.5" {
		t.Errorf("%+v", last)
	}
	if last, ok := LastBeat(nil); ok {
		t.Errorf("%+v", last)
	}
	for _, tc := range []struct {
		host Host
		want State
	}{
		{Host{IP: "10.0.0.1", Name: "1", Status: Online}, Up},
		{Host{IP: "10.0.0.3", Name: "1", Status: Online}, Down},
		{Host{IP: "10.1.0.1", Name: "2", Status: Online}, Up},
		{Host{IP: "10.1.0.1", Name: "1", Status: Online}, Down}, // in another region's database
		{Host{IP: "10.0.0.1", Name: "1", Status: "X"}, Abnormal},
	} {
		if got := StateOf(tc.host, b.Of(tc.host, 1), 540*time.Second); got != tc.want {
			t.Errorf("%+v is %s, want %s", tc.host, got, tc.want)
		}
	}
	if got := StateOf(Host{IP: "10.0.0.1", Status: Online}, b.Own, time.Minute); got != Down {
		t.Errorf("older than the limit: %s", got)
	}
}
