package source

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/layout"
)

const bundleConfig = `oms_meta_host: 10.0.0.1
oms_meta_port: 2881
oms_meta_user: oms
oms_meta_password: 'aaAA11__#'
drc_rm_db: oms_rm
drc_cm_db: oms_cm_1
drc_cm_heartbeat_db: oms_hb
cm_url: http://10.0.0.2:8088
cm_location: 3
cm_nodes: [10.0.0.2]
cm_server_port: 18088
`

func laidOut(t *testing.T, files map[string]string) *Installation {
	t.Helper()
	i := &Installation{Tree: layout.New(t.TempDir()), HostIP: "10.0.0.2"}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(i.Tree.Path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(i.Tree.Path(name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if i.Config, _, err = config.Parse("config.yaml", []byte(bundleConfig)); err != nil {
		t.Fatal(err)
	}
	return i
}

// TestLook: what was written since the container was made is looked at, and what holds a value; what is left out
// although it holds one is said.
func TestLook(t *testing.T) {
	i := laidOut(t, map[string]string{
		"/usr/lib/old.conf": "nothing", "/usr/lib/older.conf": "at oms_cm_1", "/usr/lib/port.conf": "listen 18088;",
		"/usr/lib/other": "x180888",
	})
	time.Sleep(20 * time.Millisecond) // the clock of files is a coarse one
	i.Created = time.Now()
	time.Sleep(20 * time.Millisecond)
	more := laidOut(t, nil)
	for name, text := range map[string]string{
		"/opt/any/where.txt": "text", "/home/admin/conf/config.yaml": bundleConfig,
		"/home/admin/conf/config_copy.yaml": bundleConfig,
		"/home/admin/logs/a.txt":            "oms_cm_1", "/home/admin/logs/b.txt": "nothing",
		"/tmp/x":            "cm http://10.0.0.2:8088/",
		"/a.bin":            "\x00aaAA11__#",
		"/etc/tls/node.txt": "-----BEGIN PRIVATE KEY-----\noms_cm_1", "/big": strings.Repeat(" ", LargestFile) + "x",
		"/etc/url": "aaAA11__%23",
	} {
		if err := os.MkdirAll(filepath.Dir(i.Tree.Path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(i.Tree.Path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A time that was set back does not hide what was written.
	if err := os.Chtimes(i.Tree.Path("/opt/any/where.txt"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	found := i.Look(t.Context())
	slices.Sort(found.Files)
	if want := []string{"/etc/url", "/opt/any/where.txt", "/usr/lib/older.conf",
		"/usr/lib/port.conf"}; !slices.Equal(found.Files, want) {
		t.Errorf("%v, want %v", found.Files, want)
	}
	got := map[string]Why{}
	for _, l := range found.Left {
		got[l.Path] = l.Why
	}
	for path, want := range map[string]Why{"/home/admin/conf/config_copy.yaml": Kept, "/home/admin/logs/a.txt": Log,
		"/tmp/x": Temporary,
		"/a.bin": Binary, "/etc/tls/node.txt": Key, "/big": Large} {
		if got[path] != want {
			t.Errorf("%s: %q, want %q", path, got[path], want)
		}
	}
	if len(got) != 6 {
		t.Errorf("%v", got)
	}
	if files := more.Look(t.Context()); len(files.Files)+len(files.Left) > 0 {
		t.Errorf("%+v", files)
	}
}

// TestBundle: a bundle says of an installation what the installation itself says.
func TestBundle(t *testing.T) {
	i := laidOut(t, map[string]string{
		"/home/admin/conf/config.yaml": bundleConfig, "/u01/ds/cm/a.conf": "oms_cm_1",
		"/u01/ds/cm/key.txt":   "-----BEGIN PRIVATE KEY-----\noms_cm_1",
		"/home/admin/start.sh": "cd /u01/ds/cm",
	})
	if err := os.Symlink("/u01/ds", i.Tree.Path("/home/ds")); err != nil {
		t.Fatal(err)
	}
	i.Programs.List = []Program{{Name: "cm", Command: []string{"sh", "/home/admin/start.sh"}}}
	i.Calls = []Exchange{{Method: "PUT", Path: "/x", Body: []byte("\xff\x00")}}
	rows := tables.Rows{Columns: []tables.Column{{Name: "a", Key: true}},
		Values: [][]string{{"\x00\xff"}, {tables.Null}}}
	snapshot := &tables.Snapshot{Version: "4.2.7-CE", Databases: map[config.Role]tables.Contents{config.RM: {
		Objects: tables.Objects{Tables: []tables.Object{{Kind: "table", Name: "t", SQL: "CREATE TABLE t"}}},
		Rows:    map[string]tables.Rows{"t": rows}, Large: map[string]int{"l": 9000}}}}
	var b bytes.Buffer
	if err := i.Pack(t.Context(), &b, snapshot, []string{"/home/ds/cm/none"}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, done, err := OpenBundle(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Text("/home/ds/cm/a.conf")) != "oms_cm_1" ||
		got.Documented("/u01/ds/cm/a.conf") != "/home/ds/cm/a.conf" || got.Text("/u01/ds/cm/key.txt") != nil {
		t.Errorf("%q %s", got.Text("/home/ds/cm/a.conf"), got.Documented("/u01/ds/cm/a.conf"))
	}
	if f, ok := got.Fact("/home/ds/cm/a.conf"); !ok || f.Mode != 0o640 || f.Owner == "" {
		t.Errorf("%+v", f)
	}
	if paths := got.PathsOf(got.Programs.List[0]); !slices.Contains(paths, "/u01/ds/cm") {
		t.Errorf("%v", paths)
	}
	if got.HostIP != i.HostIP || got.Config.MetaPassword.Reveal() != "aaAA11__#" ||
		string(got.Calls[0].Body) != "\xff\x00" {
		t.Errorf("%+v", got)
	}
	read, _, err := got.Tables().Rows(context.Background(), config.RM, "t")
	_, large, _ := got.Tables().Rows(context.Background(), config.RM, "l")
	if err != nil || large != 9000 || got.Tables().Release(context.Background()) != "4.2.7-CE" ||
		!slices.EqualFunc(read.Values, rows.Values, slices.Equal) || !slices.Equal(read.Columns, rows.Columns) {
		t.Errorf("%+v, %v", read, err)
	}
	dir := got.Tree.Root()
	done()
	if _, err := os.Stat(dir); err == nil {
		t.Error("the unpacked bundle stays")
	}
	for name, data := range map[string][]byte{"cut": b.Bytes()[:b.Len()/2], "empty": nil, "other": []byte("x")} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenBundle(t.Context(), file); err == nil {
			t.Errorf("%s: taken for a bundle", name)
		}
	}
}

// TestSilentPipe: a pipe into which nobody writes ends with the context, whether or not somebody has it open.
func TestSilentPipe(t *testing.T) {
	for _, writer := range []bool{false, true} {
		pipe := filepath.Join(t.TempDir(), "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if writer {
			w, err := os.OpenFile(pipe, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
		}
		time.AfterFunc(50*time.Millisecond, cancel)
		ended := make(chan error, 1)
		go func() { _, _, err := OpenBundle(ctx, pipe); ended <- err }()
		select {
		case err := <-ended:
			if err == nil || ctx.Err() == nil {
				t.Errorf("with a writer %v: %v", writer, err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("with a writer %v: it waits", writer)
		}
		if !writer { // lets the one that opens it go
			if w, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
				w.Close()
			}
		}
	}
}
