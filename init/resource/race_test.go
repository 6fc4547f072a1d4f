package resource

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// A contradiction is found before anything is sent or written.
func TestConflictWritesNothing(t *testing.T) {
	s := testmaria.Start(t)
	c := metadb(t, s, "oms")
	s.Exec("INSERT INTO oms_rm.cluster_info (region, region_cn, cm_url, code, is_default_cm) VALUES ('cn-hangzhou', '杭州', 'http://10.1.0.1:8088', 100, 1)")
	before := dump(t, s, c)
	cm := startCM(t, nil)
	r, err := step(t, c, cm.URL).Apply(context.Background())
	if err == nil || r.Changed() || !strings.Contains(err.Error(), "cn-hangzhou") {
		t.Errorf("%+v, %v", r, err)
	}
	if len(cm.seen()) > 0 {
		t.Errorf("the CM was asked %q", cm.seen())
	}
	if d := gocmp(before, dump(t, s, c)); d != "" {
		t.Error(d)
	}
}

// A value that a table does not take is in the error, and no other row is written.
func TestValueTooLong(t *testing.T) {
	s := testmaria.Start(t)
	c := metadb(t, s, "oms")
	c.CMRegion = strings.Repeat("r", 300)
	before := dump(t, s, c)
	_, err := step(t, c, startCM(t, nil).URL).Apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "resource_label: name="+c.CMRegion) || finding.IsTransient(err) {
		t.Errorf("%v", err)
	}
	if d := gocmp(before, dump(t, s, c)); d != "" {
		t.Error(d)
	}
}

// Regions that start at the same second come one after the other.
func TestRace(t *testing.T) {
	s := testmaria.Start(t)
	run := func(configs []*config.Config, cm *fakeCM) (failed []error) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i, c := range configs {
			st := step(t, c, c.CMURL)
			st.HostIP, st.Log, st.HTTP = c.CMNodes[0], nil, cm.Client()
			wg.Go(func() {
				if _, err := st.Apply(context.Background()); err != nil {
					mu.Lock()
					failed = append(failed, fmt.Errorf("region %d: %w", i, err))
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return failed
	}
	// All of them have found nothing against them, and go on at the same moment.
	together := func(nodes int) func(n int, w http.ResponseWriter, r *http.Request) bool {
		var wg sync.WaitGroup
		wg.Add(nodes)
		return func(_ int, _ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/" {
				wg.Done()
				wg.Wait()
			}
			return false
		}
	}
	region := func(t *testing.T, base *config.Config, i int, cm *fakeCM) *config.Config {
		c := *base
		c.CMRegion, c.CMRegionCN = fmt.Sprint("region-", i), ""
		c.CMNodes = []string{fmt.Sprintf("10.%d.0.1", i)}
		c.CMURL = strings.Replace(cm.URL, "127.0.0.1", fmt.Sprintf("127.0.0.%d", i+1), 1)
		return &c
	}

	for lock, port := range map[string]int{"lock": s.Port, "lease": s.Without("GET_LOCK"), "oceanbase": s.OceanBase()} {
		t.Run(lock+", the same number", func(t *testing.T) {
			cm := startCM(t, together(4))
			rewire(t, cm)
			base := metadb(t, s, lock+"_clash")
			base.MetaPort = port
			var configs []*config.Config
			for i := range 4 {
				configs = append(configs, region(t, base, i, cm))
			}
			failed := run(configs, cm)
			if len(failed) != 3 {
				t.Errorf("%d of 4 failed, want 3: %v", len(failed), failed)
			}
			for _, err := range failed {
				if !strings.Contains(err.Error(), "cm_location 100 belongs to the region region-") ||
					finding.IsTransient(err) {
					t.Errorf("%v", err)
				}
			}
			if got := dump(t, s, base); len(got) != 6 {
				t.Errorf("rows of more than the winner: %q", got)
			}
			// Whoever loses has not told the CM anything either.
			sent := slices.DeleteFunc(cm.seen(), func(r string) bool { return !strings.HasPrefix(r, "POST") })
			if len(sent) != 1 {
				t.Errorf("the CM was told %q", sent)
			}
		})
		t.Run(lock+", the same node in two regions", func(t *testing.T) {
			cm := startCM(t, together(2))
			rewire(t, cm)
			base := metadb(t, s, lock+"_node")
			base.MetaPort = port
			var configs []*config.Config
			for i := range 2 {
				c := region(t, base, i, cm)
				c.CMLocation, c.CMIsDefault = i, i == 0
				c.CMNodes = append(c.CMNodes, "10.9.9.9")
				configs = append(configs, c)
			}
			failed := run(configs, cm)
			if len(failed) != 1 || !strings.Contains(failed[0].Error(),
				"the node 10.9.9.9 of cm_nodes is registered in the region with cm_location") {
				t.Errorf("%v", failed)
			}
		})
		t.Run(lock+", different numbers", func(t *testing.T) {
			cm := startCM(t, together(4))
			rewire(t, cm)
			base := metadb(t, s, lock+"_fine")
			base.MetaPort = port
			var configs []*config.Config
			for i := range 4 {
				c := region(t, base, i, cm)
				c.CMLocation, c.CMIsDefault = i, i == 0
				configs = append(configs, c)
			}
			for _, err := range run(configs, cm) {
				t.Error(err)
			}
			if got := dump(t, s, base); len(got) != 4*5+1 {
				t.Errorf("%q", got)
			}
		})
	}
}

// rewire lets the CM's client reach it under every loopback address.
func rewire(t *testing.T, cm *fakeCM) {
	addr := cm.Listener.Addr().String()
	tr := &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, addr)
		}}
	cm.Client().Transport = tr
}

// The unique keys tell those apart who write at the same moment all the same;
// whoever loses looks again.
func TestSameRow(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	st := step(t, c, cm.URL)
	st.mustApply(t)
	db, err := database.Open(c, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	late := state{} // as if it had looked before
	if _, err := st.commit(context.Background(), conn, "1 = 1", late.changes(want(c, "10.0.0.1")),
		late.Columns); !finding.IsTransient(err) {
		t.Errorf("%v", err)
	}
	if _, err := st.commit(context.Background(), conn, "1 = 0", late.changes(want(c, "10.0.0.1")),
		late.Columns); !finding.IsTransient(err) || !errors.Is(err, database.ErrLockLost) {
		t.Errorf("without the lock: %v", err)
	}
}

// A step that is cut off anywhere leaves nothing that the next run does not
// complete, and no region without its nodes.
func TestCutOff(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	st := step(t, c, cm.URL)
	st.Log = nil
	cut := 0
	for i := range 40 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i+1)*500*time.Microsecond)
		if _, err := st.Apply(ctx); err != nil {
			cut++
		}
		cancel()
		if got := column(
			t, s,
			"SELECT COUNT(*) FROM oms_rm.cluster_info WHERE (SELECT COUNT(*) FROM oms_cm.host) < 2"); got[0] != "0" {
			t.Fatal("the region is listed without its nodes")
		}
		if i%10 == 9 { // begin again
			s.Exec("DELETE FROM oms_rm.cluster_info", "DELETE FROM oms_cm.host", "DELETE FROM oms_cm.location_cm",
				"DELETE FROM oms_cm.resource_group", "DELETE FROM oms_cm.resource_label")
		}
	}
	if cut == 0 {
		t.Error("nothing was cut off")
	}
	st.mustApply(t)
	if r := st.mustApply(t); r.Changed() {
		t.Errorf("%+v", r)
	}
	if got := dump(t, s, c); len(got) != 7 {
		t.Errorf("%q", got)
	}
}
