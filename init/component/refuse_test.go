package component

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/internal/atomicfile"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

func TestBadValueIsRefusedBeforeAnything(t *testing.T) {
	f := newFixture(t, nil)
	f.step.Config.MetaPassword = "a\nb"
	f.refused("oms_meta_password", "line break")
	if _, err := os.Stat(f.step.Layout.Root()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the tree was touched: %v", err)
	}
}

func TestInTheWay(t *testing.T) {
	const jdbc = "/home/ds/cm/package/config/jdbc.properties"
	outside := t.TempDir()
	tests := map[string]struct {
		make func(f *fixture) error
		want string
	}{
		"directory": {func(f *fixture) error { return os.MkdirAll(f.path(jdbc), 0o755) }, "it is a directory"},
		"fifo": {func(f *fixture) error {
			if err := os.MkdirAll(filepath.Dir(f.path(jdbc)), 0o755); err != nil {
				return err
			}
			return syscall.Mkfifo(f.path(jdbc), 0o600)
		}, "not a regular file"},
		"file for a folder": {func(f *fixture) error {
			writeFile(f, f.path("/home/ds/cm/package/config"), "x")
			return nil
		}, "one of the folders above it is a file"},
		"file for the log folder": {func(f *fixture) error {
			writeFile(f, f.path("/home/admin/logs"), "x")
			return nil
		}, "a file of that name is in the way"},
		"link out of the tree": {func(f *fixture) error {
			if err := os.MkdirAll(f.path("/home/ds/cm/package"), 0o755); err != nil {
				return err
			}
			return os.Symlink(outside, f.path("/home/ds/cm/package/config"))
		}, "a symbolic link leads out of"},
		"file link out of the tree": {func(f *fixture) error {
			writeFile(f, filepath.Join(outside, "x"), "x")
			writeFile(f, f.path("/home/ds/cm/package/config/x"), "x")
			return os.Symlink(filepath.Join(outside, "x"), f.path(jdbc))
		}, "a symbolic link leads out of"},
		"dangling link": {func(f *fixture) error {
			writeFile(f, f.path("/home/ds/cm/package/config/x"), "x")
			return os.Symlink("nowhere", f.path(jdbc))
		}, "is a symbolic link to something that does not exist"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			if err := tt.make(f); err != nil {
				t.Fatal(err)
			}
			f.refused(tt.want)
			if entries, _ := os.ReadDir(outside); len(entries) > 1 {
				t.Errorf("written outside: %v", entries)
			}
		})
	}
}

func TestLinksInsideTheTreeStay(t *testing.T) {
	f := newFixture(t, nil)
	// The documents show one folder under two names (oms-facts §2).
	writeFile(t, f.path("/home/ds/supervisor/package/config/keep"), "x")
	if err := os.Symlink("package/config", f.path("/home/ds/supervisor/config")); err != nil {
		t.Fatal(err)
	}
	f.apply()
	if info, err := os.Lstat(f.path("/home/ds/supervisor/config")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link: %v", err)
	}
	if f.read("/home/ds/supervisor/package/config/drc.properties") == "" {
		t.Error("nothing was written through the link")
	}
	if r := f.apply(); len(r.Changed) > 0 {
		t.Errorf("second run changed %v", r.Changed)
	}
}

// One file that cannot be prepared keeps all others from being replaced.
func TestOneFailureKeepsTheOldSet(t *testing.T) {
	f := newFixture(t, nil)
	f.apply()
	f.step.Config.CMPort = 18088
	// Something that cannot be removed under the temporary name of the file.
	const last = "/etc/supervisor/conf.d/omsinit.ini"
	p, err := atomicfile.Prepare(f.path(last), nil, atomicfile.Options{Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	p.Discard()
	left := leftoverName(t, f.path(last))
	writeFile(t, filepath.Join(left, "full"), "x")
	f.refused("cannot write the file "+f.path(last), "directory not empty")

	if err := os.RemoveAll(left); err != nil {
		t.Fatal(err)
	}
	if r := f.apply(); len(r.Changed) != 2 {
		t.Errorf("the corrected run changed %v", r.Changed)
	}
}

// leftoverName learns the temporary name of a file by leaving one.
func leftoverName(t *testing.T, path string) string {
	t.Helper()
	if _, err := atomicfile.Prepare(path, nil, atomicfile.Options{Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".omsinit-*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	return names[0]
}

func TestFileErrorsSayWhatToDo(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EROFS:  "read-write",
		syscall.ENOSPC: "free some space",
		syscall.EDQUOT: "free some space",
		syscall.EACCES: "as root in the container",
		syscall.EPERM:  "as root in the container",
		syscall.EBUSY:  "mounted on its own",
		syscall.EIO:    "input/output error",
	} {
		got := fileError("", &fs.PathError{Op: "open", Path: "/x/.temp", Err: err})
		if !strings.Contains(got.Error(), want) || !strings.Contains(got.Error(), "/x/.temp") || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
		if got := fileError("/x/real", &fs.PathError{Op: "open", Path: "/x/.temp",
			Err: err}); strings.Contains(got.Error(), ".temp") {
			t.Errorf("%v", got)
		}
		if msg.Chinese.Text(got) == got.Error() {
			t.Errorf("no Chinese for %v", got)
		}
	}
}

func TestUnknownUser(t *testing.T) {
	n := &node{layout: layout.Layout{}, owned: true, owners: map[string]*atomicfile.Owner{}}
	if _, err := n.owner("nobody-of-that-name"); err == nil ||
		!strings.Contains(err.Error(), "useradd nobody-of-that-name") {
		t.Errorf("an unknown user: %v", err)
	}
	if o, err := n.owner("root"); err != nil || o == nil || o.UID != 0 || o.GID != 0 {
		t.Errorf("root: %v, %v", o, err)
	}
	if o, err := (&Step{Layout: layout.New(t.TempDir())}).node().owner("nobody-of-that-name"); o != nil || err != nil {
		t.Errorf("an owner where owners do not count: %v, %v", o, err)
	}
}

func TestOnlyRootOrAnotherTree(t *testing.T) {
	for name, tt := range map[string]struct {
		node node
		ok   bool
	}{
		"root in the container":   {node{euidRoot: true}, true},
		"others in a tree":        {node{layout: layout.New("/x")}, true},
		"others in the container": {node{}, false},
	} {
		if err := tt.node.mayWrite(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// overlay is the reference manifest with other templates, and nginx's with
// mode 0600, so that it may hold a secret.
func overlay(t *testing.T, edits map[string]string, files map[string]string) map[string]string {
	t.Helper()
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(p.FS(), "pack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for old, replacement := range edits {
		if !strings.Contains(text, old) {
			t.Fatalf("pack.yaml has no %q", old)
		}
		text = strings.ReplaceAll(text, old, replacement)
	}
	out := map[string]string{"pack.yaml": text}
	for name, text := range files {
		out[name] = text
	}
	return out
}

var secretNginx = map[string]string{"mode: 0644\n    format: nginx": "mode: 0600\n    format: nginx"}

func TestInvalidFilesAreRefused(t *testing.T) {
	tests := map[string]struct {
		edits, files map[string]string
		want         []string
	}{
		"nginx": {nil,
			map[string]string{"templates/tengine.conf": "events {}\nno_such_directive {{.nginx_server_port}};\n"},
			[]string{"/home/ds/ghana/config/tengine.conf as made from ", "/templates/tengine.conf is not valid",
				"`nginx -t -q -c /home/ds/ghana/config/tengine.conf`",
				`unknown directive "no_such_directive" in /home/ds/ghana/config/tengine.conf:2`}},
		"nginx that quotes a secret": {secretNginx,
			map[string]string{"templates/tengine.conf": "events {}\n" + `"{{.tsdb_password}}" on;`},
			[]string{`unknown directive "******"`}},
		"sshd": {nil, map[string]string{"templates/oms_sshd_config": "Port {{.sshd_server_port}}\nNoSuchOption yes\n"},
			[]string{"line 2: Bad configuration option: NoSuchOption"}},
		"JSON": {nil, map[string]string{"templates/supervisor.json": "{\n\"a\": {{.cm_region}}\n}"},
			[]string{"/home/ds/supervisor/config/supervisor.json as made from", "not JSON, line 2"}},
		"properties": {nil, map[string]string{"templates/drc-cm.properties": "a=\\u12\n"},
			[]string{"drc-cm.properties as made from"}},
		"ini": {nil, map[string]string{"supervisor/omsinit.ini": "[a]\nb=1\n[a]\n"},
			[]string{"line 3: [a] stands in the file twice"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, overlay(t, tt.edits, tt.files))
			if name == "nginx that quotes a secret" {
				f.step.Config.TSDBPassword = "swordfish"
			}
			err := f.refused(tt.want...)
			if strings.Contains(err.Error(), "swordfish") || strings.Contains(err.Error(), "staging") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A validator may quote what it reads in its own spelling.
func TestValidatorsWordsHaveNoSecret(t *testing.T) {
	f := newFixture(t, nil)
	for _, spelled := range []string{password, url.QueryEscape(password), strconv.Quote(password)} {
		if got := f.step.clean("unexpected "+spelled+" in /staged", "/staged", "/real"); strings.Contains(got, spelled) ||
			!strings.Contains(got, "in /real") {
			t.Error(got)
		}
	}
}

func TestMissingValidatorIsSaid(t *testing.T) {
	f := newFixture(t, overlay(t, map[string]string{"[nginx, -t": "[no-such-program, -t"}, nil))
	if r := f.apply(); len(r.Changed) == 0 {
		t.Error("nothing was written")
	}
	if len(f.logged) != 1 || !strings.Contains(f.logged[0], "no-such-program is not installed") {
		t.Errorf("logged %q", f.logged)
	}
}

func TestValidatorThatCannotCheckIsSaid(t *testing.T) {
	f := newFixture(t, overlay(
		t,
		map[string]string{`[nginx, -t, -q, -c, "{file}"]`: "[sh, -c, 'echo no folder for me; exit 1']\n    unable: [no folder]"}, nil))
	if r := f.apply(); len(r.Changed) == 0 {
		t.Error("nothing was written")
	}
	if len(f.logged) != 1 || !strings.Contains(f.logged[0], `nginx says "no folder"`) {
		t.Errorf("logged %q", f.logged)
	}
}

func TestCancelled(t *testing.T) {
	f := newFixture(t, overlay(
		t, map[string]string{`[nginx, -t, -q, -c, "{file}"]`: "[sh, -c, 'touch started; sleep 60']"}, nil))
	ctx, cancel := context.WithCancel(context.Background())
	started := filepath.Join(f.step.Layout.StateDir(), "staging/started")
	go func() {
		for {
			if _, err := os.Stat(started); err == nil {
				cancel()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	begin := time.Now()
	_, err := f.step.Apply(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Apply: %v", err)
	}
	if time.Since(begin) > 30*time.Second {
		t.Error("the validator was waited for")
	}
	if files := snapshot(t, f.step.Layout.Root()); len(files) > 0 {
		t.Errorf("written: %v", files)
	}
}

func TestCheckINI(t *testing.T) {
	good := "; c\n# c\n[a]\nx=1\ny = a\n  b=c\n\n[b]\nx=2\n"
	if err := checkINI(good); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"x=1\n":           "line 1",
		"[a\n":            "closing bracket",
		"[a]\nfoo\n":      "line 2",
		"[a]\nx=1\nx=2\n": "x stands in [a] twice",
	} {
		if err := checkINI(text); err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
