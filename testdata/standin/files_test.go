package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts files into a new folder and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPropertiesAreReadAsJavaDoes(t *testing.T) {
	dir := write(t, map[string]string{"p": `# a comment
! another
plain=value
spaced = value
colon: value
region.cn=\u676d\u5dde
password=${spring.application.name}\\ #x:=\ \t'"
trailing=value ` + "  " + `
raw=` + "杭" + `
pair=\ud83d\ude00\\ud83d\u6b63
long=one,\
    two
twice=1
twice=2
`})
	p, err := readProperties(filepath.Join(dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"plain":     "value",
		"spaced":    "value",
		"colon":     "value",
		"region.cn": "杭州",
		"password":  "${spring.application.name}\\ #x:= \t'\"",
		"trailing":  "value   ",
		"raw":       "æ\u009d\u00ad", // Java reads ISO 8859-1
		"pair":      "😀\\ud83d正",
		"long":      "one,two",
		"twice":     "2",
	} {
		if got := p.get(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
}

const consoleFile = `spring.application.name=Ghana
server.port=8090
spring.datasource.url=jdbc:mysql://127.0.0.1:2883/oms_rm
spring.datasource.username=root
spring.datasource.password=secret
oms.cm.url=http://127.0.0.1:8088
`

func without(text, key string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, key+"=") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestConsoleDiesOfItsFile(t *testing.T) {
	const noName = "java.lang.IllegalArgumentException: spring.application.name must be configured!"
	tests := map[string]struct{ content, want string }{
		"no name":     {without(consoleFile, "spring.application.name"), noName},
		"empty":       {"", noName},
		"no password": {without(consoleFile, "spring.datasource.password"), "placeholder 'spring.datasource.password'"},
		"no URL":      {without(consoleFile, "spring.datasource.url"), "placeholder 'spring.datasource.url'"},
		"no CM":       {without(consoleFile, "oms.cm.url"), "placeholder 'oms.cm.url'"},
		"bad port": {without(consoleFile, "server.port") + "server.port=x\n",
			`NumberFormatException: For input string: "x"`},
		"not a file": {"a=\\u12", "cannot parse"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{"application-oms.properties": tt.content})
			_, err := readConsoleConfig(filepath.Join(dir, "application-oms.properties"))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
	_, err := readConsoleConfig(filepath.Join(t.TempDir(), "absent"))
	if err == nil || !strings.HasPrefix(err.Error(), noName+"\n") {
		t.Errorf("without a file: %v", err)
	}
}

func TestCMDiesOfItsFiles(t *testing.T) {
	const drc, http = "drcCfg.region=x\ndrcCfg.cmLocation=0\n", "--module=http\njetty.http.port=8088\n"
	read := func(files map[string]string) error {
		config, err := readCMConfig(filepath.Join(write(t, files), "deployapp"))
		if err == nil && config.port != 8088 {
			t.Errorf("port %d", config.port)
		}
		return err
	}
	const jdbc = `jdbc.url=jdbc:mysql://[::1]:2883/oms_cm
jdbc.username=root
jdbc.password=secret
jdbc.heartbeat.url=jdbc:mysql://[::1]:2883/oms_hb
jdbc.heartbeat.username=root
jdbc.heartbeat.password=secret
`
	for name, base := range map[string]map[string]string{
		"start.d":     {"start.d/http.ini": http},
		"start.ini":   {"start.ini": http},
		"an old name": {"start.ini": "jetty.port=8088\n"},
		"start.d is last": {"start.ini": "jetty.http.port=1\n", "start.d/http.ini": "jetty.http.port=2\n",
			"start.d/oms.ini": http},
	} {
		files := map[string]string{"config/drc-cm.properties": drc, "config/jdbc.properties": jdbc}
		for file, text := range base {
			files["deployapp/"+file] = text
		}
		if err := read(files); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	tests := map[string]struct{ drc, jdbc, http, want string }{
		"no location":    {without(drc, "drcCfg.cmLocation"), jdbc, http, "'drcCfg.cmLocation'"},
		"wrong location": {"drcCfg.cmLocation=128\n", jdbc, http, "from 0 to 127"},
		"no port":        {drc, jdbc, "jetty.http.port=x\n", "must be a port"},
		"no heartbeat":   {drc, without(jdbc, "jdbc.heartbeat.url"), http, "'jdbc.heartbeat.url'"},
		"wrong URL":      {drc, without(jdbc, "jdbc.url") + "jdbc.url=mysql://x\n", http, "cannot use JDBC URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := read(map[string]string{"config/drc-cm.properties": tt.drc, "config/jdbc.properties": tt.jdbc,
				"deployapp/start.d/http.ini": tt.http})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
	if err := read(map[string]string{"config/drc-cm.properties": drc}); err == nil {
		t.Error("starts without jdbc.properties")
	}
}

func TestAgentConfigPrecedence(t *testing.T) {
	const drc = `cm.url=http://10.0.0.1:8088
bind.ip=10.0.0.1
server.port=9001
metrics.enable=true
metrics.service.impl=INFLUXDB
metrics.url=10.0.0.9:8086
metrics.user=u
metrics.password=p\\w
`
	full := tsdbConfig{enabled: true, service: "INFLUXDB", address: "10.0.0.9:8086", user: "u", password: `p\w`}
	tests := map[string]struct {
		drc, json, option string
		port              int
		ip                string
		metrics           tsdbConfig
	}{
		"properties alone": {drc, "", "", 9001, "10.0.0.1", full},
		"json wins": {drc, `{"bindIp":"10.0.0.2","enableMetrics":false}`, "", 9001, "10.0.0.2",
			tsdbConfig{service: "INFLUXDB", address: "10.0.0.9:8086", user: "u", password: `p\w`}},
		"empty does not": {drc, `{"bindIp":null,"metricServerPassword":""}`, "", 9001, "10.0.0.1", full},
		"json alone": {"", `{"bindIp":"fd00::3","cmAddr":"http://10.0.0.1:8088"}`, "9003", 9003, "fd00::3",
			tsdbConfig{}},
		"the option wins":   {drc, `{}`, "9000", 9000, "10.0.0.1", full},
		"port of last call": {without(drc, "server.port"), `{}`, "", 8080, "10.0.0.1", full},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			if tt.drc != "" {
				files["config/drc.properties"] = tt.drc
			}
			if tt.json != "" {
				files["config/supervisor.json"] = tt.json
			}
			dir := write(t, files)
			c, err := readAgentConfig(filepath.Join(dir, "config")+"/", tt.option)
			if err != nil {
				t.Fatal(err)
			}
			if c.port != tt.port || c.bindIP != tt.ip || c.metrics != tt.metrics {
				t.Errorf("got %+v", c)
			}
			if want := filepath.Join(dir, "data/async_command"); c.dataDir != want {
				t.Errorf("data folder %s, want %s", c.dataDir, want)
			}
		})
	}
}

func TestAgentDiesOfItsFiles(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"no files":    {nil, "no such file"},
		"broken json": {map[string]string{"supervisor.json": `{"bindIp":`}, "cannot parse"},
		"two objects": {map[string]string{"supervisor.json": `{} {}`}, "something follows"},
		"a list":      {map[string]string{"supervisor.json": `{"bindIp":["10.0.0.1"]}`}, "cannot use bindIp"},
		"no bind IP":  {map[string]string{"supervisor.json": `{"cmAddr":"http://h:1"}`}, "neither bindIp"},
		"a name": {map[string]string{"supervisor.json": `{"cmAddr":"http://h:1","bindIp":"host"}`},
			"must be an IP address"},
		"no CM":        {map[string]string{"drc.properties": "bind.ip=10.0.0.1\n"}, "neither cmAddr"},
		"no true":      {map[string]string{"supervisor.json": `{"cmAddr":"http://h:1","bindIp":"10.0.0.1","enableMetrics":"yes"}`}, "enableMetrics=yes"},
		"port too big": {map[string]string{"drc.properties": "server.port=65536\n"}, "must be a port"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readAgentConfig(write(t, tt.files), "")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}
