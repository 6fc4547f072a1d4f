package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// longer are the parts that make cluster-soak runs as well.
var longer []struct {
	name string
	do   func(c *cluster)
}

// TestCluster boots three regions of two nodes at once, in the old release, and takes them through their life, up to
// the upgrade of all of them at once. After each part every node finds the cluster clean, and each row is there once.
func TestCluster(t *testing.T) {
	c := boot(t)
	c.part("all nodes at once", func(*cluster) {})
	c.part("a node dies with the lock of the MetaDB", lostWithLock)
	c.part("a region is cut off in steps 2 and 5", cutOff)
	c.part("the MetaDB is restarted", func(c *cluster) {
		c.must("docker", "restart", "-t", "10", c.id("metadb"))
		c.eventually("a MetaDB that answers", func() bool {
			_, status := c.in("metadb", "mariadb-admin", "ping")
			return status == 0
		})
		c.each(func(node string) { c.omsinit(0, node, "init") })
	})
	c.part("the MetaDB freezes", func(c *cluster) {
		c.must("docker", "pause", c.id("metadb"))
		inits := c.start("init")
		time.Sleep(3 * time.Second)
		c.must("docker", "unpause", c.id("metadb"))
		inits()
	})
	c.part("the VIP moves", func(c *cluster) {
		c.must("docker", "rm", "-f", c.id("vip-2"))
		c.must("docker", "run", "-d", "--init", "--name", movedVIP, "--label", "com.docker.compose.project="+project,
			"--network", project+"_oms", "--ip", "10.213.2.100", "omsinit/cluster-services:test", "vip", "10.213.2.2",
			"10.213.2.1")
		t.Cleanup(func() { exec.Command("docker", "rm", "-f", movedVIP).Run() })
		c.omsinit(0, "node-2-1", "init")
		c.omsinit(0, "node-2-2", "init")
	})
	c.part("high availability is switched by everybody at once", func(c *cluster) {
		c.each(func(node string) {
			for i := range 4 {
				c.omsinit(0, node, "ha", []string{"on", "off"}[i%2])
			}
		})
		if got := c.sql("SELECT cfg_value FROM oms_rm.oms_normal_config WHERE cfg_name = 'ha.config'"); !json.Valid(
			[]byte(got)) {
			t.Errorf("ha.config is %s", got)
		}
		c.omsinit(0, "node-3-2", "ha", "off")
	})
	c.part("a node has yesterday's config.yaml", func(c *cluster) {
		c.must("docker", "exec", c.id("node-3-2"), "sh", "-c",
			"sed 's/10.213.3.100/10.213.3.1/' /home/admin/conf/config.yaml >/tmp/old.yaml")
		c.omsinit(3, "node-3-2", "cluster", "check", "--config", "/tmp/old.yaml")
	})
	c.part("a node is added, and taken out", addedAndRemoved)
	for _, p := range longer {
		c.part(p.name, p.do)
	}
	c.part("the whole OMS is upgraded at once, a region cut off meanwhile", upgradeAll)
}

// ready waits until a node says so.
func (c *cluster) ready(node string) {
	c.Helper()
	c.eventually(node+" to be ready", func() bool {
		_, status := c.in(node, "omsinit", "healthcheck")
		return status == 0
	})
}

// start runs a command on all nodes at once; what it returns waits for them, and all must succeed.
func (c *cluster) start(args ...string) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.each(func(node string) { c.omsinit(0, node, args...) })
	}()
	return func() { <-done }
}

// block keeps a table from those who write it, or from everybody, until what it returns is called. mode is READ or
// WRITE.
func (c *cluster) block(table, mode string) (release func()) {
	c.Helper()
	return c.holds("LOCK TABLES " + table + " " + mode)
}

// holds keeps what a statement takes for its session, until it is released.
func (c *cluster) holds(statement string) (release func()) {
	c.Helper()
	blocker := exec.Command("docker", "exec", "-i", c.id("metadb"), "mariadb", "-e", statement+"; SELECT SLEEP(300)")
	if err := blocker.Start(); err != nil {
		c.Fatal(err)
	}
	const session = "SELECT COALESCE(MAX(id), 0) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(300)%'"
	c.eventually("a session that did "+statement, func() bool { return c.sql(session) != "0" })
	return func() {
		c.sql("KILL " + c.sql(session))
		blocker.Wait()
	}
}

// blocked waits until a session of an address waits for a table, and returns the address.
func (c *cluster) blocked(address string) (who string) {
	c.Helper()
	c.eventually("a session of "+address+" that waits for a table", func() bool {
		who = c.sql("SELECT COALESCE(MAX(SUBSTRING_INDEX(host, ':', 1)), '') FROM information_schema.processlist WHERE host LIKE '" + address +
			":%' AND state LIKE 'Waiting for table%'")
		return who != ""
	})
	return who
}

// lostWithLock: node-1-1 is killed while it holds the lock of the MetaDB and writes; the others go on.
func lostWithLock(c *cluster) {
	c.sql("DELETE FROM oms_cm.host WHERE ip IN ('10.213.1.1', '10.213.1.2')")
	release := c.block("oms_cm.host", "READ") // whoever registers the nodes waits for this, with the lock
	first := exec.Command("docker", "exec", c.id("node-1-1"), "omsinit", "init")
	if err := first.Start(); err != nil {
		c.Fatal(err)
	}
	defer first.Wait()
	c.blocked("10.213.1.1")
	c.must("docker", "kill", c.id("node-1-1"))
	release()
	c.omsinit(0, "node-1-2", "init")
	c.must("docker", "start", c.id("node-1-1"))
	c.ready("node-1-1")
}

// cutOff: the MetaDB's answers to region 2 are lost while its nodes start, and while one of them initialises again.
func cutOff(c *cluster) {
	c.fault("ip route add blackhole 10.213.2.0/24")
	c.must("docker", "restart", c.id("node-2-1"))
	c.eventually("a node that waits for the MetaDB", func() bool {
		out, _ := c.in("node-2-1", "omsinit", "status")
		return strings.Contains(out, "10.213.0.10")
	})
	c.eventually("the loss of region 2", func() bool {
		out, _ := c.in("node-1-1", "omsinit", "cluster", "show", "--heartbeat-age", "10s")
		return strings.Count(out, " down ") == 2
	})
	c.omsinit(0, "node-1-1", "init") // the other regions do not care
	c.fault("ip route del blackhole 10.213.2.0/24")
	c.ready("node-2-1")
	c.omsinit(0, "node-2-2", "init")
}

// addedAndRemoved: node-2-3 joins region 2, is taken out, and the other two never notice but by their rows.
func addedAndRemoved(c *cluster) {
	name := project + "-node-2-3"
	c.config(2, func(text string) string {
		return strings.Replace(text, "  - 10.213.2.2\n", "  - 10.213.2.2\n  - 10.213.2.3\n", 1)
	})
	c.must("docker", "run", "-d", "--name", name, "--network", project+"_oms", "--ip", "10.213.2.3", "-e",
		"OMS_HOST_IP=10.213.2.3",
		"-v", filepath.Join(c.dir, "config/region-2.yaml")+":/home/admin/conf/config.yaml", c.image)
	c.Cleanup(func() { exec.Command("docker", "rm", "-f", "-v", name).Run() })
	for _, n := range []string{"node-2-1", "node-2-2"} {
		c.omsinit(0, n, "init")
	}
	c.ready(name)
	c.nodes = append(c.nodes, name)
	c.clean()
	c.nodes = c.nodes[:6]
	c.must("docker", "rm", "-f", "-v", name)
	c.config(2, func(text string) string { return strings.Replace(text, "  - 10.213.2.3\n", "", 1) })
	c.sql("UPDATE oms_cm_hb_2.heart_beat SET gmt_modified = NOW() - INTERVAL 10 MINUTE WHERE host_ip = '10.213.2.3'")
	c.omsinit(0, "node-1-2", "cluster", "remove", "10.213.2.3")
}

// upgradeAll: all old containers are stopped, all new ones started, while region 3 does not reach the MetaDB.
func upgradeAll(c *cluster) {
	c.each(func(node string) { c.must("docker", "stop", "-t", "20", c.id(node)) })
	for region := range 3 { // a minute passes
		c.sql(fmt.Sprintf("UPDATE oms_cm_hb_%d.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE", region+1))
	}
	c.fault("ip route add blackhole 10.213.3.0/24")
	c.image = "omsinit/cluster-test:new"
	c.up()
	upgraded := 0
	c.eventually("an upgraded MetaDB", func() bool {
		return c.sql("SELECT COUNT(*) FROM oms_rm.oms_version WHERE version = '4.2.3-CE'") == "1"
	})
	c.fault("ip route del blackhole 10.213.3.0/24")
	c.each(c.ready)
	for _, n := range c.nodes {
		out, _ := run("docker", "logs", c.id(n))
		upgraded += strings.Count(out, "upgrading from 4.2.2-CE to 4.2.3-CE")
	}
	if upgraded != 1 {
		c.Errorf("%d nodes upgraded, want 1", upgraded)
	}
	if got := c.sql(
		"SELECT CONCAT_WS(' ', (SELECT GROUP_CONCAT(state) FROM oms_rm_omsinit_upgrade.upgrades), (SELECT MAX(n) FROM" +
			" (SELECT COUNT(*) n FROM oms_rm_omsinit_upgrade.stages GROUP BY stage) x))"); got != "done 1" {
		c.Errorf("upgrades, and most entries of a stage: %s, want done 1", got)
	}
}

// TestCompose: the file is as docker-compose 1.29 of Debian 12 and docker compose want it, and has no password but that
// of the demo.
func TestCompose(t *testing.T) {
	out, status := run("docker-compose", "-f", "../../deploy/compose/docker-compose.yml", "config", "-q")
	if status != 0 {
		t.Errorf("status %d\n%s", status, out)
	}
	files, err := filepath.Glob("../../deploy/compose/config/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if key, value, _ := strings.Cut(line, ": "); strings.HasSuffix(key, "_password") &&
				value != "cluster-demo" {
				t.Errorf("%s: %s", name, key)
			}
		}
	}
}
