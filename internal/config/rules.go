package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// rules looks at the values together. A rule about a value that was already reported stays silent.
func (r *reader) rules() {
	r.distinct(ComponentPort, func(a, b string) bool { return a == b },
		func(other string) msg.Message { return msg.M("the port is also that of %s", other) },
		msg.M("give each component a port of its own"))
	// Names of databases may or may not differ in case, depending on the server.
	r.distinct(DatabaseName, strings.EqualFold,
		func(other string) msg.Message { return msg.M("the name is also that of %s", other) },
		msg.M("give each database a name of its own"))
	r.cmAddress()
	r.tsdb()
	r.drcUser()
	r.audit()
}

// distinct reports each key of the form whose value another one has already. Of two keys the later one is reported, but
// never one that is not in the file.
func (r *reader) distinct(
	form Form, same func(a, b string) bool, rule func(other string) msg.Message, fix msg.Message,
) {
	names := KeysOf(form)
	for i, name := range names {
		for _, earlier := range names[:i] {
			a, b := r.effective(earlier), r.effective(name)
			if a == "" || b == "" || !same(a, b) {
				continue
			}
			subject, other := name, earlier
			if r.taken[subject] == nil {
				subject, other = other, subject
			}
			r.at(r.taken[subject], subject, r.effective(subject), rule(other), fix)
			break
		}
	}
}

// effective returns the value of a key as text, empty when there is none or the one in the file was refused.
func (r *reader) effective(name string) string {
	if r.reported[name] {
		return ""
	}
	k, _ := find(name)
	return fmt.Sprint(k.value(&r.config))
}

func (r *reader) cmAddress() {
	n := r.taken["cm_url"]
	if n == nil {
		return
	}
	_, rest, _ := strings.Cut(r.config.CMURL, "://")
	host, port := splitPort(rest)
	if loopback(host) {
		r.warn(n, "cm_url", r.config.CMURL,
			msg.M(
				"only this host can call this address, so neither a second node nor a second region can be added later"),
			msg.M("write a VIP, a domain name, or the address that this node has on the network"))
	}
	isNode := slices.ContainsFunc(r.config.CMNodes, func(node string) bool { return sameHost(node, host) })
	if len(r.config.CMNodes) > 1 && isNode {
		r.warn(n, "cm_url", r.config.CMURL,
			msg.M("this is the address of one of several nodes, so the region has no CM when that node is down"),
			msg.M("write a VIP or a domain name in front of all of them"))
	}
	if r.effective("cm_server_port") != "" && port != strconv.Itoa(r.config.CMPort) {
		r.warn(n, "cm_url", r.config.CMURL,
			msg.M("the port is not that of the CM (cm_server_port %d)", r.config.CMPort),
			msg.M("write port %d, unless this is a VIP that maps its port %s to it", r.config.CMPort, port))
	}
}

func sameHost(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return errX == nil && errY == nil && x.Unmap() == y.Unmap()
}

func (r *reader) tsdb() {
	if !r.config.TSDBEnabled || r.config.TSDBService == "INFLUXDB" || r.reported["tsdb_service"] {
		return
	}
	rule := msg.M("the TSDB is CERESDB, which OMS does not support at present")
	fix := msg.M("write a value, such as %s", "tsdb_service: INFLUXDB")
	if n := r.taken["tsdb_service"]; n != nil {
		r.warn(n, "tsdb_service", r.config.TSDBService, rule, fix)
		return
	}
	r.add(finding.Warning, finding.Place{Key: "tsdb_service"},
		msg.M("the key is missing, so the TSDB is CERESDB, which OMS does not support at present"),
		msg.M("add the line %q", "tsdb_service: INFLUXDB"))
}

func (r *reader) drcUser() {
	for _, pair := range [][2]string{{"drc_user", "drc_password"}, {"drc_password", "drc_user"}} {
		n := r.taken[pair[0]]
		if n != nil && r.taken[pair[1]] == nil && !r.reported[pair[1]] {
			r.warn(n, pair[0], "", msg.M("%s is not given", pair[1]), msg.M("write both or neither"))
		}
	}
}

// audit warns of obd's files, which have the keys of SLS without the switch (docs/oms-facts.md §1).
func (r *reader) audit() {
	if r.config.ApsaraAuditEnable || r.taken[auditSwitch] != nil || r.reported[auditSwitch] {
		return
	}
	for _, k := range keys {
		if n := r.taken[k.Name]; n != nil && k.With == auditSwitch {
			r.warn(n, k.Name, "", msg.M("the key is not used, because %s is not given", auditSwitch),
				msg.M("add the line %q", auditSwitch+": true"))
			return
		}
	}
}
