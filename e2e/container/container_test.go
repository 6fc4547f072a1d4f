// Package container runs the image with the documented docker command line, on
// a real Docker engine.
package container

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
	"omsinit/testdata/testsecrets"
)

const readyLine = "OMS service start successfully"

// container is one OMS container with its three mounts.
type container struct {
	t       *testing.T
	name    string
	dir     string // of the mounts and config.yaml, on the host
	db      *testmaria.Server
	nginx   int
	sshd    int
	image   string // empty: the one under test
	options []string
	plain   bool     // with the capabilities that the engine grants by default
	secrets []string // of every config.yaml that was written
	foreign bool     // other programs than omsinit have initialised it
	learnt  bool     // its pack is captured: which files hold secrets, and their modes, are as its release has them
	watched string   // the name of the one that is removed in the end
	boots   int      // how many of them have become ready: docker logs keeps them all
}

func image(t *testing.T) string {
	t.Helper()
	name := os.Getenv("OMSINIT_IMAGE")
	if name == "" {
		name = "omsinit/reference:latest"
	}
	if out, err := exec.Command("docker", "image", "inspect", name).CombinedOutput(); err != nil {
		t.Fatalf("these tests need a Docker engine and the image %s: run make image (%v)\n%s", name, err, out)
	}
	return name
}

// newContainer prepares the mounts. The container itself starts with run.
func newContainer(t *testing.T) *container {
	t.Helper()
	ports := testports.Free(t, 5)
	c := prepared(t, testmaria.Start(t, testmaria.Password("LooksLikeASecret42")))
	c.nginx, c.sshd = ports[0], ports[4]
	c.writeConfig(fmt.Sprintf(`oms_meta_host: %s
oms_meta_port: %d
oms_meta_user: %s
oms_meta_password: %s
drc_rm_db: oms_rm
drc_cm_db: oms_cm
drc_cm_heartbeat_db: oms_cm_hb
cm_url: http://127.0.0.1:%d
cm_location: 1
cm_nodes:
  - 127.0.0.1
nginx_server_port: %d
ghana_server_port: %d
cm_server_port: %d
supervisor_server_port: %d
sshd_server_port: %d
`, c.db.Host, c.db.Port, c.db.User, c.db.Password, ports[2], ports[0], ports[1], ports[2], ports[3], ports[4]))
	return c
}

// number tells containers and images of this process apart.
var number atomic.Int64

// prepared makes the three mounts.
func prepared(t *testing.T, db *testmaria.Server) *container {
	t.Helper()
	c := &container{t: t, name: fmt.Sprintf("omsinit-test-%d-%04d", os.Getpid(), number.Add(1)),
		dir: t.TempDir(), db: db}
	for _, mount := range []string{"logs", "store", "run"} {
		if err := os.Mkdir(filepath.Join(c.dir, mount), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *container) config() string { return filepath.Join(c.dir, "config.yaml") }

func (c *container) writeConfig(text string) {
	c.t.Helper()
	c.secrets = append(c.secrets, testsecrets.Of([]byte(text))...)
	// In place: a single-file bind mount follows the file, not the name.
	if err := os.WriteFile(c.config(), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// run is the documented command line. --privileged needs every capability on
// the host; where the engine cannot grant one, the nearest is all the others.
func (c *container) run() {
	c.t.Helper()
	name := c.image
	if name == "" {
		name = image(c.t)
	}
	args := func(privileges ...string) []string {
		line := []string{"run", "-dit", "--net", "host",
			"-v", c.config() + ":/home/admin/conf/config.yaml", "-v", c.dir + "/logs:/home/admin/logs",
			"-v", c.dir + "/store:/home/ds/store", "-v", c.dir + "/run:/home/ds/run", "-e", "OMS_HOST_IP=127.0.0.1"}
		line = append(append(line, c.options...), privileges...)
		return append(line, "--pids-limit", "-1", "--ulimit", "nproc=65535:65535", "--name", c.name, name)
	}
	cleanup := func() {
		if c.t.Failed() {
			out, _ := exec.Command("docker", "logs", c.name).CombinedOutput()
			c.t.Logf("docker logs:\n%s", out)
			log, _ := exec.Command("docker", "exec", c.name, "tail", "-n", "40",
				"/home/admin/logs/omsinit.log").CombinedOutput()
			c.t.Logf("omsinit.log:\n%s", log)
		}
		c.remove()
	}
	if c.watched != c.name {
		c.watched = c.name
		c.t.Cleanup(cleanup)
	}
	privileges := []string{"--privileged=true"}
	if c.plain {
		privileges = nil
	}
	out, err := exec.Command("docker", args(privileges...)...).CombinedOutput()
	if err == nil {
		return
	}
	if !strings.Contains(string(out), "unable to apply caps") {
		c.t.Fatalf("docker run: %v\n%s", err, out)
	}
	c.t.Log("this engine cannot grant --privileged=true; using --cap-add=ALL --cap-drop=SYS_RESOURCE --security-opt seccomp=unconfined instead")
	exec.Command("docker", "rm", "-f", c.name).Run()
	if out, err := exec.Command("docker", args("--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt",
		"seccomp=unconfined")...).CombinedOutput(); err != nil {
		c.t.Fatalf("docker run: %v\n%s", err, out)
	}
}

// noSecrets looks for the passwords of config.yaml, as it was and as it is, in all that the container leaves.
func (c *container) noSecrets() {
	c.t.Helper()
	if c.foreign {
		return
	}
	now, err := testsecrets.Read(c.name)
	if err != nil {
		c.t.Error(err)
		return
	}
	secrets := append(testsecrets.Of([]byte(now.Text(testsecrets.ConfigFile))), c.secrets...)
	if len(secrets) == 0 {
		c.t.Error("no secret is known, so none can be found")
	}
	now.Files = slices.DeleteFunc(now.Files,
		func(f testsecrets.File) bool { return c.learnt && strings.HasPrefix(f.Name, "/u01/ds/") })
	for _, leak := range now.Leaks(testsecrets.For(secrets)) {
		c.t.Errorf("a secret is in %s", leak)
	}
}

// remove removes the container, which must not have shown a secret.
func (c *container) remove() {
	c.t.Helper()
	c.noSecrets()
	exec.Command("docker", "rm", "-f", c.name).Run()
}

// docker runs a docker command that must succeed.
func (c *container) docker(args ...string) string {
	c.t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// exec runs a command in the container and gives its output and exit status.
func (c *container) exec(args ...string) (string, int) {
	c.t.Helper()
	cmd := exec.Command("docker", append([]string{"exec", c.name}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// lastLine is what other tools look at: docker logs C | tail -1.
func (c *container) lastLine() string {
	out, _ := exec.Command("docker", "logs", c.name).CombinedOutput()
	lines := strings.Split(strings.TrimRight(string(out), "\r\n"), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// waitReady waits for the ready line of one more boot than before, and that
// nothing follows it.
func (c *container) waitReady() {
	c.t.Helper()
	c.boots++
	c.eventually(fmt.Sprintf("ready line %d", c.boots), func() bool {
		out, _ := exec.Command("docker", "logs", c.name).CombinedOutput()
		return strings.Count(string(out), readyLine) == c.boots && c.lastLine() == readyLine
	})
}

func (c *container) eventually(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("timed out waiting for %s", what)
		}
	}
}

func (c *container) healthy() bool {
	client := http.Client{Timeout: 4 * time.Second}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/oms/health", c.nginx))
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var body struct {
		Data struct {
			Healthy bool `json:"healthy"`
		} `json:"data"`
	}
	return json.NewDecoder(resp.Body).Decode(&body) == nil && resp.StatusCode == 200 && body.Data.Healthy
}

// TestLife is the documented life of a container.
func TestLife(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.run()
	c.waitReady()

	t.Run("health through nginx", func(t *testing.T) {
		if !c.healthy() {
			t.Error("GET /oms/health is not healthy")
		}
	})
	t.Run("marker", func(t *testing.T) {
		if _, status := c.exec("test", "-s", "/root/init_flag.txt"); status != 0 {
			t.Error("/root/init_flag.txt is missing or empty")
		}
	})
	t.Run("PID 1 is omsinit", func(t *testing.T) {
		if out, _ := c.exec("cat", "/proc/1/cmdline"); !strings.Contains(out, "omsinit\x00run") {
			t.Errorf("PID 1 is %q", out)
		}
	})
	t.Run("users", func(t *testing.T) {
		out, _ := c.exec("ps", "-eo", "user:20,args")
		agent := ""
		for _, line := range strings.Split(out, "\n") {
			if strings.Contains(line, "oms-supervisor.jar") {
				agent = line
			}
		}
		if !strings.HasPrefix(agent, "ds ") {
			t.Errorf("the agent does not run as ds: %q", agent)
		}
		if strings.Contains(out, "LooksLikeASecret42") {
			t.Error("the password is in a process's arguments")
		}
	})
	t.Run("the mounts", func(t *testing.T) {
		for mount, owner := range map[string]string{"logs": "root", "store": "ds", "run": "ds"} {
			container := map[string]string{"logs": "/home/admin/logs", "store": "/home/ds/store",
				"run": "/home/ds/run"}[mount]
			if out, _ := c.exec("stat", "-L", "-c", "%U", container); strings.TrimSpace(out) != owner {
				t.Errorf("%s belongs to %s, want %s", container, strings.TrimSpace(out), owner)
			}
		}
		for _, dir := range []string{"/home/ds/ghana/config/application-oms.properties",
			"/home/ds/cm/package/config/jdbc.properties", "/home/ds/supervisor/config/supervisor.json"} {
			if out, _ := c.exec("stat", "-c", "%a", dir); strings.TrimSpace(out) != "600" {
				t.Errorf("%s has mode %s", dir, strings.TrimSpace(out))
			}
		}
	})
	t.Run("docker_init.sh again", func(t *testing.T) {
		before := c.lastLine()
		out, status := c.exec("./docker_init.sh")
		if status != 0 || !strings.Contains(out, "# [Completed] All initialization steps are executed.") {
			t.Errorf("status %d\n%s", status, out)
		}
		if c.lastLine() != before {
			t.Errorf("docker logs ends with %q", c.lastLine())
		}
	})
	t.Run("supervisorctl", func(t *testing.T) {
		c.eventually("every program RUNNING", func() bool {
			out, _ := c.exec("supervisorctl", "status")
			return strings.Count(out, "RUNNING") == 6
		})
		if out, status := c.exec("supervisorctl", "restart", "oms_console", "oms_drc_supervisor"); status != 0 ||
			!strings.Contains(out, "oms_console: started") {
			t.Errorf("status %d\n%s", status, out)
		}
		c.eventually("health", c.healthy)
	})
	t.Run("stop within the grace period", func(t *testing.T) {
		start := time.Now()
		c.docker("stop", c.name)
		if took := time.Since(start); took > 9*time.Second {
			t.Errorf("docker stop took %s: it had to kill", took)
		}
		if out := strings.TrimSpace(c.docker("inspect", "-f", "{{.State.ExitCode}}", c.name)); out != "0" {
			t.Errorf("exit status %s", out)
		}
	})
	t.Run("docker restart", func(t *testing.T) {
		c.docker("restart", c.name)
		c.eventually("health", c.healthy)
		c.waitReady()
	})
	t.Run("docker kill and start", func(t *testing.T) {
		c.docker("kill", "-s", "KILL", c.name)
		c.docker("start", c.name)
		c.waitReady()
		c.eventually("health", c.healthy)
	})
	t.Run("a restart while the MetaDB is down", func(t *testing.T) {
		c.db.Stop()
		c.docker("restart", c.name)
		c.eventually("nginx", func() bool {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.nginx))
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
		out, _ := c.exec("omsinit", "status")
		if !strings.Contains(out, "MetaDB") && !strings.Contains(out, "running") {
			t.Errorf("status does not say what the initialisation waits for:\n%s", out)
		}
		c.db.Restart()
		c.eventually("health", c.healthy)
		c.waitReady()
	})
	t.Run("a new container with the same mounts", func(t *testing.T) {
		keep := filepath.Join(c.dir, "store", "kept")
		if err := os.WriteFile(keep, []byte("data"), 0o644); err != nil {
			t.Fatal(err)
		}
		logs, _ := filepath.Glob(filepath.Join(c.dir, "logs", "docker_init.log.*"))
		c.remove()
		c.boots = 0
		c.run()
		c.waitReady()
		if data, err := os.ReadFile(keep); err != nil || string(data) != "data" {
			t.Errorf("%q, %v", data, err)
		}
		if more, _ := filepath.Glob(filepath.Join(c.dir, "logs", "docker_init.log.*")); len(more) <= len(logs) {
			t.Errorf("the logs of the old container are not kept beside the new ones: %v, %v", logs, more)
		}
	})
}

// TestFailedInit: the container stays up, says why, and docker_init.sh ends it.
func TestFailedInit(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	good, err := os.ReadFile(c.config())
	if err != nil {
		t.Fatal(err)
	}
	c.writeConfig(strings.Replace(string(good), "cm_location: 1", "cm_location: 128", 1))
	c.run()
	c.eventually("the failure in docker logs", func() bool {
		return strings.Contains(c.docker("logs", c.name), "step 1 (check) failed")
	})
	out, status := c.exec("./docker_init.sh")
	if status != 3 || !strings.Contains(out, "cm_location") {
		t.Errorf("status %d\n%s", status, out)
	}
	if out := strings.TrimSpace(c.docker("inspect", "-f", "{{.State.Running}}", c.name)); out != "true" {
		t.Fatal("the container did not stay up")
	}
	if out, _ := c.exec("omsinit", "status"); !strings.Contains(out, "check") || !strings.Contains(out, "cm_location") {
		t.Errorf("status does not say why:\n%s", out)
	}
	c.writeConfig(string(good))
	if out, status := c.exec("sh", "/root/docker_init.sh"); status != 0 {
		t.Fatalf("the corrected run: status %d\n%s", status, out)
	}
	c.waitReady()
	c.eventually("health", c.healthy)
}

// TestDirectoryForConfig: Docker makes a folder where the host path of a
// single-file mount is missing.
func TestDirectoryForConfig(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	if err := os.Remove(c.config()); err != nil {
		t.Fatal(err)
	}
	c.run()
	c.eventually("the failure in docker logs", func() bool {
		return strings.Contains(c.docker("logs", c.name), "step 1 (check) failed")
	})
	if out := c.docker("logs", c.name); !strings.Contains(out, "directory") {
		t.Errorf("the log does not say what is wrong:\n%s", out)
	}
}

// TestHTTPS: both certificate files make nginx speak HTTPS. Over http only the
// health check answers, which others ask that way; the rest is sent on.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	crt, key := filepath.Join(c.dir, "crt.pem"), filepath.Join(c.dir, "key.pem")
	if out, err := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
		"/CN=oms", "-keyout", key, "-out", crt).CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	c.options = []string{"-v", crt + ":/etc/pki/nginx/oms_server.crt", "-v", key + ":/etc/pki/nginx/oms_server.key"}
	c.run()
	c.waitReady()
	out, err := exec.Command("curl", "-sk", fmt.Sprintf("https://127.0.0.1:%d/oms/health", c.nginx)).Output()
	if err != nil || !strings.Contains(string(out), `"healthy":true`) {
		t.Errorf("%v %s", err, out)
	}
	if !c.healthy() {
		t.Error("the health check does not answer over http")
	}
	status, err := exec.Command("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
		fmt.Sprintf("http://127.0.0.1:%d/", c.nginx)).Output()
	if err != nil || string(status) != "301" {
		t.Errorf("the page over http: status %s, %v", status, err)
	}
}

// TestDefaultCapabilities: without CAP_SYS_PTRACE, a restart of the agent, which is another user's, and a run of the
// initialisation beside running components.
func TestDefaultCapabilities(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.plain = true
	c.run()
	c.waitReady()
	for _, command := range []string{"omsinit restart oms_drc_supervisor", "omsinit check", "sh /root/docker_init.sh",
		"omsinit healthcheck"} {
		if out, status := c.exec(strings.Fields(command)...); status != 0 {
			t.Errorf("%s: status %d\n%s", command, status, out)
		}
	}
}
