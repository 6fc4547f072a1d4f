package flow

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/init/component"
	"omsinit/testdata/testmaria"
)

// changed brings a finished node to another port of nginx, and returns the text of config.yaml from before.
func (w *world) changed() (before string) {
	w.t.Helper()
	w.initialise()
	before = w.read(w.layout.ConfigFile())
	if err := w.flow().Set(w.t.Context(), Settings{Values: assign("nginx_server_port",
		fmt.Sprint(freePort(w.t)))}); err != nil {
		w.t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	w.pid1.forget()
	return before
}

// version returns the ID of the last version that has a file.
func (w *world) version(path string) string {
	w.t.Helper()
	versions, err := component.NewHistory(w.layout).List()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range versions {
		for _, f := range v.Files {
			if f.Path == path {
				return v.ID
			}
		}
	}
	w.t.Fatalf("no version of %s in %+v", path, versions)
	return ""
}

const tengine = "/home/ds/ghana/config/tengine.conf"

// TestRestoreConfig: an earlier config.yaml is put back in place, and the node follows it.
func TestRestoreConfig(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	before := w.changed()
	now := w.read(w.layout.ConfigFile())
	id := w.version(component.ConfigPath)

	f := w.flow()
	diff, err := f.DiffVersion(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, "the difference", diff, "+nginx_server_port: "+w.values["nginx_server_port"])
	if strings.Contains(diff, w.values["oms_meta_password"]) || w.read(w.layout.ConfigFile()) != now {
		t.Errorf("a secret is shown, or the file has changed:\n%s", diff)
	}

	w.pid1.programs[0].Stale = true
	if err := w.flow().Restore(t.Context(), id, nil); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if w.read(w.layout.ConfigFile()) != before {
		t.Error("config.yaml is another one")
	}
	if got := strings.Join(banners(w.out.String()), ", "); got != "Step 1, Step 3, Step 4, Step 5" {
		t.Errorf("steps %s", got)
	}
	if versions, err := component.NewHistory(w.layout).List(); err != nil || len(versions) != 2 ||
		len(versions[0].Files) != len(versions[1].Files) {
		t.Errorf("one change is one version: %+v, %v", versions, err)
	}
	contains(t, "tengine.conf", w.read(w.layout.Path(tengine)), "listen "+w.values["nginx_server_port"])
	if asked := w.pid1.asked(); cmp.Diff([]string{"restart nginx"}, asked) != "" || len(w.pid1.told()) > 0 {
		t.Errorf("asked %v, told %v", asked, w.pid1.told())
	}
	// What was replaced is a version itself.
	if again := w.version(component.ConfigPath); again == id {
		t.Error("the replaced file is not kept")
	}
	if !finished(w.flow().Node) {
		t.Error("the files do not fit the restored configuration")
	}
}

// TestRestoreFile: a file alone is put back, without the other steps.
func TestRestoreFile(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.changed()
	config, id := w.read(w.layout.ConfigFile()), w.version(tengine)
	diff, err := w.flow().DiffVersion(id, []string{tengine})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, "the difference", diff, "listen "+w.values["nginx_server_port"])
	w.pid1.programs[0].Stale = true
	if err := w.flow().Restore(t.Context(), id, []string{tengine}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	w.said("written: " + tengine)
	if got := strings.Join(banners(w.out.String()), ", "); got != "Step 4" {
		t.Errorf("steps %s", got)
	}
	contains(t, "tengine.conf", w.read(w.layout.Path(tengine)), "listen "+w.values["nginx_server_port"])
	if w.read(w.layout.ConfigFile()) != config {
		t.Error("config.yaml has changed")
	}
	if err := w.flow().Restore(t.Context(), id, []string{tengine}); err != nil {
		t.Fatal(err)
	}
	w.said("the files are as they were in " + id)
}

// TestRestoreRefused: a version or a file that is not there, and a config.yaml that could not be used.
func TestRestoreRefused(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.changed()
	for name, err := range map[string]error{
		"version":         w.flow().Restore(t.Context(), "20000101-000000", nil),
		"version to diff": func() error { _, err := w.flow().DiffVersion("20000101-000000", nil); return err }(),
		"file":            w.flow().Restore(t.Context(), w.version(tengine), []string{"/etc/passwd"}),
		"file to diff":    func() error { _, err := w.flow().DiffVersion(w.version(tengine), []string{"/etc/passwd"}); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), "20") {
			t.Errorf("%s: %v", name, err)
		}
	}
	now := w.read(w.layout.ConfigFile())
	bad := component.Earlier{Path: component.ConfigPath, Mode: 0o600, Data: []byte("cm_location: many\n")}
	v := component.Version{Time: w.given.Now().AddDate(0, 0, 1), Reason: "a test", Files: []component.Earlier{bad}}
	if _, err := component.NewHistory(w.layout).Keep(v); err != nil {
		t.Fatal(err)
	}
	if err := w.flow().Restore(t.Context(), "last", nil); err == nil || !strings.Contains(err.Error(), "cm_location") ||
		w.read(w.layout.ConfigFile()) != now {
		t.Errorf("a wrong file: %v", err)
	}
	if err := os.Remove(w.layout.ConfigFile()); err != nil {
		t.Fatal(err)
	}
	if err := w.flow().Restore(t.Context(), w.version(component.ConfigPath), nil); err == nil ||
		!strings.Contains(err.Error(), w.layout.ConfigFile()) {
		t.Errorf("without a file to write into: %v", err)
	}
}
