package container

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"omsinit/testdata/testports"
)

// TestChange: config.yaml is a bind mount of one file, onto which no other can
// be renamed; the documented scripts change it all the same, without questions
// and with them.
func TestChange(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.run()
	c.waitReady()
	inode := func() string {
		out, _ := c.exec("stat", "-c", "%i", "/home/admin/conf/config.yaml")
		return out
	}
	before := inode()
	port := testports.Free(t, 1)[0]

	out, status := c.exec("/root/docker_update_app_port.sh", "--yes", fmt.Sprintf("cm_server_port=%d", port))
	if status != 0 || !strings.Contains(out, "cm_url: ") {
		t.Fatalf("status %d\n%s", status, out)
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Errorf("the CM did not move: %v", err)
	} else {
		conn.Close()
	}
	if inode() != before {
		t.Error("another file is mounted")
	}
	config, err := os.ReadFile(c.config())
	if err != nil || !strings.Contains(string(config), fmt.Sprintf("cm_server_port: %d\n", port)) {
		t.Errorf("%v: %s", err, config)
	}
	if out, _ := c.exec("stat", "-c", "%U %a", "/home/ds/run/.omsinit/history"); strings.TrimSpace(out) != "root 700" {
		t.Errorf("the history is %s", out)
	}

	// The password goes to the standard input.
	cmd := exec.Command("docker", "exec", "-i", c.name, "/root/docker_update_meta_db.sh", "--yes", "oms_meta_password")
	cmd.Stdin = strings.NewReader("Wrong5ecret\n")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "was not changed") ||
		strings.Contains(string(out), "Wrong5ecret") {
		t.Errorf("%v\n%s", err, out)
	}
	nginx := testports.Free(t, 1)[0]
	cmd = exec.Command("docker", "exec", "-i", c.name, "/root/docker_update_app_port.sh")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("%d\n\n\n\n\ny\n", nginx))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	c.nginx = nginx
	c.eventually("health on the new port", c.healthy)

	if out, status := c.exec("omsinit", "plan"); status != 0 {
		t.Errorf("status %d\n%s", status, out)
	}
	if out, status := c.exec("/root/docker_hot_update_init.sh"); status != 0 {
		t.Errorf("status %d\n%s", status, out)
	}
	if _, status := c.exec("test", "-s", "/root/init_flag.txt"); status != 0 {
		t.Error("/root/init_flag.txt is missing or empty")
	}
	c.docker("restart", c.name)
	c.waitReady()
	c.eventually("health", c.healthy)
}
