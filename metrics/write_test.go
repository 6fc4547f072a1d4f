package metrics

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/testdata/testinflux"
)

func TestCheckWrite(t *testing.T) {
	server := testinflux.New(t, "oms", secret, "")
	influx := server.Addr
	old := fmt.Sprintf("omsinit_check_%d_abcdefgh", time.Now().Add(-time.Second).Unix())
	young := fmt.Sprintf("omsinit_check_%d_abcdefgh", time.Now().Add(time.Hour).Unix())
	for _, statement := range []string{`CREATE USER "reader" WITH PASSWORD 'pw'`, "CREATE DATABASE " + old,
		"CREATE DATABASE " + young, "CREATE DATABASE omsinit_check_mine"} {
		server.Query(statement)
	}
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/write" {
			http.Error(w, `{"error":"partial write: no space left on device"}`, http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"results":[{}]}`)
	}))
	defer full.Close()
	for _, tc := range []struct {
		name, addr, service, user, password string
		want                                string
		passing                             bool
	}{
		{name: "all privileges", addr: influx, user: "oms", password: secret},
		{name: "no privileges", addr: influx, user: "reader", password: "pw", want: "cannot create a database"},
		{name: "wrong password", addr: influx, user: "oms", password: "other", want: "cannot create a database"},
		{name: "nobody listens", addr: freeAddress(t), user: "oms", password: secret, want: "cannot reach",
			passing: true},
		{name: "a full disk", addr: host(full), user: "oms", password: secret, want: "cannot write a point",
			passing: true},
		{name: "CERESDB has no such statements", addr: freeAddress(t), service: "CERESDB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if tc.service == "" {
				tc.service = "INFLUXDB"
			}
			err := CheckWrite(ctx, &config.Config{TSDBEnabled: true, TSDBService: tc.service, TSDBURL: tc.addr,
				TSDBUsername: tc.user, TSDBPassword: config.Secret(tc.password)})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if finding.IsTransient(err) != tc.passing {
				t.Errorf("passing is %v: %v", finding.IsTransient(err), err)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the password is shown: %v", err)
			}
		})
	}
	left := fmt.Sprint(server.Query("SHOW DATABASES"))
	if strings.Contains(left, old) || !strings.Contains(left, young) || !strings.Contains(left, "omsinit_check_mine") ||
		strings.Count(left, "omsinit_check") != 2 {
		t.Errorf("left: %s", left)
	}
}
