// Package image tests the scripts that the image ships.
package image

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shells are those of images: Debian's, and CentOS's in its POSIX mode.
var shells = []string{"dash", "bash"}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// run returns what a command printed, and its exit status.
func run(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// names makes the tree of an image, installs the names into it, and returns it. omsinit and the Pythons of the list are
// programs that print how they were called.
func names(t *testing.T, pythons ...string) string {
	t.Helper()
	root := t.TempDir()
	echo := "#!/bin/sh\necho \"${0##*/}\" \"$@\"\n"
	write(t, root+"/usr/local/bin/omsinit", echo, 0o755)
	for _, python := range pythons {
		write(t, root+"/usr/bin/"+python, echo, 0o755)
	}
	for _, name := range []string{"python", "unit.py", "install.sh"} {
		data, err := os.ReadFile("names/" + name)
		if err != nil {
			t.Fatal(err)
		}
		// There is no chroot here, so the paths are those of the tree.
		for _, path := range []string{"/usr/local/bin/omsinit", "/usr/bin/python"} {
			data = bytes.ReplaceAll(data, []byte(path), []byte(root+path))
		}
		write(t, root+"/usr/local/lib/omsinit/names/"+name, string(data), 0o755)
	}
	return root
}

func install(t *testing.T, root string) {
	t.Helper()
	for _, shell := range append(shells, "sh") { // the second time changes nothing
		if out, status := run(t, exec.Command(shell, root+"/usr/local/lib/omsinit/names/install.sh",
			root)); status != 0 {
			t.Fatalf("install.sh: status %d\n%s", status, out)
		}
	}
}

var documented = [][2]string{
	{"-m omsflow.scripts.units.oms_cluster_config --check /home/admin/conf/config.yaml",
		"omsinit --check /home/admin/conf/config.yaml"},
	{"-m omsflow.scripts.units.oms_init_manager --init-db", "omsinit --init-db"},
	{"-m omsflow.scripts.units.oms_init_manager --init-config-file", "omsinit --init-config-file"},
	{"-m omsflow.scripts.units.oms_cluster_manager add_resource", "omsinit add_resource"},
	{"-u -B -m omsflow.scripts.units.oms_cluster_manager add_resource", "omsinit add_resource"},
	{"-m omsflow.scripts.units.oms_init_manager", "omsinit"},
}

func TestPythonShim(t *testing.T) {
	others := []string{"--version", "-c print(1)", "-m json.tool",
		"script.py -m omsflow.scripts.units.oms_init_manager", "-m omsflow.scripts.other", "-", ""}
	for _, python := range []string{"", "python3", "python2"} {
		var list []string
		if python != "" {
			list = []string{python}
		}
		root := names(t, list...)
		install(t, root)
		for _, shell := range shells {
			call := func(words string) (string, int) {
				cmd := exec.Command(shell, append([]string{root + "/usr/local/bin/python"},
					strings.Fields(words)...)...)
				cmd.Env = []string{"PATH=" + root + "/usr/bin"}
				return run(t, cmd)
			}
			for _, c := range documented {
				if out, status := call(c[0]); status != 0 || strings.TrimSpace(out) != c[1] {
					t.Errorf("%s, python %s: status %d, %q, want %q", shell, c[0], status, out, c[1])
				}
			}
			for _, words := range others {
				out, status := call(words)
				if python == "" {
					if status != 127 || !strings.Contains(out, "no Python") {
						t.Errorf("%s, python %s: status %d, %q", shell, words, status, out)
					}
				} else if want := strings.TrimSpace(python + " " + words); status != 0 ||
					strings.TrimSpace(out) != want {
					t.Errorf("%s, python %s: status %d, %q, want %q", shell, words, status, out, want)
				}
			}
		}
	}
}

// TestRealPython: where there is a Python it stays, and the three modules of the old package are shadowed, however it
// is laid out. The rest of the package is untouched.
func TestRealPython(t *testing.T) {
	const old = "print('the old writer')\n"
	for name, layout := range map[string]map[string]string{
		"no omsflow": {},
		"sources": {"__init__.py": "", "scripts/__init__.py": "", "scripts/units/__init__.py": "x = 1\n",
			"scripts/units/oms_init_manager.py": old, "scripts/units/oms_cluster_config.py": old,
			"scripts/units/oms_cluster_manager.py": old,
			"scripts/units/other.py":               old},
		"compiled": {"__init__.py": "", "scripts/__init__.py": "", "scripts/units/__init__.pyc": "\x00",
			"scripts/units/oms_init_manager.so":                               "\x7fELF",
			"scripts/units/oms_cluster_config.cpython-39-x86_64-linux-gnu.so": "\x7fELF",
			"scripts/units/oms_cluster_manager.pyc":                           "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			root := names(t, "python")
			for path, text := range layout {
				write(t, root+"/root/omsflow/"+path, text, 0o644)
			}
			install(t, root)
			if _, err := os.Lstat(root + "/usr/local/bin/python"); err == nil {
				t.Error("the python of the image is covered")
			}
			for path := range layout {
				_, err := os.Stat(root + "/root/omsflow/" + path)
				if kept := err == nil; kept != (strings.HasSuffix(path, ".py") || strings.Contains(path, "__init__")) {
					t.Errorf("%s kept: %v", path, kept)
				}
			}
			if name == "compiled" {
				return // what is compiled here is none
			}
			for _, python := range pythons(t) {
				for _, c := range documented {
					cmd := exec.Command(python, strings.Fields(c[0])...)
					cmd.Dir = root + "/root"
					if out, status := run(t, cmd); status != 0 || strings.TrimSpace(out) != c[1] {
						t.Errorf("%s %s: status %d, %q, want %q", python, c[0], status, out, c[1])
					}
				}
				cmd := exec.Command(python, "-c",
					"import omsflow.scripts.units.oms_init_manager as m; print(m.__name__)")
				cmd.Dir = root + "/root"
				if out, status := run(t, cmd); status != 0 || strings.Contains(out, "omsinit") {
					t.Errorf("%s: an import runs it: %d %s", python, status, out)
				}
			}
			if name == "sources" {
				cmd := exec.Command(pythons(t)[0], "-m", "omsflow.scripts.units.other")
				cmd.Dir = root + "/root"
				if out, status := run(t, cmd); status != 0 || !strings.Contains(out, "the old writer") {
					t.Errorf("another module of the package: status %d, %s", status, out)
				}
			}
		})
	}
}

// pythons are those of this machine; Debian 12 has a 3 only, and images of OMS a 2.7.
func pythons(t *testing.T) []string {
	t.Helper()
	list := []string{"python3"}
	if path, err := exec.LookPath("python2.7"); err == nil && exec.Command(path, "--version").Run() == nil {
		list = append(list, path)
	}
	return slices.Compact(list)
}
