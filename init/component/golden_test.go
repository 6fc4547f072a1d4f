package component

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/layout"
	"omsinit/internal/pack"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden holds the whole set of files as a container gets it, once with
// HTTP and once with HTTPS.
func TestGolden(t *testing.T) {
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for name, https := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			step := Step{Config: testConfig(), Pack: p, Layout: layout.Layout{}, HostIP: "10.1.0.11"}
			if !https {
				// With a TSDB that is switched off, of which nothing is told, and
				// with what only some regions give.
				step.Config.TSDBEnabled = false
				step.Config.MetaHost, step.Config.CMRegion, step.Config.CMRegionCN = "fd00::1", "", ""
			}
			n := &node{has: func(string) bool { return true }, euidRoot: true, https: https,
				holds: []pack.Condition{pack.InContainer, pack.EUIDRoot, pack.OwnSupervisor}}
			files, err := step.render(n)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, f := range files {
				if err := checkFormat(f.Format, f.data); err != nil {
					t.Errorf("%s: %v", f.Path, err)
				}
				got[f.Path] = string(f.data)
			}
			dir := filepath.Join("testdata", "golden", name)
			if *update {
				writeGolden(t, dir, got)
			}
			if diff := cmp.Diff(readGolden(t, dir), got); diff != "" {
				t.Errorf("run with -update if this is meant:\n%s", diff)
			}
		})
	}
}

func writeGolden(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		writeFile(t, filepath.Join(dir, name), text)
	}
}

func readGolden(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path[len(dir):]] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
