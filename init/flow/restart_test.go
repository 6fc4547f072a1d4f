package flow

import (
	"net"
	"os"
	"strings"
	"testing"

	"omsinit/internal/pack"
	"omsinit/supervise/api"
)

// TestDue: what step 4 does with a program in each situation.
func TestDue(t *testing.T) {
	f := &Flow{pack: &pack.Pack{Manifest: pack.Manifest{Restart: []string{"away", "p"}}}}
	for _, tc := range []struct {
		name    string
		program api.ProgramStatus
		want    string // "", "coming" or "restart"
	}{
		{"ready", api.ProgramStatus{PID: 1, Ready: true}, ""},
		{"ready, with old files", api.ProgramStatus{PID: 1, Ready: true, Stale: true}, "restart"},
		{"stopped", api.ProgramStatus{}, "restart"},
		{"starting", api.ProgramStatus{PID: 1, UptimeSeconds: 3}, "coming"},
		{"starting with old files", api.ProgramStatus{PID: 1, UptimeSeconds: 3, Stale: true}, "restart"},
		{"waits for another", api.ProgramStatus{WaitsFor: []string{"q"}}, "coming"},
		{"stuck", api.ProgramStatus{PID: 1, UptimeSeconds: 600}, "restart"},
	} {
		tc.program.Name = "p"
		d := f.due(&api.Status{Programs: []api.ProgramStatus{tc.program, {Name: "ours"}}})
		got := ""
		if len(d.coming) > 0 {
			got = "coming"
		}
		if len(d.restart) > 0 {
			got += "restart"
		}
		if got != tc.want || strings.Join(d.defined, " ") != "p" {
			t.Errorf("%s: got %q of %v, want %q", tc.name, got, d.defined, tc.want)
		}
	}
}

// TestRestart: what is on its way is waited for, after the others were restarted.
func TestRestart(t *testing.T) {
	w := newWorld(t, nil)
	w.pid1.programs[0] = api.ProgramStatus{Name: "nginx", PID: 1 << 30, Ready: true}
	w.pid1.programs[1] = api.ProgramStatus{Name: "oms_console", PID: 1 << 30, UptimeSeconds: 3}
	w.pid1.programs = append(w.pid1.programs, api.ProgramStatus{Name: "ours"})
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"restart"}}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.pid1.asked(), ", "); got != "restart oms_drc_cm oms_drc_supervisor, start oms_console" {
		t.Errorf("asked to %s", got)
	}
	w.said("waiting for oms_console", "all components are ready: nginx oms_console oms_drc_cm oms_drc_supervisor")
	w.pid1.programs[1].Ready, w.pid1.programs[1].UptimeSeconds = false, 3
	w.pid1.refuse["start"] = "it is FATAL"
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"restart"}}); err == nil ||
		!strings.Contains(err.Error(), "it is FATAL") {
		t.Errorf("got %v", err)
	}
	w.pid1.programs = nil
	err := w.flow().Init(t.Context(), Steps{Only: []string{"restart"}})
	if err == nil || !strings.Contains(err.Error(), "none of the programs crond, nginx") ||
		!strings.Contains(err.Error(), w.layout.SupervisordConf()) {
		t.Errorf("got %v", err)
	}
}

// TestPortOfAnother: nginx cannot start while the CM has its port, and so the CM is restarted as well.
func TestPortOfAnother(t *testing.T) {
	w := newWorld(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:"+w.values["nginx_server_port"])
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i, name := range []string{"oms_console", "oms_drc_cm", "oms_drc_supervisor"} {
		w.pid1.programs[i+1] = api.ProgramStatus{Name: name, PID: 1<<30 + i, Ready: true}
	}
	asked := 0
	for _, nginx := range []api.ProgramStatus{{Name: "nginx"}, {Name: "nginx", PID: 1<<30 + 9, UptimeSeconds: 1}} {
		w.pid1.programs[0] = nginx
		w.pid1.programs[2].PID = os.Getpid()
		if err := w.flow().Init(t.Context(), Steps{Only: []string{"restart"}}); err != nil {
			t.Fatal(err)
		}
		calls := w.pid1.asked()
		if got := strings.Join(calls[asked:], ", "); got != "restart nginx oms_drc_cm" {
			t.Errorf("asked to %s", got)
		}
		asked = len(calls)
	}
	w.said("oms_drc_cm holds port " + w.values["nginx_server_port"])
}
