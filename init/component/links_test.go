package component

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/layout"
	"omsinit/internal/msg"
)

// Both forms that an OMS image may have (oms-facts §14.1): the real folder is
// /u01/ds.
var imageLinks = map[string]map[string]string{
	"one link": {"home/ds": "../u01/ds"},
	"a link for each folder": {
		"home/ds/cm": "../../u01/ds/cm", "home/ds/ghana": "../../u01/ds/ghana",
		"home/ds/supervisor": "../../u01/ds/supervisor",
		"home/ds/run":        "../../u01/ds/run", "home/ds/store": "../../u01/ds/store",
	},
}

func makeLinks(t testing.TB, root string, links map[string]string) {
	t.Helper()
	for path, target := range links {
		link := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(filepath.Dir(link), target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImageLinks(t *testing.T) {
	const jdbc, cmFile = "home/ds/cm/package/config/jdbc.properties", "/home/ds/cm/package/config/drc-cm.properties"
	const realCMFile = "/u01/ds/cm/package/config/drc-cm.properties"
	// The same pack with the other spelling of its paths.
	respelled := overlay(t, map[string]string{"/home/ds/": "/u01/ds/"}, nil)
	for name, links := range imageLinks {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			makeLinks(t, f.path("/"), links)
			r := f.apply()
			if !slices.Contains(r.Changed, "/"+jdbc) {
				t.Errorf("changed %v", r.Changed)
			}
			for link := range links {
				if info, err := os.Lstat(f.path(link)); err != nil || info.Mode()&fs.ModeSymlink == 0 {
					t.Errorf("%s is a link no more: %v", link, err)
				}
			}
			for _, file := range []string{"cm/package/config/jdbc.properties", "ghana/config/tengine.conf",
				"supervisor/config/drc.properties"} {
				if info, err := os.Lstat(f.path("/u01/ds/" + file)); err != nil || !info.Mode().IsRegular() {
					t.Errorf("%s is not in the real folder: %v", file, err)
				}
			}
			if r := f.apply(); len(r.Changed) > 0 {
				t.Errorf("a second run changed %v", r.Changed)
			}

			// What people wrote survives a pack that spells the paths otherwise.
			edited := strings.Replace(f.read(realCMFile), "ThresHold=0.85", "ThresHold=0.70", 1)
			writeFile(t, f.path(cmFile), edited)
			other := newFixture(t, respelled)
			f.step.Pack = other.step.Pack
			r = f.apply()
			if len(r.Kept) != 1 || r.Kept[0].Path != realCMFile || f.read(cmFile) != edited {
				t.Errorf("kept %v, the file is\n%s", r.Kept, f.read(cmFile))
			}

			// History finds a file under either spelling.
			f.step.Config.CMLocation = 7
			if r := f.apply(); !slices.Contains(r.Changed, realCMFile) || !slices.Contains(r.Readers, "oms_drc_cm") {
				t.Errorf("changed %v, readers %v", r.Changed, r.Readers)
			}
			v, err := NewHistory(f.step.Layout).Get("last")
			if err != nil {
				t.Fatal(err)
			}
			restored, err := f.step.Restore(context.Background(), v, []string{cmFile})
			if err != nil || !slices.Equal(restored.Changed, []string{realCMFile}) ||
				!slices.Equal(restored.Readers, []string{"oms_drc_cm"}) {
				t.Errorf("restored %v, readers %v, %v", restored.Changed, restored.Readers, err)
			}
			if f.read(cmFile) != edited {
				t.Errorf("restored to\n%s", f.read(cmFile))
			}
		})
	}
}

// In the container links may lead anywhere, as long as it was root who made
// them, or they lead to what is their owner's.
func TestWhoseLinks(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("links of several users need root")
		}
		t.Skip("links of several users need root")
	}
	const ds, other = 4321, 4322
	for name, tt := range map[string]struct {
		link, target int // owners
		chain        int // owner of a second link that the first one leads to; 0: none
		want         bool
	}{
		"root's":                        {0, 0, 0, true},
		"root's to ds's":                {0, ds, 0, true},
		"ds's to ds's":                  {ds, ds, 0, true},
		"ds's to root's":                {ds, 0, 0, false},
		"ds's to another's":             {ds, other, 0, false},
		"root's by ds's to root's":      {0, 0, ds, false},
		"ds's by ds's to ds's own":      {ds, ds, ds, true},
		"ds's by another's, to root's":  {ds, 0, other, false},
		"root's by another's to theirs": {0, other, other, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			target, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
			if err := os.Mkdir(target, 0o755); err != nil {
				t.Fatal(err)
			}
			give := func(path string, uid int) {
				if err := os.Lchown(path, uid, uid); err != nil {
					t.Fatal(err)
				}
			}
			give(target, tt.target)
			first := target
			if tt.chain != 0 {
				first = filepath.Join(dir, "second")
				if err := os.Symlink("real", first); err != nil {
					t.Fatal(err)
				}
				give(first, tt.chain)
			}
			if err := os.Symlink(first, link); err != nil { // an absolute one
				t.Fatal(err)
			}
			give(link, tt.link)
			n := &node{layout: layout.Layout{}}
			real, err := n.resolve(filepath.Join(link, "config", "x"))
			if (err == nil) != tt.want {
				t.Fatalf("%q, %v", real, err)
			}
			if err == nil && real != filepath.Join(target, "config", "x") {
				t.Errorf("resolved to %s", real)
			}
			if err != nil && (!strings.Contains(err.Error(), "4321") && !strings.Contains(err.Error(), "4322") ||
				msg.Chinese.Text(err) == err.Error()) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestLinksInACircle(t *testing.T) {
	dir := t.TempDir()
	for link, target := range map[string]string{"a": "b", "b": "./a"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if real, err := follow(filepath.Join(dir, "a", "x")); err == nil {
		t.Errorf("resolved to %s", real)
	}
	// A link may go up, and be given in several parts.
	if err := os.MkdirAll(filepath.Join(dir, "c", "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../c/./d/", filepath.Join(dir, "c", "l")); err != nil {
		t.Fatal(err)
	}
	if real, err := follow(filepath.Join(dir, "c", "l", "new", "file")); err != nil ||
		real != filepath.Join(dir, "c", "d", "new", "file") {
		t.Errorf("resolved to %s, %v", real, err)
	}
}
