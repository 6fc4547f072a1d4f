//go:build soak

package cluster

import (
	"path/filepath"
	"strings"
	"time"
)

func init() {
	add := func(name string, do func(c *cluster)) {
		longer = append(longer, struct {
			name string
			do   func(c *cluster)
		}{name, do})
	}
	add("the way to the MetaDB takes 200 ms and loses 5 %", slowNetwork)
	add("the TSDB is away", tsdbAway)
	add("a node initialises with yesterday's config.yaml", yesterday)
	add("certificates come and are renewed", certificates)
	add("a node is cut off with the lock of the MetaDB", cutOffWithLock)
	add("the node that upgrades is cut off while it makes the backup", cutOffInUpgrade)
	add("back to the old release", backAgain)
	add("the region that upgrades is cut off at each stage", cutOffAtEachStage)
}

func slowNetwork(c *cluster) {
	c.fault("slow 3399 3306 200 >/dev/null 2>&1 & iptables -t nat -A PREROUTING -p tcp --dport 3306 -j REDIRECT --to-ports 3399;" +
		" iptables -A INPUT -p tcp --dport 3399 -m statistic --mode random --probability 0.05 -j DROP")
	c.must("docker", "restart", c.id("node-1-2"), c.id("node-3-1"))
	for _, n := range []string{"node-1-2", "node-3-1"} {
		c.ready(n)
	}
	c.fault("iptables -t nat -F PREROUTING; iptables -F INPUT")
}

func tsdbAway(c *cluster) {
	c.must("docker", "stop", "-t", "5", c.id("tsdb"))
	c.must("docker", "restart", c.id("node-2-2"))
	c.eventually("a node that waits for the TSDB", func() bool {
		out, _ := c.in("node-2-2", "omsinit", "status")
		return strings.Contains(out, "10.213.0.11")
	})
	c.must("docker", "start", c.id("tsdb"))
	c.ready("node-2-2")
}

// yesterday: the node turns the rows of its region back, the others notice, and its next start puts them right.
func yesterday(c *cluster) {
	c.must("docker", "exec", c.id("node-3-2"), "sh", "-c",
		"sed 's/10.213.3.100/10.213.3.1/' /home/admin/conf/config.yaml >/tmp/old.yaml")
	c.omsinit(0, "node-3-2", "init", "--config", "/tmp/old.yaml")
	c.omsinit(3, "node-3-1", "cluster", "check")
	c.omsinit(0, "node-3-2", "init")
}

// certificates gives region 3 a certificate, and then the next one.
func certificates(c *cluster) {
	nodes := []string{"node-3-1", "node-3-2"}
	for _, name := range []string{"first", "second"} {
		dir := c.TempDir()
		crt, key := filepath.Join(dir, "crt.pem"), filepath.Join(dir, "key.pem")
		c.must("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN="+name,
			"-addext", "subjectAltName=IP:10.213.3.100,IP:10.213.3.1,IP:10.213.3.2", "-keyout", key, "-out", crt)
		for _, n := range nodes {
			c.must("docker", "exec", c.id(n), "mkdir", "-p", "/etc/pki/nginx")
			c.must("docker", "cp", crt, c.id(n)+":/etc/pki/nginx/oms_server.crt")
			c.must("docker", "cp", key, c.id(n)+":/etc/pki/nginx/oms_server.key")
		}
		for _, n := range nodes {
			c.omsinit(0, n, "init")
		}
		for _, address := range []string{"10.213.3.1", "10.213.3.2", "10.213.3.100"} {
			out, _ := run("sh", "-c", "echo | openssl s_client -connect "+address+
				":8089 2>/dev/null | openssl x509 -noout -subject")
			if !strings.Contains(out, name) {
				c.Errorf("%s shows %q, want %s", address, out, name)
			}
		}
	}
	for _, n := range nodes { // and back: the containers of the upgrade have none
		c.must("docker", "exec", c.id(n), "rm", "/etc/pki/nginx/oms_server.crt", "/etc/pki/nginx/oms_server.key")
		c.omsinit(0, n, "init")
	}
}

// cutOffWithLock: the network of node-1-1 is lost while it holds the lock of the MetaDB; the server ends its session
// after half a minute, and the others go on. When the network is back node-1-1 finds out, and what it was about to
// write is not written.
func cutOffWithLock(c *cluster) {
	c.sql("DELETE FROM oms_cm.host WHERE ip IN ('10.213.1.1', '10.213.2.1')")
	release := c.block("oms_cm.host", "READ")
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.in("node-1-1", "omsinit", "init")
	}()
	c.blocked("10.213.1.1")
	c.fault("ip route add blackhole 10.213.1.1/32")
	release()
	start := time.Now()
	c.omsinit(0, "node-2-1", "init")
	c.Logf("the others had the lock after %s", time.Since(start).Round(time.Second))
	c.fault("ip route del blackhole 10.213.1.1/32")
	<-done
	c.omsinit(0, "node-1-1", "init")
}

// newContainers stops all nodes, and starts the new containers.
func (c *cluster) newContainers(tag string) {
	c.Helper()
	c.each(func(node string) { c.must("docker", "stop", "-t", "20", c.id(node)) })
	for _, region := range []string{"1", "2", "3"} { // a minute passes
		c.sql("UPDATE oms_cm_hb_" + region + ".heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE")
	}
	c.image = "omsinit/cluster-test:" + tag
	c.up()
}

// cutOffInUpgrade: another node goes on, with a backup of its own.
func cutOffInUpgrade(c *cluster) {
	release := c.block("oms_rm.oms_project", "WRITE")
	c.newContainers("new")
	who := c.blocked("10.213.%")
	c.fault("ip route add blackhole " + who + "/32")
	release()
	c.eventually("an upgraded MetaDB", func() bool {
		return c.sql("SELECT COUNT(*) FROM oms_rm.oms_version WHERE version = '4.2.3-CE'") == "1"
	})
	c.fault("ip route del blackhole " + who + "/32")
	c.each(c.ready)
	if got := c.sql(
		"SELECT CONCAT_WS(' ', GROUP_CONCAT(state), MAX(node)) FROM oms_rm_omsinit_upgrade.upgrades"); !strings.HasPrefix(got, "done ") || got == "done "+who {
		c.Errorf("%s was cut off; upgrades: %s", who, got)
	}
}

// backAgain undoes the upgrade on the node that has the backup, and starts the old containers.
func backAgain(c *cluster) {
	who := c.sql("SELECT node FROM oms_rm_omsinit_upgrade.upgrades ORDER BY id DESC LIMIT 1")
	node := "node-" + strings.ReplaceAll(strings.TrimPrefix(who, "10.213."), ".", "-")
	c.each(func(n string) {
		if n != node {
			c.must("docker", "stop", "-t", "20", c.id(n))
		}
	})
	for _, region := range []string{"1", "2", "3"} {
		c.sql("UPDATE oms_cm_hb_" + region +
			".heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE WHERE host_ip <> '" + who + "'")
	}
	c.omsinit(0, node, "upgrade", "rollback", "--yes", "--accept-loss")
	c.newContainers("old")
	c.each(c.ready)
}

// upgradeStages are the stages that a node begins while it upgrades.
var upgradeStages = []string{"ha-off", "stop", "backup", "verify", "prove", "files", "adopt", "schema", "components",
	"start", "resources", "ha-on"}

// cutOffAtEachStage: the MetaDB stops the first node that begins a stage, and its region is cut off then. Another
// region goes on, and the one that was cut off follows when its network is back. Then all go back to the old release.
func cutOffAtEachStage(c *cluster) {
	c.sql("CREATE DATABASE cut; CREATE TABLE cut.held (stage varchar(32))")
	// A trigger of MariaDB holds the node that is about to begin a stage for as long as a lock of that name is held.
	c.must("docker", "exec", c.id("metadb"), "mariadb", "--delimiter=//", "-e",
		"CREATE TRIGGER oms_rm_omsinit_upgrade.cut BEFORE INSERT ON oms_rm_omsinit_upgrade.stages FOR EACH ROW"+
			" IF IS_USED_LOCK(CONCAT('cut ', NEW.stage)) IS NOT NULL THEN INSERT INTO cut.held VALUES (NEW.stage);"+
			" SET @got = GET_LOCK(CONCAT('cut ', NEW.stage), 300); SET @got = RELEASE_LOCK(CONCAT('cut ', NEW.stage)); END IF")
	c.sql("DELETE FROM oms_rm_omsinit_upgrade.upgrades; DELETE FROM oms_rm_omsinit_upgrade.stages")
	for _, stage := range upgradeStages {
		c.part(stage, func(c *cluster) {
			c.sql("DELETE FROM cut.held")
			goOn := c.holds("SET @got = GET_LOCK('cut " + stage + "', 0)")
			c.newContainers("new")
			c.eventually("a node that begins "+stage, func() bool {
				return c.sql("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SELECT COUNT(*) FROM cut.held") != "0"
			})
			who := c.sql("SELECT node FROM oms_rm_omsinit_upgrade.upgrades ORDER BY id DESC LIMIT 1")
			region := who[:strings.LastIndex(who, ".")+1]
			c.fault("ip route add blackhole " + region + "0/24")
			goOn()
			c.eventually("an upgrade by another region", func() bool {
				return c.sql("SELECT state FROM oms_rm_omsinit_upgrade.upgrades ORDER BY id DESC LIMIT 1") == "done"
			})
			if last := c.sql(
				"SELECT node FROM oms_rm_omsinit_upgrade.stages ORDER BY number DESC LIMIT 1"); strings.HasPrefix(last,
				region) {
				c.Errorf("%s was cut off at %s, and %s went on", who, stage, last)
			}
			c.fault("ip route del blackhole " + region + "0/24")
			c.each(c.ready)
			c.clean()
			backAgain(c)
			// what was rolled back is not tried again
			c.sql("DELETE FROM oms_rm_omsinit_upgrade.upgrades; DELETE FROM oms_rm_omsinit_upgrade.stages")
		})
	}
	c.sql("DROP DATABASE cut; DROP DATABASE oms_rm_omsinit_upgrade") // the next part looks at one upgrade
}
