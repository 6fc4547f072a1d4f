package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/testdata/testports"
)

// TestDocumentedSteps runs the five steps one by one, as docker_init.sh prints them in the documents, and the
// documented way to change config.yaml (docs/oms-facts.md §1, §4).
func TestDocumentedSteps(t *testing.T) {
	t.Parallel()
	o := newOBD(t)
	o.run()
	o.waitReady()
	inside := func(command string) string {
		t.Helper()
		out, status := o.exec("bash", "-c", command)
		if status != 0 {
			t.Fatalf("%s: status %d\n%s", command, status, out)
		}
		return out
	}
	const all = "crond nginx oms_console oms_drc_cm oms_drc_supervisor sshd"
	for _, command := range []string{
		"bash /root/docker_init.sh",
		"python -m omsflow.scripts.units.oms_cluster_config --check /home/admin/conf/config.yaml",
		"python -m omsflow.scripts.units.oms_init_manager --init-db",
		"python -m omsflow.scripts.units.oms_init_manager --init-config-file",
		"supervisorctl restart " + all,
		"cd / && python -m omsflow.scripts.units.oms_cluster_manager add_resource",
	} {
		inside(command)
	}
	o.eventually("all programs RUNNING", func() bool {
		out, _ := o.exec("bash", "-c", "supervisorctl status "+all)
		return strings.Count(out, " RUNNING ") == 6
	})
	o.eventually("health", o.healthy)

	o.config["tsdb_enabled"], o.config["my_own_key"] = false, "kept"
	o.config["supervisor_server_port"] = testports.Free(t, 1)[0]
	o.distribute()
	out := inside("python -m omsflow.scripts.units.oms_init_manager --init-config-file && supervisorctl restart oms_console oms_drc_supervisor")
	for _, program := range []string{"oms_console", "oms_drc_supervisor"} {
		if !strings.Contains(out, program+": started") {
			t.Errorf("%s was not started:\n%s", program, out)
		}
	}
	o.eventually("health", o.healthy)
	inside(fmt.Sprintf("omsinit status | grep oms_drc_supervisor; exec 3<>/dev/tcp/127.0.0.1/%d",
		o.config["supervisor_server_port"]))

	// What the check finds is not zero, as any script expects it of a check.
	if out, status := o.exec("bash", "-c", "echo cm_location: 999 > /tmp/bad.yaml; python -m omsflow.scripts.units.oms_cluster_config --check /tmp/bad.yaml"); status != 3 {
		t.Errorf("a bad file: status %d\n%s", status, out)
	}
}

// TestDocumentedUpgrade is the documented upgrade of several containers with the same mounts, and the way back by hand
// (docs/oms-facts.md §7).
func TestDocumentedUpgrade(t *testing.T) {
	t.Parallel()
	old := newOBD(t)
	before, after := releases(t)
	old.image = before
	old.run()
	old.waitReady()
	old.exec("sh", "-c", "omsinit ha off") // 1. it is off already
	databases := []string{"oms_rm", "oms_cm", "oms_cm_hb"}
	mysql := fmt.Sprintf("mysql -h%s -P%d -u%s -p%s", old.db.Host, old.db.Port, old.db.User, old.db.Password)
	dump := strings.Replace(mysql, "mysql ", "mysqldump --triggers=false ", 1)

	old.host("docker stop %s", old.name)
	old.host(`%s -Doms_cm_hb -e 'delete from heatbeat_sequence where id < (select max(id) from heatbeat_sequence);'`,
		mysql)
	for _, name := range databases {
		file := filepath.Join(old.dir, name+".sql")
		old.host("%s %s > %s", dump, name, file)
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Fatalf("%s: %v", file, err)
		}
	}
	binds := old.host("docker inspect %s | grep -A5 Binds", old.name)
	if !strings.Contains(binds, ":/home/ds/store") {
		t.Errorf("the mounts: %s", binds)
	}

	next := &obd{container: &container{}, config: old.config}
	*next.container = *old.container
	next.name, next.image, next.boots, next.options = old.name+"-new", after, 0, []string{"-e", "IS_UPGRADE=true"}
	next.run()
	old.db.Exec("UPDATE oms_cm_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE") // which the documents sleep
	next.waitReady()
	if out, status := next.exec("bash", "/root/docker_init.sh"); status != 0 {
		t.Fatalf("docker_init.sh: status %d\n%s", status, out)
	}
	next.eventually("health", next.healthy)
	var version string
	if err := next.query("oms_rm", "SELECT max(version) FROM oms_version").Scan(&version); err != nil ||
		version != "4.2.3-CE" {
		t.Errorf("oms_version is %q, %v", version, err)
	}

	next.host("docker stop %s", next.name)
	for _, verb := range []string{"drop", "create"} {
		for _, name := range databases {
			next.host("%s -e '%s database %s;'", mysql, verb, name)
		}
	}
	for _, name := range databases {
		next.host(`%s -e "source %s" -D%s`, mysql, filepath.Join(old.dir, name+".sql"), name)
	}
	old.host("docker restart %s", old.name)
	old.waitReady()
	old.eventually("health of the old release", old.healthy)
	if err := old.query("oms_rm", "SELECT max(version) FROM oms_version").Scan(&version); err != nil ||
		version != "4.2.2-CE" {
		t.Errorf("oms_version is %q, %v", version, err)
	}
	if out, status := old.exec("omsinit", "healthcheck"); status != 0 {
		t.Errorf("healthcheck: status %d\n%s", status, out)
	}
}
