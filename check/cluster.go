package check

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// Programs is how the components of this node are.
type Programs struct {
	// Unfinished is why the initialisation is not done; zero when it is.
	Unfinished msg.Message
	List       []Program
}

// Program is one component.
type Program struct {
	Name, State string
	Ready       bool
	// Starting: it was started just now.
	Starting bool
	// Reason is why it does not run, or is not ready; it may be zero.
	Reason msg.Message
}

// clusterState is what the MetaDB holds of the cluster.
type clusterState struct {
	registry.Registry
	beats registry.Beats
	// hostDown is the age of a heartbeat from which a node counts as down.
	hostDown time.Duration
}

func clusterPrograms(ctx context.Context, n *node, f *found) {
	programs, err := n.Programs(ctx)
	if err != nil {
		f.error("cluster.program", msg.M("it is unknown how the components of this node are: %v", err),
			msg.M("start the container; its entry point starts the components"))
		return
	}
	if !programs.Unfinished.IsZero() {
		f.error("cluster.init", msg.M("the initialisation of this node has not finished: %v", programs.Unfinished),
			msg.M("see omsinit status; correct what it names, and run ./docker_init.sh again"))
	}
	for _, p := range programs.List {
		f.fact(p.Name, p.State)
		facts := []finding.Fact{fact("program", p.Name), fact("state", p.State), fact("ready", p.Ready)}
		why := msg.M("%s is %s", p.Name, p.State)
		if !p.Reason.IsZero() {
			why = msg.M("%s is %s: %v", p.Name, p.State, p.Reason)
		}
		switch {
		case p.Ready:
		case p.Starting:
			f.warning("cluster.program", why, msg.M("it was started just now: look again in a minute"), facts...)
		default:
			f.error("cluster.program", why,
				msg.M("run omsinit restart %s; when that does not help, see omsinit logs %s", p.Name, p.Name), facts...)
		}
	}
}

// clusterCM asks the CM where the console and the agents do, and on this node.
func clusterCM(ctx context.Context, n *node, f *found) {
	configured := n.cfg.CMURL
	bounded, cancel := context.WithTimeout(ctx, n.Deadline/2) // so that there is time for the other address
	defer cancel()
	err := n.CM(bounded, configured)
	if err == nil {
		return
	}
	facts := []finding.Fact{fact("cm_url", configured)}
	own := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(n.cfg.CMPort))
	if n.CM(ctx, own) == nil {
		f.error("cluster.cm",
			msg.M("the CM does not answer at cm_url %s (%v), but this node's own CM at %s does", configured, err, own),
			msg.M("see to it that cm_url leads to the CMs of this region, such as a VIP that is not up, or correct cm_url"),
			facts...)
		return
	}
	f.error("cluster.cm",
		msg.M("the CM does not answer at cm_url %s (%v), and neither does this node's own", configured, err),
		msg.M("see omsinit status and omsinit logs oms_drc_cm, and whether cm_url and cm_server_port are right"),
		facts...)
}

// clusterRegistry compares the region's rows with config.yaml.
func clusterRegistry(ctx context.Context, n *node, f *found) {
	var s clusterState
	var err error
	if s.Registry, err = registry.Read(ctx, n.db, n.cfg); err == nil {
		s.beats, err = registry.ReadAllBeats(ctx, n.db, n.cfg.HeartbeatDatabase)
	}
	if err != nil {
		f.query(n, err)
		return
	}
	if s.hostDown = n.HeartbeatAge; s.hostDown == 0 {
		s.hostDown = ha.HostDown(ctx, n.db, n.cfg.RMDatabase)
	}
	f.publish = func() { n.registry = s }
	f.fact("regions", registry.Taken(s.Regions))
	f.add(s.Conflicts(n.cfg, s.beats.Own)...)
	if len(f.findings) > 0 {
		return // what follows would compare with another region's rows
	}
	n.needDefault(f, s.Regions)
	n.rowsDiffer(f, s)
}

// rowsDiffer reports what step 5 would write of the region itself.
func (n *node) rowsDiffer(f *found, s clusterState) {
	again := msg.M("run ./docker_init.sh on this node (omsinit init --only resource)")
	wrong := func(m msg.Message, facts ...finding.Fact) { f.error("cluster.region", m, again, facts...) }
	wanted, group := registry.Configured(n.cfg), strconv.Itoa(n.cfg.CMLocation)
	row, listed := registry.Find(s.Regions, wanted.Location)
	location, served := registry.Find(s.Locations, wanted.Location)
	switch {
	case !listed:
		wrong(msg.M("the region %s (cm_location %d) is not registered in %s.cluster_info",
			wanted.Name, wanted.Location, n.cfg.RMDatabase))
	case row.URL != wanted.URL:
		wrong(otherURL(row.URL, wanted.URL), fact("registered", row.URL), fact("cm_url", wanted.URL))
	case served && location.URL != wanted.URL:
		wrong(otherURL(location.URL, wanted.URL), fact("registered", location.URL), fact("cm_url", wanted.URL))
	case row != wanted:
		f.warning("cluster.region",
			msg.M("the region is registered with other values of cm_region, cm_region_cn or cm_is_default than config.yaml has"),
			again)
	}
	if listed && !served && s.HasLocations() {
		wrong(msg.M("the region %s (cm_location %d) is not registered in %s.location_cm",
			wanted.Name, wanted.Location, n.cfg.CMDatabase))
	}
	if _, ok := s.Groups[group]; !ok {
		wrong(msg.M("the resource group %s of this region does not exist", group))
	}
}

func otherURL(registered, configured string) msg.Message {
	return msg.M("the CM of this region is registered at %s, and config.yaml says cm_url %s", registered, configured)
}

// clusterNodes compares cm_nodes with the rows of the nodes.
func clusterNodes(_ context.Context, n *node, f *found) {
	group := strconv.Itoa(n.cfg.CMLocation)
	onAnyNode := msg.M("run ./docker_init.sh on a node of this region (omsinit init --only resource)")
	for _, ip := range n.cfg.CMNodes {
		host, ok := n.registry.Host(ip)
		onThatNode := msg.M("run ./docker_init.sh on the node %s", ip)
		switch {
		case !ok:
			f.node(ip, host, msg.M("the node %s of cm_nodes is not registered", ip), onAnyNode)
		case host.Name != group:
			f.node(ip, host, msg.M("the node %s of cm_nodes is in the resource group %q, and this region's is %s",
				ip, host.Name, group), onThatNode)
		case host.Status != registry.Online:
			f.node(ip, host, msg.M("the node %s is %q instead of %s", ip, host.Status, registry.Online), onThatNode)
		}
	}
	for _, host := range n.registry.Hosts {
		if host.Name != group || registry.Lists(n.cfg.CMNodes, host.IP) {
			continue
		}
		beat, found := registry.FindBeat(n.registry.beats.Own, host.IP)
		switch {
		case found && beat.Alive():
			f.node(host.IP, host, msg.M("the node %s is not in cm_nodes, and sends heartbeats", host.IP),
				msg.M("stop its container if it was taken out; if not, add it to cm_nodes in the config.yaml of every node of the region"))
		default:
			f.node(host.IP, host,
				msg.M("the node %s is not in cm_nodes, and is registered as %s", host.IP, host.Status),
				msg.M("run omsinit cluster remove %s, or add it to cm_nodes in the config.yaml of every node of the region", host.IP))
		}
	}
}

func (f *found) node(ip string, host registry.Host, m, fix msg.Message) {
	f.error("cluster.node", m, fix, fact("node", ip), fact("host_status", host.Status))
}

// clusterHeartbeats judges every node that should be there.
func clusterHeartbeats(_ context.Context, n *node, f *found) {
	for _, host := range n.registry.Hosts {
		foreign := host.Name != strconv.Itoa(n.cfg.CMLocation)
		switch {
		case foreign && registry.Lists(n.cfg.CMNodes, host.IP): // cluster.nodes reports it
		case foreign && !hasRegion(n.registry.Regions, host.Name):
			what := msg.M("the node %s is in the resource group %q, and no region has that number", host.IP, host.Name)
			if host.Name == "" {
				what = msg.M("the node %s is in a resource group that does not exist", host.IP)
			}
			f.warning("cluster.node", what,
				msg.M("when nobody needs it, delete it: omsinit cluster remove %s", host.IP), fact("node", host.IP))
		default:
			n.heartbeat(f, host)
		}
	}
	for _, beat := range n.registry.beats.Own {
		if _, ok := n.registry.Host(beat.IP); ok || !beat.Alive() {
			continue
		}
		f.error("cluster.stranger", msg.M("heartbeats come from %s, and no node has that address", beat.IP),
			msg.M("start the container of that node with -e OMS_HOST_IP=<IP address of its host>, as cm_nodes has it"),
			fact("address", beat.IP))
	}
}

func (n *node) heartbeat(f *found, host registry.Host) {
	beat, ok := registry.FindBeat(n.registry.beats.Of(host, n.cfg.CMLocation), host.IP)
	fix := msg.M("see on %s: whether the container runs (docker ps), omsinit status, omsinit cluster check there, and whether OMS_HOST_IP is %s",
		host.IP, host.IP)
	if registry.SameAddress(host.IP, n.cfg.NodeAddress(n.HostIP)) {
		fix = msg.M("run omsinit restart oms_drc_supervisor on this node; when that does not help, see omsinit logs oms_drc_supervisor oms_drc_cm, and whether OMS_HOST_IP is %s",
			host.IP)
	}
	facts := []finding.Fact{fact("node", host.IP), fact("cm_location", host.Name)}
	where := regionName(n.registry.Regions, host.Name)
	if !ok {
		f.error("cluster.heartbeat", msg.M("the node %s (region %s) has never sent a heartbeat", host.IP, where), fix,
			facts...)
		return
	}
	facts = append(facts, fact("heartbeat_age_seconds", int64(beat.Age/time.Second)), fact("heartbeat_at", beat.At))
	late := f.error
	if beat.Age <= n.registry.hostDown {
		late = f.warning // OMS does not call it down yet
	}
	switch {
	case beat.Age > n.registry.hostDown, !beat.Alive():
		late("cluster.heartbeat",
			msg.M("the last heartbeat of the node %s (region %s) was %s ago", host.IP, where, beat.Age), fix, facts...)
	case beat.Age < -registry.Alive:
		f.error("cluster.heartbeat",
			msg.M("the last heartbeat of the node %s (region %s) is %s in the future", host.IP, where, -beat.Age),
			msg.M("the MetaDB and the nodes must have the same time zone and the same time: see omsinit check"),
			facts...)
	}
	f.fact(fmt.Sprintf("heartbeat_age_seconds:%s", host.IP), int64(beat.Age/time.Second))
}

func hasRegion(regions []registry.Region, group string) bool {
	return slices.ContainsFunc(regions, func(r registry.Region) bool { return strconv.Itoa(r.Location) == group })
}

// regionName returns the region of a resource group as a person knows it.
func regionName(regions []registry.Region, group string) string {
	for _, r := range regions {
		if strconv.Itoa(r.Location) == group && r.Name != "" {
			return r.Name + " (cm_location " + group + ")"
		}
	}
	return "cm_location " + group
}
