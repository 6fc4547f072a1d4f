package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

const samples = "../../testdata/config/"

// defaults is what a file gets that gives the required keys only.
func defaults() config.Config {
	return config.Config{
		CMIsDefault: true, TSDBService: "CERESDB",
		GhanaPort: 8090, NginxPort: 8089, CMPort: 8088, SupervisorPort: 9000, SSHDPort: 2023,
	}
}

// regionOf returns the two regions of the English documentation.
func regionOf(c config.Config, name string, location, net int, heartbeat string) config.Config {
	c.MetaHost, c.MetaPort, c.MetaUser, c.MetaPassword = "10.1.0.2", 2883, "oms_meta_user", "Meta#2023 x"
	c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase = "oms_rm", "oms_cm", heartbeat
	c.CMURL, c.CMLocation = fmt.Sprintf("http://10.%d.0.10:8088", net), location
	c.CMRegion, c.CMRegionCN, c.CMIsDefault = name, name, location == 1
	c.CMNodes = []string{fmt.Sprintf("10.%d.0.11", net), fmt.Sprintf("10.%d.0.12", net)}
	c.TSDBService, c.TSDBEnabled, c.TSDBURL = "INFLUXDB", true, "10.1.0.3:8086"
	c.TSDBUsername, c.TSDBPassword = "username", "*Tsdb2023"
	return c
}

// blog returns the two regions of seed 004.
func blog(c config.Config) config.Config {
	c.MetaHost, c.MetaPort, c.MetaUser, c.MetaPassword = "172.24.255.16", 2881, "root@oms_tenant", "beijing2023"
	c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase = "drc_rm_db", "drc_cm_db", "drc_cm_heartbeat_db"
	c.CMURL, c.CMLocation, c.CMNodes = "http://172.24.255.24:8088", 100, []string{"172.24.255.24"}
	c.CMRegion, c.CMRegionCN = "cn-beijing", "北京"
	c.TSDBService, c.TSDBEnabled, c.TSDBURL = "INFLUXDB", true, "172.24.255.24:8086"
	c.TSDBUsername, c.TSDBPassword = "admin", "influx2023"
	return c
}

func TestSamples(t *testing.T) {
	single := defaults()
	single.MetaHost, single.MetaPort, single.MetaUser, single.MetaPassword = "10.10.10.1", 2883, "root@oms", "oms"
	single.RMDatabase, single.CMDatabase, single.HeartbeatDatabase = "oms_rm", "oms_cm", "oms_cm_heartbeat"
	single.DRCUser, single.DRCPassword = "drc_user_name", "Ocean@2023"
	single.CMURL, single.CMLocation, single.CMNodes = "http://10.10.10.2:8088", 100,
		[]string{"10.10.10.2", "10.10.10.3"}
	single.CMRegion, single.CMRegionCN = "cn-anhui", "安徽"
	single.TSDBService, single.TSDBEnabled, single.TSDBURL = "INFLUXDB", true, "10.10.10.5:8086"
	single.TSDBUsername, single.TSDBPassword = "username", "123_tsdb"

	second := blog(defaults())
	second.HeartbeatDatabase = "drc_cm_heartbeat_db_101"
	second.CMURL, second.CMLocation, second.CMNodes = "http://172.24.255.25:8088", 101, []string{"172.24.255.25"}
	second.CMRegion, second.CMRegionCN, second.CMIsDefault = "cn-hangzhou", "杭州", false

	obd := defaults()
	obd.MetaHost, obd.MetaPort, obd.MetaUser, obd.MetaPassword = "10.3.0.2", 2881, "root@oms#obcluster",
		`obd"quoted\2024`
	obd.RMDatabase, obd.CMDatabase, obd.HeartbeatDatabase = "oms_rm", "oms_cm", "oms_cm_heartbeat_1"
	obd.CMURL, obd.CMLocation, obd.CMNodes = "http://10.3.0.11:8088", 1, []string{"10.3.0.11", "10.3.0.12"}
	obd.TSDBService, obd.TSDBEnabled, obd.TSDBURL = "INFLUXDB", true, "10.3.0.3:8086"
	obd.TSDBUsername, obd.TSDBPassword = "oms", "tsdb2024"
	obd.GhanaPort, obd.NginxPort, obd.SupervisorPort, obd.SSHDPort = 18090, 18089, 19000, 12023
	obd.ApsaraAuditAccessKey, obd.ApsaraAuditAccessSecret = "LTAI5tExample", "sls2024"
	obd.ApsaraAuditEndpoint = "cn-hangzhou.log.aliyuncs.com"
	obd.ApsaraAuditOpsSiteTopic, obd.ApsaraAuditUserSiteTopic = "oms-ops", "oms-user"

	tool := defaults()
	tool.MetaHost, tool.MetaPort, tool.MetaUser, tool.MetaPassword = "10.4.0.2", 2883, "root@oms", "bool2024"
	tool.RMDatabase, tool.CMDatabase, tool.HeartbeatDatabase = "oms_rm", "oms_cm", "oms_cm_hb"
	tool.CMURL, tool.CMNodes = "http://10.4.0.11:8088", []string{"10.4.0.11"}
	tool.TSDBService, tool.TSDBEnabled, tool.TSDBURL = "INFLUXDB", true, "10.4.0.3:8086"
	tool.TSDBUsername, tool.TSDBPassword = "oms", "tsdb2024"

	smallest := defaults()
	smallest.MetaHost, smallest.MetaPort, smallest.MetaUser, smallest.MetaPassword = "10.5.0.2", 3306, "oms",
		"smallest2024"
	smallest.RMDatabase, smallest.CMDatabase, smallest.HeartbeatDatabase = "oms_rm", "oms_cm", "oms_cm_hb"
	smallest.CMURL, smallest.CMNodes = "http://10.5.0.11:8088", []string{"10.5.0.11"}

	tests := map[string]struct {
		want     config.Config
		warnings []string // keys
	}{
		"single-region.yaml":     {want: single, warnings: []string{"cm_url"}},
		"hangzhou.yaml":          {want: regionOf(defaults(), "cn-hangzhou", 1, 1, "oms_cm_heartbeat")},
		"heilongjiang.yaml":      {want: regionOf(defaults(), "cn-heilongjiang", 2, 2, "oms_cm_heartbeat_1")},
		"blog-beijing.yaml":      {want: blog(defaults())},
		"blog-beijing.dump.yaml": {want: blog(defaults())},
		"blog-hangzhou.yaml":     {want: second},
		"obd.yaml":               {want: obd, warnings: []string{"cm_url", "apsara_audit_sls_access_key"}},
		"deploy-tool-bool.yaml":  {want: tool},
		"smallest.yaml":          {want: smallest},
	}
	files, err := filepath.Glob(samples + "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if _, ok := tests[name]; !ok && !strings.HasSuffix(name, ".template.yaml") {
			t.Errorf("no test reads %s", name)
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, warnings, err := config.Load(samples + name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var keys []string
			for _, w := range warnings {
				keys = append(keys, w.Place.Key)
			}
			if diff := cmp.Diff(tt.warnings, keys); diff != "" {
				t.Errorf("warnings about (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTemplates expects a placeholder problem in each line of the
// documentation's templates that somebody has to fill in, and no other.
func TestTemplates(t *testing.T) {
	const blankEnglish = "2 3 4 5 8 9 10 14 15 16 17 20 21"
	const maskedEnglish = "1 4 8 14 15 18 20"
	tests := map[string]string{
		"single-region.blank.template.yaml": "2 3 4 5 8 9 10 15 16 20 21 28 29",
		"single-region.template.yaml":       "3 9? 10? 22?",
		"hangzhou.blank.template.yaml":      blankEnglish,
		"heilongjiang.blank.template.yaml":  blankEnglish,
		"hangzhou.template.yaml":            maskedEnglish,
		"heilongjiang.template.yaml":        maskedEnglish,
		"blog-beijing.template.yaml":        "4 5? 28?",
	}
	files, err := filepath.Glob(samples + "*.template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(tests) {
		t.Errorf("%d templates, %d tests", len(files), len(tests))
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			c, warnings, err := config.Load(samples + name)
			if c != nil {
				t.Error("a template gave a configuration")
			}
			var e *config.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			var got []string
			for _, p := range e.Findings {
				got = append(got, fmt.Sprint(p.Place.Line))
				if rule := p.Message.String(); rule != "this is a placeholder that was left in the file" {
					t.Errorf("line %d: %s", p.Place.Line, rule)
				}
			}
			for _, p := range warnings {
				got = append(got, fmt.Sprint(p.Place.Line)+"?")
			}
			if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
				t.Errorf("lines, with ? after those of warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	locked := filepath.Join(dir, "locked.yaml")
	if err := os.WriteFile(locked, []byte("a: 1\n"), 0); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<20+1); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		path, en, zh string
		is           error
	}{
		"missing": {path: filepath.Join(dir, "no.yaml"), is: os.ErrNotExist,
			en: "no such file or directory; in a container it is mounted with -v HOST_FILE:", zh: "宿主机文件:"},
		"below a file": {path: filepath.Join(locked, "config.yaml"), en: "cannot read the configuration",
			zh: "无法读取配置文件"},
		"directory": {path: dir, en: "it is a directory; Docker creates one", zh: "它是一个目录"},
		"large":     {path: large, en: "larger than 1 MiB", zh: "大于 1 MiB"},
	}
	if os.Getuid() != 0 { // root may read everything
		tests["locked"] = struct {
			path, en, zh string
			is           error
		}{path: locked, is: os.ErrPermission, en: "permission denied; give", zh: "读权限"}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, _, err := config.Load(tt.path)
			if err == nil || c != nil {
				t.Fatalf("configuration %v, error %v", c, err)
			}
			for lang, want := range map[msg.Lang]string{msg.English: tt.en, msg.Chinese: tt.zh} {
				if got := lang.Text(err); !strings.Contains(got, want) || !strings.Contains(got, tt.path) {
					t.Errorf("%s: %q lacks %q or the path", lang, got, want)
				}
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
		})
	}
}
