package registry

import (
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

func TestConfigured(t *testing.T) {
	for _, tc := range []struct{ region, cn, wantName, wantCN string }{
		{"cn-beijing", "北京", "cn-beijing", "北京"},
		{"cn-beijing", "", "cn-beijing", "cn-beijing"},
		{"", "北京", "北京", "北京"},
		{"", "", "default", "default"},
	} {
		r := Configured(&config.Config{CMRegion: tc.region, CMRegionCN: tc.cn})
		if r.Name != tc.wantName || r.NameCN != tc.wantCN {
			t.Errorf("%q, %q is named %q, %q", tc.region, tc.cn, r.Name, r.NameCN)
		}
	}
}

func TestRegionConflicts(t *testing.T) {
	beijing := config.Config{CMRegion: "cn-beijing", CMRegionCN: "北京", CMURL: "http://10.0.0.1:8088", CMLocation: 100,
		CMIsDefault: true}
	with := func(change func(*config.Config)) config.Config { c := beijing; change(&c); return c }
	unnamed := func(c *config.Config) { c.CMRegion, c.CMRegionCN = "", "" }
	rows := func(change func(*Region)) []Region {
		r := Configured(&beijing)
		change(&r)
		return []Region{r}
	}
	for name, tc := range map[string]struct {
		rows []Region
		us   config.Config
		want string // "" is no conflict
	}{
		"nothing registered": {nil, beijing, ""},
		"ourselves":          {rows(func(*Region) {}), beijing, ""},
		"another region with our number": {
			rows(func(r *Region) { r.Name, r.URL = "cn-hangzhou", "http://10.1.0.1:8088" }), beijing,
			"cm_location 100 belongs to the region cn-hangzhou (http://10.1.0.1:8088) already, not to cn-beijing: choose a cm_location that is not taken (100 cn-hangzhou)"},
		"renamed": {rows(func(r *Region) { r.Name = "cn-hangzhou" }), beijing,
			"belongs to the region cn-hangzhou"},
		"named at last": {rows(func(r *Region) { r.Name = "default" }), beijing, ""},
		"named at last, elsewhere": {rows(func(r *Region) { r.Name, r.URL = "default", "http://10.1.0.1:8088" }),
			beijing, "belongs to the region default"},
		"no longer named": {rows(func(*Region) {}), with(unnamed),
			"config.yaml has no cm_region: set cm_region: cn-beijing"},
		"the address moved": {rows(func(r *Region) { r.URL = "http://10.0.0.9:8088" }), beijing, ""},
		"our name with another number": {
			rows(func(r *Region) { r.Location, r.URL, r.IsDefault = 101, "http://10.1.0.1:8088", false }), beijing,
			"cm_region cn-beijing is registered with cm_location 101, but config.yaml says cm_location 100"},
		"two without a name": {
			rows(func(r *Region) {
				r.Name, r.Location, r.URL, r.IsDefault = "default", 101, "http://10.1.0.1:8088", false
			}), with(unnamed), "each needs a name: set cm_region"},
		"our address, spelled otherwise": {
			rows(func(r *Region) { r.Name, r.Location, r.URL, r.IsDefault = "b", 101, "10.0.0.1:8088/", false }),
			beijing,
			"is the address of the region b"},
		"a second default": {
			rows(func(r *Region) { r.Name, r.Location, r.URL = "b", 101, "http://10.1.0.1:8088" }), beijing,
			"the region b (cm_location 101) is the default one already: set cm_is_default: false"},
		"a second region": {
			rows(func(r *Region) { r.Name, r.Location, r.URL = "b", 101, "http://10.1.0.1:8088" }),
			with(func(c *config.Config) { c.CMIsDefault = false }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := Registry{Regions: tc.rows}.Conflicts(&tc.us, nil)
			if tc.want == "" {
				if len(found) > 0 {
					t.Errorf("%v", found[0].Err())
				}
				return
			}
			if len(found) != 1 || !strings.Contains(found[0].Err().Error(), tc.want) {
				t.Fatalf("%v, want %q", found, tc.want)
			}
			if err := found[0].Err(); msg.Chinese.Text(err) == err.Error() {
				t.Errorf("in Chinese %q", msg.Chinese.Text(err))
			}
		})
	}
}

func TestNodeConflicts(t *testing.T) {
	c := &config.Config{CMLocation: 2, CMNodes: []string{"10.0.0.1", "::ffff:10.0.0.2"}, HeartbeatDatabase: "hb",
		CMRegion: "b"}
	regions := []Region{{Name: "a", URL: "http://a:8088", Location: 1}}
	for name, tc := range map[string]struct {
		hosts []Host
		beats []Beat
		want  string
	}{
		"ours": {[]Host{{IP: "10.0.0.1", Name: "2", Status: Online}}, nil, ""},
		"of another region": {[]Host{{IP: "10.0.0.2", Name: "1", Status: Online}}, nil,
			"is registered in the region with cm_location 1"},
		"of no region":    {[]Host{{IP: "10.0.0.1", Name: "9", Status: Online}}, nil, ""},
		"without a group": {[]Host{{IP: "10.0.0.1", Status: Online}}, nil, ""},
		"others' heartbeats": {[]Host{{IP: "10.9.0.1", Name: "1"}}, []Beat{{IP: "10.9.0.1", Age: time.Second}},
			"the heartbeat database hb is that of another region: 10.9.0.1"},
		"old heartbeats of others": {[]Host{{IP: "10.9.0.1", Name: "1"}}, []Beat{{IP: "10.9.0.1", Age: time.Hour}}, ""},
		"heartbeats of nobody":     {nil, []Beat{{IP: "10.9.0.1"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := Registry{Regions: regions, Hosts: tc.hosts}.Conflicts(c, tc.beats)
			if tc.want == "" && len(found) > 0 ||
				tc.want != "" && (len(found) != 1 || !strings.Contains(found[0].Err().Error(), tc.want)) {
				t.Errorf("%v, want %q", found, tc.want)
			}
		})
	}
}
