package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"omsinit/testdata/testports"
)

// TestTrial: a node with a MetaDB of its own, as an ordinary user, twice.
func TestTrial(t *testing.T) {
	n := &node{t: t, ports: map[string]int{},
		env: []string{"PATH=/usr/bin:/bin", "OMS_LANG=en", "OMS_STANDIN_PROMPT=1"}}
	var err error
	if n.root, err = os.MkdirTemp("", "oms-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(n.root) })
	if out, err := exec.Command(standin, "install", n.root).CombinedOutput(); err != nil {
		t.Fatalf("oms-standin install: %v\n%s", err, out)
	}
	if os.Getuid() == 0 {
		n.credential = ordinaryUser(t, n.root)
	}
	keys := []string{"ghana_server_port", "nginx_server_port", "cm_server_port", "supervisor_server_port",
		"sshd_server_port"}
	ports := testports.Free(t, len(keys)+1)
	args := []string{"trial", "--metadb-port", fmt.Sprint(ports[len(keys)])}
	for i, key := range keys {
		n.ports[key] = ports[i]
		args = append(args, "--set", fmt.Sprintf("%s=%d", key, ports[i]))
	}

	r := n.boot(args...)
	r.waitOutput(fmt.Sprintf("open http://127.0.0.1:%d", n.ports["nginx_server_port"]))
	if !strings.Contains(r.out.String(), readyLine) || !strings.Contains(r.out.String(), "oms_metadb") {
		t.Errorf("the ready line or the status table is missing in\n%s", r.out)
	}
	if status, healthy := n.health(); status != 200 || !healthy {
		t.Errorf("GET /oms/health: status %d, healthy %v", status, healthy)
	}
	if _, errOut, status := n.omsinit("trial", "--set", "cm_location=9"); status != 1 ||
		!strings.Contains(errOut, fmt.Sprint(r.cmd.Process.Pid)) {
		t.Errorf("a second trial beside the first: status %d, %s", status, errOut)
	}
	password := n.path("/home/ds/run/trial-metadb/password")
	info, err := os.Stat(password)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	secret, err := os.ReadFile(password)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.out.String(), strings.TrimSpace(string(secret))) {
		t.Error("the password is printed")
	}
	before := len(r.out.String())
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.waitFor("a word that it stops, at once", func() bool { return len(r.out.String()) > before })
	<-r.done
	if status := r.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("exit status %d after Ctrl-C", status)
	}
	if log, _ := os.ReadFile(n.path("/home/admin/logs/omsinit.log")); strings.Contains(string(log), "SIGKILL") {
		t.Errorf("something had to be killed:\n%s", log)
	}

	// A second trial has the same ports, password and data.
	r = n.boot("trial", "--metadb-port", fmt.Sprint(ports[len(keys)]))
	r.waitOutput(fmt.Sprintf("open http://127.0.0.1:%d", n.ports["nginx_server_port"]))
	if again, _ := os.ReadFile(password); string(again) != string(secret) {
		t.Error("the second trial has another password")
	}
	r.stop()

	// A configuration that a person wrote is left alone.
	n.write("cm_location: 7\n")
	_, errOut, status := n.omsinit("trial")
	if status != 1 || !strings.Contains(errOut, "was not written by `omsinit trial`") {
		t.Errorf("status %d, %s", status, errOut)
	}
	if data, _ := os.ReadFile(n.configFile()); string(data) != "cm_location: 7\n" {
		t.Errorf("config.yaml was changed: %s", data)
	}
}

// ordinaryUser returns the tree to the user nobody.
func ordinaryUser(t *testing.T, root string) *syscall.Credential {
	t.Helper()
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	err = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// TestTrialWithoutComponents returns what is missing.
func TestTrialWithoutComponents(t *testing.T) {
	n := &node{t: t, root: t.TempDir(), env: os.Environ()}
	_, errOut, status := n.omsinit("trial")
	if status != 1 || !strings.Contains(errOut, "oms-standin install") {
		t.Errorf("status %d, %s", status, errOut)
	}
}
