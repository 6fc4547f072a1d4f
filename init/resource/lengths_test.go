package resource

import (
	"strings"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/finding"
)

// TestTooLong: each key whose value does not fit is reported once, in characters, and secrets are not shown.
func TestTooLong(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*config.Config)
		rows   string
		want   string // keys with their values
	}{
		"all fits": {func(c *config.Config) { c.CMRegion = strings.Repeat("杭", 10) }, "", ""},
		"cm_region": {func(c *config.Config) { c.CMRegion = strings.Repeat("r", 11) }, "",
			"cm_region=rrrrrrrrrrr"},
		"cm_region is both": {func(c *config.Config) { c.CMRegion = strings.Repeat("杭", 11); c.CMRegionCN = c.CMRegion },
			"", "cm_region=" + strings.Repeat("杭", 11)},
		"cm_region_cn": {func(c *config.Config) { c.CMRegionCN = strings.Repeat("杭", 11) }, "",
			"cm_region_cn=" + strings.Repeat("杭", 11)},
		"cm_url": {func(c *config.Config) { c.CMURL = "http://" + strings.Repeat("a", 30) + ":8088" }, "",
			"cm_url=http://" + strings.Repeat("a", 30) + ":8088"},
		"a row of the pack": {func(*config.Config) {},
			`{database: cm, table: site, key: [id], values: {id: "1", Title: "<{{.oms_meta_user}}>"}}`, "oms_meta_user=oms-user-x"},
		"a secret": {func(*config.Config) {},
			`{database: hb, table: site, key: [id], values: {id: "1", word: "{{.oms_meta_password}}"}}`,
			"oms_meta_password=******"},
		"the pack's own": {func(*config.Config) {},
			`{database: hb, table: site, key: [id], values: {id: "1", word: "__________________"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := &config.Config{CMRegion: "hz", CMRegionCN: "杭州", CMURL: "http://10.0.0.1:8088", RMDatabase: "rm",
				CMDatabase: "cm", HeartbeatDatabase: "hb", MetaUser: "oms-user-x", MetaPassword: "Secret-Password"}
			tc.change(c)
			st := step(t, c, c.CMURL)
			if tc.rows != "" {
				st.Pack = packWith(t, "rows:\n  - "+tc.rows+"\n")
			}
			room := func(_ config.Role, table, column string) int {
				switch {
				case column == "cm_url":
					return 25
				case column == "id", table == "site" && column == "other":
					return 0
				}
				return 10
			}
			found, err := st.TooLong(room)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				if f.ID != config.FindingID || f.Severity != finding.Error || f.Fix.IsZero() ||
					strings.Contains(f.Headline().String(), "Secret-Password") {
					t.Errorf("%+v", f)
				}
				got = append(got, f.Place.Key+"="+f.Place.Value)
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
