package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/msg"
	"omsinit/scripts"
	"omsinit/testdata/testmaria"
)

// plan returns the plan, and fails the test unless it changes nothing.
func (w *world) plan(o Options) Planned {
	w.t.Helper()
	before := tree(w.t, w.layout.Root())
	p, err := w.with(o).Plan(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(w.t, w.layout.Root())); diff != "" {
		w.t.Errorf("the plan changed files (-before +after):\n%s", diff)
	}
	if calls, told := w.pid1.asked(), w.pid1.told(); len(calls)+len(told)+len(w.cm.seen()) > 0 {
		w.t.Errorf("PID 1 was asked %v and told %v, the CM %v", calls, told, w.cm.seen())
	}
	return p
}

// TestPlan: what a first run, a second one and one after a change would do.
func TestPlan(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	p := w.plan(Options{})
	if !p.Changes || !p.Known() || len(p.MetaDB.Databases) != 3 || len(p.Restart) != 4 || len(p.Files) < 10 {
		t.Errorf("a first run: %+v", p)
	}
	for _, f := range p.Files {
		if f.Action != "create" || f.Diff != "" {
			t.Errorf("%+v", f)
		}
	}
	if len(p.Unknown) != 1 || p.Unknown[0].Part != "resource" {
		t.Errorf("unknown: %+v", p.Unknown)
	}
	if sums := checksums(t, db); sums != "" {
		t.Errorf("the plan made tables:\n%s", sums)
	}

	w.initialise()
	if p = w.plan(Options{}); p.Changes || !p.Known() || len(p.Unknown) > 0 || len(p.Programs) > 0 {
		t.Errorf("a finished node: %+v", p)
	}
	if err := os.WriteFile(w.layout.Path("/etc/supervisor/conf.d/own.ini"), []byte("[program:own]\nautostrat=no\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	p = w.plan(Options{})
	var own []string
	for _, f := range p.Programs {
		own = append(own, f.Severity+" "+f.ID)
	}
	if diff := cmp.Diff([]string{"error program.broken", "warning program.ignored"}, own); diff != "" || p.Changes {
		t.Errorf("a broken program file: %+v\n%s", p.Programs, diff)
	}
	var text bytes.Buffer
	p.Print(&text, msg.English)
	contains(t, "the plan", text.String(), "own.ini:1", "own.ini:2", "did you mean autostart?")
	text.Reset()
	p.Print(&text, msg.English)
	if !strings.HasSuffix(text.String(), "nothing to do\n") {
		t.Errorf("printed:\n%s", &text)
	}

	w.values["nginx_server_port"], w.values["cm_url"] = "18089", strings.Replace(w.cm.URL, "127.0.0.1", "localhost", 1)
	w.writeConfig()
	p = w.plan(Options{})
	if !p.Changes || !p.Known() {
		t.Errorf("a change: %+v", p)
	}
	text.Reset()
	p.Print(&text, msg.English)
	contains(t, "the plan", text.String(), "change /home/ds/ghana/config/tengine.conf\n", "18089", "restart nginx",
		"correct oms_rm.")
	if strings.Contains(text.String(), db.Password) {
		t.Error("a password is shown")
	}
	if err := w.flow().Init(t.Context(), Steps{}); err != nil {
		t.Fatal(err)
	}
	w.pid1.forget()
	w.cm.forget()
	if p = w.plan(Options{}); p.Changes {
		t.Errorf("what was planned was done, and is planned again: %+v", p)
	}
}

// TestPlanRestarts: programs that are not ready, or have old files, or read a file that is to be written.
func TestPlanRestarts(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	w.pid1.programs[1].Stale = true
	w.pid1.programs[2].Ready = false
	p := w.plan(Options{})
	if diff := cmp.Diff([]string{"oms_console", "oms_drc_cm"}, p.Restart); diff != "" || !p.Changes {
		t.Errorf("changes %v (-want +got):\n%s", p.Changes, diff)
	}
}

// TestPlanOfHalfAWorld: what cannot be looked at is named, and is not taken for nothing to do.
func TestPlanOfHalfAWorld(t *testing.T) {
	w := newWorld(t, nil)
	w.pid1.stop() // which removes its socket
	p := w.plan(Options{})
	parts := map[string]bool{}
	for _, u := range p.Unknown {
		parts[u.Part] = u.Reason != ""
	}
	if diff := cmp.Diff(map[string]bool{"restart": true, "metadb": true}, parts); diff != "" || p.Known() {
		t.Errorf("known %v (-want +got):\n%s", p.Known(), diff)
	}
	data, err := json.Marshal(p)
	if err != nil || !bytes.Contains(data, []byte(`"restart":null`)) || !bytes.Contains(data, []byte(`"version":1`)) ||
		bytes.Contains(data, []byte("Secret42")) {
		t.Errorf("%v: %s", err, data)
	}
	var text bytes.Buffer
	p.Print(&text, msg.Chinese)
	if strings.Contains(text.String(), "cannot tell") || strings.Contains(text.String(), "nothing to do") {
		t.Errorf("printed:\n%s", &text)
	}
}

// TestPlanKnown: only what cannot be looked at makes a plan that is not known.
func TestPlanKnown(t *testing.T) {
	created := PlannedMetaDB{Databases: []string{"oms_rm"}}
	for _, tc := range []struct {
		name string
		Planned
		want bool
	}{
		{"nothing is unknown", Planned{}, true},
		{"PID 1", Planned{Unknown: []PlannedUnknown{{Part: "restart"}}}, true},
		{"the MetaDB", Planned{Unknown: []PlannedUnknown{{Part: "metadb"}}}, false},
		{"the TSDB", Planned{Unknown: []PlannedUnknown{{Part: "tsdb"}}}, false},
		{"rows of tables that are to be made",
			Planned{MetaDB: created, Unknown: []PlannedUnknown{{Part: "resource"}}}, true},
		{"rows of tables that are there", Planned{Unknown: []PlannedUnknown{{Part: "resource"}}}, false},
	} {
		if got := tc.Known(); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// TestNoPlan: a file or a pack that cannot be used gives no plan, and an error of the right kind.
func TestNoPlan(t *testing.T) {
	w := newWorld(t, nil)
	var usage *UsageError
	if _, err := w.with(Options{Prefer: "mine"}).Plan(t.Context()); !errors.As(err, &usage) {
		t.Errorf("got %v", err)
	}
	w.values["cm_location"] = "many"
	w.writeConfig()
	if _, err := w.flow().Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "cm_location") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(w.layout.ConfigFile()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.flow().Plan(t.Context()); err == nil || !strings.Contains(err.Error(), w.layout.ConfigFile()) {
		t.Errorf("got %v", err)
	}
}

// TestPlanEdits: what people wrote into a file is in the plan, with what becomes of it.
func TestPlanEdits(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	path := w.layout.Path("/home/ds/ghana/config/application-oms.properties")
	w.write(path, w.read(path)+"my.own.key=1\n")
	p := w.plan(Options{})
	if len(p.Edits) != 1 || p.Edits[0].Action != "keep" || strings.Join(p.Edits[0].Keys, " ") != "my.own.key" {
		t.Errorf("%+v", p.Edits)
	}
	var text bytes.Buffer
	p.Print(&text, msg.English)
	contains(t, "the plan", text.String(),
		"kept as edited by hand in /home/ds/ghana/config/application-oms.properties: my.own.key\n")
}

// TestPlanScript: a plan shows that step 5 runs the image's own script, without its secrets; that alone is no change.
func TestPlanScript(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	manifest, err := fs.ReadFile(scripts.Pack, "pack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join(w.layout.PackDir(), "pack.yaml"),
		fmt.Sprintf("%s\nscript: {command: %q}\n", manifest, "true # old step 5 "+w.values["oms_meta_password"]))
	shows := func(changes bool) {
		t.Helper()
		p := w.plan(Options{})
		var text bytes.Buffer
		p.Print(&text, msg.English)
		if p.Resource.Script != "true # old step 5 ******" || p.Changes != changes ||
			!strings.Contains(text.String(), p.Resource.Script) || strings.Contains(text.String(), "nothing to do") {
			t.Errorf("changes %v, want %v; %q\n%s", p.Changes, changes, p.Resource.Script, &text)
		}
	}
	shows(true)
	w.initialise()
	shows(false)
}
