package supervise

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"omsinit/supervise/api"
)

// freePort is a TCP port on which nobody listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// elsewhere is an address of this host that is not loopback.
func elsewhere(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	return "127.0.0.2" // a host without a network: still not 127.0.0.1
}

func (h *house) get(url string, change func(*http.Request)) int {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode
}

// The program file of an OMS image: a port for everybody, and supervisorctl
// that uses it.
func TestTCPPortIsOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	h := newHouse(t, fmt.Sprintf("[inet_http_server]\nport=0.0.0.0:%d\n[program:p]\ncommand=sleep 1000\nstartsecs=0\n",
		port)).start()
	h.awaitState("p", api.Running)
	here := fmt.Sprintf("http://127.0.0.1:%d", port)
	h.until("the port is open", func() bool { return h.get(here+"/RPC2", nil) == http.StatusMethodNotAllowed })
	out, err := exec.Command("supervisorctl", "-s", here, "status").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "RUNNING") {
		t.Errorf("%v: %s", err, out)
	}
	for name, test := range map[string]struct {
		url    string
		change func(*http.Request)
		want   int
	}{
		"from elsewhere": {fmt.Sprintf("http://%s:%d/RPC2", elsewhere(t), port), nil, 0},
		"by a web page": {here + "/RPC2", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
			http.StatusForbidden},
		"by another name":   {here + "/RPC2", func(r *http.Request) { r.Host = "evil.example" }, http.StatusForbidden},
		"our own interface": {here + "/v1/status", nil, http.StatusNotFound},
	} {
		if got := h.get(test.url, test.change); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	if !strings.Contains(h.describe(), "opened on 127.0.0.1 only") {
		t.Errorf("no warning: %s", h.describe())
	}
}

func TestTCPPortWithAPassword(t *testing.T) {
	t.Parallel()
	for name, password := range map[string]string{"clear": "secret",
		"hash": "{SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4"} {
		t.Run(name, func(t *testing.T) {
			port := freePort(t)
			h := newHouse(t, fmt.Sprintf("[inet_http_server]\nport=:%d\nusername=me\npassword=%s\n", port,
				password)).start()
			url := fmt.Sprintf("http://%s:%d/RPC2", elsewhere(t), port)
			h.until("the port is open", func() bool { return h.get(url, nil) == http.StatusUnauthorized })
			for given, want := range map[string]int{"secret": http.StatusMethodNotAllowed,
				"Secret": http.StatusUnauthorized, password + "x": http.StatusUnauthorized} {
				if got := h.get(url, func(r *http.Request) { r.SetBasicAuth("me", given) }); got != want {
					t.Errorf("password %q: %d, want %d", given, got, want)
				}
			}
			out, err := exec.Command("supervisorctl", "-s", strings.TrimSuffix(url, "/RPC2"), "-u", "me", "-p",
				"secret", "pid").CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if text := h.describe() + h.read("omsinit.log"); strings.Contains(text, password) {
				t.Errorf("the password is shown: %s", text)
			}
		})
	}
}

func TestTCPPortFollowsTheFiles(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := freePort(t)
	h := newHouse(t, fmt.Sprintf("[inet_http_server]\nport=%s\n", taken.Addr())).start()
	h.until("it says so", func() bool { return strings.Contains(h.describe(), "cannot open the TCP control port") })
	conf := h.read("supervisord.conf")
	change := func(to string) {
		t.Helper()
		h.write("supervisord.conf", strings.Replace(conf, "port="+taken.Addr().String(), to, 1))
		if _, err := h.client.Update(background); err != nil {
			t.Fatal(err)
		}
	}
	change(fmt.Sprintf("port=127.0.0.1:%d", port))
	url := fmt.Sprintf("http://127.0.0.1:%d/RPC2", port)
	if got := h.get(url, nil); got != http.StatusMethodNotAllowed {
		t.Errorf("after an update: %d", got)
	}
	if strings.Contains(h.describe(), "cannot open") {
		t.Error("the mended problem is still shown")
	}
	h.write("supervisord.conf", strings.Replace(conf, "[inet_http_server]\nport="+taken.Addr().String(), "", 1))
	if _, err := h.client.Update(background); err != nil {
		t.Fatal(err)
	}
	if got := h.get(url, nil); got != 0 {
		t.Errorf("after the section is gone: %d", got)
	}
}
