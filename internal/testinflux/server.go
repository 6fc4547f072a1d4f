// Package testinflux runs a real InfluxDB 1.x for tests.
package testinflux

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Start runs an InfluxDB with authentication on and one user with all
// privileges, until the test ends, and gives its host:port. A machine without
// InfluxDB fails the test.
func Start(t testing.TB, user, password string) string {
	t.Helper()
	influxd, err := exec.LookPath("influxd")
	if err != nil {
		t.Fatalf("this test needs a real InfluxDB 1.x: install Debian's package influxdb (%v)", err)
	}
	dir := t.TempDir()
	addr, rpc := freeAddress(t), freeAddress(t)
	conf := filepath.Join(dir, "influxdb.conf")
	text := fmt.Sprintf("reporting-disabled = true\nbind-address = %q\n[meta]\n dir = %q\n[data]\n dir = %q\n wal-dir = %q\n[http]\n bind-address = %q\n auth-enabled = true\n log-enabled = false\n[monitor]\n store-enabled = false\n",
		rpc, dir+"/meta", dir+"/data", dir+"/wal", addr)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(influxd, "-config", conf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)
	query := url.Values{"q": {`CREATE USER "` + user + `" WITH PASSWORD '` + quoted + `' WITH ALL PRIVILEGES`}}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.PostForm("http://"+addr+"/query", query)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return addr
			}
			err = fmt.Errorf("%s", resp.Status)
		}
		if time.Now().After(deadline) {
			t.Fatalf("InfluxDB did not start: %v", err)
		}
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
