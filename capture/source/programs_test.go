package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/internal/layout"
)

// TestReadPrograms: the program files of an installation name each other by its paths, which in a copy are other files.
func TestReadPrograms(t *testing.T) {
	for name, include := range map[string]string{
		"as the container has it": "/etc/supervisor/conf.d/*.ini",
		"beside the file":         "conf.d/*.ini",
		"as the tree has it":      "ROOT/etc/supervisor/conf.d/*.ini",
	} {
		t.Run(name, func(t *testing.T) {
			l := layout.New(t.TempDir())
			write := func(path, text string) {
				t.Helper()
				if err := os.MkdirAll(filepath.Dir(l.Path(path)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(l.Path(path), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			conf := "[supervisord]\n[include]\nfiles = " + strings.Replace(include, "ROOT", l.Root(), 1) + "\n"
			write("/etc/supervisor/supervisord.conf", conf)
			write("/etc/supervisor/conf.d/oms.ini",
				"[program:oms_console]\ncommand=/bin/console %(ENV_WHO)s\nuser=root\ndirectory=/home\n")
			got, err := ReadPrograms(l, "WHO=me")
			if err != nil || len(got.List) != 1 || got.Conf != l.SupervisordConf() {
				t.Fatalf("%+v, %v", got, err)
			}
			if p := got.List[0]; p.Name != "oms_console" || p.User != "root" || p.Directory != "/home" ||
				strings.Join(p.Command, " ") != "/bin/console me" || p.PID != 0 {
				t.Errorf("%+v", p)
			}
			if want := []string{l.SupervisordConf(), l.Path("/etc/supervisor/conf.d/oms.ini")}; strings.Join(got.Files,
				" ") != strings.Join(want, " ") {
				t.Errorf("files %v, want %v", got.Files, want)
			}
			if text, err := os.ReadFile(got.Conf); err != nil || string(text) != conf {
				t.Errorf("the installation was written to: %s, %v", text, err)
			}
			write("/etc/supervisor/conf.d/oms.ini", "[program:oms_console]\n")
			if got, err := ReadPrograms(l); err != nil || len(got.List) != 1 || len(got.List[0].Command) > 0 {
				t.Errorf("a program without a command: %+v, %v", got, err)
			}
		})
	}
	if got, err := ReadPrograms(layout.New(t.TempDir())); err != nil || len(got.List) > 0 || got.Conf != "" {
		t.Errorf("no program files: %+v, %v", got, err)
	}
}
