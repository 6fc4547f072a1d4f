package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
)

// TestFaults breaks off the commands that change files and databases.
func TestFaults(t *testing.T) {
	tool := faultTool(t)
	for name, command := range map[string]func(*node, *testmaria.Server) attempt{
		"config set": faultySet, "component": faultyComponent, "metadb": faultyMetaDB,
		"restore": faultyRestore, "resource": faultyResource, "upgrade": faultyUpgrade,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testmaria.Start(t, testmaria.Password(faultSecret))
			n := newNode(t, db)
			n.must(0, "init", "--only", "metadb")
			n.must(0, "init", "--only", "component")
			a := command(n, db)
			a.words = "omsinit: "
			n.broken(tool, a)
		})
	}
}

// all is a command of one part.
func all(file, net int) []sample { return []sample{{faults: map[string]int{"file": file, "net": net}}} }

var metaDatabases = []string{"oms_rm", "oms_cm", "oms_cm_hb"}

// twoConfigs returns the texts of two config.yaml that differ in a port.
func (n *node) twoConfigs() (before, after []byte, set string) {
	before, err := os.ReadFile(n.configFile())
	if err != nil {
		n.t.Fatal(err)
	}
	port := fmt.Sprint(testports.Free(n.t, 1)[0])
	after = bytes.Replace(before, []byte(n.values["nginx_server_port"]), []byte(port), 1)
	return before, after, "nginx_server_port=" + port
}

func faultySet(n *node, _ *testmaria.Server) attempt {
	before, after, set := n.twoConfigs()
	return attempt{
		args:    []string{"config", "set", "--no-apply", set},
		prepare: func() { n.write(string(before)) },
		torn: func() error {
			kept, _ := os.ReadFile(n.configFile() + ".bak")
			now, err := os.ReadFile(n.configFile())
			if err == nil && !bytes.Equal(now, before) && !bytes.Equal(now, after) && !bytes.Equal(kept, before) {
				return fmt.Errorf("config.yaml is torn, and no copy is kept:\n%s", now)
			}
			return err
		},
		state:   func() string { return n.read("/home/admin/conf/config.yaml") },
		samples: all(5, 5),
	}
}

func faultyComponent(n *node, _ *testmaria.Server) attempt {
	before, after, _ := n.twoConfigs()
	return attempt{
		args: []string{"init", "--only", "component"},
		prepare: func() {
			n.write(string(before))
			n.must(0, "init", "--only", "component")
			n.write(string(after))
		},
		torn:    func() error { return nil },
		state:   func() string { return n.generated() },
		samples: all(5, 5),
	}
}

func faultyMetaDB(n *node, db *testmaria.Server) attempt {
	return attempt{
		args: []string{"init", "--only", "metadb"},
		prepare: func() {
			for _, name := range metaDatabases {
				db.Exec("DROP DATABASE IF EXISTS " + name)
			}
		},
		torn: func() error { return nil },
		state: func() string {
			out, _ := n.must(0, "metadb", "status")
			return regexp.MustCompile(`\d{4}-\S+ [\d:]+`).ReplaceAllString(out, "TIME")
		},
		samples: all(4, 4),
	}
}

// faultyRestore brings a backup back in the place of databases that have changed since.
func faultyRestore(n *node, db *testmaria.Server) attempt {
	db.Exec("INSERT INTO oms_rm.oms_project (project_name, project_status) VALUES ('of the backup', 'INIT')",
		"CREATE VIEW oms_rm.projects AS SELECT project_name FROM oms_rm.oms_project",
		"CREATE TABLE oms_rm.touched (n int)",
		"CREATE TRIGGER oms_rm.touches AFTER INSERT ON oms_rm.oms_project FOR EACH ROW INSERT INTO oms_rm.touched VALUES (1)")
	dir := filepath.Join(n.root, "kept")
	n.must(0, "metadb", "backup", dir)
	restored := map[string]string{}
	for _, name := range metaDatabases {
		restored[name] = contents(n.t, db, name)
	}
	return attempt{
		args: []string{"metadb", "restore", "--replace", "oms_rm", dir},
		prepare: func() {
			for _, name := range metaDatabases {
				db.Exec("DROP TABLE IF EXISTS "+name+".later", "CREATE TABLE "+name+".later (n int)")
			}
		},
		torn: func() error { return n.halfRestored(db, restored) },
		state: func() string {
			scratch := value(n.t.(*testing.T), db, "SELECT COALESCE(GROUP_CONCAT(schema_name), 'none') FROM information_schema.schemata WHERE schema_name LIKE '%restore'")
			objects := value(n.t.(*testing.T), db,
				"SELECT GROUP_CONCAT(trigger_name) FROM information_schema.triggers WHERE trigger_schema = 'oms_rm'")
			return contents(n.t, db, metaDatabases...) + "left: " + scratch + "\ntriggers: " + objects
		},
		samples: []sample{
			{faults: map[string]int{"file": 2, "net": 6}},
			{name: "places", after: "CREATE TABLE `oms_rm_omsinit_restore`.omsinit_restoring",
				faults: map[string]int{"net": 8}},
		},
	}
}

// halfRestored: each database is as before or as in the backup, or nothing but the restore goes on with what there is.
func (n *node) halfRestored(db *testmaria.Server, restored map[string]string) error {
	before, after := 0, 0
	for _, name := range metaDatabases {
		switch now := contents(n.t, db, name); {
		case now == restored[name]:
			after++
		case strings.Contains(now, name+".later "):
			before++
		}
	}
	if before == len(metaDatabases) || after == len(metaDatabases) {
		return nil
	}
	was := contents(n.t, db, metaDatabases...)
	out, errOut, status := n.omsinit("init", "--only", "metadb")
	if status == 0 || !strings.Contains(errOut, "metadb restore") {
		return fmt.Errorf("%d databases are as before and %d restored; step 2: status %d, which does not name the restore\n%s%s", before, after, status, out, errOut)
	}
	if now := contents(n.t, db, metaDatabases...); now != was {
		return fmt.Errorf("%d databases are as before and %d restored; step 2 has made\n%s\nof\n%s", before,
			after, now, was)
	}
	return nil
}

// faultyResource registers a region with the stand-in's CM.
func faultyResource(n *node, db *testmaria.Server) attempt {
	cm := exec.Command(standin, "cm")
	cm.Env = append(n.env, "OMSINIT_ROOT="+n.root)
	out := &screen{}
	cm.Stdout, cm.Stderr = out, out
	if err := cm.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		cm.Process.Kill()
		cm.Wait()
		if n.t.Failed() {
			n.t.Logf("the CM says:\n%s", out)
		}
	})
	eventually(n.t, "a CM", func() bool { return answers(n.ports["cm_server_port"]) })
	tables := []string{"oms_cm.resource_group", "oms_cm.resource_label", "oms_cm.location_cm", "oms_cm.host",
		"oms_rm.cluster_info", "oms_rm.oms_normal_config"}
	return attempt{
		args: []string{"init", "--only", "resource"},
		prepare: func() {
			for _, table := range tables {
				db.Exec("TRUNCATE TABLE " + table)
			}
			db.Exec("DROP TABLE IF EXISTS oms_cm.standin_consumer")
		},
		torn: func() error { // a region is listed only when its nodes are
			if count(n.t.(*testing.T), db, "oms_rm.cluster_info") > 0 &&
				count(n.t.(*testing.T), db, "oms_cm.host") == 0 {
				return fmt.Errorf("the region is listed without its nodes")
			}
			return nil
		},
		state:   func() string { return contents(n.t, db, "oms_rm", "oms_cm") },
		samples: all(2, 10),
	}
}
