package resource

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestApply(t *testing.T) {
	s := testmaria.Start(t)
	c := metadb(t, s, "oms")
	cm := startCM(t, nil)
	st := step(t, c, cm.URL)
	first := st.mustApply(t)
	want := Result{CM: cm.URL, Calls: []string{"create-consumer"}, Rows: []Row{
		{"oms_cm.resource_group", "name=100", true, false},
		{"oms_cm.resource_label", "name=cn-beijing", true, false},
		{"oms_cm.location_cm", "location=100", true, false},
		{"oms_cm.host", "ip=10.0.0.1", true, false},
		{"oms_cm.host", "ip=10.0.0.2", true, false},
		{"oms_rm.cluster_info", "code=100", true, false},
		{"oms_rm.oms_normal_config", "cfg_name=ha.config", true, false},
	}}
	if d := gocmp(want, first); d != "" {
		t.Error(d)
	}
	rows := []string{
		"resource_group 100",
		"resource_label cn-beijing",
		"location_cm 100 cn-beijing " + cm.URL,
		"host 100 10.0.0.1 ONLINE",
		"host 100 10.0.0.2 ONLINE",
		"cluster_info cn-beijing 北京 " + cm.URL + " 100 1",
		"config ha.config " + ha.Default,
	}
	if d := gocmp(rows, dump(t, s, c)); d != "" {
		t.Error(d)
	}
	if d := gocmp([]string{"GET / ", "POST /consumer/create consumer=drc"}, cm.seen()); d != "" {
		t.Error(d)
	}

	// The second run finds it all and touches no row, not even its time.
	s.Exec("UPDATE oms_cm.host SET gmt_modified = '2020-02-02'",
		"UPDATE oms_rm.cluster_info SET gmt_modified = '2020-02-02'",
		"UPDATE oms_cm.location_cm SET gmt_modified = '2020-02-02'",
		"UPDATE oms_rm.oms_normal_config SET gmt_modified = '2020-02-02', cfg_value = '{\"enable\":true}'")
	st.log = nil
	if second := st.mustApply(t); second.Changed() || len(st.log) > 0 {
		t.Errorf("the second run changed %+v and said %q", second, st.log)
	}
	times := column(t, s, "SELECT COUNT(*) FROM (SELECT gmt_modified m FROM oms_cm.host UNION ALL SELECT gmt_modified FROM oms_rm.cluster_info UNION ALL SELECT gmt_modified FROM oms_cm.location_cm UNION ALL SELECT gmt_modified FROM oms_rm.oms_normal_config) x WHERE m = '2020-02-02'")
	if times[0] != "5" {
		t.Errorf("%s of 5 rows kept their time", times[0])
	}
	if got := column(t, s, "SELECT cfg_value FROM oms_rm.oms_normal_config"); got[0] != `{"enable":true}` {
		t.Errorf("what an operator set was overwritten: %s", got)
	}
}

func gocmp(want, got any) string { return cmp.Diff(want, got) }

func TestCorrections(t *testing.T) {
	s := testmaria.Start(t)
	cm, vip := startCM(t, nil), startCM(t, nil)
	for name, tc := range map[string]struct {
		change func(c *config.Config, st *testStep)
		want   []Row
		rows   string // one that is there afterwards
	}{
		"the address moves to a VIP": {
			func(c *config.Config, st *testStep) { c.CMURL = vip.URL },
			[]Row{{"DB_cm.location_cm", "location=100", false, false},
				{"DB_rm.cluster_info", "code=100", false, false}},
			"cluster_info cn-beijing 北京 " + vip.URL + " 100 1",
		},
		"a node more": {
			func(c *config.Config, st *testStep) { c.CMNodes = append(c.CMNodes, "10.0.0.3") },
			[]Row{{"DB_cm.host", "ip=10.0.0.3", true, false}},
			"host 100 10.0.0.3 ONLINE",
		},
		"a node less stays": {
			func(c *config.Config, st *testStep) { c.CMNodes = c.CMNodes[:1] },
			nil, "host 100 10.0.0.2 ONLINE",
		},
		"a node of another region is not looked at": {
			func(c *config.Config, st *testStep) {
				s.Exec("INSERT INTO "+c.CMDatabase+".resource_group (name) VALUES ('7')",
					"INSERT INTO "+c.CMDatabase+
						".host (resource_group_id, ip, host_status) SELECT id, '10.7.0.1', 'ONLINE' FROM "+c.CMDatabase+
						".resource_group WHERE name = '7'")
			},
			nil, "host 7 10.7.0.1 ONLINE",
		},
		"the region gets its name at last": {
			func(c *config.Config, st *testStep) {
				s.Exec("UPDATE "+c.RMDatabase+".cluster_info SET region = 'default'",
					"UPDATE "+c.CMDatabase+".resource_label SET name = 'default'")
			},
			[]Row{{"DB_cm.resource_label", "name=cn-beijing", false, false},
				{"DB_rm.cluster_info", "code=100", false, false}},
			"resource_label cn-beijing",
		},
		"labels of another shape are left alone": {
			func(c *config.Config, st *testStep) {
				s.Exec("DELETE FROM "+c.CMDatabase+".resource_label",
					"ALTER TABLE "+c.CMDatabase+".resource_label ADD COLUMN kind int NOT NULL")
			},
			nil, "resource_group 100",
		},
		"no longer the default": {
			func(c *config.Config, st *testStep) { c.CMIsDefault = false },
			[]Row{{"DB_rm.cluster_info", "code=100", false, false}},
			"cluster_info cn-beijing 北京 " + cm.URL + " 100 0",
		},
		"another Chinese name": {
			func(c *config.Config, st *testStep) { c.CMRegionCN = "首都" },
			[]Row{{"DB_rm.cluster_info", "code=100", false, false}},
			"cluster_info cn-beijing 首都 " + cm.URL + " 100 1",
		},
		"this node was marked": {
			func(c *config.Config, st *testStep) { s.Exec("UPDATE " + c.CMDatabase + ".host SET host_status = 'X'") },
			[]Row{{"DB_cm.host", "ip=10.0.0.1", false, false}},
			"host 100 10.0.0.2 X", // how another node is, it knows itself
		},
		"this node was in another group": {
			func(c *config.Config, st *testStep) {
				s.Exec("INSERT INTO "+c.CMDatabase+".resource_group (name) VALUES ('7')",
					"UPDATE "+c.CMDatabase+".host SET resource_group_id = (SELECT id FROM "+c.CMDatabase+
						".resource_group WHERE name = '7')")
			},
			[]Row{{"DB_cm.host", "ip=10.0.0.1", false, false}},
			"host 100 10.0.0.1 ONLINE",
		},
		"rows are gone": {
			func(c *config.Config, st *testStep) { s.Exec("DELETE FROM " + c.RMDatabase + ".cluster_info") },
			[]Row{{"DB_rm.cluster_info", "code=100", true, false}},
			"cluster_info cn-beijing 北京 " + cm.URL + " 100 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := fmt.Sprintf("x%d", time.Now().UnixNano())
			c := metadb(t, s, prefix)
			st := step(t, c, cm.URL)
			st.mustApply(t)
			vip.consumers["drc"] = true
			tc.change(c, st)
			for i := range tc.want {
				tc.want[i].Table = strings.Replace(tc.want[i].Table, "DB", prefix, 1)
			}
			if d := gocmp(tc.want, st.mustApply(t).Rows); d != "" {
				t.Error(d)
			}
			if got := dump(t, s, c); !contains(got, tc.rows) {
				t.Errorf("no row %q in %q", tc.rows, got)
			}
			if r := st.mustApply(t); r.Changed() {
				t.Errorf("the run after it changed %+v", r)
			}
		})
	}
}

// beat notes the heartbeat of a node's agent, some seconds ago.
func beat(s *testmaria.Server, c *config.Config, ip string, seconds int) {
	s.Exec(fmt.Sprintf("INSERT INTO %s.heart_beat (task_type, task_name, host_ip, gmt_modified) VALUES ('supervisor', 'supervisor', '%s', NOW() - INTERVAL %d SECOND)", c.HeartbeatDatabase, ip, seconds))
}

func contains(list []string, one string) bool {
	for _, l := range list {
		if l == one {
			return true
		}
	}
	return false
}

func TestMetaDBTrouble(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	t.Run("no tables", func(t *testing.T) {
		s.Exec("CREATE DATABASE empty_rm")
		c := metadb(t, s, "x1")
		c.RMDatabase = "empty_rm"
		_, err := step(t, c, cm.URL).Apply(context.Background())
		if err == nil || finding.IsTransient(err) || !strings.Contains(err.Error(), "--only metadb") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a write is refused", func(t *testing.T) {
		c := metadb(t, s, "x2")
		s.Exec("CREATE TRIGGER x2_rm.no BEFORE INSERT ON x2_rm.oms_normal_config FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not now'")
		r, err := step(t, c, cm.URL).Apply(context.Background())
		if err == nil || !strings.Contains(err.Error(), "not now") || !strings.Contains(err.Error(), "x2_rm") {
			t.Errorf("%v", err)
		}
		if len(r.Rows) != 5 {
			t.Errorf("the result does not say what was done: %+v", r)
		}
		if got := column(t, s, "SELECT COUNT(*) FROM x2_rm.cluster_info"); got[0] != "0" {
			t.Error("half a transaction was kept")
		}
		s.Exec("DROP TRIGGER x2_rm.no")
		if r := step(t, c, cm.URL).mustApply(t); len(r.Rows) != 2 {
			t.Errorf("the next run wrote %+v", r.Rows)
		}
	})
	t.Run("away", func(t *testing.T) {
		c := metadb(t, s, "x3")
		s.Stop()
		defer s.Restart()
		if _, err := step(t, c, cm.URL).Apply(context.Background()); !finding.IsTransient(err) {
			t.Errorf("%v", err)
		}
	})
	t.Run("another node has the lock", func(t *testing.T) {
		c := metadb(t, s, "x4")
		db, err := database.Open(c, "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		l, err := database.Acquire(context.Background(), c, db, database.LockOptions{})
		if err != nil {
			t.Fatal(err)
		}
		st := step(t, c, cm.URL)
		log := st.Log
		st.Log = func(m msg.Message) {
			log(m)
			if strings.HasPrefix(m.String(), "waiting for another node") {
				go l.Release()
			}
		}
		if r := st.mustApply(t); len(r.Rows) != 7 {
			t.Errorf("%+v", r)
		}
	})
}

func TestOddities(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	c.CMIsDefault = false
	c.CMNodes = []string{"2001:db8:0::7", "10.0.0.2"}
	st := step(t, c, cm.URL)
	st.HostIP = "10.9.9.9"
	st.mustApply(t)
	for _, want := range []string{"10.9.9.9 is not in cm_nodes", "no region is the default one yet"} {
		if !strings.Contains(strings.Join(st.log, "\n"), want) {
			t.Errorf("%q was not said: %q", want, st.log)
		}
	}
	// A node that was taken out and still runs is told of.
	st.HostIP, c.CMNodes = "10.0.0.2", c.CMNodes[1:]
	beat(s, c, "2001:db8::7", 3)
	st.mustApply(t)
	if said := strings.Join(st.log, "\n"); !strings.Contains(said,
		"the node 2001:db8:0::7 is not in cm_nodes, but sends heartbeats") {
		t.Errorf("%q", st.log)
	}
	c.CMNodes = []string{"2001:db8:0::7", "10.0.0.2"}
	// Another spelling of an IPv6 address is the same node.
	s.Exec("UPDATE oms_cm.host SET host_status = 'X'")
	st.HostIP = "2001:db8::7"
	if d := gocmp([]Row{{"oms_cm.host", "ip=2001:db8:0::7", false, false}}, st.mustApply(t).Rows); d != "" {
		t.Error(d)
	}
}

// A real release keeps times without defaults, as the documented table of
// heatbeat_sequence does, and its location_cm and labels are not documented.
func TestColumnsOfARelease(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	for _, table := range []string{"oms_cm.host", "oms_cm.resource_group", "oms_rm.cluster_info",
		"oms_rm.oms_normal_config"} {
		s.Exec("ALTER TABLE " + table + " MODIFY gmt_created datetime NOT NULL, MODIFY gmt_modified datetime NOT NULL")
	}
	s.Exec("ALTER TABLE oms_cm.location_cm CHANGE region area varchar(128) NOT NULL",
		"ALTER TABLE oms_cm.resource_label ADD COLUMN kind int NOT NULL")
	st := step(t, c, cm.URL)
	if r := st.mustApply(t); len(r.Rows) != 5 {
		t.Errorf("%+v", r.Rows)
	}
	if said := strings.Join(st.log, "\n"); !strings.Contains(said, "oms_cm.location_cm has other columns") {
		t.Error(said)
	}
	if r := st.mustApply(t); r.Changed() {
		t.Errorf("%+v", r)
	}
	s.Exec("UPDATE oms_cm.host SET gmt_modified = '2020-02-02', host_status = 'X'")
	st.mustApply(t)
	// how another node is, it knows itself
	if got := column(t, s,
		"SELECT COUNT(*) FROM oms_cm.host WHERE gmt_modified > '2021-01-01' AND gmt_created > '2021-01-01'"); got[0] != "1" {
		t.Errorf("%s rows have their times", got[0])
	}

	// A column that nobody knows is named.
	s.Exec("ALTER TABLE oms_cm.host ADD COLUMN idc varchar(9) NOT NULL")
	c.CMNodes = append(c.CMNodes, "10.0.0.9")
	if _, err := st.Apply(context.Background()); err == nil || finding.IsTransient(err) ||
		!strings.Contains(err.Error(), "host: ") || !strings.Contains(err.Error(), "idc") {
		t.Errorf("%v", err)
	}
}
