package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"omsinit/testdata/testmaria"
)

// What goes wrong around a capture is said in one clear error, and leaves
// nothing behind.
func TestCaptureRefuses(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	if out, errOut, status := n.omsinit("init", "--only", "metadb,component"); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	out := n.path("/captured")
	file := n.path("/a-file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"capture"}, 64, "--out"},
		{[]string{"capture", "--out", out, "--output", "xml"}, 64, "text or json"},
		{[]string{"capture", "--out", file}, 1, file},
		{[]string{"capture", "--out", n.path("/home")}, 1, "is not empty"},
		{[]string{"capture", "--out", out, "--compare", n.path("/nowhere")}, 1, "/nowhere"},
		{[]string{"capture", "--out", out, "--from", file}, 1, file},
		{[]string{"capture", "--bundle", file}, 1, "is there already"},
		{[]string{"capture", "--bundle", n.path("/b"), "--out", out}, 64, "--bundle"},
		{[]string{"capture", "--out", out, "--file", "/etc/nothing"}, 1, "/etc/nothing"},
		{[]string{"capture", "--out", out, "--rows", "rm.nothing"}, 1, "rm.nothing"},
		{[]string{"capture", "--out", out, "--release", "not a release"}, 1, "not a release"},
		{[]string{"capture", "--out", out, "--record", "exit 3"}, 1, "exit status 3"},
		{[]string{"capture", "--out", out, "--record", "true"}, 1, "OMSINIT_RECORD_URL"},
		{[]string{"capture", "--out", out, "--since", file}, 1, file},
		{[]string{"verify"}, 64, "name the folder"},
		{[]string{"verify", n.path("/nowhere")}, 64, "is not a folder"},
		{[]string{"lint", file}, 64, "is not a folder"},
		{[]string{"diff", "-"}, 64, "name the folder"},
		{[]string{"diff", "-", "-"}, 0, ""},
	} {
		_, errOut, status := n.omsinit(append([]string{"pack"}, tc.args...)...)
		if status != tc.status || !strings.Contains(errOut, tc.want) || strings.Contains(errOut, db.Password) {
			t.Errorf("%q: status %d, want %d with %q\n%s", tc.args, status, tc.status, tc.want, errOut)
		}
		if _, err := os.Stat(out); err == nil {
			t.Fatalf("%q left %s behind", tc.args, out)
		}
	}

	t.Run("interrupted", func(t *testing.T) {
		cmd := n.command("pack", "capture", "--out", out)
		done := make(chan struct{})
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { cmd.Wait(); close(done) }()
		eventually(t, "a scratch database", func() bool {
			select {
			case <-done:
				return true // it was faster
			default:
			}
			return value(t, db,
				"SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'omsinit%'") != "0"
		})
		cmd.Process.Signal(syscall.SIGINT)
		<-done
		if left := value(
			t, db, "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'omsinit%'"); left != "0" {
			t.Errorf("%s scratch databases are left", left)
		}
		if left, _ := filepath.Glob(n.path("/.captured*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		os.RemoveAll(out)
	})
	t.Run("a MetaDB that is away", func(t *testing.T) {
		db.Stop()
		_, errOut, status := n.omsinit("pack", "capture", "--out", out, "--release", "4.2.3-CE")
		if status != 1 || !strings.Contains(errOut, "MetaDB") {
			t.Errorf("status %d\n%s", status, errOut)
		}
		stdout, errOut, status := n.omsinit("pack", "capture", "--out", out, "--release", "4.2.3-CE", "--no-metadb")
		if status != 0 || !strings.Contains(stdout, "has no schema") {
			t.Errorf("status %d\n%s%s", status, stdout, errOut)
		}
		if stdout, _, status := n.omsinit("pack", "verify", "--no-metadb", "--output", "json", out); status != 0 ||
			!strings.Contains(stdout, `"verified": true`) {
			t.Errorf("status %d\n%s", status, stdout)
		}
		n.writeFile("/home/ds/cm/package/config/jdbc.properties", "jdbc.url=other\n")
		if stdout, _, status := n.omsinit("pack", "verify", "--no-metadb", out); status != 3 ||
			!strings.Contains(stdout, "jdbc.properties:1:") {
			t.Errorf("status %d\n%s", status, stdout)
		}
	})
}

// copyConfig is the config.yaml of an installation of which there are files alone.
const copyConfig = `oms_meta_host: 10.0.0.1
oms_meta_port: 2881
oms_meta_user: root@oms
oms_meta_password: 'aaAA11__#'
drc_rm_db: oms_rm
drc_cm_db: oms_cm
drc_cm_heartbeat_db: oms_hb
cm_url: http://10.0.0.2:8088
cm_location: 3
cm_nodes: [10.0.0.2]
`

// A copy of a container's files does as well as the container: its paths are
// those of the container.
func TestCaptureOfACopy(t *testing.T) {
	n := &node{t: t, root: t.TempDir(), env: []string{"PATH=" + os.Getenv("PATH"), "OMS_LANG=zh"}}
	n.write(copyConfig)
	n.writeFile("/etc/supervisor/supervisord.conf",
		"[supervisord]\nnodaemon=true\n[include]\nfiles = /etc/supervisor/conf.d/*.ini\n")
	n.writeFile("/etc/supervisor/conf.d/drc_cm.ini",
		"[program:oms_drc_cm]\ncommand=bash /home/admin/conf/command/start_oms_cm.sh\ndirectory=/home/ds/cm/package\n")
	n.writeFile("/home/ds/cm/package/config/jdbc.properties",
		"url=jdbc:mysql://10.0.0.1:2881/oms_cm\nuser=root@oms\npassword=aaAA11__#\n")
	out := filepath.Join(t.TempDir(), "pack")
	stdout, errOut, status := n.omsinit("pack", "capture", "--no-metadb", "--release", "4.2.7-CE", "--out", out)
	if status != 0 || !strings.Contains(stdout, "生成结果一致") {
		t.Fatalf("status %d\n%s%s", status, stdout, errOut)
	}
	files := readTree(t, out)
	if text := string(files["pack.yaml"]); !strings.Contains(text, "restart: [oms_drc_cm]") ||
		!strings.Contains(text, "/etc/supervisor/conf.d/drc_cm.ini") ||
		!strings.Contains(text, "readers: [oms_drc_cm]") {
		t.Error(text)
	}
	if text := string(files["templates/home/ds/cm/package/config/jdbc.properties"]); text != "url=jdbc:mysql://{{hostPort .oms_meta_host .oms_meta_port}}/{{.drc_cm_db}}\nuser={{.oms_meta_user}}\npassword={{.oms_meta_password}}\n" {
		t.Error(text)
	}
}
