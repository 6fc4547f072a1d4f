package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// region is a region of a cluster on this machine, whose nodes have addresses
// 127.0.REGION.NODE and ports of their own.
type region struct {
	location int
	nodes    []*node
	booted   []*running
}

// addNode lays out one more node of the region: the config.yaml of all of them
// has it, and the CM of the first one is the region's.
func (r *region) addNode(t *testing.T, db *testmaria.Server) *node {
	t.Helper()
	n := newNode(t, db)
	r.nodes = append(r.nodes, n)
	n.env = append(n.env, "OMS_HOST_IP="+r.address(len(r.nodes)-1))
	n.values["drc_cm_heartbeat_db"] = fmt.Sprintf("oms_hb_%d", r.location)
	n.values["cm_location"] = fmt.Sprint(r.location)
	n.values["cm_region"] = fmt.Sprintf("region-%d", r.location)
	n.values["cm_is_default"] = fmt.Sprint(r.location == 1)
	n.values["cm_url"] = fmt.Sprintf("http://%s:%d", r.address(0), r.nodes[0].ports["cm_server_port"])
	r.writeConfigs(len(r.nodes))
	return n
}

// writeConfigs returns the first nodes of the region to all of them.
func (r *region) writeConfigs(count int) {
	var addresses []string
	for i := range count {
		addresses = append(addresses, r.address(i))
	}
	for _, n := range r.nodes {
		n.values["cm_nodes"] = "[" + strings.Join(addresses, ", ") + "]"
		n.writeConfig()
	}
}

func (r *region) address(i int) string { return fmt.Sprintf("127.0.%d.%d", r.location, i+1) }

// through puts a relay between a node and the MetaDB.
func (n *node) through(r *relay) {
	n.values["oms_meta_port"] = fmt.Sprint(r.port)
	n.writeConfig()
}

// clusterView is what `omsinit cluster show --output json` says, as far as it
// is looked at here.
type clusterView struct {
	Version int
	Default string `json:"default_region"`
	Regions []struct {
		Region    string `json:"cm_region"`
		Location  int    `json:"cm_location"`
		URL       string `json:"cm_url"`
		IsDefault bool   `json:"is_default"`
		Own       bool
		Nodes     []struct {
			IP     string
			Self   bool
			Status string `json:"host_status"`
			State  string
			Age    *int64 `json:"heartbeat_age_seconds"`
		}
	}
}

func (n *node) clusterShow(args ...string) (view clusterView) {
	n.t.Helper()
	out, errOut, status := n.omsinit(append([]string{"cluster", "show", "--output", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &view); err != nil || status != 0 {
		n.t.Fatalf("cluster show: %d, %v\n%s%s", status, err, out, errOut)
	}
	return view
}

// states are the nodes with their states, as one line.
func (v clusterView) states() string {
	var list []string
	for _, r := range v.Regions {
		for _, node := range r.Nodes {
			list = append(list, strings.TrimPrefix(node.IP, "127.0.")+" "+node.State)
		}
	}
	return strings.Join(list, ", ")
}

// says runs a command and looks at its exit status and its words.
func (n *node) says(status int, want []string, args ...string) string {
	n.t.Helper()
	out, errOut, got := n.omsinit(args...)
	if got != status {
		n.t.Errorf("%v: status %d, want %d\n%s%s", args, got, status, out, errOut)
	}
	for _, w := range want {
		if !strings.Contains(out+errOut, w) {
			n.t.Errorf("%v does not say %q:\n%s%s", args, w, out, errOut)
		}
	}
	return out
}

// TestCluster starts three regions of two nodes on one MetaDB at once, one node
// cut off, and takes them through what happens to a cluster.
func TestCluster(t *testing.T) {
	whole := t // its nodes outlive the parts
	db := testmaria.Start(t)
	target := net.JoinHostPort(db.Host, fmt.Sprint(db.Port))
	regions := []*region{{location: 1}, {location: 2}, {location: 3}}
	for _, r := range regions {
		r.addNode(t, db)
		r.addNode(t, db)
	}
	one, two, three := regions[0], regions[1], regions[2]
	late, cm := newRelay(t, target), newRelay(t, target)
	two.nodes[1].through(late)
	three.nodes[0].through(cm)
	late.cut()

	for _, r := range regions {
		for _, n := range r.nodes {
			r.booted = append(r.booted, n.boot())
		}
	}
	for _, r := range regions {
		for i, b := range r.booted {
			if r != two || i != 1 {
				b.waitReady()
			}
		}
	}
	first := one.nodes[0]
	eventually(t, "heartbeats of all but the node that is cut off", func() bool {
		return first.clusterShow().states() == "1.1 up, 1.2 up, 2.1 up, 2.2 down, 3.1 up, 3.2 up"
	})
	first.says(3, []string{"the node 127.0.2.2 (region region-2 (cm_location 2)) has never sent a heartbeat",
		"[cluster.heartbeat]", "cause: ", "fix: see on 127.0.2.2"}, "cluster", "check")
	if out, _, status := two.nodes[1].omsinit("cluster", "check", "--deadline", "2s"); status != 3 ||
		!strings.Contains(out, "[metadb.slow-greeting]") || !strings.Contains(out, "[cluster.init]") {
		t.Errorf("on the node that is cut off: %d\n%s", status, out)
	}
	late.heal()
	two.booted[1].waitReady()
	eventually(t, "a whole cluster", func() bool {
		_, _, status := first.omsinit("cluster", "check")
		return status == 0
	})

	t.Run("one correct cluster", func(t *testing.T) {
		view := first.clusterShow()
		if view.Version != 1 || view.Default != "region-1" || len(view.Regions) != 3 {
			t.Errorf("%+v", view)
		}
		for i, r := range view.Regions {
			want := regions[i]
			if r.Location != want.location || r.Region != fmt.Sprintf("region-%d", want.location) ||
				r.URL != want.nodes[0].values["cm_url"] || r.IsDefault != (i == 0) || r.Own != (i == 0) ||
				len(r.Nodes) != 2 {
				t.Errorf("%+v", r)
			}
		}
		for _, q := range []string{"oms_cm.resource_group", "oms_cm.resource_label", "oms_cm.location_cm",
			"oms_rm.cluster_info"} {
			if n := count(t, db, q); n != 3 {
				t.Errorf("%s has %d rows, want 3", q, n)
			}
		}
		if n := count(t, db, "oms_cm.host"); n != 6 {
			t.Errorf("oms_cm.host has %d rows, want 6", n)
		}
		if n := count(t, db, "oms_cm.standin_consumer"); n != 1 {
			t.Errorf("%d consumers, want 1", n)
		}
		if n := count(t, db, "oms_rm.oms_normal_config"); n != 1 {
			t.Errorf("oms_rm.oms_normal_config has %d rows, want 1", n)
		}
		for _, r := range regions {
			for _, n := range r.nodes {
				if status, healthy := n.health(); status != 200 || !healthy {
					t.Errorf("%s: health %d %v", n.root, status, healthy)
				}
			}
		}
		first.says(0, []string{"REGION", "CM_LOCATION", "region-3", "2/2", "127.0.3.2", "up", "ONLINE", "s ago",
			"this node"}, "cluster", "show")
		first.says(0, []string{"地域", "在线", "本节点"}, "cluster", "show", "--lang", "zh")
		first.says(64, []string{"--output is text or json"}, "cluster", "show", "--output", "xml")
		first.says(64, []string{"must be longer than 0"}, "cluster", "check", "--heartbeat-age", "0s")
	})

	t.Run("a CM is cut off and healed", func(t *testing.T) {
		cm.cut()
		eventually(t, "the loss of the heartbeats of region 3", func() bool {
			return first.clusterShow("--heartbeat-age",
				"4s").states() == "1.1 up, 1.2 up, 2.1 up, 2.2 up, 3.1 down, 3.2 down"
		})
		eventually(t, "a diagnosis of these two nodes alone", func() bool {
			out, _, status := first.omsinit("cluster", "check", "--heartbeat-age", "4s")
			return status == 3 && strings.Count(out, "error: ") == 2 &&
				strings.Contains(out, "the last heartbeat of the node 127.0.3.1") &&
				strings.Contains(out, "the last heartbeat of the node 127.0.3.2")
		})
		cm.heal()
		eventually(t, "the heartbeats of region 3", func() bool {
			_, _, status := first.omsinit("cluster", "check", "--heartbeat-age", "4s")
			return status == 0
		})
	})

	t.Run("a component is stopped", func(t *testing.T) {
		first.says(0, nil, "stop", "oms_drc_supervisor")
		var report struct {
			Version, Errors int
			Status          string
			Checks          []struct {
				Findings []struct{ ID, Message, Cause, Fix string }
			}
		}
		if err := json.Unmarshal([]byte(first.says(3, nil, "cluster", "check", "--output", "json")),
			&report); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, c := range report.Checks {
			for _, f := range c.Findings {
				ids = append(ids, f.ID)
				if f.Cause == "" && f.ID == "cluster.program" ||
					!strings.Contains(f.Fix, "omsinit restart oms_drc_supervisor") && f.ID == "cluster.program" {
					t.Errorf("%+v", f)
				}
			}
		}
		if report.Version != 1 || report.Status != "failed" || !slices.Contains(ids, "cluster.program") {
			t.Errorf("%+v", report)
		}
		first.says(0, nil, "start", "oms_drc_supervisor")
	})

	t.Run("high availability", func(t *testing.T) {
		first.says(0, []string{"high availability is off", `"enableStore":true`,
			"region region-3 (cm_location 3): nodes: 2"}, "ha", "show")
		first.says(0, []string{`old value: {"enable":false,`, `new value: {"enable":true,`,
			"Nothing is to be restarted"}, "ha", "on")
		three.nodes[1].says(0, []string{`"enable": true`, `"refetchStoreIntervalMin": 30`, `"version": 1`}, "ha",
			"show", "--output", "json")
		three.nodes[1].says(0, []string{"on already; nothing is changed"}, "ha", "on")
		first.says(0, []string{`"old":`, `"changed": true`}, "ha", "off", "--output", "json")
	})

	t.Run("the address of a CM moves to a VIP", func(t *testing.T) {
		vip := newRelay(whole, strings.TrimPrefix(two.nodes[0].values["cm_url"], "http://"))
		for _, n := range two.nodes {
			n.values["cm_url"] = fmt.Sprintf("http://127.0.0.1:%d", vip.port)
			n.writeConfig()
		}
		two.nodes[0].says(3, []string{"config.yaml says cm_url " + two.nodes[0].values["cm_url"]}, "cluster", "check")
		two.nodes[0].says(0, []string{"oms_cm.location_cm: location=2 corrected",
			"oms_rm.cluster_info: code=2 corrected"}, "init")
		two.nodes[1].says(0, []string{"are registered already"}, "init")
		if got := first.clusterShow().Regions[1].URL; got != two.nodes[0].values["cm_url"] {
			t.Errorf("the CM of region 2 is at %s", got)
		}
		two.nodes[0].says(0, nil, "cluster", "check")
	})

	t.Run("a node is added to a region", func(t *testing.T) {
		n := one.addNode(whole, db)
		n.boot().waitReady()
		one.nodes[1].says(0, nil, "init")
		eventually(t, "the heartbeat of the new node", func() bool {
			_, _, status := one.nodes[1].omsinit("cluster", "check")
			return status == 0
		})
		if got := first.clusterShow().states(); !strings.Contains(got, "1.3 up") {
			t.Error(got)
		}
	})

	t.Run("a region is added to the cluster", func(t *testing.T) {
		four := &region{location: 4}
		n := four.addNode(whole, db)
		// What people get wrong is told before anything is written.
		n.values["cm_location"] = "3"
		n.writeConfig()
		b := n.boot()
		b.waitOutput("cm_location 3 belongs to the region region-3")
		n.values["cm_location"], n.values["cm_is_default"] = "4", "true"
		n.writeConfig()
		n.says(3, []string{"the region region-1 (cm_location 1) is the default one already"}, "init")
		n.values["cm_is_default"] = "false"
		n.writeConfig()
		n.says(0, nil, "init")
		b.waitReady()
		eventually(t, "the heartbeat of the new region", func() bool {
			return strings.HasSuffix(first.clusterShow().states(), "4.1 up")
		})
		first.says(3, []string{"fewer than 2: region-4 (cm_location 4)", "--force"}, "ha", "on")
		first.says(0, []string{"high availability is off"}, "ha", "show")
		first.says(0, []string{"high availability is on"}, "ha", "on", "--force")
	})

	t.Run("a node is taken out of a region", func(t *testing.T) {
		one.writeConfigs(2)
		first.says(0, []string{"the node 127.0.1.3 is not in cm_nodes, but sends heartbeats"}, "init")
		first.says(3, []string{"the node 127.0.1.3 is not in cm_nodes, and sends heartbeats"}, "cluster", "check")
		one.nodes[2].says(0, nil, "stop", "oms_drc_supervisor")
		db.Exec("UPDATE oms_hb_1.heart_beat SET gmt_modified = NOW() - INTERVAL 10 MINUTE WHERE host_ip = '127.0.1.3'")
		first.says(0, []string{"omsinit cluster remove 127.0.1.3"}, "init")
		first.says(3, []string{"omsinit cluster remove 127.0.1.3"}, "cluster", "check")
		first.says(0, []string{"ip=127.0.1.3 would be deleted"}, "cluster", "remove", "127.0.1.3", "--dry-run")
		first.says(0, []string{"ip=127.0.1.3 deleted"}, "cluster", "remove", "127.0.1.3")
		first.says(3, []string{"127.0.1.3"}, "cluster", "remove", "127.0.1.3")
		first.says(0, nil, "cluster", "check")
		one.writeConfigs(3)
		first.says(0, []string{"ip=127.0.1.3 registered"}, "init")
	})
}

// TestRegionRace starts two regions with the same cm_location at once: one wins,
// the other one is told, and both are there as soon as that is corrected.
func TestRegionRace(t *testing.T) {
	db := testmaria.Start(t)
	var nodes []*node
	var booted []*running
	for i := range 2 {
		r := &region{location: i + 1}
		n := r.addNode(t, db)
		n.values["cm_location"], n.values["cm_is_default"] = "7", "false"
		n.writeConfig()
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		booted = append(booted, n.boot())
	}
	winner, loser := -1, -1
	eventually(t, "a winner and a loser", func() bool {
		for i, b := range booted {
			if strings.Contains(b.out.String(), readyLine) {
				winner = i
			}
			if strings.Contains(b.out.String(), fmt.Sprintf("cm_location 7 belongs to the region region-%d", 2-i)) {
				loser = i
			}
		}
		return winner >= 0 && loser >= 0
	})
	if winner == loser {
		t.Fatalf("node %d both won and lost", winner)
	}
	if n := count(t, db, "oms_rm.cluster_info"); n != 1 {
		t.Errorf("%d regions are registered, want 1", n)
	}
	eventually(t, "the reason in the status", func() bool {
		out, _, _ := nodes[loser].omsinit("status")
		return strings.Contains(out, "cm_location 7 belongs to") && strings.Contains(out, "waits for a person")
	})
	nodes[loser].says(3, []string{"choose a cm_location that is not taken (7 "}, "check")
	nodes[loser].values["cm_location"] = "8"
	nodes[loser].writeConfig()
	nodes[loser].says(0, nil, "init")
	booted[loser].waitReady()
	if got := len(nodes[winner].clusterShow().Regions); got != 2 {
		t.Errorf("%d regions, want 2", got)
	}
}

func count(t *testing.T, db *testmaria.Server, table string) (n int) {
	t.Helper()
	conn := db.DB("")
	defer conn.Close()
	if err := conn.QueryRow("SELECT COUNT(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
