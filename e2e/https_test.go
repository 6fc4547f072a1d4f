package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
)

// certify puts a certificate and its key where Docker mounts them.
func (n *node) certify() {
	n.t.Helper()
	crt, key := n.path("/etc/pki/nginx/oms_server.crt"), n.path("/etc/pki/nginx/oms_server.key")
	if err := os.MkdirAll(filepath.Dir(crt), 0o755); err != nil {
		n.t.Fatal(err)
	}
	out, err := exec.Command("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "90",
		"-subj", "/CN=oms",
		"-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt).CombinedOutput()
	if err != nil {
		n.t.Fatalf("%v\n%s", err, out)
	}
}

// TestHTTPS boots a node with a certificate: the console is behind https:// alone, but for the health that tools ask
// for over http:// on the same port.
func TestHTTPS(t *testing.T) {
	n := newNode(t, testmaria.Start(t))
	n.certify()
	r := n.boot()
	r.waitReady()
	address := fmt.Sprintf("127.0.0.1:%d", n.ports["nginx_server_port"])
	client := http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	get := func(url string) (*http.Response, string) {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}

	if status, healthy := n.health(); status != http.StatusOK || !healthy {
		t.Errorf("GET http://…/oms/health: status %d, healthy %v", status, healthy)
	}
	if resp, body := get("https://" + address + "/oms/health"); resp.StatusCode != http.StatusOK ||
		!strings.Contains(body, "healthy") {
		t.Errorf("GET https://…/oms/health: %s %s", resp.Status, body)
	}
	for _, path := range []string{"/", "/oms/health/", "/oms/healthy", "/oms/health/../login?x=1", "/OMS/health",
		"/login?next=/oms/health"} {
		resp, body := get("http://" + address + path)
		if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusMovedPermanently ||
			to != "https://"+address+path {
			t.Errorf("GET http://…%s: %s, to %q: %s", path, resp.Status, to, body)
		}
	}
	if out, errOut, status := n.omsinit("healthcheck"); status != 0 {
		t.Errorf("healthcheck: status %d\n%s%s", status, out, errOut)
	}
}
