package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// clusterTables hold two regions that are well: this one (cm_location 1) with
// two nodes, and another with one.
const clusterTables = `
CREATE TABLE rm.cluster_info (code INT, region VARCHAR(99), region_cn VARCHAR(99), cm_url VARCHAR(99), is_default_cm INT);
CREATE TABLE cm.resource_group (id INT, name VARCHAR(99));
CREATE TABLE cm.location_cm (location INT, region VARCHAR(99), cm_url VARCHAR(99));
CREATE TABLE cm.host (ip VARCHAR(99), resource_group_id INT, host_status VARCHAR(99));
CREATE TABLE hb.heart_beat (host_ip VARCHAR(99), task_name VARCHAR(99), gmt_modified DATETIME);
CREATE TABLE hb.heatbeat_sequence (id INT);
CREATE TABLE hb2.heart_beat LIKE hb.heart_beat;
CREATE TABLE hb2.heatbeat_sequence LIKE hb.heatbeat_sequence;
INSERT INTO rm.cluster_info VALUES (1, 'hz', 'hz', 'http://10.0.0.1:8088', 1), (2, 'bj', 'bj', 'http://10.1.0.1:8088', 0);
INSERT INTO cm.resource_group VALUES (7, '1'), (8, '2');
INSERT INTO cm.location_cm VALUES (1, 'hz', 'http://10.0.0.1:8088'), (2, 'bj', 'http://10.1.0.1:8088');
INSERT INTO cm.host VALUES ('10.0.0.1', 7, 'ONLINE'), ('10.0.0.2', 7, 'ONLINE'), ('10.1.0.1', 8, 'ONLINE');
INSERT INTO hb.heart_beat VALUES ('10.0.0.1', 'supervisor', NOW()), ('10.0.0.2', 'supervisor', NOW() - INTERVAL 30 SECOND), ('10.0.0.2', 'supervisor', NOW() - INTERVAL 9 MINUTE), ('10.9.9.9', 'other', NOW());
INSERT INTO hb2.heart_beat VALUES ('10.1.0.1', 'supervisor', NOW())`

func TestClusterFindings(t *testing.T) {
	db := testmaria.Start(t)
	for name, tc := range map[string]struct {
		change string
		want   string
		words  []string
	}{
		"well":                          {"", "", nil},
		"this region is not registered": {"DELETE FROM rm.cluster_info WHERE code = 1; UPDATE rm.cluster_info SET is_default_cm = 0", "error cluster.region", []string{"is not registered in rm.cluster_info"}},
		"nothing is registered":         {"DELETE FROM rm.cluster_info; DELETE FROM cm.resource_group; DELETE FROM cm.location_cm; DELETE FROM cm.host; DELETE FROM hb.heart_beat", "error cluster.region, error cluster.region, error cluster.node, error cluster.node", []string{"the resource group 1", "10.0.0.2 of cm_nodes is not registered"}},
		"the address moved to a VIP": {"UPDATE rm.cluster_info SET cm_url = 'http://10.0.0.9:8088' WHERE code = 1",
			"error cluster.region", []string{"registered at http://10.0.0.9:8088", "cm_url http://10.0.0.1:8088"}},
		"in location_cm only": {"UPDATE cm.location_cm SET cm_url = 'http://10.0.0.9:8088' WHERE location = 1",
			"error cluster.region", nil},
		"not in location_cm": {"DELETE FROM cm.location_cm WHERE location = 1", "error cluster.region",
			[]string{"cm.location_cm"}},
		"another Chinese name": {"UPDATE rm.cluster_info SET region_cn = 'x' WHERE code = 1",
			"warning cluster.region", nil},
		"our number is another region's": {"UPDATE rm.cluster_info SET region = 'sh', cm_url = 'http://10.5.0.1:8088' WHERE code = 1", "error regions.location", nil},
		"no default region": {"UPDATE rm.cluster_info SET is_default_cm = 0",
			"warning cluster.region", nil},
		"two default regions": {"UPDATE rm.cluster_info SET is_default_cm = 1",
			"error regions.default", nil},
		"a node is not registered":   {"DELETE FROM cm.host WHERE ip = '10.0.0.2'; DELETE FROM hb.heart_beat WHERE host_ip = '10.0.0.2'", "error cluster.node", []string{"10.0.0.2 of cm_nodes is not registered"}},
		"a node is in another group": {"UPDATE cm.host SET resource_group_id = 99 WHERE ip = '10.0.0.2'; INSERT INTO cm.resource_group VALUES (99, '99')", "error cluster.node", []string{`resource group "99"`}},
		"a node has another status": {"UPDATE cm.host SET host_status = 'BROKEN' WHERE ip = '10.0.0.2'",
			"error cluster.node", []string{`is "BROKEN" instead of ONLINE`}},
		"a node too many lives":   {"INSERT INTO cm.host VALUES ('10.0.0.3', 7, 'ONLINE'); INSERT INTO hb.heart_beat VALUES ('10.0.0.3', 'supervisor', NOW())", "error cluster.node", []string{"10.0.0.3 is not in cm_nodes, and sends heartbeats"}},
		"a node too many is left": {"INSERT INTO cm.host VALUES ('10.0.0.3', 7, 'ONLINE'); INSERT INTO hb.heart_beat VALUES ('10.0.0.3', 'supervisor', NOW() - INTERVAL 1 HOUR)", "error cluster.node, error cluster.heartbeat", []string{"is registered as ONLINE", "omsinit cluster remove 10.0.0.3"}},
		"a node never sent a heartbeat": {"DELETE FROM hb.heart_beat WHERE host_ip = '10.0.0.2'",
			"error cluster.heartbeat", []string{"10.0.0.2 (region hz (cm_location 1)) has never sent",
				"see on 10.0.0.2"}},
		"this node's stopped":          {"UPDATE hb.heart_beat SET gmt_modified = NOW() - INTERVAL 10 MINUTE WHERE host_ip = '10.0.0.1'", "error cluster.heartbeat", []string{"was 10m", "omsinit restart oms_drc_supervisor"}},
		"this node's stopped just now": {"UPDATE hb.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE WHERE host_ip = '10.0.0.1'", "warning cluster.heartbeat", []string{"was 5m", "omsinit restart oms_drc_supervisor"}},
		"OMS waits for less":           {"CREATE TABLE rm.oms_normal_config (cfg_name VARCHAR(99), cfg_value TEXT); INSERT INTO rm.oms_normal_config VALUES ('ha.config', '{\"checkHostDownIntervalSec\":\"240\"}'); UPDATE hb.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE WHERE host_ip = '10.0.0.1'", "error cluster.heartbeat", []string{"was 5m"}},
		"another region's stopped": {"UPDATE hb2.heart_beat SET gmt_modified = NOW() - INTERVAL 1 HOUR",
			"error cluster.heartbeat", []string{"10.1.0.1 (region bj (cm_location 2)) was 1h0m"}},
		"a heartbeat is in the future": {"UPDATE hb.heart_beat SET gmt_modified = NOW() + INTERVAL 8 HOUR WHERE host_ip = '10.0.0.2'", "error cluster.heartbeat", []string{"s in the future", "time zone"}},
		"our heartbeats go elsewhere":  {"INSERT INTO hb2.heart_beat SELECT * FROM hb.heart_beat; DELETE FROM hb.heart_beat", "error cluster.heartbeat, error cluster.heartbeat", nil},
		"heartbeats of nobody": {"INSERT INTO hb.heart_beat VALUES ('127.0.0.1', 'supervisor', NOW())",
			"error cluster.stranger", []string{"heartbeats come from 127.0.0.1"}},
		"old heartbeats of nobody":       {"INSERT INTO hb.heart_beat VALUES ('127.0.0.1', 'supervisor', NOW() - INTERVAL 1 HOUR)", "", nil},
		"another program's heart_beat":   {"CREATE TABLE other.heart_beat (x INT); CREATE TABLE other.heatbeat_sequence (x INT)", "", nil},
		"another OMS on the same server": {"CREATE TABLE other.heart_beat LIKE hb.heart_beat; CREATE TABLE other.heatbeat_sequence (x INT); INSERT INTO other.heart_beat VALUES ('10.77.0.1', 'supervisor', NOW())", "", nil},
		"the tables are not there":       {"DROP TABLE cm.host", "error metadb.query", []string{"--only metadb"}},
		"a node of no region":            {"INSERT INTO cm.host VALUES ('10.6.0.1', 66, 'ONLINE'); INSERT INTO cm.resource_group VALUES (66, '66')", "warning cluster.node", []string{"66", "omsinit cluster remove 10.6.0.1"}},
		"a node of no group": {"INSERT INTO cm.host VALUES ('10.6.0.1', 66, 'ONLINE')",
			"warning cluster.node", []string{"10.6.0.1 is in a resource group that does not exist"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, d := range []string{"rm", "cm", "hb", "hb2", "other"} {
				db.Exec("DROP DATABASE IF EXISTS "+d, "CREATE DATABASE "+d)
			}
			for _, statement := range strings.Split(clusterTables+";"+tc.change, ";") {
				if strings.TrimSpace(statement) != "" {
					db.Exec(statement)
				}
			}
			cfg := onServer(t, db, "")
			cfg.CMRegion = "hz"
			got := connected(t, Input{HostIP: "10.0.0.1"}, cfg, clusterRegistry, clusterNodes, clusterHeartbeats)
			if name == "the tables are not there" {
				got = connected(t, Input{HostIP: "10.0.0.1"}, cfg, clusterRegistry)
			}
			if ids(got) != tc.want {
				t.Errorf("got %s, want %s: %+v", ids(got), tc.want, got.Findings)
			}
			var all bytes.Buffer
			Report{Results: []Result{got}}.Print(&all, msg.English)
			for _, w := range tc.words {
				if !strings.Contains(all.String(), w) {
					t.Errorf("no %q in\n%s", w, all.String())
				}
			}
		})
	}
}

func TestClusterPrograms(t *testing.T) {
	for name, tc := range map[string]struct {
		programs Programs
		err      error
		want     string
	}{
		"all run": {Programs{List: []Program{{Name: "nginx", State: "RUNNING", Ready: true}}}, nil, ""},
		"one is fatal": {Programs{List: []Program{{Name: "nginx", State: "RUNNING", Ready: true},
			{Name: "oms_drc_cm", State: "FATAL", Reason: msg.M("%v", "it ended")}}}, nil, "error cluster.program"},
		"one starts": {Programs{List: []Program{{Name: "oms_drc_cm", State: "STARTING", Starting: true}}}, nil,
			"warning cluster.program"},
		"not ready": {Programs{List: []Program{{Name: "oms_drc_cm", State: "RUNNING"}}}, nil,
			"error cluster.program"},
		"not finished":   {Programs{Unfinished: msg.M("%v", "step 2")}, nil, "error cluster.init"},
		"nobody answers": {Programs{}, errors.New("no PID 1"), "error cluster.program"},
	} {
		t.Run(name, func(t *testing.T) {
			n, f := &node{Input: Input{Programs: func(context.Context) (Programs, error) { return tc.programs, tc.err }}}, &found{}
			clusterPrograms(t.Context(), n, f)
			if got := ids(Result{Findings: f.findings}); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestClusterCM(t *testing.T) {
	for name, tc := range map[string]struct {
		answers []string // addresses
		hangs   bool
		want    string
		word    string
	}{
		"answers": {[]string{"http://10.0.0.1:8088"}, false, "", ""},
		"own only": {[]string{"http://127.0.0.1:8088"}, false, "error cluster.cm",
			"this node's own CM at http://127.0.0.1:8088 does"},
		"VIP hangs": {[]string{"http://127.0.0.1:8088"}, true, "error cluster.cm",
			"this node's own CM at http://127.0.0.1:8088 does"},
		"none at all":    {nil, false, "error cluster.cm", "neither does this node's own"},
		"all of it hang": {nil, true, "error cluster.cm", "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Deadline: DefaultDeadline / 2, CM: func(ctx context.Context, url string) error {
				for _, a := range tc.answers {
					if a == url {
						return ctx.Err()
					}
				}
				if tc.hangs {
					<-ctx.Done()
					return ctx.Err()
				}
				return errors.New("refused")
			}}
			ctx, cancel := context.WithTimeout(t.Context(), in.Deadline)
			defer cancel()
			n, f := &node{Input: in, cfg: load(t, valid)}, &found{}
			clusterCM(ctx, n, f)
			if got := ids(Result{Findings: f.findings}); got != tc.want ||
				tc.want != "" && !strings.Contains(f.findings[0].Message.String(), tc.word) {
				t.Errorf("got %s: %+v", got, f.findings)
			}
		})
	}
}

// A MetaDB that is away is a finding, and does not hide the others.
func TestClusterWithoutMetaDB(t *testing.T) {
	text := strings.Replace(valid, "oms_meta_port: 2883", "oms_meta_port: 1", 1)
	report := Cluster(t.Context(), Input{
		ConfigFile: writeConfig(t, text), HostIP: "10.0.0.9",
		Programs: func(context.Context) (Programs, error) {
			return Programs{List: []Program{{Name: "oms_drc_cm", State: "FATAL"}}}, nil
		},
		CM: func(context.Context, string) error { return errors.New("refused") },
	})
	got := map[string]bool{}
	for _, f := range report.Errors() {
		got[f.ID] = true
	}
	for _, id := range []string{"cluster.program", "host.nodes", "cluster.cm", "metadb.unreachable"} {
		if !got[id] {
			t.Errorf("no %s in %v", id, got)
		}
	}
	data, err := json.Marshal(report.JSON(msg.Chinese))
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Version int
		Checks  []struct{ ID, Status string }
	}
	if err := json.Unmarshal(data, &out); err != nil || out.Version != 1 || len(out.Checks) != 9 ||
		out.Checks[8].Status != "skipped" {
		t.Errorf("%v, %+v", err, out)
	}
}
