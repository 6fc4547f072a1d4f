package resource

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// otherRegion registers a second region with two nodes.
func otherRegion(s *testmaria.Server, c *config.Config) {
	cm := c.CMDatabase
	s.Exec(
		"INSERT INTO "+c.RMDatabase+
			".cluster_info (region, region_cn, cm_url, code, is_default_cm) VALUES ('b', 'b', 'http://b:8088', 7, 0)",
		"INSERT INTO "+cm+".location_cm (location, region, cm_url) VALUES (7, 'b', 'http://b:8088')",
		"INSERT INTO "+cm+".resource_group (name) VALUES ('7')",
		"INSERT INTO "+cm+".resource_label (name) VALUES ('b')",
		"INSERT INTO "+cm+".host (resource_group_id, ip, host_status) SELECT id, '10.7.0.1', 'ONLINE' FROM "+cm+
			".resource_group WHERE name = '7'",
		"INSERT INTO "+cm+".host (resource_group_id, ip, host_status) SELECT id, '10.7.0.2', 'ONLINE' FROM "+cm+
			".resource_group WHERE name = '7'")
}

// TestRemove: what is deleted, what is refused, and that a refusal and a dry run delete nothing.
func TestRemove(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	node := func(ip string, o RemoveOptions) func(*Step) (Removal, error) {
		return func(st *Step) (Removal, error) { return st.Remove(context.Background(), ip, o) }
	}
	region := func(name string, o RemoveOptions) func(*Step) (Removal, error) {
		return func(st *Step) (Removal, error) { return st.RemoveRegion(context.Background(), name, o) }
	}
	wholeRegion := []string{"cm.host ip=10.7.0.1", "cm.host ip=10.7.0.2", "cm.resource_label name=b",
		"cm.location_cm location=7", "cm.resource_group name=7", "rm.cluster_info code=7"}
	for name, tc := range map[string]struct {
		prepare func(*config.Config)
		remove  func(*Step) (Removal, error)
		deleted []string // empty: refused
		notes   int
	}{
		"a node that was stopped": {func(c *config.Config) { c.CMNodes = c.CMNodes[:1]; beat(s, c, "10.0.0.2", 600) },
			node("10.0.0.2", RemoveOptions{}), []string{"cm.host ip=10.0.0.2"}, 0},
		"it is still in cm_nodes": {nil, node("10.0.0.2", RemoveOptions{}), []string{"cm.host ip=10.0.0.2"}, 1},
		"another spelling of its address": {nil, node("::ffff:10.7.0.1", RemoveOptions{}),
			[]string{"cm.host ip=10.7.0.1"}, 0},
		"a node that lives": {func(c *config.Config) { beat(s, c, "10.0.0.2", 5) },
			node("10.0.0.2", RemoveOptions{Force: true}), nil, 0},
		"a component lives": {func(c *config.Config) {
			s.Exec("INSERT INTO " + c.HeartbeatDatabase +
				".heart_beat (task_type, task_name, host_ip, gmt_modified) VALUES ('store', '7100', '10.0.0.2', NOW())")
		}, node("10.0.0.2", RemoveOptions{Force: true}), nil, 0},
		"a table of the CM names it": {func(c *config.Config) { named(s, c) },
			node("10.0.0.2", RemoveOptions{}), nil, 0},
		"a table names it, forced": {func(c *config.Config) { named(s, c) },
			node("10.0.0.2", RemoveOptions{Force: true}), []string{"cm.host ip=10.0.0.2"}, 2},
		"nobody":                    {nil, node("10.0.0.77", RemoveOptions{}), nil, 0},
		"the last node of a region": {func(c *config.Config) { s.Exec("DELETE FROM " + c.CMDatabase + ".host WHERE ip = '10.7.0.2'") }, node("10.7.0.1", RemoveOptions{}), []string{"cm.host ip=10.7.0.1"}, 1},
		"a region by its number":    {nil, region("7", RemoveOptions{}), wholeRegion, 1},
		"a region by its name":      {nil, region("B", RemoveOptions{}), wholeRegion, 1},
		"a region with a node that lives": {func(c *config.Config) { beat(s, c, "10.7.0.2", 5) },
			region("7", RemoveOptions{Force: true}), nil, 0},
		"this node's region":         {nil, region("100", RemoveOptions{Force: true}), nil, 0},
		"no region":                  {nil, region("8", RemoveOptions{}), nil, 0},
		"the default region":         {func(c *config.Config) { s.Exec("UPDATE " + c.RMDatabase + ".cluster_info SET is_default_cm = 1") }, region("7", RemoveOptions{}), nil, 0},
		"the default region, forced": {func(c *config.Config) { s.Exec("UPDATE " + c.RMDatabase + ".cluster_info SET is_default_cm = 1") }, region("7", RemoveOptions{Force: true}), wholeRegion, 2},
		"what an interrupted removal left": {func(c *config.Config) {
			s.Exec("DELETE FROM "+c.CMDatabase+".host WHERE ip LIKE '10.7.%'",
				"DELETE FROM "+c.CMDatabase+".location_cm WHERE location = 7",
				"DELETE FROM "+c.CMDatabase+".resource_group WHERE name = '7'")
		}, region("7", RemoveOptions{}), []string{"cm.resource_label name=b", "rm.cluster_info code=7"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := "r" + strings.ToLower(strings.NewReplacer(" ", "", ",", "", "'", "").Replace(name))
			c := metadb(t, s, prefix)
			defer s.Exec("DROP DATABASE "+c.RMDatabase, "DROP DATABASE "+c.CMDatabase,
				"DROP DATABASE "+c.HeartbeatDatabase)
			st := step(t, c, cm.URL)
			st.mustApply(t)
			otherRegion(s, c)
			if tc.prepare != nil {
				tc.prepare(c)
			}
			before := dump(t, s, c)
			var refusal *Refusal
			done, err := tc.remove(st.Step)
			if tc.deleted == nil {
				if !errors.As(err, &refusal) || len(done.Rows) > 0 || refusal.In(msg.Chinese) == refusal.String() {
					t.Errorf("%+v, %v", done, err)
				}
				if d := gocmp(before, dump(t, s, c)); d != "" {
					t.Errorf("a refusal has changed: %s", d)
				}
				return
			}
			var rows []string
			for _, r := range done.Rows {
				rows = append(rows, strings.TrimPrefix(r.Table, prefix+"_")+" "+r.Key)
			}
			if err != nil || gocmp(tc.deleted, rows) != "" || len(done.Notes) != tc.notes {
				t.Errorf("%v\n%s\n%+v", err, gocmp(tc.deleted, rows), done.Notes)
			}
			if after := dump(t, s, c); slices.Equal(before, after) || len(before)-len(after) != len(tc.deleted) {
				t.Errorf("%d rows before, %d after", len(before), len(after))
			}
			if _, err := tc.remove(st.Step); !errors.As(err, &refusal) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

func named(s *testmaria.Server, c *config.Config) {
	s.Exec("CREATE TABLE "+c.CMDatabase+".store (id INT, host_ip VARCHAR(64))",
		"INSERT INTO "+c.CMDatabase+".store VALUES (1, '10.0.0.2')")
}

func TestRemoveDry(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	st := step(t, c, cm.URL)
	st.mustApply(t)
	before := dump(t, s, c)
	done, err := st.Remove(context.Background(), "10.0.0.2", RemoveOptions{DryRun: true})
	if err != nil || len(done.Rows) != 1 || !done.DryRun {
		t.Errorf("%+v, %v", done, err)
	}
	if d := gocmp(before, dump(t, s, c)); d != "" {
		t.Error(d)
	}
	var b bytes.Buffer
	done.Print(&b, msg.English)
	if !strings.Contains(b.String(), "oms_cm.host: ip=10.0.0.2 would be deleted") {
		t.Error(b.String())
	}
}
