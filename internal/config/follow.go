package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
)

// CMURLFor returns what cm_url becomes if it follows the port of the CM that is to be set. It is empty when there is
// nothing to follow: the port stays, cm_url is set too, or it names a VIP with a port of its own.
func (c *Config) CMURLFor(settings []Assignment) string {
	find := func(key string) int {
		return slices.IndexFunc(settings, func(s Assignment) bool { return s.Key == key })
	}
	port := find("cm_server_port")
	u, err := url.Parse(c.CMURL)
	if err != nil || port < 0 || find("cm_url") >= 0 || u.Port() != strconv.Itoa(c.CMPort) {
		return ""
	}
	next := settings[port].Value.Reveal()
	if next == u.Port() {
		return ""
	}
	u.Host = net.JoinHostPort(u.Hostname(), next)
	return u.String()
}
