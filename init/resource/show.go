package resource

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
	"omsinit/internal/style"
)

// View is what is registered of all regions and nodes, and how they are. Its
// JSON form only ever grows.
type View struct {
	Version int `json:"version"`
	// Default is the name of the default region, "" when there is none.
	Default string       `json:"default_region"`
	Regions []RegionView `json:"regions"` // by cm_location
	// Unassigned are nodes of no region.
	Unassigned []NodeView `json:"unassigned"`
	// HeartbeatDatabases are those that were found on the server, this region's
	// first. Nothing records whose the others are.
	HeartbeatDatabases []string `json:"heartbeat_databases"`
}

// RegionView is one region.
type RegionView struct {
	Name      string     `json:"cm_region"`
	NameCN    string     `json:"cm_region_cn"`
	Location  int        `json:"cm_location"`
	URL       string     `json:"cm_url"`
	IsDefault bool       `json:"is_default"`
	Own       bool       `json:"own"` // of this node's config.yaml
	Nodes     []NodeView `json:"nodes"`
}

// NodeView is one node.
type NodeView struct {
	IP     string         `json:"ip"`
	Self   bool           `json:"self"`
	Status string         `json:"host_status"`
	State  registry.State `json:"state"` // up, down, abnormal
	// Heartbeat is the time of the last one by the server's clock and zone, and
	// HeartbeatAge how long ago it was; null: there is none.
	Heartbeat    *string `json:"heartbeat_at"`
	HeartbeatAge *int64  `json:"heartbeat_age_seconds"`
}

// Look reads what is registered. Nothing but the MetaDB is asked. A node is down when its last heartbeat is older than
// hostDown; 0 is the age from which OMS itself calls a host down.
func Look(ctx context.Context, c *config.Config, hostIP string, hostDown time.Duration) (View, error) {
	view := View{Version: 1, Regions: []RegionView{}, Unassigned: []NodeView{}}
	db, err := database.Open(c, "", database.As(hostIP))
	if err != nil {
		return view, err
	}
	defer db.Close()
	found, err := registry.Read(ctx, db, c)
	if err != nil {
		return view, msg.Errorf("cannot read the registered regions and nodes: %w", database.Explain(c, err))
	}
	all, err := registry.ReadAllBeats(ctx, db, c.HeartbeatDatabase)
	if err != nil {
		return view, msg.Errorf("cannot read the heartbeats: %w", database.Explain(c, err))
	}
	view.HeartbeatDatabases = all.Databases
	if hostDown == 0 {
		hostDown = ha.HostDown(ctx, db, c.RMDatabase)
	}
	node := func(h registry.Host) NodeView {
		beats := all.Of(h, c.CMLocation)
		v := NodeView{IP: h.IP, Self: registry.SameAddress(h.IP, hostIP), Status: h.Status,
			State: registry.StateOf(h, beats, hostDown)}
		if b, ok := registry.FindBeat(beats, h.IP); ok {
			age := int64(b.Age / time.Second)
			v.Heartbeat, v.HeartbeatAge = &b.At, &age
		}
		return v
	}
	places := map[string]int{}
	for i, r := range found.Regions {
		places[strconv.Itoa(r.Location)] = i
		if r.IsDefault && view.Default == "" {
			view.Default = r.Name
		}
		view.Regions = append(view.Regions, RegionView{Name: r.Name, NameCN: r.NameCN, Location: r.Location, URL: r.URL,
			IsDefault: r.IsDefault, Own: r.Location == c.CMLocation, Nodes: []NodeView{}})
	}
	for _, h := range found.Hosts {
		if i, ok := places[h.Name]; ok {
			view.Regions[i].Nodes = append(view.Regions[i].Nodes, node(h))
		} else {
			view.Unassigned = append(view.Unassigned, node(h))
		}
	}
	return view, nil
}

// Print writes the view for people: the regions, then the nodes.
func (v View) Print(w io.Writer, lang msg.Lang) {
	if len(v.Regions) == 0 {
		fmt.Fprintln(w, lang.Sprintf("no region is registered yet: see omsinit status, and run omsinit init"))
	}
	t := lang.Sprintf
	regions := [][]string{{t("REGION"), "CM_LOCATION", t("DEFAULT"), t("CM"), t("NODES UP")}}
	nodes := [][]string{{t("NODE"), t("REGION"), t("STATE"), "HOST_STATUS", t("LAST HEARTBEAT"), ""}}
	for _, r := range v.Regions {
		up := 0
		for _, n := range r.Nodes {
			nodes = append(nodes, n.cells(w, r.title(), lang))
			if n.State == registry.Up {
				up++
			}
		}
		standard := "-"
		if r.IsDefault {
			standard = t("yes")
		}
		regions = append(regions, []string{r.title(), strconv.Itoa(r.Location), standard, r.URL,
			fmt.Sprintf("%d/%d", up, len(r.Nodes))})
	}
	for _, n := range v.Unassigned {
		nodes = append(nodes, n.cells(w, "-", lang))
	}
	if len(v.Regions) > 0 {
		_ = msg.PrintColumns(w, regions)
		if v.Default == "" {
			fmt.Fprintln(w, t(
				"no region is the default one yet: cm_is_default must be true in exactly one region's config.yaml"))
		}
	}
	if len(nodes) > 1 {
		fmt.Fprintln(w)
		_ = msg.PrintColumns(w, nodes)
	}
}

func (r RegionView) title() string {
	if r.NameCN != "" && r.NameCN != r.Name {
		return r.Name + " (" + r.NameCN + ")"
	}
	return r.Name
}

func (n NodeView) cells(w io.Writer, region string, lang msg.Lang) []string {
	beat := lang.Sprintf("never")
	if n.HeartbeatAge != nil {
		age := time.Duration(*n.HeartbeatAge) * time.Second
		beat = lang.Sprintf("%s ago", age)
		if age < 0 {
			beat = lang.Sprintf("%s ahead", -age)
		}
	}
	self := ""
	if n.Self {
		self = lang.Sprintf("this node")
	}
	return []string{n.IP, region, stateStyles[n.State].Paint(w, stateNames[n.State].In(lang)), n.Status, beat, self}
}

var stateStyles = map[registry.State]style.Style{
	registry.Up: style.OK, registry.Down: style.Error, registry.Abnormal: style.Warning,
}

var stateNames = map[registry.State]msg.Message{
	registry.Up:       msg.M("up"),
	registry.Down:     msg.M("down"),
	registry.Abnormal: msg.M("abnormal"),
}
