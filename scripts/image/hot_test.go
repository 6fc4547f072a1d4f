package image

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeDocker runs what the scripts ask of docker in folders, each the root of an image or a container. It refuses a
// terminal where there is none, as docker does.
const fakeDocker = `#!/bin/sh
echo "docker $*" >>"$WORLD/calls"
command=$1; shift
case $command in
ps) ;;
run)
	while [ "$1" != --entrypoint ]; do shift; done
	shell=$2 image=$3; shift 3
	script=$1; shift
	OMSINIT_HOT_UPDATE_ROOT=$WORLD/$image exec "$shell" "$WORLD/$image$script" "$@" ;;
exec)
	case $1 in -it) echo "the input device is not a TTY" >&2; exit 1 ;; esac
	OMSINIT_HOT_UPDATE_ROOT=$WORLD/$1; export OMSINIT_HOT_UPDATE_ROOT; shift
	exec "$@" ;;
cp) cp "$1" "${2#*:}" ;;
*) exit 125 ;;
esac
`

// hot is a host with an image "new" and a container "oms" of the release before it.
type hot struct {
	t      *testing.T
	dir    string // of the roots
	shell  string
	backup string
	bin    string // first on the PATH
	env    []string
}

func newHot(t *testing.T, shell string) *hot {
	t.Helper()
	dir := t.TempDir()
	h := &hot{t: t, dir: dir, shell: shell, backup: dir + "/logs/back20260104104211", bin: dir + "/bin",
		env: []string{"WORLD=" + dir, "PATH=" + dir + "/bin:" + os.Getenv("PATH")}}
	write(t, h.bin+"/docker", fakeDocker, 0o755)
	write(t, h.bin+"/supervisorctl", "#!/bin/sh\necho \"supervisorctl $*\" >>\"$WORLD/calls\"\nexit 1\n", 0o755)
	worker, err := os.ReadFile("hot_update.sh")
	if err != nil {
		t.Fatal(err)
	}
	omsinit := "#!/bin/sh\n# %s\necho templates/drc.properties embedded /home/ds/supervisor/config/drc.properties ds 0600 properties keys documented guess\n" +
		"echo supervisor/drc_cm.ini embedded /etc/supervisor/conf.d/drc_cm.ini root 0644 ini create\n"
	for root, release := range map[string]string{"new": "2", "oms": "1"} {
		at := dir + "/" + root
		for path, text := range map[string]string{
			"/root/docker_init.sh": release, "/root/omsflow/scripts/units/oms_init_manager.py": release,
			"/home/admin/conf/command/start_oms_cm.sh": release, "/etc/supervisor/conf.d/drc_cm.ini": release,
			"/u01/ds/cm/package/cm.war": release, "/u01/ds/supervisor/bin/oms-supervisor.jar": release,
			"/u01/ds/supervisor/config/logback.xml": release, "/usr/share/omsinit/pack/pack.yaml": release,
			"/usr/local/lib/omsinit/names/python": release, "/u01/ds/lib64/reader/same.so": "the same in both",
			"/usr/local/share/man/page": release, "/etc/hosts": release, "/usr/bin/env": release,
		} {
			write(t, at+path, text, 0o644)
		}
		write(t, at+"/usr/local/bin/omsinit", fmt.Sprintf(omsinit, release), 0o755)
		write(t, at+"/usr/local/lib/omsinit/hot_update.sh", string(worker), 0o755)
		if err := os.MkdirAll(at+"/home", 0o755); err != nil {
			t.Fatal(err)
		}
		h.link("../u01/ds", at+"/home/ds")
	}
	// Only in the new one.
	write(t, dir+"/new/u01/ds/plugins/new.jar", "2", 0o644)
	write(t, dir+"/new/usr/local/python3.9/bin/python3.9", "2", 0o755)
	h.link("../local/python3.9/bin/python3.9", dir+"/new/usr/bin/python3")
	h.link("../lib/omsinit/names/python", dir+"/new/usr/local/bin/python")
	write(t, dir+"/new/home/admin/conf/config.yaml", "of the image", 0o644)
	write(t, dir+"/new/u01/ds/store/of-the-image", "", 0o644)
	write(t, dir+"/new/u01/ds/supervisor/data/of-the-image", "", 0o644)
	// Only on the node.
	write(t, dir+"/oms/home/admin/conf/config.yaml", "mounted", 0o600)
	write(t, dir+"/oms/u01/ds/store/store7100/data", "rows", 0o600)
	write(t, dir+"/oms/u01/ds/run/task/state", "running", 0o600)
	write(t, dir+"/oms/u01/ds/supervisor/data/async_command/CURRENT", "tasks", 0o600)
	write(t, dir+"/oms/u01/ds/supervisor/log/out.log", "lines", 0o600)
	write(t, dir+"/oms/root/init_flag.txt", "release=1", 0o644)
	write(t, dir+"/oms/root/old_tool.sh", "stays", 0o644)
	write(t, dir+"/oms/u01/ds/supervisor/config/drc.properties",
		"cm.url = http://10.0.0.1:8088\nby.hand = kept\n", 0o600)
	return h
}

func (h *hot) link(to, at string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Symlink(to, at); err != nil {
		h.t.Fatal(err)
	}
}

// script runs one of the scripts on the host.
func (h *hot) script(name string, args ...string) (string, int) {
	h.t.Helper()
	cmd := exec.Command(h.shell, append([]string{name}, args...)...)
	cmd.Env = h.env
	return run(h.t, cmd)
}

func (h *hot) must(name string, args ...string) string {
	h.t.Helper()
	out, status := h.script(name, args...)
	if status != 0 {
		h.t.Fatalf("%s: status %d\n%s", name, status, out)
	}
	return out
}

func (h *hot) dump() string {
	h.t.Helper()
	h.must("docker_dump_file_from_image.sh", "new", h.dir+"/dump")
	return h.dir + "/dump"
}

// tree returns every file, link and folder of the container with its mode and content.
func (h *hot) tree() map[string]string {
	h.t.Helper()
	tree, root := map[string]string{}, h.dir+"/oms"
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(path, root+"/var") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		switch {
		case d.Type() == fs.ModeSymlink:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " " + to
		case !d.IsDir():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(data)
		}
		tree[strings.TrimPrefix(path, root)] = text
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return tree
}

// same fails where two trees differ.
func (h *hot) same(what string, want map[string]string) {
	h.t.Helper()
	got := h.tree()
	for path := range got {
		if got[path] != want[path] {
			h.t.Errorf("%s: %s is %q, want %q", what, path, got[path], want[path])
		}
	}
	for path := range want {
		if _, ok := got[path]; !ok {
			h.t.Errorf("%s: %s is gone", what, path)
		}
	}
}

func (h *hot) calls() string {
	data, _ := os.ReadFile(h.dir + "/calls")
	return string(data)
}

func TestHotUpgrade(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			h := newHot(t, shell)
			before := h.tree()
			dump := h.dump()
			if out, status := h.script("docker_dump_file_from_image.sh", "new", dump); status == 0 {
				t.Errorf("an existing folder is overwritten: %s", out)
			}
			// obd's own files are in the folder of the backup already.
			write(t, h.backup+"/.obd_runtime_backup/ready", "", 0o644)
			h.must("docker_copy_dumpfile_to_container.sh", "oms", dump, h.backup)
			after := h.tree()
			for path, want := range map[string]string{
				"/root/docker_init.sh": "2", "/root/omsflow/scripts/units/oms_init_manager.py": "2",
				"/u01/ds/cm/package/cm.war":                "2",
				"/home/admin/conf/command/start_oms_cm.sh": "2", "/etc/supervisor/conf.d/drc_cm.ini": "2",
				"/u01/ds/supervisor/config/logback.xml": "2", "/usr/share/omsinit/pack/pack.yaml": "2",
				"/u01/ds/plugins/new.jar":            "2",
				"/usr/local/python3.9/bin/python3.9": "2", "/usr/bin/python3": "../local/python3.9/bin/python3.9",
				"/usr/local/bin/python": "../lib/omsinit/names/python",
				// What is the node's own, or not OMS's.
				"/u01/ds/supervisor/config/drc.properties": "by.hand = kept\n",
				"/home/admin/conf/config.yaml":             "mounted",
				"/u01/ds/store/store7100/data":             "rows", "/u01/ds/run/task/state": "running",
				"/u01/ds/supervisor/data/async_command/CURRENT": "tasks", "/u01/ds/supervisor/log/out.log": "lines",
				"/root/init_flag.txt": "release=1",
				"/root/old_tool.sh":   "stays", "/usr/local/share/man/page": "1", "/etc/hosts": "1",
				"/home/ds": "../u01/ds",
			} {
				if !strings.HasSuffix(after[path], want) {
					t.Errorf("%s is %q, want %q", path, after[path], want)
				}
			}
			if !strings.Contains(after["/usr/local/bin/omsinit"], "# 2") ||
				after["/u01/ds/store/of-the-image"]+after["/u01/ds/supervisor/data/of-the-image"] != "" {
				t.Errorf("omsinit is %q", after["/usr/local/bin/omsinit"])
			}
			if mode := before["/u01/ds/supervisor/config/drc.properties"]; after["/u01/ds/supervisor/config/drc.properties"] != mode {
				t.Errorf("drc.properties is %q", after["/u01/ds/supervisor/config/drc.properties"])
			}
			if calls := h.calls(); !strings.Contains(calls,
				"supervisorctl stop nginx oms_console oms_drc_cm oms_drc_supervisor") ||
				strings.Contains(calls, "supervisorctl start") {
				t.Errorf("calls:\n%s", calls)
			}
			// What is the same in both was neither kept nor replaced; the backup has passwords in it.
			if list, err := os.ReadFile(h.backup + "/entries"); err != nil || strings.Contains(string(list), "lib64") {
				t.Errorf("%v: %s", err, list)
			}
			if info, err := os.Stat(h.backup); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%v %v", info, err)
			}
			for range 2 {
				h.must("docker_copy_dumpfile_rollback.sh", "oms", h.backup)
				h.same("after the rollback", before)
			}
			if !strings.Contains(h.calls(), "supervisorctl start nginx oms_console oms_drc_cm oms_drc_supervisor") {
				t.Errorf("calls:\n%s", h.calls())
			}
		})
	}
}

// TestHotUpgradeFails: at whatever step replacing fails everything is as it was, and when the container dies there the
// rollback makes it so.
func TestHotUpgradeFails(t *testing.T) {
	for _, kind := range []string{"exit 1", "kill -9 $PPID"} {
		for _, at := range []int{1, 2, 3, 8, 15, 99} {
			h := newHot(t, "dash")
			before, dump := h.tree(), h.dump()
			// The calls of mv are counted: the first one completes the backup.
			write(t, h.bin+"/mv", fmt.Sprintf("#!/bin/sh\necho x >>\"$WORLD/moves\"\n"+
				"[ $(wc -l <\"$WORLD/moves\") != %d ] || { %s; }\nexec %s \"$@\"\n", at, kind,
				lookPath(t, "mv")), 0o755)
			out, status := h.script("docker_copy_dumpfile_to_container.sh", "oms", dump, h.backup)
			if (status == 0) != (at == 99) {
				t.Fatalf("step %d: status %d\n%s", at, status, out)
			}
			if status == 0 {
				continue // there are not that many
			}
			half := h.dir + "/oms/var/lib/omsinit/hot-update"
			_, err := os.Stat(half)
			switch killed := kind != "exit 1"; {
			case !killed || at == 1:
				h.same(fmt.Sprintf("step %d, %s\n%s", at, kind, out), before)
				if err == nil {
					t.Errorf("step %d: %s is left", at, half)
				}
			default:
				if data, _ := os.ReadFile(half); strings.TrimSpace(string(data)) != h.backup {
					t.Errorf("step %d: %s holds %q", at, half, data)
				}
				h.must("docker_copy_dumpfile_rollback.sh", "oms", h.backup)
				h.same(fmt.Sprintf("step %d, killed, after the rollback", at), before)
			}
			if t.Failed() {
				return
			}
		}
	}
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHotUpgradeRefusals: nothing is touched by what cannot go well.
func TestHotUpgradeRefusals(t *testing.T) {
	for name, spoil := range map[string]func(h *hot, dump string){
		"a damaged dump": func(h *hot, dump string) {
			f, err := os.OpenFile(dump+"/files.tar", os.O_WRONLY, 0)
			if err != nil {
				h.t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte("damaged"), 2000); err != nil {
				h.t.Fatal(err)
			}
		},
		"no dump":         func(_ *hot, dump string) { os.RemoveAll(dump) },
		"a half done one": func(h *hot, _ string) { write(h.t, h.dir+"/oms/var/lib/omsinit/hot-update", "/elsewhere", 0o644) },
		"no omsinit in it": func(h *hot, dump string) {
			os.Remove(h.dir + "/new/usr/local/bin/omsinit")
			os.RemoveAll(dump)
			h.dump()
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHot(t, "dash")
			before, dump := h.tree(), h.dump()
			spoil(h, dump)
			if out, status := h.script("docker_copy_dumpfile_to_container.sh", "oms", dump, h.backup); status == 0 {
				t.Errorf("it succeeds: %s", out)
			}
			h.same(name, before)
			if strings.Contains(h.calls(), "supervisorctl stop") {
				t.Error("programs were stopped")
			}
			if out, status := h.script("docker_copy_dumpfile_rollback.sh", "oms", h.backup); status == 0 {
				t.Errorf("there is something to roll back to: %s", out)
			}
			h.same(name, before)
		})
	}
}

// TestMarkerOfObd: obd puts a line of its own into the second script, in front of the line "# update /root", and rolls
// back what that line has marked (docs/oms-facts.md §7). The line names four things of the script.
func TestMarkerOfObd(t *testing.T) {
	data, err := os.ReadFile("docker_copy_dumpfile_to_container.sh")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	at := slices.Index(lines, "# update /root")
	if at < 0 {
		t.Fatal("the script has no line that obd looks for")
	}
	const marker = "run_task $USESUDO docker exec -it ${OMS_CONTAINER_NAME} touch $BACKUPPATH/.obd_backup_complete"
	for _, fails := range []bool{false, true} {
		h := newHot(t, "bash")
		patched := h.dir + "/patched.sh"
		write(t, patched, strings.Join(slices.Insert(slices.Clone(lines), at, marker), "\n"), 0o755)
		dump := h.dump()
		if fails {
			write(t, h.bin+"/mv", "#!/bin/sh\ncase $1 in */hot-update.new/*) exit 1 ;; esac\nexec "+lookPath(t, "mv")+
				" \"$@\"\n", 0o755)
		}
		if out, status := h.script(patched, "oms", dump, h.backup); (status != 0) != fails {
			t.Errorf("status %d\n%s", status, out)
		}
		if _, err := os.Stat(h.backup + "/.obd_backup_complete"); err != nil {
			t.Error(err)
		}
	}
}

func TestUsageOfScripts(t *testing.T) {
	for _, name := range []string{"docker_dump_file_from_image.sh", "docker_copy_dumpfile_to_container.sh",
		"docker_copy_dumpfile_rollback.sh"} {
		h := newHot(t, "dash")
		if out, status := h.script(name, "only-one"); status != 64 || !strings.Contains(out, "usage: sh "+name) {
			t.Errorf("%s: status %d, %s", name, status, out)
		}
	}
}
