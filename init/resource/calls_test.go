package resource

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// TestRegisteredByCalls: a pack whose calls register everything writes no row, and is done when the rows are there.
func TestRegisteredByCalls(t *testing.T) {
	s := testmaria.Start(t)
	var join func() // what the CM does
	cm := startCM(t, func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/group" {
			fmt.Fprint(w, `{"isSuccess":false,"errCode":409,"errMsg":"there"}`)
			return true
		}
		if r.URL.Path == "/join" {
			join()
			fmt.Fprint(w, `{"isSuccess":true}`)
			return true
		}
		return false
	})
	c := metadb(t, s, "oms")
	st := step(t, c, cm.URL)
	st.Pack = packWith(t, `
  - {name: join, method: GET, path: /join, form: {loc: "{{.cm_location}}", ip: "{{.host_ip}}"}, done: [302]}
  - {name: group, method: POST, path: /group, done: [302, 409]}
register: calls
missing: [POST /secret]
`)
	host := "INSERT INTO oms_cm.host (resource_group_id, ip, host_status) VALUES (1, '10.0.0.1', 'ONLINE')"
	st.WaitCM = time.Second
	for _, tc := range []struct {
		does    []string
		missing string
	}{
		{nil, "oms_cm.host ip=10.0.0.1"}, // the region is listed by step 5 itself
		{[]string{host}, ""},
	} {
		join = func() { s.Exec(tc.does...) }
		r, err := st.Apply(context.Background())
		if first := tc.does == nil; first != (len(r.Rows) == 1) {
			t.Errorf("rows %+v", r.Rows)
		}
		if tc.missing != "" && (!finding.IsTransient(err) || !strings.Contains(err.Error(), tc.missing)) ||
			tc.missing == "" && err != nil {
			t.Errorf("%q: %v", tc.missing, err)
		}
	}
	if !strings.Contains(fmt.Sprint(st.log), "POST /secret") {
		t.Errorf("what the pack cannot do is not said: %v", st.log)
	}
	join = func() {}
	r, err := st.Apply(context.Background())
	if err != nil || !slices.Equal(r.Calls, []string{"join"}) || len(r.Rows) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if seen := strings.Join(cm.seen(), "\n"); !strings.Contains(seen, "GET /join") {
		t.Error(seen)
	}
	if plan, err := st.Plan(context.Background()); err != nil || plan.Changed() {
		t.Errorf("%+v, %v", plan, err)
	}

	// Later than the answer is in time.
	s.Exec("DELETE FROM oms_cm.host")
	st.WaitCM = 20 * time.Second
	written := make(chan struct{})
	join = func() {
		go func() { time.Sleep(700 * time.Millisecond); s.Exec(host); close(written) }()
	}
	if _, err := st.Apply(context.Background()); err != nil {
		t.Error(err)
	}
	<-written

	// A region that another one contradicts is not listed.
	join = func() {}
	s.Exec("UPDATE oms_rm.cluster_info SET region = 'other', cm_url = 'http://10.9.9.9:8088', code = 7")
	st.WaitCM = time.Second
	if _, err := st.Apply(context.Background()); err == nil || finding.IsTransient(err) {
		t.Errorf("two default regions: %v", err)
	}
	s.Exec("UPDATE oms_rm.cluster_info SET code = 100")
	st.WaitCM = 20 * time.Second

	// Tables that nobody knows stop nothing.
	s.Exec("ALTER TABLE oms_cm.host CHANGE ip address VARCHAR(64)")
	st.log = nil
	if _, err := st.Apply(context.Background()); err != nil || len(st.log) == 0 {
		t.Errorf("%v, %q", err, st.log)
	}
	s.Exec("DROP TABLE oms_cm.host")
	if _, err := st.Apply(context.Background()); err != nil {
		t.Error(err)
	}
	s.Stop()
	if _, err := st.Apply(context.Background()); !finding.IsTransient(err) {
		t.Error(err)
	}
}
