package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
)

const valid = `oms_meta_host: 10.0.0.1
oms_meta_port: 2883
oms_meta_user: root
oms_meta_password: Secret42
drc_rm_db: rm
drc_cm_db: cm
drc_cm_heartbeat_db: hb
cm_url: http://10.0.0.1:8088
cm_location: 1
cm_nodes: [10.0.0.1]
`

// given returns a node whose config.yaml is the text.
func given(t *testing.T, text string) *Node {
	t.Helper()
	l := layout.New(t.TempDir())
	write(t, l.ConfigFile(), text)
	return New(Given{Layout: l, HostIP: "10.0.0.1", Build: "1"})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// opened counts how often a file is opened while something runs.
func opened(t *testing.T, path string, run func()) (count int) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	// Equal events in a row become one, so those between two that open it are asked for as well.
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN|unix.IN_CLOSE); err != nil {
		t.Fatal(err)
	}
	run()
	events := make([]byte, 64<<10)
	n, err := unix.Read(fd, events)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	for ; n > 0; n -= unix.SizeofInotifyEvent { // an event of a watched file has no name behind it
		if binary.NativeEndian.Uint32(events[n-unix.SizeofInotifyEvent+4:])&unix.IN_OPEN != 0 {
			count++
		}
	}
	return count
}

// TestOneOpen: everything that asks about config.yaml gets the same snapshot,
// and the file is opened once for all of them.
func TestOneOpen(t *testing.T) {
	n := given(t, valid)
	count := opened(t, n.ConfigFile, func() {
		first := n.Snapshot()
		for range 3 {
			cfg, err := n.Config()
			loaded, _, _ := n.Load()
			if err != nil || cfg != first.Config || loaded != cfg || cfg.MetaHost != "10.0.0.1" ||
				n.Snapshot() != first {
				t.Errorf("%v %v", cfg, err)
			}
			if settings, _, err := n.Settings(); err != nil || len(settings) < 10 {
				t.Errorf("%d settings, %v", len(settings), err)
			}
			if _, err := n.Digest("salt"); err != nil {
				t.Error(err)
			}
			n.Refresh()
			if n.Changed() {
				t.Error("nothing has changed")
			}
		}
	})
	if count != 1 {
		t.Errorf("opened %d times", count)
	}
}

func TestNothingIsOpenedBefore(t *testing.T) {
	l := layout.New(t.TempDir())
	write(t, l.ConfigFile(), valid)
	if count := opened(t, l.ConfigFile(), func() {
		n := New(Given{Layout: l})
		if n.ConfigFile != l.ConfigFile() || n.PackDir != l.PackDir() {
			t.Errorf("defaults: %s %s", n.ConfigFile, n.PackDir)
		}
		n.Tell(msg.M("%s", "x"))
		n.Refresh()
	}); count != 0 {
		t.Errorf("opened %d times", count)
	}
}

func TestStandardInput(t *testing.T) {
	n := New(Given{Layout: layout.New(t.TempDir()), ConfigFile: "-", Stdin: strings.NewReader(valid)})
	for range 2 {
		if cfg, err := n.Config(); err != nil || cfg.CMLocation != 1 {
			t.Errorf("%v %v", cfg, err)
		}
	}
	n.Refresh()
	if n.Snapshot().Name != "<stdin>" || n.Snapshot().Err != nil {
		t.Errorf("read again: %+v", n.Snapshot().Err)
	}
	if _, err := New(Given{ConfigFile: "-", Stdin: strings.NewReader("")}).Config(); err == nil ||
		!strings.Contains(err.Error(), "<stdin>") {
		t.Errorf("an empty standard input: %v", err)
	}
	if _, err := New(Given{ConfigFile: "-"}).Config(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a command that reads no standard input: %v", err)
	}
}

func TestWrongFile(t *testing.T) {
	n := given(t, strings.Replace(valid, "cm_location: 1", "cm_location: many", 1)+"my_key: 1\n")
	var wrong *config.Error
	cfg, warnings, err := n.Load()
	if !errors.As(err, &wrong) || cfg != nil || len(warnings) == 0 ||
		!strings.HasPrefix(err.Error(), n.ConfigFile+":9:") {
		t.Errorf("%v, %v, %v", cfg, warnings, err)
	}
	if settings, again, err := n.Settings(); settings != nil || len(again) != len(warnings) || !errors.As(err, &wrong) {
		t.Errorf("%v, %v, %v", settings, again, err)
	}
	if _, err := n.Digest(""); !errors.As(err, &wrong) {
		t.Errorf("a digest of a wrong file: %v", err)
	}
	away := New(Given{Layout: layout.New(t.TempDir())})
	if s := away.Snapshot(); !errors.Is(s.Err, os.ErrNotExist) || s.Text != nil || s.Config != nil {
		t.Errorf("no file: %+v", s)
	}
	// It may be there later.
	away.Refresh()
	write(t, away.ConfigFile, valid)
	if _, err := away.Config(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("another snapshot without a Refresh: %v", err)
	}
	away.Refresh()
	if _, err := away.Config(); err != nil {
		t.Error(err)
	}
}

// TestRefresh: only a file that is another one, or was written to, is read
// again.
func TestRefresh(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"written in place": func(t *testing.T, path string) { write(t, path, strings.Replace(valid, "2883", "2884", 1)) },
		"the old time and size": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond) // the kernel's times are coarse
			write(t, path, strings.Replace(valid, "2883", "2884", 1))
			if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func(t *testing.T, path string) {
			write(t, path+".new", strings.Replace(valid, "2883", "2884", 1))
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := given(t, valid)
			first := n.Snapshot()
			n.Refresh()
			if n.Snapshot() != first {
				t.Fatal("an unchanged file was read again")
			}
			if name == "written in place" {
				time.Sleep(20 * time.Millisecond)
			}
			change(t, n.ConfigFile)
			if cfg, _ := n.Config(); cfg.MetaPort != 2883 {
				t.Error("the snapshot has changed")
			}
			if !n.Changed() {
				t.Error("another value is no change")
			}
			n.Refresh()
			if cfg, err := n.Config(); err != nil || cfg.MetaPort != 2884 {
				t.Errorf("%v %v", cfg, err)
			}
			if n.Changed() {
				t.Error("the new snapshot is stale")
			}
		})
	}
}

// TestDigest: what makes another one, and what does not.
func TestDigest(t *testing.T) {
	n := given(t, valid)
	digest := func(n *Node) string {
		t.Helper()
		d, err := n.Digest("salt")
		if err != nil || len(d) != 64 {
			t.Fatalf("%q, %v", d, err)
		}
		return d
	}
	first := digest(n)
	p, err := n.Pack()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := fs.ReadFile(p.FS(), "pack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := n.Digest("another salt"); err != nil || other == first {
		t.Errorf("the salt makes no difference: %v", err)
	}
	spelling := "# a comment\n" + strings.Replace(valid, "2883", `"2883"`, 1)
	for name, tc := range map[string]struct {
		change func(*Given)
		same   bool
	}{
		"nothing":           {func(g *Given) {}, true},
		"host":              {func(g *Given) { g.HostIP = "10.0.0.2" }, false},
		"build":             {func(g *Given) { g.Build = "2" }, false},
		"language":          {func(g *Given) { g.Lang = msg.Chinese }, true},
		"password":          {func(g *Given) { write(t, g.ConfigFile, strings.Replace(valid, "Secret42", "Secret43", 1)) }, false},
		"secret in a list":  {func(g *Given) { write(t, g.ConfigFile, valid+"my_password: {a: [x]}\n") }, false},
		"comment, spelling": {func(g *Given) { write(t, g.ConfigFile, spelling) }, true},
		"certificate alone": {func(g *Given) { write(t, g.Layout.CertFile(), "c") }, true},
		"both parts of it": {func(g *Given) { write(t, g.Layout.CertFile(), "c"); write(t, g.Layout.KeyFile(), "k") },
			false},
		"release": {func(g *Given) {
			g.PackDir = t.TempDir()
			write(t, filepath.Join(g.PackDir, "pack.yaml"), strings.Replace(string(manifest), p.Release, "9.9.9-CE", 1))
		}, false},
	} {
		g := n.Given
		tc.change(&g)
		if got := digest(New(g)) == first; got != tc.same {
			t.Errorf("%s: same %v", name, got)
		}
		os.RemoveAll(g.Layout.CertFile())
		os.RemoveAll(g.Layout.KeyFile())
		write(t, n.ConfigFile, valid)
	}
	one, two := given(t, valid+"my_password: {a: [x]}\n"), given(t, valid+"my_password: {a: [y]}\n")
	if digest(one) == digest(two) {
		t.Error("the secrets of unknown keys make no difference")
	}
}

// TestChanged: a file that was touched is read again before it is called
// another one.
func TestChanged(t *testing.T) {
	n := given(t, valid)
	n.Snapshot()
	write(t, n.ConfigFile, "# a comment\n"+valid)
	if count := opened(t, n.ConfigFile, func() {
		if n.Changed() {
			t.Error("a comment is a change")
		}
	}); count != 1 {
		t.Errorf("opened %d times", count)
	}
	write(t, n.Layout.CertFile(), "certificate")
	write(t, n.Layout.KeyFile(), "key")
	if !n.Changed() {
		t.Error("a certificate is no change")
	}
	for _, path := range []string{n.Layout.KeyFile(), n.ConfigFile} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if !n.Changed() {
		t.Error("a file that went away is no change")
	}
}

func TestOverwrite(t *testing.T) {
	n := given(t, valid)
	before, err := os.Stat(n.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	n.Snapshot()
	text := strings.Replace(valid, "2883", "12883", 1)
	if err := n.Overwrite([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if count := opened(t, n.ConfigFile, func() {
		if cfg, err := n.Config(); err != nil || cfg.MetaPort != 12883 || n.Changed() {
			t.Errorf("%v %v", cfg, err)
		}
	}); count != 0 {
		t.Errorf("what was written was read again, %d times", count)
	}
	if data, err := os.ReadFile(n.ConfigFile); err != nil || string(data) != text ||
		!bytes.Equal(n.Snapshot().Text, data) {
		t.Errorf("%v: %s", err, data)
	}
	if after, err := os.Stat(n.ConfigFile); err != nil || !os.SameFile(before, after) {
		t.Errorf("a mount would have been left: %v", err)
	}
	if err := os.Remove(n.ConfigFile); err != nil {
		t.Fatal(err)
	}
	if err := n.Overwrite([]byte(valid)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestReadWhileWritten: a reader that is held up in the middle by a slow disk
// must not take half a file for a configuration. A pipe is such a disk.
func TestReadWhileWritten(t *testing.T) {
	n := given(t, valid)
	if err := os.Remove(n.ConfigFile); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(n.ConfigFile, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		f, err := os.OpenFile(n.ConfigFile, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
		f.WriteString(valid)
		f.Close()
	}()
	if _, err := n.Config(); !finding.IsTransient(err) ||
		!strings.Contains(err.Error(), "was changed while it was read") {
		t.Errorf("got %v", err)
	}
}

func TestPack(t *testing.T) {
	n := given(t, valid)
	first, err := n.Pack()
	if err != nil || first.Release == "" {
		t.Fatal(err)
	}
	if again, err := n.Pack(); err != nil || again != first {
		t.Errorf("opened again: %v", err)
	}
	g := n.Given
	g.PackDir = t.TempDir()
	write(t, filepath.Join(g.PackDir, "pack.yaml"), "release: [\n")
	if _, err := New(g).Pack(); err == nil {
		t.Error("a pack with a fault is none")
	}
	if _, err := New(g).Digest(""); err == nil {
		t.Error("a digest without a pack")
	}
}

func TestAddress(t *testing.T) {
	for _, tc := range []struct {
		hostIP string
		nodes  []string
		want   string
	}{
		{"10.0.0.9", []string{"10.0.0.1"}, "10.0.0.9"},
		{"", []string{"10.0.0.1"}, "10.0.0.1"},
		{"", []string{"10.0.0.1", "10.0.0.2"}, ""},
	} {
		if got := New(Given{HostIP: tc.hostIP}).Address(&config.Config{CMNodes: tc.nodes}); got != tc.want {
			t.Errorf("%q of %v: got %q, want %q", tc.hostIP, tc.nodes, got, tc.want)
		}
	}
}

func TestTell(t *testing.T) {
	var out, errOut bytes.Buffer
	New(Given{Out: &out, Err: &errOut}).Tell(msg.M("%s", "beside"))
	if out.Len() > 0 || errOut.String() != "beside\n" {
		t.Errorf("%q %q", &out, &errOut)
	}
}
