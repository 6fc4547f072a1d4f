package check

import (
	"context"
	"net"
	"net/netip"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// hostIP checks that this node is one of the nodes of the configuration, and that the address is its own: a wrong or
// missing OMS_HOST_IP leaves the machine list of the console empty (docs/oms-facts.md §11).
func hostIP(_ context.Context, n *node, f *found) {
	nodes := msg.List(n.cfg.CMNodes)
	facts := []finding.Fact{fact("oms_host_ip", n.HostIP), fact("cm_nodes", n.cfg.CMNodes)}
	again := msg.M("start the container with -e OMS_HOST_IP=<IP address of this host>; it is different on each node")
	switch {
	case n.HostIP == "" && len(n.cfg.CMNodes) == 1:
		f.warning("host.ip",
			msg.M("OMS_HOST_IP is not set; the only entry of cm_nodes, %s, is used", n.cfg.CMNodes[0]),
			msg.M("start the container with -e OMS_HOST_IP=%s", n.cfg.CMNodes[0]), facts...)
	case n.HostIP == "":
		f.error("host.ip",
			msg.M("OMS_HOST_IP is not set, and cm_nodes has several nodes (%s), so it is unknown which of them this one is", nodes),
			again, facts...)
		return
	case !validIP(n.HostIP):
		f.error("host.ip", msg.M("OMS_HOST_IP is %q, which is not an IP address", n.HostIP), again, facts...)
		return
	case !registry.Lists(n.cfg.CMNodes, n.HostIP):
		f.error("host.nodes", msg.M("OMS_HOST_IP is %s, which is not in cm_nodes (%s)", n.HostIP, nodes),
			msg.M("add it to cm_nodes in the config.yaml of every node of the region, or start the container with the right OMS_HOST_IP"),
			facts...)
	}
	n.ownAddress(f, n.cfg.NodeAddress(n.HostIP), again)
}

// ownAddress checks that the address is one of this host's: the agent listens on it (bindIp), and two nodes with
// the same
// one overwrite each other.
func (n *node) ownAddress(f *found, ip string, again msg.Message) {
	addresses, err := n.addresses()
	if err != nil {
		f.warning("host.address", msg.M("cannot read the network addresses of this host: %v", err), msg.Message{})
		return
	}
	var own []string
	for _, a := range addresses {
		if prefix, ok := a.(*net.IPNet); ok {
			if registry.SameAddress(prefix.IP.String(), ip) {
				return
			}
			if !prefix.IP.IsLoopback() && !prefix.IP.IsLinkLocalUnicast() {
				own = append(own, prefix.IP.String())
			}
		}
	}
	report := f.error
	if n.Layout.Relocated() {
		report = f.warning
	}
	report("host.address",
		msg.M("this node goes by %s, which is not an address of this host (%s)", ip, msg.List(own)), again,
		fact("address", ip), fact("own_addresses", own))
}

func validIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
