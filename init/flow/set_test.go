package flow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/check"
	"omsinit/init/component"
	"omsinit/internal/config"
	"omsinit/scripts"
	"omsinit/supervise/client"
	"omsinit/testdata/testmaria"
)

// assign makes assignments out of keys and values.
func assign(pairs ...string) []config.Assignment {
	var list []config.Assignment
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, config.Assignment{Key: pairs[i], Value: config.Secret(pairs[i+1])})
	}
	return list
}

// TestSet: a key is checked, written in place and kept beside and in the history, and the node is brought to it.
func TestSet(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.initialise()
	file := w.layout.ConfigFile()
	w.write(file, "# by a person\n"+w.read(file))
	before, inode := w.read(file), stat(t, file)
	port := fmt.Sprint(freePort(t))
	w.pid1.programs[0].Stale = true
	if err := w.flow().Set(t.Context(), Settings{Values: assign("nginx_server_port", port)}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if after := w.read(file); after != strings.Replace(before, "nginx_server_port: "+w.values["nginx_server_port"],
		"nginx_server_port: "+port, 1) {
		t.Errorf("the file:\n%s", after)
	}
	if !os.SameFile(inode, stat(t, file)) {
		t.Error("a file that is mounted on its own was replaced")
	}
	if w.read(file+BackupSuffix) != before || stat(t, file+BackupSuffix).Mode().Perm() != 0o600 {
		t.Error("the copy beside it")
	}
	if got := strings.Join(banners(w.out.String()), ", "); got != "Step 1, Step 3, Step 4" {
		t.Errorf("steps %s", got)
	}
	w.said("nginx_server_port: "+w.values["nginx_server_port"]+" -> "+port,
		"written: /home/ds/ghana/config/tengine.conf")
	if diff := cmp.Diff([]string{"restart nginx"}, w.pid1.asked()); diff != "" {
		t.Error(diff)
	}
	versions, err := component.NewHistory(w.layout).List()
	if err != nil || len(versions) != 1 || versions[0].Reason != "omsinit config" {
		t.Fatalf("%+v, %v", versions, err)
	}
	if v, err := component.NewHistory(w.layout).Get(versions[0].ID); err != nil || string(v.Files[0].Data) != before ||
		len(v.Files) < 2 {
		t.Errorf("the version: %+v, %v", v, err)
	}

	// The same again changes nothing, and is no version.
	w.pid1.forget()
	if err := w.flow().Set(t.Context(), Settings{Values: assign("nginx_server_port", port)}); err != nil {
		t.Fatal(err)
	}
	w.said(file + " has these values already")
	if again, err := component.NewHistory(w.layout).List(); err != nil || len(again) != 1 || len(w.pid1.asked()) > 0 {
		t.Errorf("%d versions, %v, %v", len(again), err, w.pid1.asked())
	}
}

// TestSetBesidePerson: what a person writes while the new values are checked is not lost.
func TestSetBesidePerson(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	file := w.layout.ConfigFile()
	f := w.flow()
	err := f.change(t.Context(), Settings{Values: assign("nginx_server_port", fmt.Sprint(freePort(t)))},
		func(old []byte, s Settings) (config.Edited, error) {
			w.write(file, string(old)+"# by a person\n")
			return f.edited(old, s)
		})
	if err == nil || !strings.Contains(err.Error(), "has changed meanwhile") ||
		!strings.HasSuffix(w.read(file), "# by a person\n") {
		t.Errorf("%v\n%s", err, w.read(file))
	}
	if _, err := os.Stat(file + BackupSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy was made: %v", err)
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestSetSteps: which steps follow from which keys. They are never an initialisation.
func TestSetSteps(t *testing.T) {
	for _, tc := range []struct {
		key  string
		init bool
		want string
	}{
		{"nginx_server_port", false, "check component restart"},
		{"cm_server_port", false, "check component restart"},
		{"tsdb_url", false, "check component restart"},
		{"drc_user", false, "check component restart"},
		{"cm_url", false, "check component restart resource"},
		{"cm_nodes", false, "check component restart resource"},
		{"oms_meta_password", false, "check component restart resource"},
		{"drc_cm_db", false, "check component restart resource"},
		{"nginx_server_port", true, "check metadb component restart resource"},
	} {
		phases, err := Steps{Only: stepsFor([]config.Changed{{Key: tc.key}}, tc.init)}.phases()
		if got := strings.Join(names(phases), " "); err != nil || got != tc.want {
			t.Errorf("%s, %v: %s, %v", tc.key, tc.init, got, err)
		}
	}
}

// TestSetRefused: what cannot be, is refused before the file is touched.
func TestSetRefused(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.initialise()
	for _, tc := range []struct {
		name   string
		values []config.Assignment
		want   string
	}{
		{"a wrong value", assign("cm_location", "many"), "cm_location"},
		{"a wrong value of a new key", assign("tsdb_service", "many"),
			w.layout.ConfigFile() + `: tsdb_service = "many": `},
		{"an address of another host", assign("cm_nodes", "10.9.9.9"), "127.0.0.1, which is not in cm_nodes"},
		{"a slip of a key", assign("nginx_sever_port", "18089"), "nginx_server_port"},
		{"a MetaDB that is away", assign("oms_meta_port", "1"), "nothing listens there"},
		{"an account that is refused", assign("oms_meta_password", "Another43"), "refuses"},
		{"databases that are not there", assign("drc_cm_heartbeat_db", "oms_other"),
			"lacks databases or tables of OMS (databases: 1, tables: 2)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t = t
			before := tree(t, w.layout.StateDir())
			text, copied := w.read(w.layout.ConfigFile()), stat(t, w.layout.ConfigFile()).ModTime()
			err := w.flow().Set(t.Context(), Settings{Values: tc.values})
			if err == nil || strings.Contains(err.Error()+w.out.String()+w.errOut.String(), "Another43") {
				t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
			}
			contains(t, "what was said", err.Error()+w.out.String(), tc.want)
			if w.read(w.layout.ConfigFile()) != text || !stat(t, w.layout.ConfigFile()).ModTime().Equal(copied) {
				t.Error("the file was written")
			}
			if diff := cmp.Diff(before, tree(t, w.layout.StateDir()),
				cmp.FilterPath(
					func(p cmp.Path) bool { return p.String() == "" && strings.Contains(p.GoString(), "init.lock") },
					cmp.Ignore())); diff != "" {
				t.Errorf("the state folder (-before +after):\n%s", diff)
			}
			if len(banners(w.out.String()))+len(w.pid1.asked())+len(w.pid1.told()) > 0 {
				t.Errorf("a step was run:\n%s", &w.out)
			}
		})
	}
	w.t = t
	var failed *check.FailedError
	if err := w.flow().Set(t.Context(), Settings{Values: assign("cm_nodes", "10.9.9.9")}); !errors.As(err, &failed) {
		t.Errorf("no error of a check: %v", err)
	}
}

// TestReplace: a text that a person has edited is brought in as single keys are, or refused as a whole.
func TestReplace(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	file := w.layout.ConfigFile()
	before := w.read(file)
	port := fmt.Sprint(freePort(t))
	after := strings.Replace(before, "nginx_server_port: "+w.values["nginx_server_port"],
		"nginx_server_port: "+port+" # mine", 1)
	if err := w.flow().Replace(t.Context(), []byte("another"), []byte(after), Settings{}); err == nil ||
		w.read(file) != before {
		t.Errorf("over another text: %v", err)
	}
	var wrong *config.Error
	if err := w.flow().Replace(t.Context(), []byte(before), []byte(before+"cm_location: many\n"),
		Settings{}); !errors.As(err, &wrong) || w.read(file) != before {
		t.Errorf("a wrong text: %v", err)
	}
	if err := w.flow().Replace(t.Context(), []byte(before), []byte(after), Settings{}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if w.read(file) != after || w.read(file+BackupSuffix) != before {
		t.Error("the file, or the copy of what it was")
	}
	contains(t, "tengine.conf", w.read(w.layout.Path(tengine)), "listen "+port)
	// A comment alone is written too.
	if err := w.flow().Replace(t.Context(), []byte(after), []byte(after+"# by night\n"),
		Settings{OnlyFile: true}); err != nil || w.read(file) != after+"# by night\n" {
		t.Errorf("a comment: %v", err)
	}
}

// TestSetNewMetaDB: with InitMetaDB what is missing is made, by the steps that follow.
func TestSetNewMetaDB(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.initialise()
	if err := w.flow().Set(t.Context(), Settings{Values: assign("drc_cm_heartbeat_db", "oms_other"),
		InitMetaDB: true}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if got := strings.Join(banners(w.out.String()), ", "); got != "Step 1, Step 2, Step 3, Step 4, Step 5" {
		t.Errorf("steps %s", got)
	}
	if !strings.Contains(checksums(t, db), "oms_other.") {
		t.Error("the database is empty")
	}
	if told := w.pid1.told(); len(told) > 0 {
		t.Errorf("PID 1 was told of an initialisation: %v", told)
	}
}

// TestSetWithoutPID1: nothing could be restarted, so nothing is changed unless only the file is meant.
func TestSetWithoutPID1(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	w.pid1.stop()
	before := w.read(w.layout.ConfigFile())
	err := w.flow().Set(t.Context(), Settings{Values: assign("cm_region_cn", "cn-set")})
	if !errors.Is(err, client.ErrNotRunning) || !strings.Contains(err.Error(), "--no-apply") ||
		w.read(w.layout.ConfigFile()) != before {
		t.Errorf("got %v", err)
	}
	files := tree(t, w.layout.Path("/home/ds/ghana"))
	if err := w.flow().Set(t.Context(), Settings{Values: assign("cm_region_cn", "cn-set"),
		OnlyFile: true}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if !strings.Contains(w.read(w.layout.ConfigFile()), "cm_region_cn: cn-set") || len(banners(w.out.String())) > 0 {
		t.Errorf("the file, or the output:\n%s", &w.out)
	}
	if diff := cmp.Diff(files, tree(t, w.layout.Path("/home/ds/ghana"))); diff != "" {
		t.Errorf("other files (-before +after):\n%s", diff)
	}
}

// TestSetMends: a file with errors is mended by setting the key that is wrong.
func TestSetMends(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.values["cm_location"] = "many"
	w.writeConfig()
	if err := w.flow().Set(t.Context(), Settings{Values: assign("cm_location", "1")}); err == nil ||
		!strings.Contains(err.Error(), "lacks databases") {
		t.Fatalf("a MetaDB that was not looked at before is looked at: %v", err)
	}
	if err := w.flow().Set(t.Context(), Settings{Values: assign("cm_location", "1"), InitMetaDB: true}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	w.said("cm_location: many -> 1")
	if err := os.Remove(w.layout.ConfigFile()); err != nil {
		t.Fatal(err)
	}
	if err := w.flow().Set(t.Context(), Settings{Values: assign("cm_location", "1")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestSetSecret: a password is neither printed nor kept where others can read it.
func TestSetSecret(t *testing.T) {
	db := testmaria.Start(t)
	db.Exec("CREATE USER other@'127.0.0.1' IDENTIFIED BY 'Geheim42!'",
		"GRANT ALL ON *.* TO other@'127.0.0.1' WITH GRANT OPTION")
	w := newWorld(t, db)
	w.initialise()
	if err := w.flow().Set(t.Context(), Settings{Values: assign("oms_meta_user", "other", "oms_meta_password",
		"Geheim42!")}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	w.said("oms_meta_password: ****** -> ******", "oms_meta_user: "+db.User+" -> other")
	if strings.Contains(w.out.String()+w.errOut.String(), "Geheim42!") {
		t.Error("the password was printed")
	}
	for path := range tree(t, w.layout.StateDir()) {
		full := w.layout.StateDir() + path
		if strings.Contains(w.read(full), "Geheim42!") && stat(t, full).Mode().Perm()&0o077 != 0 {
			t.Errorf("others can read it in %s", full)
		}
	}
}

// TestUnwritable: of a file that cannot be written a person learns what to do: on the host, or with the copy.
func TestUnwritable(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "p", Err: syscall.EROFS},
			"cannot write f: read-only file system; edit the file on the host, then run `omsinit reconfigure`"},
		{&fs.PathError{Op: "open", Path: "p", Err: syscall.EACCES},
			"cannot write f: permission denied; edit the file on the host, then run `omsinit reconfigure`"},
		{errors.Join(&fs.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC}),
			"cannot write f: no space left on device; what it was is in f.bak"},
	} {
		if got := unwritable("f", tc.err); got.Error() != tc.want {
			t.Errorf("got  %v\nwant %s", got, tc.want)
		}
	}
}

// TestSetRows: rows of the pack that hold a changed key follow it, settings only where nobody has changed them.
func TestSetRows(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	manifest, err := fs.ReadFile(scripts.Pack, "pack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.initialise() // with the tables of OMS
	const agent = `  - {name: agent, method: POST, path: /agent, form: {port: "{{.supervisor_server_port}}"}, done: [302]}`
	text := strings.Replace(string(manifest), "\ncalls:\n", "\ncalls:\n"+agent+"\n", 1)
	w.write(filepath.Join(w.layout.PackDir(), "pack.yaml"), text+`
rows:
  - {database: rm, table: oms_normal_config, key: [cfg_name], values: {cfg_name: port.config, cfg_value: '{"web": {{.nginx_server_port}}}'}, setting: true}
  - {database: rm, table: oms_normal_config, key: [cfg_name], values: {cfg_name: console.config, cfg_value: "{{.ghana_server_port}}"}, setting: true}
  - {database: rm, table: node_entry, key: [node], values: {node: "{{.host_ip}}", entry: "{{.host_ip}}:{{.nginx_server_port}}"}}
`)
	db.Exec("CREATE TABLE oms_rm.node_entry (node varchar(64) PRIMARY KEY, entry varchar(64))")
	w.initialise()
	value := func(query string) (text string) {
		t.Helper()
		if err := db.DB("oms_rm").QueryRow(query).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	const web, console = "SELECT cfg_value FROM oms_normal_config WHERE cfg_name = 'port.config'",
		"SELECT cfg_value FROM oms_normal_config WHERE cfg_name = 'console.config'"
	db.Exec("UPDATE oms_rm.oms_normal_config SET cfg_value = 'mine' WHERE cfg_name = 'console.config'")
	nginx, ghana := fmt.Sprint(freePort(t)), fmt.Sprint(freePort(t))
	if err := w.flow().Set(t.Context(), Settings{Values: assign("nginx_server_port", nginx, "ghana_server_port",
		ghana)}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if got := value(web); got != `{"web": `+nginx+`}` {
		t.Error(got)
	}
	if got := value("SELECT entry FROM node_entry"); got != "127.0.0.1:"+nginx {
		t.Error(got)
	}
	if got := value(console); got != "mine" {
		t.Error(got)
	}
	if seen := w.cm.seen(); len(seen) > 0 {
		t.Errorf("the CM was sent what it has: %q", seen)
	}
	w.said("oms_normal_config cfg_name=port.config follows config.yaml",
		"oms_normal_config cfg_name=console.config is another than config.yaml gives, and stays")

	// What the CM was told is told again.
	agentPort := fmt.Sprint(freePort(t))
	if err := w.flow().Set(t.Context(), Settings{Values: assign("supervisor_server_port", agentPort)}); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if seen := fmt.Sprint(w.cm.seen()); !strings.Contains(seen, "/agent") {
		t.Errorf("the CM was not told: %s", seen)
	}
	w.cm.forget()

	// A file that was edited on the host is followed too, and said before.
	w.values["nginx_server_port"] = fmt.Sprint(freePort(t))
	w.values["ghana_server_port"], w.values["supervisor_server_port"] = ghana, agentPort
	w.writeConfig()
	if p := w.plan(Options{}); !slices.ContainsFunc(p.Resource.Rows,
		func(r PlannedRow) bool { return r.Key == "cfg_name=port.config" && r.Action == "update" }) {
		t.Errorf("%+v", p.Resource)
	}
	if err := w.flow().Reconfigure(t.Context()); err != nil {
		t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
	}
	if got := value(web); got != `{"web": `+w.values["nginx_server_port"]+`}` {
		t.Error(got)
	}
	if seen := fmt.Sprint(w.cm.seen()); strings.Contains(seen, "/agent") {
		t.Errorf("the CM was told what it knows: %s", seen)
	}
	if got := value("SELECT entry FROM node_entry"); got != "127.0.0.1:"+w.values["nginx_server_port"] {
		t.Error(got)
	}
	w.values["supervisor_server_port"] = fmt.Sprint(freePort(t))
	w.writeConfig()
	for n, told := range []bool{true, false} {
		if err := w.flow().Reconfigure(t.Context()); err != nil {
			t.Fatalf("%v\n%s%s", err, &w.out, &w.errOut)
		}
		if seen := fmt.Sprint(w.cm.seen()); strings.Contains(seen, "/agent") != told {
			t.Errorf("%d: the CM was told: %s", n, seen)
		}
		w.cm.forget()
	}
	// A MetaDB that does not answer leaves the files alone as before.
	w.values["nginx_server_port"] = fmt.Sprint(freePort(t))
	w.writeConfig()
	db.Exec("ALTER TABLE oms_rm.oms_normal_config RENAME COLUMN cfg_name TO other_name")
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"component"}}); err != nil {
		t.Error(err)
	}
	w.said("warning: whether the settings in the MetaDB follow config.yaml was not looked at")
}
