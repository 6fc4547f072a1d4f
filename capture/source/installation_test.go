package source

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"omsinit/internal/layout"
)

// linked lays out /u01/ds with links to it: of the whole /home/ds, or of each folder in it.
func linked(t *testing.T, each bool, target func(root, path string) string) *Installation {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"/u01/ds/ghana/config/a.conf", "/u01/ds/cm/start.sh", "/home/admin/conf/x"} {
		if err := os.MkdirAll(filepath.Dir(root+name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	links := []string{""}
	if each {
		if err := os.MkdirAll(root+"/home/ds", 0o755); err != nil {
			t.Fatal(err)
		}
		links = []string{"/ghana", "/cm"}
	}
	for _, name := range links {
		if err := os.Symlink(target(root, "/u01/ds"+name), root+"/home/ds"+name); err != nil {
			t.Fatal(err)
		}
	}
	return &Installation{Tree: layout.New(root)}
}

// TestLinks: a path through a link is the same file as the path behind it, and is spelled as the documentation does.
func TestLinks(t *testing.T) {
	for form, target := range map[string]func(root, path string) string{
		"of a copy":       func(_, path string) string { return path },
		"of a moved tree": func(root, path string) string { return root + path },
		// what is above the root is the root
		"relative": func(_, path string) string { return "../../../.." + path },
	} {
		for _, each := range []bool{false, true} {
			i := linked(t, each, target)
			for _, name := range []string{"/home/ds/ghana/config/a.conf", "/u01/ds/ghana/config/a.conf",
				"/home/ds//ghana/../ghana/config/a.conf"} {
				if got := i.Real(name); got != "/u01/ds/ghana/config/a.conf" {
					t.Errorf("%s, each %v: %s is really %s", form, each, name, got)
				}
				if got := i.Documented(name); got != "/home/ds/ghana/config/a.conf" {
					t.Errorf("%s, each %v: %s is documented as %s", form, each, name, got)
				}
				if got := string(i.Text(name)); got != "/u01/ds/ghana/config/a.conf" {
					t.Errorf("%s, each %v: %s holds %q", form, each, name, got)
				}
			}
			for _, name := range []string{"/home/admin/conf/x", "/not/there"} {
				if i.Real(name) != name || i.Documented(name) != name {
					t.Errorf("%s, each %v: %s is %s, documented as %s", form, each, name, i.Real(name),
						i.Documented(name))
				}
			}
		}
	}
}

func TestLinksInACircle(t *testing.T) {
	i := &Installation{Tree: layout.New(t.TempDir())}
	for name, target := range map[string]string{"a": "b", "b": "a"} {
		if err := os.Symlink(target, i.Tree.Path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if i.Text("/a/x") != nil {
		t.Error("a circle has contents")
	}
}

// TestPathsOf: what a program names is found in its command line and in its start script, whatever spelling they use.
func TestPathsOf(t *testing.T) {
	i := linked(t, false, func(root, path string) string { return root + path })
	script := "cd " + i.Tree.Root() + "/home/ds/cm && java -Dx=/u01/ds/ghana/config/a.conf\n"
	if err := os.WriteFile(i.Disk("/home/ds/cm/start.sh"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []Program{
		{Command: []string{"sh", i.Tree.Path("/home/ds/cm/start.sh")}},
		{Command: []string{"sh", "/u01/ds/cm/start.sh"}},
		{Command: []string{"./start.sh"}, Directory: "/home/ds/cm"},
	} {
		got := i.PathsOf(p)
		for _, want := range []string{"/u01/ds/cm/start.sh", "/u01/ds/cm", "/u01/ds/ghana/config/a.conf"} {
			if !slices.Contains(got, want) {
				t.Errorf("%v names %q, not %s", p.Command, got, want)
			}
		}
	}
}
