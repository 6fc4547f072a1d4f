package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

func TestLook(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	look := func() View {
		t.Helper()
		v, err := Look(context.Background(), c, "10.0.0.1", 0)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	print := func(v View, lang msg.Lang) string {
		var b bytes.Buffer
		v.Print(&b, lang)
		return b.String()
	}
	if v := look(); len(v.Regions) != 0 || !strings.HasPrefix(print(v, msg.English), "no region is registered yet") {
		t.Errorf("%+v\n%s", v, print(v, msg.English))
	}
	step(t, c, cm.URL).mustApply(t)
	c.CMURL = "http://10.0.0.200:8088"
	s.Exec("UPDATE oms_rm.cluster_info SET cm_url = 'http://10.0.0.200:8088'",
		"INSERT INTO oms_cm.host (resource_group_id, ip, host_status) SELECT id, '10.0.0.3', 'Y' FROM oms_cm.resource_group",
		"INSERT INTO oms_cm.host (resource_group_id, ip, host_status) VALUES (99, '10.7.0.1', 'X')")
	beat(s, c, "10.0.0.1", 0)
	beat(s, c, "10.0.0.2", 600)
	v := look()
	var states []string
	for _, n := range append(v.Regions[0].Nodes, v.Unassigned...) {
		states = append(states, n.IP+" "+string(n.State))
	}
	if d := gocmp([]string{"10.0.0.1 up", "10.0.0.2 down", "10.0.0.3 abnormal", "10.7.0.1 abnormal"}, states); d != "" {
		t.Error(d)
	}
	if v.Default != "cn-beijing" || !v.Regions[0].Own || !v.Regions[0].Nodes[0].Self ||
		v.Regions[0].Nodes[2].Heartbeat != nil || *v.Regions[0].Nodes[1].HeartbeatAge < 600 ||
		v.HeartbeatDatabases[0] != "oms_hb" {
		t.Errorf("%+v", v)
	}
	*v.Regions[0].Nodes[0].HeartbeatAge, *v.Regions[0].Nodes[1].HeartbeatAge = -90, 605
	v.Regions[0].IsDefault, v.Default = false, ""
	want := `REGION             CM_LOCATION  DEFAULT  CM                      NODES UP
cn-beijing (北京)  100          -        http://10.0.0.200:8088  1/3
no region is the default one yet: cm_is_default must be true in exactly one region's config.yaml

NODE      REGION             STATE     HOST_STATUS  LAST HEARTBEAT
10.0.0.1  cn-beijing (北京)  up        ONLINE       1m30s ahead     this node
10.0.0.2  cn-beijing (北京)  down      ONLINE       10m5s ago
10.0.0.3  cn-beijing (北京)  abnormal  Y            never
10.7.0.1  -                  abnormal  X            never
`
	if d := gocmp(want, print(v, msg.English)); d != "" {
		t.Error(d)
	}
	if zh := print(v, msg.Chinese); !strings.Contains(zh,
		"10.0.0.1  cn-beijing (北京)  在线  ONLINE       超前 1m30s  本节点\n") {
		t.Errorf("%s", zh)
	}
	if data, err := json.Marshal(v); err != nil || !strings.Contains(string(data), `"heartbeat_at":null`) {
		t.Errorf("%v\n%s", err, data)
	}

	s.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := Look(ctx, c, "10.0.0.1", 0); !finding.IsTransient(err) {
		t.Errorf("%v", err)
	}
}
