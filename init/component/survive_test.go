package component

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/magiconair/properties"
	supervisord "github.com/ochinchina/supervisord/config"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/pack"
)

// The password with every character that means something somewhere must come
// out of each format as it went in, as the programs themselves read it.

func TestPasswordInProperties(t *testing.T) {
	f := newFixture(t, nil)
	f.apply()
	for path, keys := range map[string][]string{
		"/home/ds/ghana/config/application-oms.properties": {"spring.datasource.password", "oms.tsdb.password",
			"apsara.audit.sls.access-secret"},
		"/home/ds/cm/package/config/jdbc.properties": {"jdbc.password", "jdbc.heartbeat.password"},
		"/home/ds/supervisor/config/drc.properties":  {"metrics.password"},
	} {
		for name, encoding := range map[string]properties.Encoding{"Latin-1": properties.ISO_8859_1,
			"UTF-8": properties.UTF8} {
			p, err := (&properties.Loader{Encoding: encoding, DisableExpansion: true}).LoadFile(f.path(path))
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys {
				if got, ok := p.Get(key); !ok || got != password {
					t.Errorf("%s %s as %s: %q", path, key, name, got)
				}
			}
			if got := p.GetString("oms.region.cn", "杭州"); got != "杭州" {
				t.Errorf("oms.region.cn as %s: %q", name, got)
			}
		}
	}
}

func TestPasswordInJSON(t *testing.T) {
	f := newFixture(t, nil)
	f.apply()
	var got map[string]any
	if err := json.Unmarshal([]byte(f.read("/home/ds/supervisor/config/supervisor.json")), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"metricServerPassword": password, "metricType": "INFLUXDB", "metricServerAddr": "10.1.0.3:8086",
		"enableMetrics": true,
		"bindIp":        "127.0.0.1", "samplingMetricsIntervalSec": 10.0, "builtinHomePath": f.path("/home/ds") + "/",
		"cmAddr": "http://10.1.0.10:8088", "imageVersion": "4.2.3-CE",
		"builtinStorePath": f.path("/home/ds/store"),
	} {
		if diff := cmp.Diff(want, got[key]); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestPasswordThroughNginx lets nginx check the file, and then serve it.
func TestPasswordThroughNginx(t *testing.T) {
	template, err := os.ReadFile("../../scripts/templates/tengine.conf")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(template), "http {", "http {\n    geo $dollar { default \"$\"; }", 1)
	text = strings.Replace(text, "location / {",
		"location /password { return 200 \"{{.oms_meta_password}}\"; }\n        location / {", 1)
	f := newFixture(t, overlay(t, secretNginx, map[string]string{"templates/tengine.conf": text}))
	f.step.Config.NginxPort, f.step.Config.GhanaPort = freePort(t), freePort(t)
	f.apply()
	if len(f.logged) > 0 {
		t.Fatalf("logged %q", f.logged)
	}
	url := startNginx(f)
	if got := get(t, url+"/password"); got != password {
		t.Errorf("nginx reads %q", got)
	}
}

// TestNginxProxies runs the reference configuration in front of a console.
func TestNginxProxies(t *testing.T) {
	f := newFixture(t, nil)
	ghana, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	console := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s for %s", r.Host, r.URL, r.Header.Get("X-Forwarded-For"))
	})}
	go console.Serve(ghana)
	t.Cleanup(func() { console.Close() })
	f.step.Config.NginxPort, f.step.Config.GhanaPort = freePort(t), ghana.Addr().(*net.TCPAddr).Port
	f.apply()
	url := startNginx(f)
	want := fmt.Sprintf("127.0.0.1:%d /oms/health?a=b for 127.0.0.1", f.step.Config.NginxPort)
	if got := get(t, url+"/oms/health?a=b"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// startNginx runs nginx on the generated file until the test ends.
func startNginx(f *fixture) string {
	f.Helper()
	program, err := layout.FindProgram("nginx")
	if err != nil {
		f.Fatal(err)
	}
	cmd := exec.Command(program, "-c", f.path("/home/ds/ghana/config/tengine.conf"), "-g", "daemon off;")
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if f.Failed() {
			f.Logf("nginx: %s", output.String())
		}
	})
	address := fmt.Sprintf("127.0.0.1:%d", f.step.Config.NginxPort)
	for range 200 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return "http://" + address
		}
		time.Sleep(25 * time.Millisecond)
	}
	f.Fatal("nginx does not listen")
	return ""
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestNginxAcceptsHTTPS(t *testing.T) {
	f := newFixture(t, nil)
	openssl := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=oms",
		"-days", "1",
		"-out", f.path("/etc/pki/nginx/oms_server.crt"), "-keyout", f.path("/etc/pki/nginx/oms_server.key"))
	if err := os.MkdirAll(f.path("/etc/pki/nginx"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := openssl.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f.apply()
	conf := f.read("/home/ds/ghana/config/tengine.conf")
	if !strings.Contains(conf, "listen 8089 ssl;") || strings.Contains(conf, "listen 8089;") {
		t.Errorf("not HTTPS:\n%s", conf)
	}

	// A certificate that does not fit is found before the file goes live.
	writeFile(t, f.path("/etc/pki/nginx/oms_server.crt"), "no certificate\n")
	f.step.Config.NginxPort = 18089
	f.refused("cannot load certificate")
}

func TestPasswordThroughSSHD(t *testing.T) {
	template, err := os.ReadFile("../../scripts/templates/oms_sshd_config")
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, overlay(t, nil, map[string]string{"templates/oms_sshd_config": string(template) +
		"Banner \"/{{.oms_meta_password}}\"\n"}))
	f.apply()
	if len(f.logged) > 0 {
		t.Fatalf("logged %q", f.logged)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := writeHostKey(key); err != nil {
		t.Fatal(err)
	}
	program, err := layout.FindProgram("sshd")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "-T", "-f", f.path("/etc/ssh/oms_sshd_config"), "-h", key).Output()
	if base := f.read("/etc/supervisor/conf.d/base.ini"); !strings.Contains(base, "start_sshd.sh\" -p 2023\n") {
		t.Errorf("the port is not on the command line:\n%s", base)
	}
	if err != nil {
		t.Fatalf("sshd -T: %v", err)
	}
	for _, want := range []string{"banner /" + password + "\n",
		"hostkey " + f.path("/etc/ssh/ssh_host_rsa_key") + "\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("sshd does not read %q from\n%s", want, f.read("/etc/ssh/oms_sshd_config"))
		}
	}
}

// readPrograms has Python's Supervisor itself read the tree, and print what it
// would run.
const readPrograms = `
import json, sys
from supervisor.options import ServerOptions
o = ServerOptions()
o.realize(["-c", sys.argv[1]])
print(json.dumps({p.name: {"command": p.command, "directory": p.directory, "startsecs": p.startsecs, "startretries": p.startretries,
    "stopsignal": int(p.stopsignal), "group": [p.stopasgroup, p.killasgroup], "environment": p.environment,
    "logs": [p.stdout_logfile, p.stderr_logfile]}
    for g in o.process_group_configs for p in g.process_configs}))
`

func (f *fixture) supervisorReads() []byte {
	f.Helper()
	// The interpreter that has Supervisor is the one its own script names.
	path, err := exec.LookPath("supervisord")
	if err != nil {
		f.Fatal(err)
	}
	script, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	first, _, _ := strings.Cut(string(script), "\n")
	python := strings.Fields(strings.TrimPrefix(first, "#!"))
	cmd := exec.Command(python[0], append(python[1:], "-c", readPrograms,
		f.path("/etc/supervisor/supervisord.conf"))...)
	cmd.Env = append(os.Environ(), "OMSINIT_ROOT="+f.step.Layout.Root())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		f.Fatalf("supervisor: %v: %s", err, stderr.String())
	}
	return out
}

func TestSupervisorReadsProgramFiles(t *testing.T) {
	f := newFixture(t, nil)
	writeFile(t, f.path("/home/admin/conf/command/start_crond.sh"), "#!/bin/sh\n")
	f.apply()
	// Supervisor looks users up, and a build machine has no ds.
	const agent = "/etc/supervisor/conf.d/drc_supervisor.ini"
	text := strings.Replace(f.read(agent), "user=ds\n", "", 1)
	if text == f.read(agent) {
		t.Fatal("the agent does not run as ds")
	}
	writeFile(t, f.path(agent), text)

	out := f.supervisorReads()
	type program struct {
		Command, Directory      string
		StartSecs, StartRetries int
		StopSignal              int
		Group                   []bool
		Environment             map[string]string
		Logs                    []string
	}
	var got map[string]program
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	root := f.step.Layout.Root()
	script := func(name string) string { return `bash "` + root + "/home/admin/conf/command/" + name + `"` }
	logs := func(name string) []string {
		return []string{root + "/home/admin/logs/" + name + "_stdout.log",
			root + "/home/admin/logs/" + name + "_stderr.log"}
	}
	group := []bool{true, true}
	const term, quit = 15, 3
	want := map[string]program{
		"oms_drc_cm": {script("start_oms_cm.sh"), root + "/home/ds/cm/package", 10, 0, term, group, nil,
			logs("oms_drc_cm")},
		"oms_console": {script("start_oms_console.sh"), root + "/home/ds/ghana/resources", 10, 0, term, group, nil,
			logs("oms_console")},
		"nginx": {script("start_nginx.sh"), root + "/root", 10, 5, term, group, nil, logs("oms_nginx")},
		"sshd": {script("start_sshd.sh") + " -p 2023", root + "/root", 10, 5, term, group, nil,
			logs("oms_sshd")},
		"oms_drc_supervisor": {`bash "` + root + `/home/ds/supervisor/service.sh" start foreground`,
			root + "/home/ds/supervisor", 10, 0, quit,
			[]bool{false, false}, map[string]string{"OMS_STORE_DEPLOY_DIR": root + "/home/ds/store"},
			logs("oms_drc_supervisor")},
	}
	if os.Geteuid() == 0 {
		want["crond"] = program{script("start_crond.sh"), root + "/root", 1, 5, term, group, nil, logs("oms_crond")}
	}
	for name, p := range got {
		if len(p.Environment) == 0 {
			p.Environment = nil
			got[name] = p
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	// The library that the design chose reads the same programs.
	t.Setenv("OMSINIT_ROOT", root)
	names, err := supervisord.NewConfig(f.path("/etc/supervisor/supervisord.conf")).Load()
	slices.Sort(names)
	if wantNames := slices.Sorted(maps.Keys(want)); err != nil || !slices.Equal(names, wantNames) {
		t.Errorf("ochinchina/supervisord reads %v, %v; want %v", names, err, wantNames)
	}
}

// TestPasswordThroughSupervisor has both readers of program files expand a
// value. Ochinchina's reader takes a backslash for an escape, and then breaks
// what is not ASCII, so it gets the password without the two; omsinit's own
// reader follows Supervisor.
func TestPasswordThroughSupervisor(t *testing.T) {
	for _, secret := range []string{password, `p"a$s;o#r%d {}&汉`} {
		f := newFixture(t, overlay(t, map[string]string{
			"template: supervisor/base.ini\n    path: /etc/supervisor/conf.d/base.ini\n    owner: root\n    mode: 0644": "template: supervisor/base.ini\n    path: /etc/supervisor/conf.d/base.ini\n    owner: root\n    mode: 0600",
		}, map[string]string{"supervisor/base.ini": "[program:sshd]\ncommand=/bin/true\nstdout_logfile=/o\nstderr_logfile=/e\ndirectory=/x{{.oms_meta_password}}\n"}))
		f.step.Pack.Files = slices.DeleteFunc(f.step.Pack.Files, func(file pack.File) bool {
			return strings.HasPrefix(file.Path, "/etc/supervisor/conf.d/") && !strings.HasSuffix(file.Path, "/base.ini")
		})
		f.step.Config.MetaPassword = config.Secret(secret)
		f.apply()
		out := f.supervisorReads()
		var got map[string]struct{ Directory string }
		if err := json.Unmarshal(out, &got); err != nil || got["sshd"].Directory != "/x"+secret {
			t.Errorf("Supervisor reads %q, %v", got["sshd"].Directory, err)
		}
		if strings.Contains(secret, `\`) {
			continue
		}
		c := supervisord.NewConfig(f.path("/etc/supervisor/supervisord.conf"))
		if _, err := c.Load(); err != nil {
			t.Fatal(err)
		}
		// It leaves doubled percent signs to its caller.
		read := strings.ReplaceAll(c.GetProgram("sshd").GetString("directory", ""), "%%", "%")
		if read != "/x"+secret {
			t.Errorf("ochinchina/supervisord reads %q", read)
		}
	}
}
