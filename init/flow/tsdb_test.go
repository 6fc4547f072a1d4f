package flow

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/node"
	"omsinit/metrics"
)

func TestTSDBInStep3(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := l.Addr().String()
	var out bytes.Buffer
	f := New(node.New(node.Given{Layout: layout.New(t.TempDir()), HostIP: "10.0.0.1", Err: &out}), Options{})
	if f.pack, err = f.Pack(); err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{TSDBService: "INFLUXDB", TSDBURL: away, TSDBUsername: "oms", TSDBPassword: "Secret42",
		CMNodes: []string{"10.0.0.1"}}

	t.Run("off", func(t *testing.T) {
		for _, optional := range []bool{false, true} {
			f.TSDBOptional = optional
			got, applied, err := f.tsdb(t.Context(), cfg)
			if err != nil || got != cfg || applied.State != metrics.Off {
				t.Errorf("%v %+v", err, applied)
			}
			plan := Planned{}
			if plan.planTSDB(t.Context(), f, cfg) != cfg || plan.TSDB.State != metrics.Off {
				t.Errorf("plan: %+v", plan.TSDB)
			}
		}
		// A connection that was made waits to be accepted.
		if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if c, err := l.Accept(); err == nil {
			c.Close()
			t.Error("there was a connection to a TSDB that is switched off")
		}
		l.Close()
	})
	cfg.TSDBEnabled = true
	t.Run("away", func(t *testing.T) {
		f.TSDBOptional = false
		_, _, err := f.tsdb(t.Context(), cfg)
		if !finding.IsTransient(err) || !strings.Contains(err.Error(), "cannot reach") ||
			!strings.Contains(err.Error(), "--tsdb-optional") || strings.Contains(err.Error(), "Secret42") {
			t.Errorf("got %v", err)
		}
		plan := Planned{}
		if plan.planTSDB(t.Context(), f, cfg) != cfg || plan.TSDB.State != "" || plan.Known() {
			t.Errorf("plan: %+v", plan)
		}
	})
	t.Run("away, and optional", func(t *testing.T) {
		f.TSDBOptional = true
		out.Reset()
		got, applied, err := f.tsdb(t.Context(), cfg)
		if err != nil || got.TSDBEnabled || !cfg.TSDBEnabled || applied.State != metrics.LeftOut ||
			!strings.Contains(applied.Reason.Chinese, "无法连接") {
			t.Errorf("%v %+v", err, applied)
		}
		if !strings.Contains(out.String(), "is left out (--tsdb-optional): cannot reach") {
			t.Errorf("said: %s", &out)
		}
		plan := Planned{}
		if plan.planTSDB(t.Context(), f, cfg).TSDBEnabled || plan.TSDB.State != metrics.LeftOut || !plan.Known() {
			t.Errorf("plan: %+v", plan)
		}
		// The same again is the same decision, and another one is not.
		_, again, _ := f.tsdb(t.Context(), cfg)
		if !again.Same(applied, cfg) || again.Same(metrics.NewApplied(metrics.On, nil, cfg, f.pack.TSDB), cfg) {
			t.Errorf("%+v %+v", applied, again)
		}
	})
	t.Run("the check", func(t *testing.T) {
		for _, optional := range []bool{false, true} {
			f.TSDBOptional = optional
			in, err := f.checkInput()
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range tsdbChecks {
				if slices.Contains(in.Ignore, id) != optional {
					t.Errorf("optional %v: ignored %v", optional, in.Ignore)
				}
			}
		}
	})
}
