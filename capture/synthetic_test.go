package capture_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/finding"
	"omsinit/internal/pack"
)

// TestSynthetic: a pack that renders the same is looked at with values that no installation has.
func TestSynthetic(t *testing.T) {
	t.Parallel()
	const properties, object = "/home/ds/ghana/config/application-oms.properties",
		"/home/ds/supervisor/config/supervisor.json"
	files := func(host, region, password string) map[string]string {
		return map[string]string{
			properties: "db=jdbc:mysql://" + host + ":2881/x\nregion.name=" + region + "\npw=" + password + "\n",
			object:     `{"region": "` + region + `", "nodes": 1}` + "\n",
		}
	}
	v, w := plainValues(), plainValues()
	v["oms_meta_host"], v["cm_region"], v["oms_meta_password"] = "10.7.7.7", "cn-first", "first-secret-1"
	w["oms_meta_host"], w["cm_region"], w["oms_meta_password"] = "10.8.8.8", "cn-second", "second-secret-2"
	j := job(t, install(t, v, files("10.7.7.7", "cn-first", "first-secret-1")),
		install(t, w, files("10.8.8.8", "cn-second", "second-secret-2")))
	run(t, j)
	look := func() []finding.Finding {
		t.Helper()
		p, err := pack.Open(j.Out)
		if err != nil {
			t.Fatal(err)
		}
		differences, err := j.Verify(context.Background(), p, true)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(differences, func(d finding.Finding) bool { return d.ID != "pack.differs.synthetic" })
	}
	if got := look(); len(got) > 0 {
		t.Fatalf("%v", got)
	}
	change := func(name, old, new string) {
		t.Helper()
		path := filepath.Join(j.Out, name)
		data, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(data), old) {
			t.Fatalf("%v: no %q in %s", err, old, data)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(data), old, new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change("templates"+properties, "{{hostPort .oms_meta_host .oms_meta_port}}", "10.7.7.7:2881")
	change("pack.yaml", "format: json\n", "format: json\n    spelling: raw\n")
	got := look()
	if !slices.ContainsFunc(got, func(d finding.Finding) bool {
		return d.Place == finding.Place{File: "templates" + properties, Line: 1} &&
			strings.Contains(d.Message.String(), "oms_meta_host")
	}) {
		t.Errorf("a value of the installation is not found: %v", got)
	}
	if !slices.ContainsFunc(got, func(d finding.Finding) bool { return d.Place.File == object }) {
		t.Errorf("a file that breaks with a quote is not found: %v", got)
	}
}
