package capture

import (
	"crypto/rand"
	"strings"

	"omsinit/capture/prove"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// Advise returns the config.yaml of a second installation that decides what one alone leaves open: in it every value is
// another, switches are the other way, and there are two nodes where there is one. It holds no secret of the first one.
func Advise(c *config.Config, lang msg.Lang) ([]byte, error) {
	nodes := []string{"192.0.2.11", "192.0.2.12"}
	if len(c.CMNodes) > 1 {
		nodes = nodes[:1]
	}
	location := 12
	if c.CMLocation == location {
		location = 34
	}
	user, tenant, found := strings.Cut(c.MetaUser, "@")
	if user += "_second"; found {
		user += "@" + tenant
	}
	values := map[string]any{"oms_meta_user": user, "drc_rm_db": c.RMDatabase + "_second", "drc_cm_db": c.CMDatabase + "_second_cm",
		"drc_cm_heartbeat_db": c.HeartbeatDatabase + "_second_hb", "cm_location": location, "cm_region": "second-region",
		"cm_region_cn": "第二地域", "cm_is_default": !c.CMIsDefault, "cm_nodes": nodes, "cm_url": "http://192.0.2.10:18188",
		"tsdb_enabled": !c.TSDBEnabled}
	if !c.TSDBEnabled {
		values["tsdb_service"], values["tsdb_url"], values["tsdb_username"] = "INFLUXDB", "192.0.2.20:8086", "second_tsdb"
	}
	for n, key := range config.KeysOf(config.ComponentPort) {
		values[key] = 18100 + 11*n
	}
	replace := func(key string, value any) {
		if s, secret := value.(config.Secret); secret && (s.Reveal() != "" || key == "tsdb_password") {
			values[key] = "Second#" + rand.Text()[:10]
		}
	}
	for key, value := range c.Values() {
		replace(key, value)
	}
	for key, value := range c.Extra {
		replace(key, value)
	}
	if c.TSDBEnabled {
		delete(values, "tsdb_password")
	}
	text, err := prove.ConfigText(c, values)
	head := msg.M("# A second installation of the same release, for pack capture --bundle: its values decide what the first one leaves open.\n# Put in addresses of your own for 192.0.2.x and a MetaDB account of that name, and give it a certificate if the first one has none.")
	return append([]byte(head.In(lang)+"\n"), text...), err
}
