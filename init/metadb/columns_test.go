package metadb

import (
	"testing"

	"omsinit/internal/config"
	"omsinit/testdata/testmaria"
)

// TestRoom: tables that are not there take what the schema says, and those that are there what they take themselves;
// until the release is recorded they may still grow.
func TestRoom(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "room")
	p := packWith(t, map[string]string{"schema/rm/4.2.0-CE.sql": "CREATE TABLE own (a char, b VARCHAR (7) NOT NULL," +
		" c text, d int);\nALTER TABLE own MODIFY b varchar(9);"})
	room := func() func(d config.Role, table, column string) int {
		t.Helper()
		room, err := (&Step{Config: c, Pack: p}).Room(t.Context(), s.DB(""))
		if err != nil {
			t.Fatal(err)
		}
		return room
	}
	type column struct{ table, name string }
	region, a, b := column{"cluster_info", "region"}, column{"own", "a"}, column{"own", "B"}
	text, number := column{"own", "c"}, column{"own", "d"}
	unknown, nowhere := column{"own", "e"}, column{"nowhere", "a"}
	look := func(name string, want map[column]int) {
		t.Helper()
		room := room()
		for c, most := range want {
			if got := room(config.RM, c.table, c.name); got != most {
				t.Errorf("%s: %v takes %d, want %d", name, c, got, most)
			}
		}
	}
	look("nothing is there", map[column]int{region: 128, a: 1, b: 9, text: 0, number: 0, unknown: 0, nowhere: 0})
	s.Exec("CREATE DATABASE room_rm", "CREATE TABLE room_rm.own (a char(4), b varchar(7), c varchar(3), e varchar(2))",
		"CREATE TABLE room_rm.cluster_info (region text)")
	look("tables of an earlier release", map[column]int{region: 0, a: 4, b: 9, unknown: 2})
	s.Exec("CREATE TABLE room_rm.oms_version (version varchar(64))",
		"INSERT INTO room_rm.oms_version VALUES ('"+p.Release+"')")
	look("the release is there", map[column]int{region: 0, a: 4, b: 7, text: 3, unknown: 2})
}
