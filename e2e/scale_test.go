package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
)

const (
	nodesPerRegion = 8
	// atOnce is how many nodes initialise at the same time: more than there are processors.
	atOnce = 8
)

// oneCM stands in for the CMs of all regions, and returns its port. The first request for each consumer makes it.
func oneCM(t testing.TB) (port int) {
	var made sync.Map
	l, err := net.Listen("tcp", "0.0.0.0:0") // each region has an address of its own on loopback
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			return
		}
		name := r.FormValue("consumer")
		if _, there := made.LoadOrStore(r.URL.Path+"?"+name, true); there {
			fmt.Fprintf(w, `{"errMsg":"Consumer [%s] already exists","errCode":302,"isSuccess":false}`, name)
			return
		}
		fmt.Fprintf(w, `{"consumer":%q,"isSuccess":true}`, name)
	}))
	server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	return l.Addr().(*net.TCPAddr).Port
}

// join makes regions of eight nodes join one MetaDB, each node a process that runs the steps that work on it. It
// returns a configuration of the first region, and how long all took.
func join(t testing.TB, db *testmaria.Server, regions int) (config string, took time.Duration) {
	t.Helper()
	dir, cm := t.TempDir(), oneCM(t)
	type member struct{ config, address string }
	var members []member
	for r := range regions {
		var addresses []string
		for n := range nodesPerRegion {
			addresses = append(addresses, fmt.Sprintf("10.1.%d.%d", r, n+1))
		}
		path := filepath.Join(dir, fmt.Sprintf("region-%d.yaml", r))
		text := fmt.Sprintf("oms_meta_host: %s\noms_meta_port: %d\noms_meta_user: %s\noms_meta_password: %s\n"+
			"drc_rm_db: oms_rm\ndrc_cm_db: oms_cm\n", db.Host, db.Port, db.User, quote(db.Password)) +
			fmt.Sprintf("drc_cm_heartbeat_db: oms_hb_%[1]d\ncm_url: http://127.0.0.%[2]d:%[3]d\ncm_location: %[1]d\ncm_region: region-%[1]d\n"+
				"cm_is_default: %[4]v\ncm_nodes: [%[5]s]\n", r, r+1, cm, r == 0, strings.Join(addresses, ", "))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, a := range addresses {
			members = append(members, member{path, a})
		}
	}
	places := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	start := time.Now()
	// The last nodes of all regions first, and so on: every region is on its way at any time.
	for i := range members {
		m := members[i%regions*nodesPerRegion+i/regions]
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			root := filepath.Join(dir, m.address)
			cmd := exec.Command(omsinit, "init", "--only", "metadb,resource", "--root", root, "--config", m.config)
			cmd.Env = []string{"OMS_HOST_IP=" + m.address, "PATH=" + os.Getenv("PATH")}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", m.address, err, out)
			}
			os.RemoveAll(root)
		})
	}
	wg.Wait()
	took = time.Since(start)
	for r := range regions { // a heartbeat of each node
		db.Exec(fmt.Sprintf("INSERT INTO oms_hb_%d.heart_beat (task_type, task_name, host_ip, gmt_modified) SELECT 'HOST', 'supervisor', ip, NOW() FROM oms_cm.host WHERE ip LIKE '10.1.%d.%%'", r, r))
	}
	return members[0].config, took
}

// show runs cluster show, and returns what it says and how long it took.
func show(t testing.TB, config string) (view clusterView, took time.Duration) {
	t.Helper()
	cmd := exec.Command(omsinit, "cluster", "show", "--output", "json", "--config", config, "--root", t.TempDir())
	cmd.Env = []string{"OMS_HOST_IP=10.1.0.1"}
	start := time.Now()
	out, errOut, status := run(t, cmd)
	took = time.Since(start)
	if err := json.Unmarshal([]byte(out), &view); err != nil || status != 0 {
		t.Fatalf("cluster show: %d, %v\n%s%s", status, err, out, errOut)
	}
	return view, took
}

// joined looks at what a number of regions has left: every row once, every node up.
func joined(t testing.TB, db *testmaria.Server, view clusterView, regions int) {
	t.Helper()
	want := fmt.Sprintf("%[1]d %[1]d %[1]d %[1]d %[2]d 1", regions, regions*nodesPerRegion)
	if got := value(t, db,
		"SELECT CONCAT_WS(' ', (SELECT COUNT(*) FROM oms_rm.cluster_info), (SELECT COUNT(*) FROM oms_cm.location_cm),"+
			" (SELECT COUNT(*) FROM oms_cm.resource_group), (SELECT COUNT(*) FROM oms_cm.resource_label), (SELECT COUNT(DISTINCT ip) FROM oms_cm.host),"+
			" (SELECT COUNT(*) FROM oms_rm.oms_normal_config))"); got != want {
		t.Errorf("rows: %s, want %s", got, want)
	}
	up := 0
	for _, r := range view.Regions {
		for _, n := range r.Nodes {
			if n.State == "up" {
				up++
			}
		}
	}
	if len(view.Regions) != regions || up != regions*nodesPerRegion {
		t.Errorf("%d regions with %d nodes that are up, want %d and %d", len(view.Regions), up, regions,
			regions*nodesPerRegion)
	}
}

// TestScale is 64 nodes that join one MetaDB; BenchmarkScale has the many.
func TestScale(t *testing.T) {
	db := testmaria.Start(t)
	config, _ := join(t, db, 8)
	view, _ := show(t, config)
	joined(t, db, view, 8)
}

// BenchmarkScale is how long a node takes to join a MetaDB, of 64 and 256 that come as fast as they can, and with make
// scale of 1,024, and how long cluster show takes then; the goals are a constant time, and a second for 1,024 nodes.
func BenchmarkScale(b *testing.B) {
	sizes := []int{8, 32}
	if os.Getenv("OMSINIT_SCALE") != "" {
		sizes = append(sizes, 128)
	}
	for _, regions := range sizes {
		b.Run(fmt.Sprint(regions*nodesPerRegion), func(b *testing.B) {
			db := testmaria.Start(b)
			config, took := join(b, db, regions)
			view, shown := show(b, config)
			joined(b, db, view, regions)
			b.ReportMetric(took.Seconds()*1000/float64(regions*nodesPerRegion), "ms/node")
			b.ReportMetric(shown.Seconds()*1000, "ms/show")
			b.ReportMetric(0, "ns/op")
		})
	}
}
