package check

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/listener"
	"omsinit/internal/msg"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const valid = `oms_meta_host: 127.0.0.1
oms_meta_port: 2883
oms_meta_user: root
oms_meta_password: Secret42
drc_rm_db: rm
drc_cm_db: cm
drc_cm_heartbeat_db: hb
cm_url: http://10.0.0.1:8088
cm_location: 1
cm_nodes: [10.0.0.1, 10.0.0.2]
`

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, _, err := config.Parse("config.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// addresses are those of a host that has these.
func addresses(list ...string) func() ([]net.Addr, error) {
	return func() ([]net.Addr, error) {
		var out []net.Addr
		for _, text := range list {
			ip, network, err := net.ParseCIDR(text)
			if err != nil {
				return nil, err
			}
			network.IP = ip
			out = append(out, network)
		}
		return out, nil
	}
}

// outcome runs one check by itself.
func outcome(t *testing.T, in Input, cfg *config.Config, run func(context.Context, *node, *found)) Result {
	t.Helper()
	in.setDefaults()
	f := &found{}
	run(t.Context(), &node{Input: in, cfg: cfg}, f)
	return Result{Findings: f.findings, Facts: f.facts}
}

// ids are the findings' IDs with their severities.
func ids(r Result) string {
	var list []string
	for _, f := range r.Findings {
		list = append(list, string(f.Severity)+" "+f.ID)
	}
	return strings.Join(list, ", ")
}

func TestHost(t *testing.T) {
	several := load(t, valid)
	single := load(t, strings.Replace(valid, ", 10.0.0.2", "", 1))
	six := load(t, strings.Replace(valid, "10.0.0.2", "'fd00::2'", 1))
	for _, tc := range []struct {
		name   string
		cfg    *config.Config
		hostIP string
		want   string
	}{
		{"one of the nodes", several, "10.0.0.2", ""},
		{"another spelling of an IPv6 address", six, "fd00:0::0002", ""},
		{"not set, one node", single, "", "warning host.ip"},
		{"not set, several nodes", several, "", "error host.ip"},
		{"not one of the nodes", several, "10.0.0.3", "error host.nodes"},
		{"not an address of this host", load(t, strings.Replace(valid, "10.0.0.2", "10.0.0.9", 1)), "10.0.0.9",
			"error host.address"},
		{"neither", several, "10.0.0.9", "error host.nodes, error host.address"},
		{"a host name", several, "oms-1", "error host.ip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := Input{HostIP: tc.hostIP, addresses: addresses("10.0.0.1/24", "10.0.0.2/24", "fd00::2/64",
				"10.0.0.3/24")}
			got := outcome(t, in, tc.cfg, hostIP)
			if ids(got) != tc.want {
				t.Errorf("got %s, want %s: %+v", ids(got), tc.want, got.Findings)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	busy, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := strconv.Itoa(busy.Addr().(*net.TCPAddr).Port)
	cfg := load(t, valid+"cm_server_port: "+port+"\n")
	cfg.CMURL = "http://10.0.0.1:" + port

	in := Input{Layout: layout.New(t.TempDir())}
	result := outcome(t, in, cfg, portsFree)
	var found []string
	for _, f := range result.Findings {
		if !strings.Contains(f.Message.String(), port) {
			continue // the default ports may be in use by whoever else is on this machine
		}
		found = append(found, f.ID)
		want := "cm_server_port: port " + port + " is already in use by process " + strconv.Itoa(os.Getpid())
		if f.ID == "port.in-use" && !strings.Contains(f.Message.String(), want) {
			t.Errorf("got %q, want %q", f.Message, want)
		}
	}
	if !strings.Contains(strings.Join(found, " "), "port.in-use") {
		t.Errorf("the busy port %s was not found: %v", port, found)
	}

	for program, want := range map[string]string{"oms_drc_cm": "", "oms_console": "port.other-component"} {
		in.OwnPrograms = func(context.Context) map[string]int { return map[string]int{program: os.Getpid()} }
		got := ""
		for _, f := range outcome(t, in, cfg, portsFree).Findings {
			if strings.Contains(f.Message.String(), port) {
				got = f.ID
			}
		}
		if got != want {
			t.Errorf("held by %s: got %q, want %q", program, got, want)
		}
	}
}

// TestOwnPort: the port that PID 1 holds for a component is free for it.
func TestOwnPort(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	number := l.Addr().(*net.TCPAddr).Port
	cfg := load(t, valid+"nginx_server_port: "+strconv.Itoa(number)+"\n")
	for own, want := range map[int]bool{0: true, number: false, number + 1: true} {
		in := Input{Layout: layout.New(t.TempDir()), OwnPort: func(context.Context) int { return own }}
		inUse := slices.ContainsFunc(outcome(t, in, cfg, portsFree).Findings, func(f finding.Finding) bool {
			return f.ID == "port.in-use" && strings.Contains(f.Message.String(), strconv.Itoa(number))
		})
		if inUse != want {
			t.Errorf("PID 1 holds %d: found in use: %v", own, inUse)
		}
	}
}

// TestPortTakenDuringLookUp: a component that begins to listen while its port
// is looked up is seen as what it is, not as a holder that cannot be named.
func TestPortTakenDuringLookUp(t *testing.T) {
	for range 100 {
		free, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		addr := free.Addr().(*net.TCPAddr)
		free.Close()
		opened := make(chan net.Listener)
		looking := make(chan bool)
		go func() {
			<-looking
			time.Sleep(rand.N(200 * time.Microsecond))
			l, err := net.ListenTCP("tcp", addr)
			if err != nil {
				t.Error(err)
			}
			opened <- l
		}()
		close(looking)
		for {
			holder := listener.Find(addr.Port, nil)
			if !holder.Taken {
				continue
			}
			if holder.Process == nil {
				t.Fatal("the holder of a port that was just taken is not named")
			}
			break
		}
		(<-opened).Close()
	}
}

const tsdb = `tsdb_enabled: true
tsdb_service: INFLUXDB
tsdb_url: 10.0.0.5:8086
tsdb_username: oms
tsdb_password: Secret43
`

// freePorts are port keys that nothing on this machine is in the way of.
func freePorts(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, key := range []string{"nginx_server_port", "ghana_server_port", "supervisor_server_port", "sshd_server_port",
		"cm_server_port"} {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		b.WriteString(key + ": " + strconv.Itoa(l.Addr().(*net.TCPAddr).Port) + "\n")
	}
	return b.String()
}

// What is wrong with the program files stops no node.
func TestProgramFiles(t *testing.T) {
	place := finding.Place{File: "x.ini", Line: 3, Key: "[program:a] command"}
	for name, tc := range map[string]struct {
		findings []finding.Finding
		err      error
		want     string
	}{
		"nothing": {nil, nil, ""},
		"broken": {[]finding.Finding{{Severity: finding.Error, Place: place, Message: msg.M("%v", "bad")}}, nil,
			"warning program.broken"},
		"ignored": {[]finding.Finding{{Severity: finding.Warning, Place: place, Message: msg.M("%v", "odd")}}, nil,
			"warning program.ignored"},
		"not readable": {nil, errors.New("permission denied"), "warning program.broken"},
	} {
		n, f := &node{Input: Input{ProgramFiles: func() ([]finding.Finding, error) { return tc.findings, tc.err }}},
			&found{}
		programFiles(t.Context(), n, f)
		if got := ids(Result{Findings: f.findings}); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
}
