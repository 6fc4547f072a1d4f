package capture

import (
	"crypto/rand"
	"fmt"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/prove"
	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// ordinals are in the names of what a further installation has of its own.
var ordinals = []string{"second", "third", "fourth", "fifth"}

// Advise returns the config.yaml of a further installation that decides what the ones that there are leave open: in it
// every value is another. In that of a second one, all switches are the other way, and there are two nodes where there
// is one; in further ones, switches that were alike so far are not. It holds no secret of the others.
func Advise(have []*source.Installation, lang msg.Lang) ([]byte, error) {
	c, n := have[0].Config, len(have)-1
	name := fmt.Sprintf("n%d", n+2)
	if n < len(ordinals) {
		name = ordinals[n]
	}
	on := match.Deciding(have)
	nodes := []string{fmt.Sprintf("192.0.2.%d", 11+10*n), fmt.Sprintf("192.0.2.%d", 12+10*n)}
	if !on[match.SeveralNodes] {
		nodes = nodes[:1]
	}
	location := 12 + 22*n
	for taken := true; taken; {
		taken = false
		for _, i := range have {
			taken = taken || i.Config.CMLocation == location
		}
		if taken {
			location++
		}
	}
	user, tenant, found := strings.Cut(c.MetaUser, "@")
	if user += "_" + name; found {
		user += "@" + tenant
	}
	values := map[string]any{"oms_meta_user": user, "drc_rm_db": c.RMDatabase + "_" + name,
		"drc_cm_db":           c.CMDatabase + "_" + name + "_cm",
		"drc_cm_heartbeat_db": c.HeartbeatDatabase + "_" + name + "_hb", "cm_location": location,
		"cm_region":    name + "-region",
		"cm_region_cn": fmt.Sprintf("地域%d", n+2), "cm_nodes": nodes,
		"cm_url": fmt.Sprintf("http://192.0.2.%d:18188", 10+10*n)}
	tsdb := on[".tsdb_enabled"]
	for _, k := range config.Keys() {
		if k.Form == config.Boolean {
			values[k.Name] = on["."+k.Name]
		}
	}
	if tsdb {
		values["tsdb_service"], values["tsdb_url"], values["tsdb_username"] = "INFLUXDB",
			fmt.Sprintf("192.0.2.%d:8086", 20+10*n), name+"_tsdb"
	}
	for i, key := range config.KeysOf(config.ComponentPort) {
		values[key] = 18100 + 1000*n + 11*i
	}
	for _, k := range config.Keys() {
		if _, given := values[k.Name]; k.With != "" && on["."+k.With] && !given && !k.Secret && k.Form == config.Text {
			values[k.Name] = name + "-" + strings.ReplaceAll(k.Name, "_", "-")
		}
	}
	replace := func(key string, value any, wanted bool) {
		if s, secret := value.(config.Secret); secret && (s.Reveal() != "" || wanted) {
			values[key] = strings.ToUpper(name[:1]) + name[1:] + "#" + rand.Text()[:10]
		}
	}
	for key, value := range c.Extra {
		replace(key, value, false)
	}
	for _, k := range config.Keys() {
		if k.With == "" || on["."+k.With] {
			replace(k.Name, c.Values()[k.Name], k.With != "")
		}
	}
	text, err := prove.ConfigText(c, values)
	head := msg.M("# A further installation of the same release, for pack capture --bundle: its values decide what is open so far.\n# Put in addresses of your own for 192.0.2.x and a MetaDB account of that name, and give it no certificate.")
	if on[match.HTTPS] {
		head = msg.M("# A further installation of the same release, for pack capture --bundle: its values decide what is open so far.\n# Put in addresses of your own for 192.0.2.x and a MetaDB account of that name, and give it a certificate.")
	}
	return append([]byte(head.In(lang)+"\n"), text...), err
}
