package component

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

const password = `p"a$s\w;o#r%d {}&汉`

// TestMain makes the folder without which sshd -t refuses to check anything
// when it is root. sshd's start script does the same.
func TestMain(m *testing.M) {
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// testConfig is a configuration with something in every key.
func testConfig() *config.Config {
	return &config.Config{
		MetaHost: "10.1.0.2", MetaPort: 2883, MetaUser: "root@oms#cluster", MetaPassword: password,
		RMDatabase: "oms_rm", CMDatabase: "oms_cm", HeartbeatDatabase: "oms_cm_heartbeat",
		CMURL: "http://10.1.0.10:8088", CMLocation: 1, CMRegion: "cn-hangzhou", CMRegionCN: "杭州", CMIsDefault: true,
		CMNodes:     []string{"10.1.0.11", "10.1.0.12"},
		TSDBService: "INFLUXDB", TSDBEnabled: true, TSDBURL: "10.1.0.3:8086", TSDBUsername: "oms",
		TSDBPassword: password,
		GhanaPort:    8090, NginxPort: 8089, CMPort: 8088, SupervisorPort: 9000, SSHDPort: 2023,
		ApsaraAuditAccessKey: "key", ApsaraAuditAccessSecret: password,
	}
}

type fixture struct {
	testing.TB
	step   Step
	logged []string
}

// newFixture is a step in a tree of its own.
func newFixture(t testing.TB, packFiles map[string]string) *fixture {
	t.Helper()
	f := &fixture{TB: t}
	dir := ""
	if packFiles != nil {
		dir = filepath.Join(t.TempDir(), "pack")
		for name, text := range packFiles {
			writeFile(t, filepath.Join(dir, name), text)
		}
	}
	p, err := pack.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	f.step = Step{
		Config: testConfig(), Pack: p, Layout: layout.New(filepath.Join(t.TempDir(), "tree")), HostIP: "127.0.0.1",
		Log: func(m msg.Message) { f.logged = append(f.logged, m.String()) },
	}
	return f
}

func (f *fixture) apply() Result {
	f.Helper()
	r, err := f.step.Apply(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	return r
}

// refused runs a step that must fail and change nothing.
func (f *fixture) refused(want ...string) error {
	f.Helper()
	before := snapshot(f, f.step.Layout.Root())
	r, err := f.step.Apply(context.Background())
	if err == nil {
		f.Fatal("applied")
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			f.Errorf("%v\nwants %q", err, w)
		}
	}
	if strings.Contains(err.Error(), password) || strings.Contains(msg.Chinese.Text(err), password) {
		f.Errorf("the error shows the password: %v", err)
	}
	if msg.Chinese.Text(err) == err.Error() {
		f.Errorf("no Chinese for: %v", err)
	}
	if len(r.Changed) > 0 {
		f.Errorf("failed, but changed %v", r.Changed)
	}
	if diff := cmp.Diff(before, snapshot(f, f.step.Layout.Root())); diff != "" {
		f.Errorf("the files changed:\n%s", diff)
	}
	return err
}

func (f *fixture) path(containerPath string) string { return f.step.Layout.Path(containerPath) }

func (f *fixture) read(containerPath string) string {
	f.Helper()
	data, err := os.ReadFile(f.path(containerPath))
	if err != nil {
		f.Fatal(err)
	}
	return string(data)
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// snapshot is every file of the tree with mode and contents, without what
// nginx -t makes (its logs and folders).
func snapshot(t testing.TB, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		if name == "/home/admin/logs" || name == "/var/lib/oms-nginx" {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			if d.Type()&fs.ModeSymlink != 0 {
				files[name] = "link"
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		files[name] = info.Mode().String() + "\n" + string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestNeeds: crond is defined only where the image has a start script for it,
// and root, as which alone it can run.
func TestNeeds(t *testing.T) {
	const script, program = "/home/admin/conf/command/start_crond.sh", "/etc/supervisor/conf.d/crond.ini"
	f := newFixture(t, nil)
	if slices.Contains(f.apply().Changed, program) {
		t.Fatalf("%s was made without %s", program, script)
	}
	writeFile(t, f.path(script), "#!/bin/sh\n")
	if got, want := slices.Contains(f.apply().Changed, program), os.Geteuid() == 0; got != want {
		t.Errorf("made: %v, want %v", got, want)
	}
}

func TestFirstRunWritesEverythingSecondNothing(t *testing.T) {
	f := newFixture(t, nil)
	r := f.apply()
	var want []string
	for _, file := range f.step.Pack.Files {
		if file.Needs == "" {
			want = append(want, file.Path)
			info, err := os.Lstat(f.path(file.Path))
			if err != nil || info.Mode() != file.Mode {
				t.Errorf("%s: %v, %v, want mode %v", file.Path, info.Mode(), err, file.Mode)
			}
		}
	}
	if diff := cmp.Diff(want, r.Changed); diff != "" {
		t.Errorf("Changed: %s", diff)
	}
	if diff := cmp.Diff([]string{"oms_console", "nginx", "oms_drc_cm", "oms_drc_supervisor", "sshd"},
		r.Readers); diff != "" {
		t.Errorf("Readers: %s", diff)
	}
	if len(f.logged) > 0 {
		t.Errorf("logged %q", f.logged)
	}
	if _, err := os.Stat(filepath.Join(f.step.Layout.StateDir(), "staging")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the staging folder is still there: %v", err)
	}
	for name := range snapshot(t, f.step.Layout.Root()) {
		if strings.Contains(name, "omsinit-") {
			t.Errorf("left behind: %s", name)
		}
	}

	// A run that changes nothing must not even touch a folder, and starts no
	// program: there is none to be found.
	times := modTimes(t, f.step.Layout.Root())
	time.Sleep(10 * time.Millisecond) // modification times must be able to differ
	f.step.Pack.Validators = map[string]pack.Validator{"nginx": {Command: []string{"/does/not/exist"}},
		"sshd": {Command: []string{"/does/not/exist"}}}
	if r := f.apply(); len(r.Changed) > 0 || len(r.Readers) > 0 || len(f.logged) > 0 {
		t.Errorf("second run: %+v, logged %q", r, f.logged)
	}
	if diff := cmp.Diff(times, modTimes(t, f.step.Layout.Root())); diff != "" {
		t.Errorf("the second run wrote:\n%s", diff)
	}
}

func modTimes(t *testing.T, root string) map[string]time.Time {
	t.Helper()
	times := map[string]time.Time{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		times[path] = info.ModTime()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return times
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	f := newFixture(t, nil)
	f.apply()
	tests := []struct {
		name             string
		change           func()
		changed, readers []string
	}{
		{"a port", func() { f.step.Config.SSHDPort = 2024 },
			[]string{"/etc/supervisor/conf.d/base.ini", "/etc/supervisor/conf.d/omsinit.ini"}, []string{"sshd"}},
		{"the TSDB", func() { f.step.Config.TSDBURL = "10.1.0.4:8086" },
			[]string{"/home/ds/ghana/config/application-oms.properties", "/home/ds/supervisor/config/drc.properties",
				"/home/ds/supervisor/config/supervisor.json"},
			[]string{"oms_console", "oms_drc_supervisor"}},
		{"a secret that others can read",
			func() { os.Chmod(f.path("/home/ds/cm/package/config/jdbc.properties"), 0o644) },
			[]string{"/home/ds/cm/package/config/jdbc.properties"}, []string{"oms_drc_cm"}},
		{"a lost file", func() { os.Remove(f.path("/home/ds/cm/package/config/drc-cm.properties")) },
			[]string{"/home/ds/cm/package/config/drc-cm.properties"}, []string{"oms_drc_cm"}},
		{"a lost folder", func() { os.RemoveAll(f.path("/home/ds/run")) }, nil, nil},
	}
	for _, tt := range tests {
		tt.change()
		r := f.apply()
		if diff := cmp.Diff([][]string{tt.changed, tt.readers}, [][]string{r.Changed, r.Readers}); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	if info, err := os.Stat(f.path("/home/ds/run")); err != nil || !info.IsDir() {
		t.Errorf("the lost folder: %v", err)
	}
	if info, err := os.Stat(f.path("/home/ds/cm/package/config/jdbc.properties")); err != nil || info.Mode() != 0o600 {
		t.Errorf("jdbc.properties: %v, %v", info.Mode(), err)
	}
}

// Killed at any point of the swap, the next run ends where an unbroken one
// does.
func TestInterruptedSwapIsCompleted(t *testing.T) {
	unbroken := newFixture(t, nil)
	unbroken.apply()
	unbroken.step.Config.MetaPassword, unbroken.step.Config.CMPort, unbroken.step.Config.SSHDPort = "new", 18088, 12023
	unbroken.apply()
	want := snapshot(t, unbroken.step.Layout.Root())

	for swapped := 0; ; swapped++ {
		f := newFixture(t, nil)
		f.apply()
		f.step.Config = unbroken.step.Config
		n := f.step.node()
		files, err := f.step.render(n)
		if err != nil {
			t.Fatal(err)
		}
		last, err := f.step.loadRendered()
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.step.compare(n, files, last)
		if err != nil {
			t.Fatal(err)
		}
		changes := c.changes
		if len(changes) < 4 {
			t.Fatalf("only %d changes", len(changes))
		}
		if swapped > len(changes) {
			break
		}
		var pending []*atomicfile.Pending
		for _, c := range changes {
			p, err := atomicfile.Prepare(c.real, c.data, atomicfile.Options{Mode: c.Mode})
			if err != nil {
				t.Fatal(err)
			}
			pending = append(pending, p)
		}
		if err := atomicfile.Commit(pending[:swapped]); err != nil {
			t.Fatal(err)
		}
		if r := f.apply(); len(r.Changed) != len(changes)-swapped {
			t.Errorf("after %d of %d swaps, changed %v", swapped, len(changes), r.Changed)
		}
		got := snapshot(t, f.step.Layout.Root())
		for name, text := range got { // the trees have different roots
			got[name] = strings.ReplaceAll(text, f.step.Layout.Root(), unbroken.step.Layout.Root())
		}
		for _, files := range []map[string]string{want, got} { // salted, and dated
			maps.DeleteFunc(files, func(name, _ string) bool {
				return name == "/var/lib/omsinit/baseline.json" || strings.Contains(name, "/.omsinit/")
			})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("after %d swaps:\n%s", swapped, diff)
		}
	}
}

// A run that was killed before the swap leaves a copy of a secret behind; the
// next run removes it even when the configuration went back.
func TestLeftoverOfAnUnchangedFileIsRemoved(t *testing.T) {
	f := newFixture(t, nil)
	f.apply()
	want := snapshot(t, f.step.Layout.Root())
	if _, err := atomicfile.Prepare(f.path("/home/ds/cm/package/config/jdbc.properties"), []byte("secret"),
		atomicfile.Options{Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	f.apply()
	if diff := cmp.Diff(want, snapshot(t, f.step.Layout.Root())); diff != "" {
		t.Error(diff)
	}
}

func TestProgramFilesOfOthersAreLeftAlone(t *testing.T) {
	f := newFixture(t, nil)
	writeFile(t, f.path("/etc/supervisor/supervisord.conf"), "[supervisord]\n")
	writeFile(t, f.path("/etc/supervisor/conf.d/drc_cm.ini"), "[program:oms_drc_cm]\n")
	r := f.apply()
	var got []string
	for name := range snapshot(t, f.path("/etc/supervisor")) {
		got = append(got, name)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"/conf.d/drc_cm.ini", "/conf.d/omsinit.ini", "/supervisord.conf"}, got); diff != "" {
		t.Error(diff)
	}
	if f.read("/etc/supervisor/conf.d/drc_cm.ini") != "[program:oms_drc_cm]\n" ||
		!slices.Contains(r.Changed, "/etc/supervisor/conf.d/omsinit.ini") {
		t.Errorf("changed %v", r.Changed)
	}
}

func TestOwnProgramFilesAreKeptAndCompleted(t *testing.T) {
	f := newFixture(t, nil)
	f.apply()
	edited := f.read("/etc/supervisor/conf.d/drc_cm.ini") + "priority=1\n"
	writeFile(t, f.path("/etc/supervisor/conf.d/drc_cm.ini"), edited)
	if err := os.Remove(f.path("/etc/supervisor/conf.d/base.ini")); err != nil {
		t.Fatal(err)
	}
	if r := f.apply(); !slices.Equal(r.Changed, []string{"/etc/supervisor/conf.d/base.ini"}) {
		t.Errorf("changed %v", r.Changed)
	}
	if f.read("/etc/supervisor/conf.d/drc_cm.ini") != edited {
		t.Error("the edited program file was overwritten")
	}
}

func TestHTTPSNeedsBothFiles(t *testing.T) {
	f := newFixture(t, nil)
	writeFile(t, f.path("/etc/pki/nginx/oms_server.crt"), "x")
	if err := os.MkdirAll(f.path("/etc/pki/nginx/oms_server.key"), 0o755); err != nil { // as Docker does
		t.Fatal(err)
	}
	f.apply()
	if strings.Contains(f.read("/home/ds/ghana/config/tengine.conf"), "ssl") {
		t.Error("HTTPS without a key")
	}
	if len(f.logged) != 1 || !strings.Contains(f.logged[0], "oms_server.key") {
		t.Errorf("logged %q", f.logged)
	}
}

// In the container files and folders go to their owners, missing parents too,
// and the mounted folders are claimed.
func TestOwners(t *testing.T) {
	ds := &atomicfile.Owner{UID: os.Geteuid(), GID: os.Getegid()}
	root := ds
	if os.Geteuid() == 0 {
		ds = &atomicfile.Owner{UID: 4321, GID: 4322}
	}
	f := newFixture(t, nil)
	if err := os.MkdirAll(f.path("/home/ds/store"), 0o755); err != nil { // Docker made it
		t.Fatal(err)
	}
	n := f.step.node()
	n.owned, n.owners = true, map[string]*atomicfile.Owner{"root": root, "ds": ds}
	files, err := f.step.render(n)
	if err != nil {
		t.Fatal(err)
	}
	last, err := f.step.loadRendered()
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.step.compare(n, files, last)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.step.makeFolders(n, f.step.Pack.Folders); err != nil {
		t.Fatal(err)
	}
	if err := f.step.swapIn(n, c, last); err != nil {
		t.Fatal(err)
	}
	for path, owner := range map[string]*atomicfile.Owner{
		"/home/ds/supervisor/config/drc.properties": ds, "/home/ds/supervisor/config": ds, "/home/ds/supervisor": ds,
		"/home/ds/store": ds, "/home/ds/run": ds, "/home/admin/logs/supervisor": ds, "/home/admin/logs": root,
		"/home/ds/cm/package/config/jdbc.properties": root, "/etc/supervisor/supervisord.conf": root,
	} {
		info, err := os.Stat(f.path(path))
		if err != nil || !owns(info, owner) {
			t.Errorf("%s: %v, does not belong to %v", path, err, *owner)
		}
	}
	if c, err := f.step.compare(n, files, last); err != nil || len(c.changes) > 0 {
		t.Errorf("a second run would change %d files, %v", len(c.changes), err)
	}
	// Somebody else's file is taken back.
	if os.Geteuid() == 0 {
		if err := os.Chown(f.path("/home/ds/supervisor/config/drc.properties"), 1, 1); err != nil {
			t.Fatal(err)
		}
		if c, err := f.step.compare(n, files, last); err != nil || len(c.changes) != 1 {
			t.Errorf("a run would change %d files, %v", len(c.changes), err)
		}
	}
}

// Trial mode makes its own program file before there is a configuration.
func TestTrialFiles(t *testing.T) {
	f := newFixture(t, nil)
	full := f.step
	f.step.Config, f.step.Files = nil, f.step.Pack.Trial
	for _, file := range f.step.Pack.Files {
		if file.Path == "/etc/supervisor/supervisord.conf" {
			f.step.Files = append([]pack.File{file}, f.step.Files...)
		}
	}
	f.step.Values = map[string]any{"mariadbd": "/usr/sbin/mariadbd", "datadir": f.path("/home/ds/run/db"),
		"tmpdir": "/r/tmp", "port": 3307, "user": "mysql"}
	want := []string{"/etc/supervisor/supervisord.conf", "/etc/supervisor/conf.d/oms_metadb.ini"}
	if r := f.apply(); !slices.Equal(r.Changed, want) {
		t.Errorf("changed %v, want %v", r.Changed, want)
	}
	// The program files are ours, so step 3 completes them.
	f.step = full
	if r := f.apply(); !slices.Contains(r.Changed, "/etc/supervisor/conf.d/drc_cm.ini") ||
		slices.Contains(r.Changed, want[0]) {
		t.Errorf("changed %v", r.Changed)
	}
}
