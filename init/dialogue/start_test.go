package dialogue

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// TestStartOfRegionThatIsThere: a file of a region that the MetaDB has, of which a part is asked for again, stays the
// file of that region; one of another region is asked for what it may not have.
func TestStartOfRegionThatIsThere(t *testing.T) {
	const base = "oms_meta_host: 10.0.0.9\noms_meta_port: 3306\noms_meta_user: root\noms_meta_password: x\n" +
		"drc_rm_db: r\ndrc_cm_db: c\ndrc_cm_heartbeat_db: h\ncm_url: wrong url\ncm_nodes: [10.0.0.1]\n"
	alone := Found{Databases: []string{"r"}, Regions: []string{"0 a"}, Locations: []int{0}, HasDefault: true}
	two := Found{Databases: []string{"r"}, Regions: []string{"0 a", "4 b"}, Locations: []int{0, 4}, HasDefault: true}
	for name, tc := range map[string]struct {
		file    string
		upgrade bool
		found   Found
		answers map[string][]string
		mode    string // the one that is suggested; "": not looked at
		want    string // cm_location cm_region cm_is_default
	}{
		"one node": {"cm_location: 0\ncm_is_default: true\n", false, alone, nil, single, "0  true"},
		"with a name": {"cm_location: 0\ncm_region: a\ncm_is_default: true\n", true, alone, nil, single,
			"0 a true"},
		"silent": {"cm_location: 0\ncm_region: a\n", true, alone, nil, single, "0 a true"},
		"several": {"cm_location: 0\ncm_region: a\n", false, alone, map[string][]string{Mode: {regions}}, "",
			"0 a true"},
		"not the default": {"cm_location: 4\ncm_region: b\ncm_is_default: false\n", true, two, nil, regions,
			"4 b false"},
		"without a name": {"cm_location: 4\ncm_is_default: false\n", true, two,
			map[string][]string{"cm_region": {"b"}}, regions, "4 b false"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string][]string{"cm_url": {"http://10.0.0.1:8088"}, Image: {"oms:1"}}
			maps.Copy(answers, tc.answers)
			p := &modes{person: person{t: t, answers: answers}}
			said := 0
			d := &Dialogue{Asker: p, Start: []byte(base + tc.file), Upgrade: tc.upgrade,
				Say: func(style.Style, msg.Message) {
					if said++; said > 200 {
						panic("it says the same for ever")
					}
				},
				MetaDB: func(context.Context, *config.Config) (Found, error) { return tc.found, nil }}
			result, err := d.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c := result.Regions[0].Config
			if got := fmt.Sprint(c.CMLocation, " ", c.CMRegion, " ", c.CMIsDefault); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if tc.mode != "" && p.suggested != tc.mode {
				t.Errorf("the mode %s is suggested, want %s", p.suggested, tc.mode)
			}
		})
	}
}

// modes keeps which mode is suggested.
type modes struct {
	person
	suggested string
}

func (m *modes) Ask(key string, question msg.Message, suggestion string, secret bool) (string, error) {
	if key == Mode {
		m.suggested = suggestion
	}
	return m.person.Ask(key, question, suggestion, secret)
}
