package resource

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/passing"
	"omsinit/internal/testmaria"
)

func TestRegionNames(t *testing.T) {
	for _, tc := range []struct{ region, cn, wantName, wantCN string }{
		{"cn-beijing", "北京", "cn-beijing", "北京"},
		{"cn-beijing", "", "cn-beijing", "cn-beijing"},
		{"", "北京", "北京", "北京"},
		{"", "", "default", "default"},
	} {
		r := wanted(&config.Config{CMRegion: tc.region, CMRegionCN: tc.cn}, "")
		if r.name != tc.wantName || r.nameCN != tc.wantCN {
			t.Errorf("%q, %q is named %q, %q", tc.region, tc.cn, r.name, r.nameCN)
		}
	}
}

func TestConflicts(t *testing.T) {
	beijing := region{name: "cn-beijing", nameCN: "北京", named: true, url: "http://10.0.0.1:8088", location: 100, isDefault: true}
	with := func(change func(*region)) region { r := beijing; change(&r); return r }
	rows := func(change func(*registered)) []registered {
		r := beijing.registered()
		change(&r)
		return []registered{r}
	}
	for name, tc := range map[string]struct {
		rows []registered
		us   region
		want string // "" is no conflict
	}{
		"nothing registered": {nil, beijing, ""},
		"ourselves":          {rows(func(*registered) {}), beijing, ""},
		"another region with our number": {
			rows(func(r *registered) { r.name, r.url = "cn-hangzhou", "http://10.1.0.1:8088" }), beijing,
			"cm_location 100 belongs to the region cn-hangzhou (http://10.1.0.1:8088)"},
		"renamed": {rows(func(r *registered) { r.name = "cn-hangzhou" }), beijing, "belongs to the region cn-hangzhou"},
		"named at last": {
			rows(func(r *registered) { r.name = "default" }), beijing, ""},
		"named at last, elsewhere": {
			rows(func(r *registered) { r.name, r.url = "default", "http://10.1.0.1:8088" }), beijing, "belongs to the region default"},
		"no longer named": {
			rows(func(*registered) {}), with(func(r *region) { r.name, r.named = "default", false }), "config.yaml has no cm_region"},
		"the address moved": {rows(func(r *registered) { r.url = "http://10.0.0.9:8088" }), beijing, ""},
		"our name with another number": {
			rows(func(r *registered) { r.location, r.url, r.isDefault = 101, "http://10.1.0.1:8088", false }), beijing,
			"the region cn-beijing is registered with cm_location 101, but config.yaml says cm_location 100"},
		"two without a name": {
			rows(func(r *registered) {
				r.name, r.location, r.url, r.isDefault = "default", 101, "http://10.1.0.1:8088", false
			}),
			with(func(r *region) { r.name, r.named = "default", false }), "each needs a name: set cm_region"},
		"our address, spelled otherwise": {
			rows(func(r *registered) { r.name, r.location, r.url, r.isDefault = "b", 101, "10.0.0.1:8088/", false }), beijing,
			"is the address of the region b"},
		"a second default": {
			rows(func(r *registered) { r.name, r.location, r.url = "b", 101, "http://10.1.0.1:8088" }), beijing,
			"the region b (cm_location 101) is the default one already: set cm_is_default: false"},
		"a second region": {
			rows(func(r *registered) { r.name, r.location, r.url = "b", 101, "http://10.1.0.1:8088" }),
			with(func(r *region) { r.isDefault = false }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := state{regions: tc.rows}.conflict(tc.us)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("%v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%v, want %q", err, tc.want)
			case err != nil && (passing.Is(err) || msg.Chinese.Text(err) == err.Error()):
				t.Errorf("passing %v, Chinese %q", passing.Is(err), msg.Chinese.Text(err))
			}
		})
	}
}

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
	// All of them are ready to write at the same moment.
	together := func(nodes int) func(n int, w http.ResponseWriter, r *http.Request) bool {
		var wg sync.WaitGroup
		wg.Add(nodes)
		return func(_ int, _ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/" {
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

	t.Run("the same number", func(t *testing.T) {
		cm := startCM(t, together(4))
		rewire(t, cm)
		base := metadb(t, s, "clash")
		var configs []*config.Config
		for i := range 4 {
			configs = append(configs, region(t, base, i, cm))
		}
		failed := run(configs, cm)
		if len(failed) != 3 {
			t.Errorf("%d of 4 failed, want 3: %v", len(failed), failed)
		}
		for _, err := range failed {
			if !strings.Contains(err.Error(), "cm_location 100 belongs to the region region-") {
				t.Errorf("%v", err)
			}
		}
		if got := dump(t, s, base); len(got) != 5 {
			t.Errorf("rows of more than the winner: %q", got)
		}
	})
	t.Run("different numbers", func(t *testing.T) {
		cm := startCM(t, together(4))
		rewire(t, cm)
		base := metadb(t, s, "fine")
		var configs []*config.Config
		for i := range 4 {
			c := region(t, base, i, cm)
			c.CMLocation, c.CMIsDefault = i, i == 0
			configs = append(configs, c)
		}
		for _, err := range run(configs, cm) {
			t.Error(err)
		}
		if got := dump(t, s, base); len(got) != 4*4+1 {
			t.Errorf("%q", got)
		}
	})
}

// rewire lets the CM's client reach it under every loopback address.
func rewire(t *testing.T, cm *fakeCM) {
	addr := cm.Listener.Addr().String()
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}}
	cm.Client().Transport = tr
}

// Where the MetaDB has no lock, regions that write at the same moment are told
// apart by the unique keys; whoever loses looks again.
func TestWithoutLocks(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	c.MetaPort = s.Without("GET_LOCK")
	if r := step(t, c, cm.URL).mustApply(t); len(r.Rows) != 6 {
		t.Errorf("%+v", r)
	}
	late := state{rm: "`oms_rm`", cm: "`oms_cm`"} // as if it had looked before
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
	st := step(t, c, cm.URL)
	if _, err := st.commit(context.Background(), conn, late.changes(wanted(c, "10.0.0.1"))); !passing.Is(err) {
		t.Errorf("%v", err)
	}
}
