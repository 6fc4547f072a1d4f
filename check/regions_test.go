package check

import (
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

const regionTables = `CREATE DATABASE rm; CREATE DATABASE cm; CREATE DATABASE hb;
CREATE TABLE rm.cluster_info (code INT, region VARCHAR(99), cm_url VARCHAR(99), is_default_cm INT, region_cn VARCHAR(99) DEFAULT '');
CREATE TABLE cm.resource_group (id INT, name VARCHAR(99)); CREATE TABLE cm.host (ip VARCHAR(99), resource_group_id INT, host_status VARCHAR(99) DEFAULT 'ONLINE');
CREATE TABLE hb.heart_beat (host_ip VARCHAR(99), task_name VARCHAR(99) DEFAULT 'supervisor', gmt_modified DATETIME DEFAULT CURRENT_TIMESTAMP)`

func TestRegions(t *testing.T) {
	db := testmaria.Start(t)
	for _, tc := range []struct {
		name   string
		region string // the rest of this file
		rows   string // of the MetaDB
		want   string
		taken  bool // the taken names are shown
	}{
		{"nothing is registered", "", "", "", false},
		{"this region itself", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'hz', 'http://10.0.0.1:8088', 1); INSERT INTO cm.resource_group VALUES (7, '1'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.0.0.1', 7)", "", false},
		{"it moves to a VIP", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'HZ', 'http://10.0.0.200:8088/', 1)", "", false},
		{"it gets its name later", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'default', '10.0.0.1:8088', 1)", "", false},
		{"a second region", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1)", "", false},
		{"the number is taken", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'bj', 'http://10.1.0.1:8088', 1)", "error regions.location", true},
		{"the name is taken", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'hz', 'http://10.1.0.1:8088', 1)", "error regions.name", true},
		{"the name is gone", "", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'bj', 'http://10.0.0.1:8088', 1)", "error regions.name", false},
		{"no name beside one without", "cm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'default', 'http://10.1.0.1:8088', 1)", "error regions.name", false},
		{"the address is taken", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.0.0.1:8088/', 1)", "error regions.cm-url", false},
		{"two default regions", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1)", "error regions.default", false},
		{"no default region", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 0)", "warning regions.default", false},
		{"a node of another region", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1); INSERT INTO cm.resource_group VALUES (7, '2'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.0.0.2', 7)", "error regions.nodes", false},
		{"a node of a group that no region has", "cm_region: hz\n", "INSERT INTO cm.resource_group VALUES (7, '5'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.0.0.2', 7)", "warning regions.nodes", false},
		{"another region's heartbeats", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1); INSERT INTO cm.resource_group VALUES (7, '2'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.1.0.1', 7); INSERT INTO hb.heart_beat (host_ip) VALUES ('10.1.0.1'), ('10.0.0.1')", "error regions.heartbeat", false},
		{"another region's old heartbeats", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1); INSERT INTO cm.resource_group VALUES (7, '2'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.1.0.1', 7); INSERT INTO hb.heart_beat (host_ip, gmt_modified) VALUES ('10.1.0.1', NOW() - INTERVAL 1 HOUR)", "", false},
		{"everything at once", "", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'sh', 'http://10.2.0.1:8088', 0), (2, 'default', 'http://10.0.0.1:8088', 1)", "error regions.location, error regions.name, error regions.cm-url, error regions.default", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db.Exec("DROP DATABASE IF EXISTS rm", "DROP DATABASE IF EXISTS cm", "DROP DATABASE IF EXISTS hb")
			for _, statement := range strings.Split(regionTables+";"+tc.rows, ";") {
				if strings.TrimSpace(statement) != "" {
					db.Exec(statement)
				}
			}
			cfg := onServer(t, db, "")
			region := load(t, valid+tc.region)
			cfg.CMRegion, cfg.CMRegionCN, cfg.CMIsDefault = region.CMRegion, region.CMRegionCN, region.CMIsDefault
			got := connected(t, Input{}, cfg, metaDBDatabases, regionsConflict)
			if ids(got) != tc.want {
				t.Errorf("got %s, want %s: %+v", ids(got), tc.want, got.Findings)
			}
			if tc.taken && !strings.Contains(got.Findings[0].Fix.String(), "(1 ") &&
				!strings.Contains(got.Findings[0].Fix.String(), "(2 ") {
				t.Errorf("the taken names are not shown: %s", got.Findings[0].Fix)
			}
		})
	}
	t.Run("columns of another kind", func(t *testing.T) {
		db.Exec("DROP DATABASE rm", "CREATE DATABASE rm", "CREATE TABLE rm.cluster_info (id INT)")
		got := connected(t, Input{}, onServer(t, db, ""), metaDBDatabases, regionsConflict)
		if ids(got) != "error metadb.query" || got.Findings[0].Transient {
			t.Errorf("got %+v", got)
		}
	})
}
