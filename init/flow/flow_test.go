package flow

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"omsinit/internal/layout"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
)

func TestSelection(t *testing.T) {
	for _, tc := range []struct {
		name       string
		only, skip []string
		want       string // names, or part of the error
		usage      bool
	}{
		{"all", nil, nil, "check metadb component restart resource", false},
		{"only, in the order of the steps", []string{"restart", "check"}, nil, "check restart", false},
		{"skip", nil, []string{"check", "resource"}, "metadb component restart", false},
		{"unknown", []string{"databases"}, nil, `"databases"`, true},
		{"both", []string{"check"}, []string{"restart"}, "contradict", true},
		{"nothing left", nil, []string{"check", "metadb", "component", "restart", "resource"}, "nothing to do", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			phases, err := selection(tc.only, tc.skip)
			var usage *UsageError
			if errors.As(err, &usage) != tc.usage {
				t.Fatalf("error %v", err)
			}
			if tc.usage {
				if !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v", err)
				}
				return
			}
			var names []string
			for _, p := range phases {
				names = append(names, p.Name)
			}
			if got := strings.Join(names, " "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRecord(t *testing.T) {
	l := layout.New(t.TempDir())
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const config = `oms_meta_host: 10.0.0.1
oms_meta_port: 2883
oms_meta_user: root
oms_meta_password: Secret42
drc_rm_db: rm
drc_cm_db: cm
drc_cm_heartbeat_db: hb
cm_url: http://10.0.0.1:8088
cm_location: 1
cm_nodes: [10.0.0.1]
`
	write(l.ConfigFile(), config)
	options := Options{Layout: l, ConfigFile: l.ConfigFile(), HostIP: "10.0.0.1", Build: "1"}
	read := func() inputs {
		t.Helper()
		in, err := readInputs(options, "4.2.3-CE")
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	in := read()
	r := record{l.RenderedRecord()}
	if r.matches(in) {
		t.Fatal("a record that is not there matches")
	}
	if err := r.write(in); err != nil {
		t.Fatal(err)
	}
	if !r.matches(read()) {
		t.Fatal("the record does not match what it was written for")
	}
	data, err := os.ReadFile(r.path)
	if err != nil || strings.Contains(string(data), "Secret42") {
		t.Errorf("%v: %s", err, data)
	}
	if info, err := os.Stat(r.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}

	for name, change := range map[string]func(*inputs){
		"host":    func(in *inputs) { in.hostIP = "10.0.0.2" },
		"release": func(in *inputs) { in.release = "4.2.4-CE" },
		"build":   func(in *inputs) { in.build = "2" },
		"config":  func(in *inputs) { in.config = nil },
		"https":   func(in *inputs) { in.https = true },
	} {
		other := in
		change(&other)
		if r.matches(other) || in.equal(other) {
			t.Errorf("another %s matches", name)
		}
	}
	write(l.ConfigFile(), "# a comment\n"+strings.Replace(config, "2883", `"2883"`, 1))
	if !r.matches(read()) {
		t.Error("a comment, or another spelling, is another configuration")
	}
	write(l.ConfigFile(), strings.Replace(config, "Secret42", "Secret43", 1))
	if r.matches(read()) {
		t.Error("another password matches")
	}
	write(l.ConfigFile(), config)
	write(l.CertFile(), "certificate")
	if !r.matches(read()) {
		t.Error("half a certificate is not HTTPS")
	}
	write(l.KeyFile(), "key")
	if r.matches(read()) {
		t.Error("HTTPS matches a record of HTTP")
	}
	if err := errors.Join(r.remove(), r.remove()); err != nil {
		t.Error(err)
	}
}

func TestInitFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root", "init_flag.txt")
	if initialised(path) {
		t.Error("a flag that is not there")
	}
	if err := writeInitFlag(path, "4.2.3-CE", time.Now()); err != nil || !initialised(path) {
		t.Errorf("%v", err)
	}
}

// TestDue: what step 4 does with a program in each situation.
func TestDue(t *testing.T) {
	r := &run{pack: &pack.Pack{Restart: []string{"p"}}}
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
		known, coming, restart := r.due(&api.Status{Programs: []api.ProgramStatus{tc.program}})
		got := ""
		if len(coming) > 0 {
			got = "coming"
		}
		if len(restart) > 0 {
			got += "restart"
		}
		if got != tc.want || len(known) != 1 {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestLockedOut(t *testing.T) {
	l := layout.New(t.TempDir())
	if err := os.MkdirAll(l.StateDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	other := flock.New(l.InitLock())
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	defer other.Unlock()
	if err := os.WriteFile(l.InitLock(), []byte("4711\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	err := Run(t.Context(), Options{Layout: l, ConfigFile: l.ConfigFile(), LockTimeout: time.Millisecond, Out: &out, Err: &errOut})
	var locked *LockedError
	if !errors.As(err, &locked) || !strings.Contains(err.Error(), "4711") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(out.String(), "process 4711") {
		t.Errorf("nothing says what is waited for: %s", out.String())
	}
}

// TestNobodySupervises: step 4 without PID 1 says what to start.
func TestNobodySupervises(t *testing.T) {
	l := layout.New(t.TempDir())
	var out, errOut bytes.Buffer
	err := Run(t.Context(), Options{Layout: l, ConfigFile: l.ConfigFile(), Only: []string{"restart"}, Out: &out, Err: &errOut})
	if err == nil || !strings.Contains(errOut.String(), "omsinit run") {
		t.Errorf("got %v\n%s", err, errOut.String())
	}
}
