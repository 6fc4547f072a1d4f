package resource

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/config"
)

// A pack whose calls register everything needs no MetaDB here, and no table
// that is as documented.
func TestRegisteredByCalls(t *testing.T) {
	cm := startCM(t, func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/group" {
			fmt.Fprint(w, `{"isSuccess":false,"errCode":409,"errMsg":"there"}`)
			return true
		}
		if r.URL.Path == "/join" {
			fmt.Fprint(w, `{"isSuccess":true}`)
			return true
		}
		return false
	})
	// Nothing listens on the MetaDB's port.
	st := step(t, &config.Config{CMPort: 1, MetaHost: "127.0.0.1", MetaPort: 1, CMLocation: 7}, cm.URL)
	st.Pack = packWith(t, `
  - {name: join, method: GET, path: /join, form: {loc: "{{.cm_location}}", ip: "{{.host_ip}}"}, done: [302]}
  - {name: group, method: POST, path: /group, done: [302, 409]}
register: calls
`)
	r, err := st.Apply(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Calls, []string{"join"}) || len(r.Rows) > 0 {
		t.Errorf("%+v", r)
	}
	if seen := strings.Join(cm.seen(), "\n"); !strings.Contains(seen, "GET /join") {
		t.Error(seen)
	}
	if plan, err := st.Plan(context.Background()); err != nil || plan.Changed() {
		t.Errorf("%+v, %v", plan, err)
	}
}
