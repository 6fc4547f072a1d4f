// Package e2e runs the built binary as a person would, under --root, with a
// real MariaDB, nginx, sshd and cron, and the stand-in for the closed parts.
package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
)

const readyLine = "OMS service start successfully"

// omsinit and standin are the built binaries.
var omsinit, standin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "omsinit-e2e-")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		panic(err)
	}
	omsinit, standin = filepath.Join(dir, "omsinit"), filepath.Join(dir, "oms-standin")
	build := exec.Command("make", "-s", "-C", "..", "build", "BIN="+dir) // with the flags that it is shipped with
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "make build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// node is one OMS node under a root of its own.
type node struct {
	t    testing.TB
	root string
	// values is config.yaml, key by key.
	values map[string]string
	ports  map[string]int
	env    []string
	// credential runs omsinit as another user.
	credential *syscall.Credential
	// occupied is a port that a test holds.
	occupied net.Listener
}

// newNode lays out an image tree with ports of its own and a config.yaml.
// The options are those of oms-standin install.
func newNode(t testing.TB, db *testmaria.Server, image ...string) *node {
	t.Helper()
	// A socket path must fit into 107 bytes, so not t.TempDir.
	root, err := os.MkdirTemp("", "oms-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if out, err := exec.Command(standin, append(append([]string{"install"}, image...),
		root)...).CombinedOutput(); err != nil {
		t.Fatalf("oms-standin install: %v\n%s", err, out)
	}
	n := &node{t: t, root: root, ports: map[string]int{}, env: []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "OMS_HOST_IP=127.0.0.1", "OMS_LANG=en",
		"OMS_STANDIN_HEARTBEAT=1", "OMS_STANDIN_PROMPT=1",
	}}
	keys := []string{"ghana_server_port", "nginx_server_port", "cm_server_port", "supervisor_server_port",
		"sshd_server_port"}
	for i, port := range testports.Free(t, len(keys)) {
		n.ports[keys[i]] = port
	}
	n.values = map[string]string{
		"oms_meta_host": db.Host, "oms_meta_port": fmt.Sprint(db.Port), "oms_meta_user": db.User,
		"oms_meta_password": quote(db.Password),
		"drc_rm_db":         "oms_rm", "drc_cm_db": "oms_cm", "drc_cm_heartbeat_db": "oms_cm_hb",
		"cm_url": fmt.Sprintf("http://127.0.0.1:%d", n.ports["cm_server_port"]), "cm_location": "1",
		"cm_nodes": "[127.0.0.1]",
	}
	for key, port := range n.ports {
		n.values[key] = fmt.Sprint(port)
	}
	n.writeConfig()
	return n
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func (n *node) path(containerPath string) string { return filepath.Join(n.root, containerPath) }

func (n *node) configFile() string { return n.path("/home/admin/conf/config.yaml") }

func (n *node) writeConfig() {
	n.t.Helper()
	var b strings.Builder
	for key, value := range n.values {
		fmt.Fprintf(&b, "%s: %s\n", key, value)
	}
	n.write(b.String())
}

func (n *node) write(config string) {
	n.t.Helper()
	n.writeFile("/home/admin/conf/config.yaml", config)
}

func (n *node) writeFile(containerPath, text string) {
	n.t.Helper()
	path := n.path(containerPath)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// command prepares omsinit in this node's root.
func (n *node) command(args ...string) *exec.Cmd {
	cmd := exec.Command(omsinit, append([]string{args[0], "--root", n.root}, args[1:]...)...)
	cmd.Env = n.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: n.credential}
	return cmd
}

// omsinit runs a command to its end and gives its outputs and exit status.
func (n *node) omsinit(args ...string) (stdout, stderr string, status int) {
	n.t.Helper()
	return run(n.t, n.command(args...))
}

func run(t testing.TB, cmd *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// running is an `omsinit run`.
type running struct {
	n    *node
	cmd  *exec.Cmd
	out  *screen
	done chan struct{}
}

// boot starts `omsinit run`, which is stopped at the end of the test.
func (n *node) boot(args ...string) *running {
	n.t.Helper()
	if len(args) == 0 {
		args = []string{"run"}
	}
	r := &running{n: n, cmd: n.command(args...), out: &screen{}, done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	if err := r.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	go func() { r.cmd.Wait(); close(r.done) }()
	n.t.Cleanup(func() {
		r.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-r.done:
		case <-time.After(60 * time.Second):
			r.cmd.Process.Kill()
			<-r.done
			n.t.Error("omsinit run did not stop within a minute of SIGTERM")
		}
		if n.t.Failed() {
			n.t.Logf("output of omsinit run:\n%s", r.out)
			n.dumpLogs()
		}
	})
	return r
}

// stop ends `omsinit run` as docker stop does, and gives its exit status.
func (r *running) stop() int {
	r.n.t.Helper()
	r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.done:
	case <-time.After(60 * time.Second):
		r.n.t.Fatalf("omsinit run did not stop within a minute of SIGTERM\n%s", r.out)
	}
	return r.cmd.ProcessState.ExitCode()
}

// waitReady waits for the line that other tools wait for.
func (r *running) waitReady() {
	r.n.t.Helper()
	r.waitFor("the ready line", func() bool { return strings.HasSuffix(strings.TrimSpace(r.out.String()), readyLine) })
}

// waitOutput waits for a text in the output.
func (r *running) waitOutput(text string) {
	r.n.t.Helper()
	r.waitFor(fmt.Sprintf("%q in the output", text), func() bool { return strings.Contains(r.out.String(), text) })
}

func (r *running) waitFor(what string, holds func() bool) {
	r.n.t.Helper()
	eventually(r.n.t, what, func() bool {
		select {
		case <-r.done:
			if !holds() {
				r.n.t.Fatalf("omsinit run ended with %d while waiting for %s\n%s", r.cmd.ProcessState.ExitCode(),
					what, r.out)
			}
		default:
		}
		return holds()
	})
}

// eventually polls for at most 90 s: machines are slow, results are not.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// dumpLogs shows the logs of a node whose test failed.
func (n *node) dumpLogs() {
	logs, _ := filepath.Glob(n.path("/home/admin/logs/*"))
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if err != nil || len(data) == 0 {
			continue
		}
		if len(data) > 4000 {
			data = data[len(data)-4000:]
		}
		n.t.Logf("%s:\n%s", filepath.Base(log), data)
	}
}

// health asks the console through nginx, as other tools do.
func (n *node) health() (status int, healthy bool) {
	client := http.Client{Timeout: 4 * time.Second}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/oms/health", n.ports["nginx_server_port"]))
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	var body struct {
		Data struct {
			Healthy bool `json:"healthy"`
		} `json:"data"`
	}
	json.NewDecoder(resp.Body).Decode(&body)
	return resp.StatusCode, body.Data.Healthy
}

// screen collects what would be on the terminal.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}
