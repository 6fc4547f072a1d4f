package container

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"omsinit/testdata/testports"
)

// obd is OceanBase Deployer with one container of its own: the calls that its plug-ins make (docs/oms-facts.md §12), in
// their order.
type obd struct {
	*container
	config map[string]any
	env    []string // options of docker exec
}

func newOBD(t *testing.T) *obd {
	t.Helper()
	c := newContainer(t)
	text, err := os.ReadFile(c.config())
	if err != nil {
		t.Fatal(err)
	}
	o := &obd{container: c}
	if err := yaml.Unmarshal(text, &o.config); err != nil {
		t.Fatal(err)
	}
	o.distribute()
	return o
}

// distribute writes config.yaml as obd does: every key and value in double quotes.
func (o *obd) distribute() {
	o.t.Helper()
	quoted := func(v any) string {
		data, err := json.Marshal(fmt.Sprint(v))
		if err != nil {
			o.t.Fatal(err)
		}
		return string(data)
	}
	var b strings.Builder
	for key, value := range o.config {
		if list, ok := value.([]any); ok {
			fmt.Fprintf(&b, "%s:\n", quoted(key))
			for _, item := range list {
				fmt.Fprintf(&b, "  - %s\n", quoted(item))
			}
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", quoted(key), quoted(value))
	}
	o.writeConfig(b.String())
}

// host runs a command of obd on the host; it must succeed.
func (o *obd) host(format string, args ...any) string {
	o.t.Helper()
	out, err := exec.Command("bash", "-c", fmt.Sprintf(format, args...)).CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s: %v\n%s", fmt.Sprintf(format, args...), err, out)
	}
	return string(out)
}

// healthCheck is obd's: after a fresh start the last line of the logs, then the console.
func (o *obd) healthCheck(fresh bool) {
	o.t.Helper()
	if fresh {
		o.eventually("the last line of docker logs", func() bool {
			return strings.TrimSpace(o.host("docker logs %s 2>&1 | tail -1", o.name)) == readyLine
		})
	}
	o.eventually("the health of the console", o.healthy)
}

func (o *obd) state() string {
	o.t.Helper()
	var line struct{ State string }
	out := strings.TrimSpace(o.host(`docker ps -a --filter "name=%s" --format "{{json .}}"`, o.name))
	if out == "" {
		return ""
	}
	if err := json.Unmarshal([]byte(out), &line); err != nil {
		o.t.Fatalf("%v: %s", err, out)
	}
	return line.State
}

func (o *obd) query(database, query string) *sql.Row {
	o.t.Helper()
	db, err := sql.Open("mysql", o.db.DSN(database))
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { db.Close() })
	return db.QueryRow(query)
}

// derive builds an image on the one under test.
func derive(t *testing.T, name, dockerfile string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["Dockerfile"] = "FROM " + image(t) + "\n" + dockerfile
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tag := fmt.Sprintf("omsinit/test-%d:%s-%d", os.Getpid(), name, number.Add(1))
	if out, err := exec.Command("docker", "build", "-q", "-t", tag, dir).CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s", err, out)
	}
	t.Cleanup(func() { exec.Command("docker", "rmi", "-f", tag).Run() })
	return tag
}

// releases returns an image of 4.2.2-CE, and one of the release after it, which upgrades by itself where it is asked
// to.
func releases(t *testing.T) (before, after string) {
	t.Helper()
	reference, err := exec.Command("docker", "run", "--rm", image(t), "omsinit", "pack", "show", "pack.yaml").Output()
	if err != nil {
		t.Fatal(err)
	}
	earlier := strings.Replace(string(reference), "release: 4.2.3-CE", "release: 4.2.2-CE", 1)
	if earlier == string(reference) {
		t.Fatal("the reference pack is not that of 4.2.3-CE any more")
	}
	const copyPack, versions = "COPY pack/ /usr/share/omsinit/pack/\n", "pack/schema/rm/4.2.2-CE.sql"
	const table = "CREATE TABLE IF NOT EXISTS `oms_version` (`version` varchar(64) NOT NULL, `gmt_modified` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (`version`)) DEFAULT CHARSET = utf8mb4;"
	before = derive(t, "before", copyPack+"RUN echo before > /home/ds/ghana/boot/release\n",
		map[string]string{"pack/pack.yaml": earlier, versions: table})
	after = derive(t, "after", copyPack+"RUN echo after > /home/ds/ghana/boot/release\n", map[string]string{
		"pack/pack.yaml": string(reference), versions: table,
		"pack/schema/cm/4.2.3-CE.sql": "ALTER TABLE `host` ADD COLUMN zone varchar(16) DEFAULT NULL;",
	})
	return before, after
}

// TestOBD: a deployment and an offline upgrade.
func TestOBD(t *testing.T) {
	t.Parallel()
	o := newOBD(t)
	before, after := releases(t)
	o.image = before

	tool := o.name + "-tool"
	o.host("docker run -d --net host --name %s %s bash && docker cp %s:/root/docker_copy_dumpfile_rollback.sh %s/ && docker rm -f %s",
		tool, before, tool, o.dir, tool)
	if state := o.state(); state != "" {
		t.Fatalf("the container is %s", state)
	}
	o.run()
	o.healthCheck(true)
	if state := o.state(); state != "running" {
		t.Errorf("the container is %s", state)
	}

	t.Run("reload", func(t *testing.T) {
		o.config["cm_region"], o.config["nginx_server_port"] = "cn-hangzhou", testports.Free(t, 1)[0]
		o.distribute()
		o.host("docker exec %s /bin/bash -c './docker_init.sh'", o.name)
		o.nginx = o.config["nginx_server_port"].(int)
		o.healthCheck(false)
	})
	t.Run("restart", func(t *testing.T) {
		o.host("docker stop %s", o.name)
		if state := o.state(); state != "exited" {
			t.Errorf("the container is %s", state)
		}
		o.distribute()
		o.host("docker start %s", o.name)
		o.healthCheck(true)
		o.host("docker exec %s /bin/bash -c './docker_init.sh'", o.name)
		o.healthCheck(false)
	})
	t.Run("takeover", func(t *testing.T) {
		var got map[string]any
		if err := yaml.Unmarshal([]byte(o.host("docker exec -i %s cat /home/admin/conf/config.yaml", o.name)),
			&got); err != nil {
			t.Fatal(err)
		}
		for key, want := range o.config {
			if list, ok := want.([]any); ok {
				if !slices.Equal(list, got[key].([]any)) {
					t.Errorf("%s is %v", key, got[key])
				}
			} else if got[key] != fmt.Sprint(want) {
				t.Errorf("%s is %v, want %v", key, got[key], want)
			}
		}
		var region, cmURL, group, ip string
		var code, byDefault int
		if err := o.query("oms_rm", "SELECT region, cm_url, code, is_default_cm FROM cluster_info").Scan(&region,
			&cmURL, &code, &byDefault); err != nil {
			t.Error(err)
		}
		if region != "cn-hangzhou" || cmURL != o.config["cm_url"] || code != 1 || byDefault != 1 {
			t.Errorf("cluster_info: %s %s %d %d", region, cmURL, code, byDefault)
		}
		err := o.query(
			"oms_cm", "SELECT g.name, h.ip FROM resource_group g JOIN host h ON h.resource_group_id = g.id").Scan(
			&group, &ip)
		if err != nil || group != "1" || ip != "127.0.0.1" {
			t.Errorf("%q %q %v", group, ip, err)
		}
	})
	t.Run("backup", func(t *testing.T) {
		o.host("docker exec %s which mysqldump", o.name)
		for _, database := range []string{"oms_cm", "oms_rm", "oms_cm_hb"} {
			dump := o.host("docker exec %s mysqldump -h %s -u %s -P %d -p%s --triggers=false --single-transaction %s",
				o.name, o.db.Host, o.db.User, o.db.Port, o.db.Password, database)
			if !strings.Contains(dump, "CREATE TABLE") {
				t.Errorf("%s: %d bytes", database, len(dump))
			}
		}
	})
	t.Run("offline upgrade", func(t *testing.T) {
		o.host("docker stop %s", o.name)
		next := *o
		fresh := *o.container
		next.container = &fresh
		next.t, next.name, next.image, next.boots = t, o.name+"-next", after, 0
		next.options = []string{"-e", "OMSINIT_UPGRADE=auto"}
		next.run()
		// A node counts as stopped a minute after its last heartbeat.
		o.db.Exec("UPDATE oms_cm_hb.heart_beat SET gmt_modified = NOW() - INTERVAL 5 MINUTE")
		next.healthCheck(true)
		var zone sql.NullString
		if err := next.query("oms_cm", "SELECT zone FROM host").Scan(&zone); err != nil {
			t.Errorf("the schema is the old one: %v", err)
		}
		next.host("docker exec %s test -s /root/init_flag.txt", next.name)
	})
}

// hotUpgrade makes the calls of obd's online upgrade, in the newer of its two forms, and returns the folder of the
// backup in the container, and whether the third script succeeded.
func (o *obd) hotUpgrade(image string) (backup string, ok bool) {
	o.t.Helper()
	scripts, dump := o.t.TempDir(), filepath.Join(o.t.TempDir(), "dump")
	tool := o.name + "-tool"
	o.host("docker rm -f %[1]s >/dev/null 2>&1 || true; docker run -d --net host --name %[1]s %[2]s bash && "+
		"docker cp %[1]s:/root/docker_dump_file_from_image.sh %[3]s/ && docker cp %[1]s:/root/docker_copy_dumpfile_to_container.sh %[3]s/ && "+
		"docker cp %[1]s:/root/docker_copy_dumpfile_rollback.sh %[3]s/; ret=$?; docker rm -f %[1]s >/dev/null; exit $ret", tool, image, scripts)
	const marker = "run_task $USESUDO docker exec -it ${OMS_CONTAINER_NAME} touch $BACKUPPATH/.obd_backup_complete"
	copyScript := scripts + "/docker_copy_dumpfile_to_container.sh"
	o.host(`sed -i '/^# update \/root$/i %s' %s && grep -qxF '%s' %s`, marker, copyScript, marker, copyScript)
	o.host("sh %s/docker_dump_file_from_image.sh %s %s", scripts, image, dump)

	backup = "/home/admin/logs/back" + time.Now().Format("20060102150405")
	o.host(`docker exec %s bash -c 'set -e; d=%s/.obd_runtime_backup; mkdir -p "$d"; : > "$d/existing_paths"; tar -cpf "$d/original_paths.tar" -C / -T "$d/existing_paths"; touch "$d/ready"'`,
		o.name, backup)
	o.host("timeout --signal=TERM --kill-after=30s 900s bash -c 'sh %s %s %s %s'", copyScript, o.name, dump, backup)
	o.host("docker exec %s test -f %s/.obd_backup_complete", o.name, backup)
	out, err := exec.Command("docker", slices.Concat([]string{"exec"}, o.env, []string{o.name,
		"timeout", "--signal=TERM", "--kill-after=30s", "840s", "bash", "-c",
		"rm -f /root/init_flag.txt || exit $?; /root/docker_hot_update_init.sh; test -s /root/init_flag.txt"})...).CombinedOutput()
	o.t.Logf("docker_hot_update_init.sh: %v\n%s", err, out)
	return backup, err == nil
}

// TestOBDOnlineUpgrade: one that is refused, and goes back; and one that succeeds.
func TestOBDOnlineUpgrade(t *testing.T) {
	t.Parallel()
	o := newOBD(t)
	before, after := releases(t)
	o.image = before
	o.run()
	o.healthCheck(true)
	release := func() string {
		out, _ := o.exec("cat", "/home/ds/ghana/boot/release")
		return strings.TrimSpace(out)
	}
	edited := "/home/ds/cm/package/config/drc-cm.properties"
	o.host("docker exec %s sh -c 'echo drcCfg.byHand=kept >> %s'", o.name, edited)

	o.db.Exec(`UPDATE oms_rm.oms_normal_config SET cfg_value = '{"enable":true}' WHERE cfg_name = 'ha.config'`)
	backup, ok := o.hotUpgrade(after)
	if ok || release() != "after" {
		t.Fatalf("with high availability on: ok %v, files of %s", ok, release())
	}
	o.host("sh ../../scripts/image/docker_copy_dumpfile_rollback.sh %s %s", o.name, backup)
	o.host("docker exec %s supervisorctl start nginx oms_console oms_drc_cm oms_drc_supervisor >/dev/null 2>&1 || true",
		o.name)
	o.healthCheck(false)
	if release() != "before" {
		t.Errorf("the files are those of %s", release())
	}

	o.db.Exec(`UPDATE oms_rm.oms_normal_config SET cfg_value = '{"enable":false}' WHERE cfg_name = 'ha.config'`)
	time.Sleep(time.Second) // the next backup has another name
	if _, ok := o.hotUpgrade(after); !ok {
		t.Fatal("docker_hot_update_init.sh failed")
	}
	o.host(`curl --noproxy '*' --max-time 4 -fsS http://127.0.0.1:%d/oms/health | grep -q '"healthy":true'`, o.nginx)
	o.healthCheck(false)
	// The older obd calls this, too.
	o.host("docker exec %s /root/docker_init.sh", o.name)
	if release() != "after" {
		t.Errorf("the files are those of %s", release())
	}
	if out, status := o.exec("grep", "byHand", edited); status != 0 {
		t.Errorf("what was written by hand is lost: %s", out)
	}
	if out, _ := o.exec("omsinit", "upgrade", "plan"); !strings.Contains(out, "4.2.3-CE") {
		t.Errorf("upgrade plan: %s", out)
	}
	o.host("docker restart %s", o.name)
	o.healthCheck(true)
}
