//go:build machine

package container

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// machine is a systemd and the podman of Debian 13, in namespaces of their own: /usr and /etc have those of podman over
// this system's, /run is empty but for docker's socket, and of the control groups there are those below a new one, for
// a systemd moves and removes what it finds. It is a user's manager, that of root: the same program as PID 1, which
// leaves this system's services, mounts and settings alone.
type machine struct {
	t      *testing.T
	pid    int
	units  string // the folder of its units, and there are no others
	groups string // the name of its control group, in every hierarchy
}

// A hierarchy of cgroups v1 is a folder, v2 alone is the whole.
const machineStart = `set -e
root=$1 scratch=$2 group=$3
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/changed" "$scratch/work" "$scratch/run" "$scratch/groups"
for h in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -e "$h/cgroup.procs" ] && [ ! -L "$h" ] || continue
    [ "$h" = /sys/fs/cgroup ] || [ ! -e /sys/fs/cgroup/cgroup.procs ] || continue
    mkdir "$h/$group"
    if [ -e "$h/cpuset.cpus" ] && [ -e "$h/$group/cpuset.mems" ]; then
        cat "$h/cpuset.cpus" >"$h/$group/cpuset.cpus"
        cat "$h/cpuset.mems" >"$h/$group/cpuset.mems"
        ! [ -e "$h/$group/cgroup.clone_children" ] || echo 1 >"$h/$group/cgroup.clone_children"
    fi
    echo $$ >"$h/$group/cgroup.procs"
done
exec unshare --cgroup sh -ec '
for h in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -d "$h/$3" ] || continue
    at="$2/groups${h#/sys/fs/cgroup}"
    mkdir -p "$at"
    mount --bind "$h/$3" "$at"
done
mount --rbind "$2/groups" /sys/fs/cgroup
mount -t overlay overlay -o "lowerdir=$1/tree/usr:/usr" /usr
mount -t overlay overlay -o "lowerdir=$1/tree/etc:/etc,upperdir=$2/changed,workdir=$2/work" /etc
if [ -e /run/docker.sock ]; then
    touch "$2/run/docker.sock"
    mount --bind /run/docker.sock "$2/run/docker.sock"
fi
mount --rbind "$2/run" /run
mkdir -p /run/systemd/system /run/user/0 # systemd looks whether it is systemd that runs here
exec /lib/systemd/systemd --user --unit=basic.target
' machine "$@"
`

func newMachine(t *testing.T) *machine {
	t.Helper()
	root, err := exec.Command("../../scripts/dev/server-root.sh", "podman").Output()
	if err != nil {
		t.Fatalf("no root with podman: %v", err)
	}
	dir := t.TempDir()
	m := &machine{t: t, units: filepath.Join(dir, "units"), groups: fmt.Sprintf("omsinit-test-%d", os.Getpid())}
	scratch := filepath.Join(dir, "scratch")
	for _, d := range []string{m.units, scratch} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"basic", "sysinit", "shutdown", "network-online", "multi-user"} {
		m.unit(target+".target", "[Unit]\n") // an empty file would mask it
	}
	m.unit("docker.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n")
	var files, processes syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	const nproc = 6 // RLIMIT_NPROC
	if err := syscall.Getrlimit(nproc, &processes); err != nil {
		t.Fatal(err)
	}
	// crun of Debian 13 starts nothing where cgroups v1 and v2 are side by side, and podman asks for a million files,
	// which not every machine grants.
	conf := fmt.Sprintf("[containers]\ndefault_ulimits = [\"nofile=1024:%d\", \"nproc=%d:%d\"]\npids_limit = 0\n"+
		"[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n", files.Max, min(processes.Max, 65535),
		min(processes.Max, 65535))
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		conf = strings.Replace(conf, "[engine]\n", "[engine]\nruntime = \"runc\"\n", 1)
	}
	m.write(filepath.Join(dir, "containers.conf"), conf)
	m.write(filepath.Join(dir, "storage.conf"),
		fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = \"%s/graph\"\nrunroot = \"/run/containers\"\n", dir))
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", machineStart, "machine",
		strings.TrimSpace(string(root)), scratch, m.groups)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR=/run/user/0", "SYSTEMD_UNIT_PATH="+m.units,
		"SYSTEMD_LOG_TARGET=console",
		"CONTAINERS_CONF="+dir+"/containers.conf", "CONTAINERS_STORAGE_CONF="+dir+"/storage.conf",
		"PODMAN_IGNORE_CGROUPSV1_WARNING=1")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m.pid = cmd.Process.Pid
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_, _ = m.sh("podman rm --all --force --time 5")
		_ = cmd.Process.Kill()
		<-ended
		m.endGroups()
		if t.Failed() {
			t.Logf("systemd said:\n%s", said.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		out, err := m.sh("systemctl --user is-system-running")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("systemd does not answer: %v\n%s%s", err, out, said.String())
		}
	}
	return m
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) unit(name, text string) { m.write(filepath.Join(m.units, name), text) }

// endGroups ends what is left in the control groups of the machine, and removes them.
func (m *machine) endGroups() {
	script := `for i in $(seq 100); do
    left=0
    for top in /sys/fs/cgroup/` + m.groups + ` /sys/fs/cgroup/*/` + m.groups + `; do
        [ -d "$top" ] || continue
        left=1
        find "$top" -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -9 2>/dev/null
        find "$top" -depth -type d -exec rmdir {} \; 2>/dev/null
    done
    [ $left = 1 ] || exit 0
    sleep 0.1
done
exit 1`
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		m.t.Errorf("the control groups %s are left: %v\n%s", m.groups, err, out)
	}
}

// sh runs a script on the machine, with the environment that its systemd has, in a control group of the machine.
func (m *machine) sh(script string) (string, error) {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", m.pid))
	if err != nil {
		return "", err
	}
	const enter = `for h in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -e "$h/cgroup.procs" ] || continue
    [ "$h" = /sys/fs/cgroup ] || [ ! -e /sys/fs/cgroup/cgroup.procs ] || continue
    mkdir -p "$h/asked" && echo $$ >"$h/asked/cgroup.procs"
done
`
	cmd := exec.Command("nsenter", "--target", fmt.Sprint(m.pid), "--mount", "--cgroup", "sh", "-c",
		enter+`exec sh -ec "$0"`, script)
	cmd.Env = strings.Split(strings.TrimRight(string(environ), "\x00"), "\x00")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is sh, and the script must succeed.
func (m *machine) must(script string) string {
	m.t.Helper()
	out, err := m.sh(script)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// TestMachine starts what is in deploy for machines without an orchestrator, as far as this machine can.
func TestMachine(t *testing.T) {
	name := image(t)
	m := newMachine(t)
	m.must("docker save " + name + " | podman load --quiet")
	for _, part := range []struct {
		name string
		run  func(t *testing.T, m *machine, c *container, image string)
	}{{"quadlet", quadlet}, {"systemd", unit}, {"kube play", kubePlay}} {
		t.Run(part.name, func(t *testing.T) {
			on := *m
			on.t = t
			c := newContainer(t)
			for _, d := range []string{"oms/oms_logs", "oms/oms_store", "oms/oms_run", "secrets"} {
				if err := os.MkdirAll(filepath.Join(c.dir, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(c.config())
			if err != nil {
				t.Fatal(err)
			}
			c.writeConfig(strings.Replace(string(text), "oms_meta_password: "+c.db.Password,
				"oms_meta_password_file: /run/secrets/oms/oms_meta_password", 1))
			on.write(filepath.Join(c.dir, "secrets/oms_meta_password"), c.db.Password)
			part.run(t, &on, c, name)
		})
	}
}

// adapt puts what a person adapts into a file of deploy: image, address, and here the folders.
func adapt(t *testing.T, c *container, file string, old ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(append(old, "OMS_HOST_IP=10.0.0.1", "OMS_HOST_IP=127.0.0.1", "=/data/", "="+c.dir+"/",
		" /data/", " "+c.dir+"/")...).Replace(string(text))
}

// lives takes a unit through its life: the node becomes ready, comes back when its container dies, and stops in order.
// exec is what runs a command in the container, kill what ends the container at once.
func (m *machine) lives(c *container, exec, kill, gone string) {
	m.t.Helper()
	m.must("systemctl --user daemon-reload && systemctl --user start oms")
	ready := func(what string) {
		m.t.Helper()
		c.eventually(what, func() bool {
			_, err := m.sh(exec + " omsinit healthcheck")
			return err == nil
		})
	}
	show := func(property string) string {
		return strings.TrimSpace(m.must("systemctl --user show oms --property " + property + " --value"))
	}
	m.t.Cleanup(func() {
		if m.t.Failed() {
			out, _ := m.sh("systemctl --user status oms; tail -n 40 " + c.dir + "/oms/oms_logs/omsinit.log")
			m.t.Logf("%s", out)
		}
		_, _ = m.sh("systemctl --user stop oms; systemctl --user reset-failed oms")
	})
	ready("a ready node")
	m.must(kill)
	c.eventually("a restart of the service", func() bool { return show("NRestarts") == "1" })
	ready("a node that is ready again")
	m.must("systemctl --user stop oms")
	if got := show("ActiveState") + " " + show("Result"); got != "inactive success" {
		m.t.Errorf("after the stop the service is %s", got)
	}
	if out, err := m.sh(gone); err == nil {
		m.t.Errorf("the container is left:\n%s", out)
	}
}

// quadlet: what podman makes of oms.container.
func quadlet(t *testing.T, m *machine, c *container, image string) {
	m.must("podman secret create oms_meta_password " + c.dir + "/secrets/oms_meta_password")
	folder := filepath.Join(c.dir, "quadlet")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	m.write(folder+"/oms.container", adapt(t, c, "quadlet/oms.container", "localhost/oms:latest", "localhost/"+image))
	made := m.must("QUADLET_UNIT_DIRS=" + folder + " /usr/libexec/podman/quadlet --dryrun 2>/dev/null")
	_, service, found := strings.Cut(made, "---oms.service---\n")
	if !found {
		t.Fatalf("quadlet made no oms.service:\n%s", made)
	}
	m.unit("oms.service", service)
	m.lives(c, "podman exec oms", "podman kill oms", "podman container exists oms")
}

// unit: the plain unit around docker run.
func unit(t *testing.T, m *machine, c *container, image string) {
	text := adapt(t, c, "systemd/oms.service", "OMS_IMAGE=oms:latest", "OMS_IMAGE="+image, "/etc/oms/secrets:",
		c.dir+"/secrets:",
		"--name oms ", "--name "+c.name+" ", "--time 90 oms\n", "--time 90 "+c.name+"\n", "docker rm oms\n",
		"docker rm "+c.name+"\n")
	if out, err := exec.Command("docker", "run", "--rm", "--privileged", image, "true").CombinedOutput(); err != nil {
		t.Logf("this engine cannot grant --privileged=true: %s", out)
		text = strings.Replace(text, "--privileged=true",
			"--cap-add=ALL --cap-drop=SYS_RESOURCE --security-opt seccomp=unconfined", 1)
	}
	m.unit("oms.service", text)
	t.Cleanup(func() { exec.Command("docker", "rm", "-f", c.name).Run() })
	m.lives(c, "docker exec "+c.name, "docker kill "+c.name, "docker inspect "+c.name)
}

// kubePlay: the pods of deploy/kubernetes under podman kube play. It knows no StatefulSet, no Service and no
// status.hostIP, so a Pod is made of the template, with an address in it; everything else is as it stands there. The
// check is run first.
func kubePlay(t *testing.T, m *machine, c *container, image string) {
	config, err := os.ReadFile(c.config())
	if err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	read := func(name string) (o object) {
		text, err := os.ReadFile("../../deploy/kubernetes/base/" + name)
		if err == nil {
			err = yaml.Unmarshal(text, &o)
		}
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	at := func(o object, path ...string) object {
		for _, key := range path {
			o = o[key].(object)
		}
		return o
	}
	pod := func(template object, name string) object {
		of := template["containers"].([]any)[0].(object)
		of["image"] = "localhost/" + image
		of["env"] = []object{{"name": "OMS_HOST_IP", "value": "127.0.0.1"}}
		return object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": name}, "spec": template}
	}
	write := func(name string, objects ...object) string {
		var text bytes.Buffer
		e := yaml.NewEncoder(&text)
		for _, o := range objects {
			if err := e.Encode(o); err != nil {
				t.Fatal(err)
			}
		}
		m.write(filepath.Join(c.dir, name), text.String())
		return filepath.Join(c.dir, name)
	}
	values := []object{
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "oms-config"},
			"data": object{"config.yaml": string(config)}},
		{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "oms-passwords"},
			"stringData": object{"oms_meta_password": c.db.Password}},
	}
	job := read("check.yaml")
	pod(at(job, "spec", "template", "spec"), "")
	delete(at(job, "spec"), "completions")
	delete(at(job, "spec"), "parallelism")
	check := write("check.yaml", append(values, job)...)
	m.must("podman kube play " + check)
	out := m.must("podman wait --condition exited oms-check-pod-check; podman logs oms-check-pod-check")
	if !strings.HasPrefix(out, "0\n") || !strings.Contains(out, "[PASSED]") {
		t.Errorf("the check: %s", out)
	}
	m.must("podman kube down " + check)

	set := read("statefulset.yaml")
	spec := at(set, "spec", "template", "spec")
	for _, claim := range at(set, "spec")["volumeClaimTemplates"].([]any) {
		claim := claim.(object)
		claim["apiVersion"], claim["kind"] = "v1", "PersistentVolumeClaim"
		name := at(claim, "metadata")["name"]
		spec["volumes"] = append(spec["volumes"].([]any),
			object{"name": name, "persistentVolumeClaim": object{"claimName": name}})
		values = append(values, claim)
	}
	play := write("oms.yaml", append(values, pod(spec, "oms"))...)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := m.sh("podman ps --all; podman logs --tail 40 oms-oms")
			t.Logf("%s", out)
		}
		_, _ = m.sh("podman kube down --force " + play)
	})
	for start := range 2 { // the second one finds the volumes of the first
		m.must("podman kube play " + play)
		c.eventually("a ready node", func() bool {
			_, err := m.sh("podman exec oms-oms omsinit healthcheck")
			return err == nil
		})
		m.must("podman healthcheck run oms-oms") // made of the liveness probe
		if out := m.must("podman logs oms-oms"); strings.Contains(out, "host.privileges") ||
			!strings.HasSuffix(strings.TrimSpace(out), readyLine) ||
			strings.Contains(out, "are up to date") != (start == 1) {
			t.Errorf("start %d:\n%s", start, out)
		}
		m.must("podman kube down " + play)
	}
	if out := m.must("podman volume ls --quiet"); !strings.Contains(out, "store\n") {
		t.Errorf("the volumes are %s", out)
	}
}
