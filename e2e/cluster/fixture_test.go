// Package cluster takes the cluster of deploy/compose through what happens to clusters, on a real Docker engine. Every
// container has an address of its own, so no port of this machine is taken.
package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"omsinit/testdata/testsecrets"
)

// patience is how long a test waits for what must come, on a machine that has other work as well.
const patience = 5 * time.Minute

const project = "omsinit-cluster-test"

// cluster is the cluster that all tests share: it is booted once, in the old release.
type cluster struct {
	*testing.T
	dir     string // a copy of deploy/compose, for tests change the config.yaml of regions
	compose []string
	image   string // of the nodes
	nodes   []string
}

// boot builds the images of two releases, and starts the cluster in the old one.
func boot(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{T: t, dir: t.TempDir(), nodes: []string{"node-1-1", "node-1-2", "node-2-1", "node-2-2", "node-3-1",
		"node-3-2"}}
	if err := os.CopyFS(c.dir, os.DirFS("../../deploy/compose")); err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"metadb", "tsdb", "vip", "slow"} {
		if err := os.Chmod(filepath.Join(c.dir, "services", script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The stand-in for the supervisor does not end when it is told to, and every stop would wait for it.
	file := filepath.Join(c.dir, "docker-compose.yml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	quick := strings.ReplaceAll(string(text), "OMSINIT_UPGRADE: auto}",
		"OMSINIT_UPGRADE: auto, OMSINIT_STOP_TIMEOUT: 2s}")
	if strings.Count(quick, "OMSINIT_STOP_TIMEOUT") != len(c.nodes) {
		t.Fatalf("%s has not %d nodes with OMSINIT_UPGRADE", file, len(c.nodes))
	}
	if err := os.WriteFile(file, []byte(quick), 0o644); err != nil {
		t.Fatal(err)
	}
	c.compose = []string{"docker-compose"}
	if exec.Command("docker", "compose", "version").Run() == nil {
		c.compose = []string{"docker", "compose"}
	}
	base := os.Getenv("OMSINIT_IMAGE")
	if base == "" {
		base = "omsinit/reference:latest"
	}
	c.release(base, "old", "4.2.2-CE", "")
	c.release(base, "new", "4.2.3-CE", "ALTER TABLE `host` ADD COLUMN zone varchar(16) DEFAULT NULL;\n")
	c.image = "omsinit/cluster-test:old"
	c.down() // what an earlier run left
	t.Cleanup(c.down)
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, n := range c.nodes {
			out, _ := exec.Command("docker", "logs", "--tail", "40", c.id(n)).CombinedOutput()
			t.Logf("docker logs %s:\n%s", n, out)
		}
	})
	t.Cleanup(c.noSecrets)
	c.up()
	return c
}

// noSecrets looks for the passwords of the regions in all that the nodes leave.
func (c *cluster) noSecrets() {
	c.Helper()
	var secrets []string
	files, err := filepath.Glob(filepath.Join(c.dir, "config", "*.yaml"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			c.Error(err)
		}
		secrets = append(secrets, testsecrets.Of(text)...)
	}
	if err != nil || len(secrets) == 0 {
		c.Errorf("no secret is known, so none can be found: %v, %v", files, err)
	}
	search := testsecrets.For(secrets)
	c.each(func(node string) {
		made, err := testsecrets.Read(c.id(node))
		if err != nil {
			c.Error(err)
		}
		for _, leak := range made.Leaks(search) {
			c.Errorf("%s: a secret is in %s", node, leak)
		}
	})
}

// release builds an image of a release on top of the one under test: its pack under that name.
func (c *cluster) release(base, tag, release, cm string) {
	c.Helper()
	dir := c.TempDir()
	pack, err := os.ReadFile("../../scripts/pack.yaml")
	if err != nil {
		c.Fatal(err)
	}
	versions := "CREATE TABLE IF NOT EXISTS `oms_version` (`version` varchar(64) NOT NULL, `gmt_modified` timestamp NOT NULL" +
		" DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (`version`)) DEFAULT CHARSET = utf8mb4;\n"
	files := map[string]string{
		"Dockerfile":                  "FROM " + base + "\nCOPY pack /usr/share/omsinit/pack\n",
		"pack/pack.yaml":              strings.Replace(string(pack), "release: 4.2.3-CE", "release: "+release, 1),
		"pack/schema/rm/4.2.2-CE.sql": versions,
	}
	if cm != "" {
		files["pack/schema/cm/"+release+".sql"] = cm
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			c.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			c.Fatal(err)
		}
	}
	c.must("docker", "build", "-q", "-t", "omsinit/cluster-test:"+tag, dir)
}

func (c *cluster) down() {
	cmd := exec.Command(c.compose[0], append(c.compose[1:], "down", "-v", "--remove-orphans", "-t", "2")...)
	cmd.Dir, cmd.Env = c.dir, c.env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.Errorf("docker compose down: %v\n%s", err, out)
	}
}

func (c *cluster) env() []string {
	return append(os.Environ(), "COMPOSE_PROJECT_NAME="+project, "OMSINIT_IMAGE="+c.image,
		"OMSINIT_SERVICES_IMAGE=omsinit/cluster-services:test")
}

// movedVIP is the container that a VIP of the project has moved to.
const movedVIP = project + "-vip"

// up starts all containers, those of nodes anew where the image is another one. A VIP that has moved moves back.
func (c *cluster) up() {
	c.Helper()
	_ = exec.Command("docker", "rm", "-f", movedVIP).Run() // there may be none
	cmd := exec.Command(c.compose[0], append(c.compose[1:], "up", "-d")...)
	cmd.Dir, cmd.Env = c.dir, c.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		c.Fatalf("docker compose up: %v\n%s", err, out)
	}
}

// must runs a command that must succeed.
func (c *cluster) must(args ...string) string {
	c.Helper()
	out, status := run(args...)
	if status != 0 {
		c.Fatalf("%s: status %d\n%s", strings.Join(args, " "), status, out)
	}
	return out
}

func run(args ...string) (string, int) {
	cmd := exec.Command(args[0], args[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// id returns the container of a service, "none" without one.
func (c *cluster) id(service string) string {
	if strings.HasPrefix(service, project) { // started beside those of the file
		return service
	}
	out, _ := run("docker", "ps", "-aq", "--filter", "label=com.docker.compose.project="+project,
		"--filter", "label=com.docker.compose.service="+service)
	if out = strings.TrimSpace(out); out == "" {
		return "none"
	}
	return out
}

// in runs a command in the container of a service.
func (c *cluster) in(service string, args ...string) (string, int) {
	return run(append([]string{"docker", "exec", c.id(service)}, args...)...)
}

// omsinit runs a command on a node, which must end with this status.
func (c *cluster) omsinit(status int, node string, args ...string) string {
	c.Helper()
	out, got := c.in(node, append([]string{"omsinit"}, args...)...)
	if got != status {
		c.Errorf("%s: omsinit %s: status %d, want %d\n%s", node, strings.Join(args, " "), got, status, out)
	}
	return out
}

// sql asks the MetaDB.
func (c *cluster) sql(query string) string {
	c.Helper()
	return strings.TrimSpace(c.must("docker", "exec", c.id("metadb"), "mariadb", "-N", "-B", "-e", query))
}

// fault runs a command in the network of the MetaDB.
func (c *cluster) fault(command string) {
	c.Helper()
	c.must("docker", "exec", c.id("metadb"), "sh", "-c", command)
}

func (c *cluster) eventually(what string, holds func() bool) {
	c.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatalf("timed out waiting for %s", what)
		}
	}
}

// each does something for all nodes at once.
func (c *cluster) each(do func(node string)) {
	var wg sync.WaitGroup
	for _, n := range c.nodes {
		wg.Go(func() { do(n) })
	}
	wg.Wait()
}

// clean waits until every node finds nothing wrong with the cluster, and looks at the rows: each thing is there once.
func (c *cluster) clean() {
	c.Helper()
	c.each(func(node string) {
		var out string
		for deadline := time.Now().Add(patience); ; time.Sleep(300 * time.Millisecond) {
			var status int
			if out, status = c.in(node, "omsinit", "cluster", "check"); status == 0 {
				return
			}
			if time.Now().After(deadline) {
				c.Errorf("%s: the cluster is not clean:\n%s", node, out)
				return
			}
		}
	})
	rows := fmt.Sprintf("3 3 3 3 %d 1 1", len(c.nodes))
	if got := c.sql(
		"SELECT CONCAT_WS(' ', (SELECT COUNT(*) FROM oms_rm.cluster_info), (SELECT COUNT(*) FROM oms_cm.location_cm)," +
			" (SELECT COUNT(*) FROM oms_cm.resource_group), (SELECT COUNT(*) FROM oms_cm.resource_label), (SELECT COUNT(*) FROM oms_cm.host)," +
			" (SELECT COUNT(*) FROM oms_cm.standin_consumer), (SELECT COUNT(*) FROM oms_rm.oms_normal_config))"); got != rows {
		c.Errorf("rows of regions, locations, groups, labels, hosts, consumers, parameters: %s, want %s", got, rows)
	}
	if c.Failed() {
		c.FailNow()
	}
}

// part is a sub-test on the cluster, after which it is clean.
func (c *cluster) part(name string, do func(c *cluster)) {
	whole := c.T
	start := time.Now()
	if !whole.Run(name, func(t *testing.T) {
		in := *c
		in.T = t
		do(&in)
		c.image, c.nodes = in.image, in.nodes
		in.clean()
	}) {
		whole.FailNow() // the next one would find another cluster
	}
	whole.Logf("%-60s %s", name, time.Since(start).Round(100*time.Millisecond))
}

// config changes the config.yaml of a region in place, as a bind mount needs it.
func (c *cluster) config(region int, change func(text string) string) {
	c.Helper()
	path := filepath.Join(c.dir, "config", fmt.Sprintf("region-%d.yaml", region))
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(change(string(text))), 0o644)
	}
	if err != nil {
		c.Fatal(err)
	}
}
