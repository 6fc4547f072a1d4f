package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// good is a file with nothing wrong, by key.
func good() map[string]string {
	return map[string]string{
		"oms_meta_host": "10.0.0.1", "oms_meta_port": "2883", "oms_meta_user": "root@oms",
		"oms_meta_password": "secret",
		"drc_rm_db":         "oms_rm", "drc_cm_db": "oms_cm", "drc_cm_heartbeat_db": "oms_hb",
		"cm_url": "http://10.0.0.10:8088", "cm_location": "1", "cm_nodes": "[10.0.0.11]",
	}
}

// file writes the good file with one key set to another value.
func file(key, value string) []byte {
	values := good()
	values[key] = value
	var b bytes.Buffer
	for _, k := range config.Keys() {
		if v, ok := values[k.Name]; ok {
			fmt.Fprintf(&b, "%s: %s\n", k.Name, v)
			delete(values, k.Name)
		}
	}
	for k, v := range values {
		fmt.Fprintf(&b, "%s: %s\n", k, v)
	}
	return b.Bytes()
}

func TestSpellings(t *testing.T) {
	tests := []struct {
		key, value string
		want       any // nil: refused
	}{
		{"cm_is_default", "true", true},
		{"cm_is_default", "False", false},
		{"cm_is_default", "no", false},
		{"cm_is_default", "ON", true},
		{"cm_is_default", `"y"`, true},
		{"cm_is_default", "0", false},
		{"cm_is_default", `!!bool "true"`, true},
		{"cm_is_default", `!!str False`, false},
		{"cm_is_default", `''`, true},
		{"cm_is_default", ``, true},
		{"cm_is_default", `~`, true},
		{"cm_is_default", `null`, true},
		{"cm_is_default", `[true]`, nil},
		{"cm_is_default", `2`, nil},

		{"cm_location", "0", 0},
		{"cm_location", "127", 127},
		{"cm_location", `"100"`, 100},
		{"cm_location", `!!int "7"`, 7},
		{"cm_location", `" 7"`, 7},
		{"cm_location", "128", nil},
		{"cm_location", "-1", nil},
		{"cm_location", "1.0", nil},
		{"cm_location", "010", nil},
		{"cm_location", "0x10", nil},
		{"cm_location", "1_0", nil},
		{"cm_location", "+1", nil},
		{"cm_location", `99999999999999999999`, nil},
		{"cm_location", "!loc 1", nil},
		{"cm_location", "one", nil},

		{"oms_meta_port", "1", 1},
		{"oms_meta_port", "0", nil},
		{"nginx_server_port", "1024", nil},
		{"nginx_server_port", "1025", 1025},
		{"nginx_server_port", "65536", nil},

		{"oms_meta_password", "0123", config.Secret("0123")},
		{"oms_meta_password", "1e3", config.Secret("1e3")},
		{"oms_meta_password", "yes", config.Secret("yes")},
		{"oms_meta_password", "2020-01-01", config.Secret("2020-01-01")},
		{"oms_meta_password", "a#b", config.Secret("a#b")},
		{"oms_meta_password", "a:b", config.Secret("a:b")},
		{"oms_meta_password", "'it''s #1: *'", config.Secret("it's #1: *")},
		{"oms_meta_password", `"\"\\\u4e2d "`, config.Secret(`"\中 `)},
		{"oms_meta_password", "''", nil},
		{"oms_meta_password", "# comment", nil},
		{"oms_meta_password", "|\n  text", nil},
		{"oms_meta_password", `"a\0b"`, nil},
		{"oms_meta_password", "!abc", nil},
		{"oms_meta_password", "{abc}", nil},
		{"oms_meta_password", "a: b", nil},
		{"oms_meta_password", "'${p}'", nil},
		{"oms_meta_password", "a${p}", config.Secret("a${p}")},
		{"oms_meta_password", "<ab>", config.Secret("<ab>")},

		{"oms_meta_host", "db.example.com", "db.example.com"},
		{"oms_meta_host", "oms_meta-db", "oms_meta-db"},
		{"oms_meta_host", "::1", "::1"},
		{"oms_meta_host", "'[fd00::1]'", "fd00::1"},
		{"oms_meta_host", "10.0.0", nil},
		{"oms_meta_host", "10.0.0.1.", nil},
		{"oms_meta_host", "10.0.0.1:3306", nil},
		{"oms_meta_host", "mysql://10.0.0.1", nil},
		{"oms_meta_host", "-x", nil},
		{"oms_meta_host", "fe80::1%eth0", nil},

		{"oms_meta_user", "root@oms#cluster", "root@oms#cluster"},
		{"oms_meta_user", "root@sys", nil},
		{"oms_meta_user", "root@SYS#obcluster", nil},
		{"oms_meta_user", "obcluster:sys:root", nil},
		{"oms_meta_user", "root@system", "root@system"},

		{"drc_rm_db", "$Oms_1", "$Oms_1"},
		{"drc_rm_db", "oms-rm", nil},
		{"drc_rm_db", "库", nil},
		{"drc_rm_db", strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{"drc_rm_db", strings.Repeat("a", 65), nil},
		{"drc_rm_db", "MySQL", nil},

		{"cm_url", "10.0.0.10:8088", "http://10.0.0.10:8088"},
		{"cm_url", "HTTPS://cm.example.com:8088/", "https://cm.example.com:8088"},
		{"cm_url", "'http://[fd00::1]:8088'", "http://[fd00::1]:8088"},
		{"cm_url", "http://fd00::1:8088", nil},
		{"cm_url", "http://10.0.0.10", nil},
		{"cm_url", "http://10.0.0.10:", nil},
		{"cm_url", "http://:8088", nil},
		{"cm_url", "http://10.0.0.10:8088/cm", nil},
		{"cm_url", "http://10.0.0.10:80880", nil},
		{"cm_url", "ftp://10.0.0.10:8088", nil},
		{"cm_url", "http://0.0.0.0:8088", nil},
		{"cm_url", "http://VIP:8088", nil},

		{"cm_nodes", "['10.0.0.1', fd00::1]", []string{"10.0.0.1", "fd00::1"}},
		{"cm_nodes", "10.0.0.1", []string{"10.0.0.1"}},
		{"cm_nodes", "10.0.0.1,10.0.0.2，10.0.0.3 10.0.0.4", []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}},
		{"cm_nodes", "\n- 10.0.0.1", []string{"10.0.0.1"}},
		{"cm_nodes", "[10.0.0.1, 10.0.0.1]", nil},
		{"cm_nodes", "[fd00::1, 'fd00:0::1']", nil},
		{"cm_nodes", "[]", nil},
		{"cm_nodes", "", nil},
		{"cm_nodes", "[node1]", nil},
		{"cm_nodes", "['']", nil},
		{"cm_nodes", "[[10.0.0.1]]", nil},
		{"cm_nodes", "[10.0.0.01]", nil},
		{"cm_nodes", "[224.0.0.1]", nil},

		{"tsdb_service", "influxdb", "INFLUXDB"},
		{"tsdb_service", "''", "CERESDB"},
		{"tsdb_service", "mysql", nil},
		{"tsdb_url", "influx:8086", "influx:8086"},
		{"tsdb_url", "http://influx:8086", ""}, // switched off, so a warning
		{"cm_region", "''", ""},
		{"cm_region_cn", "杭州", "杭州"},
		{"mine", "0123", "0123"},
		{"mine", "12", 12},
		{"mine", "'12'", "12"},
		{"mine", "true", true},
		{"mine", "", nil},
		{"mine", "{a: [1, b]}", map[string]any{"a": []any{1, "b"}}},
		{"my_token", "[t]", []any{config.Secret("t")}},
		{"oms_meta_pasword", "x", config.Secret("x")},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			c, _, err := config.Parse("config.yaml", file(tt.key, tt.value))
			refused := tt.want == nil && tt.key != "mine"
			if refused {
				var e *config.Error
				if !errors.As(err, &e) || len(e.Findings) != 1 || e.Findings[0].Place.Key != tt.key {
					t.Errorf("got %v, want one error about the key", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, c.Values()[tt.key]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestValues holds the table to its promises.
func TestValues(t *testing.T) {
	c, _, err := config.Parse("config.yaml", file("mine", "1"))
	if err != nil {
		t.Fatal(err)
	}
	values := c.Values()
	if len(values) != len(config.Keys())+1 {
		t.Errorf("%d values for %d keys and one unknown", len(values), len(config.Keys()))
	}
	for _, k := range config.Keys() {
		v, ok := values[k.Name]
		if !ok {
			t.Errorf("%s has no value", k.Name)
		}
		if _, secret := v.(config.Secret); secret != k.Secret {
			t.Errorf("%s: secret %v, value %T", k.Name, k.Secret, v)
		}
		if k.Description.In(msg.Chinese) == k.Description.In(msg.English) {
			t.Errorf("%s has no Chinese description", k.Name)
		}
		if k.Required && k.Default != "" {
			t.Errorf("%s is required and has a default", k.Name)
		}
	}
	values["cm_nodes"].([]string)[0] = "changed"
	if c.CMNodes[0] != "10.0.0.11" {
		t.Error("Values shares the list of nodes")
	}
}

func TestSecret(t *testing.T) {
	const text = "zQ9vKx7"
	s := config.Secret(text)
	if s.Reveal() != text {
		t.Fatal("Reveal does not reveal")
	}
	c := &config.Config{MetaPassword: s, Extra: map[string]any{"token": s}}
	values := map[string]any{"s": s, "p": &s, "list": []config.Secret{s}, "config": c, "plain": *c,
		"values": c.Values()}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10.3s"} {
			args := []any{v}
			if strings.HasPrefix(verb, "%T") {
				args = append(args, v)
			}
			if got := fmt.Sprintf(verb, args...); strings.Contains(got, text) ||
				strings.Contains(got, fmt.Sprintf("%x", text)) {
				t.Errorf("%s with %s: %s", name, verb, got)
			}
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		y, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var log, page bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		if err := template.Must(template.New("").Parse("{{.}}")).Execute(&page, v); err != nil {
			t.Fatal(err)
		}
		for how, got := range map[string]string{"json": string(j), "yaml": string(y), "slog": log.String(),
			"template": page.String(), "print": fmt.Sprint(v)} {
			if strings.Contains(got, text) {
				t.Errorf("%s as %s: %s", name, how, got)
			}
		}
	}
}

// TestFinding holds the texts to their form: two lines, a fix for everything,
// and Chinese for everything, also through msg.
func TestFinding(t *testing.T) {
	_, warnings, err := config.Parse("config.yaml", append(file("cm_location", "128"), "mine: 1\n"...))
	var e *config.Error
	if !errors.As(err, &e) || len(e.Findings) != 1 || len(warnings) != 1 {
		t.Fatalf("error %v, warnings %v", err, warnings)
	}
	want := finding.Finding{
		ID: "config.value", Severity: finding.Error,
		Place:  finding.Place{File: "config.yaml", Line: 9, Column: 14, Key: "cm_location", Value: "128"},
		Source: "cm_location: 128",
	}
	got := e.Findings[0]
	got.Message, got.Fix = msg.Message{}, msg.Message{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s := warnings[0].Severity; s != finding.Warning {
		t.Errorf("severity %v", s)
	}
	const zh = `config.yaml:9:14: cm_location = "128"：值必须是 0 到 127 之间的整数
    处理方法：请填写值，例如 cm_location: 100`
	wrapped := fmt.Errorf("step 1: %w", err)
	for how, got := range map[string]string{
		"In":      e.In(msg.Chinese),
		"Text":    msg.Chinese.Text(err),
		"wrapped": strings.TrimPrefix(msg.Chinese.Text(wrapped), "step 1："),
		"finding": msg.M("%v", e.Findings[0]).In(msg.Chinese),
	} {
		if got != zh {
			t.Errorf("%s:\n%s", how, got)
		}
	}
}

// TestManyFindings: what is not kept is counted.
func TestManyFindings(t *testing.T) {
	_, warnings, err := config.Parse("config.yaml", bytes.Repeat([]byte("cm_url:\n"), 500))
	var e *config.Error
	if !errors.As(err, &e) || len(e.Findings) != 100 || e.More != 499+10-100 {
		t.Fatalf("%d kept, %d more", len(e.Findings), e.More)
	}
	if !strings.HasSuffix(e.In(msg.Chinese), "…… 另有 409 个问题") {
		t.Error(e.In(msg.Chinese))
	}
	if len(warnings) != 0 {
		t.Errorf("warnings %v", warnings)
	}
}

func BenchmarkParse(b *testing.B) {
	data := file("mine", "1")
	for b.Loop() {
		if _, _, err := config.Parse("config.yaml", data); err != nil {
			b.Fatal(err)
		}
	}
}

// What stands before the @ of a URL may be a password.
func TestHostDoesNotShowCredentials(t *testing.T) {
	for _, host := range []string{"mysql://root:hunter2@10.0.0.1", "mysql://root:hunter2@", "http://hunter2",
		"mysql://root:hunter2@10.0.0.1:3306/db"} {
		_, _, err := config.Parse("config.yaml", []byte("oms_meta_host: "+host+"\n"))
		if err == nil {
			t.Errorf("%s was accepted", host)
			continue
		}
		for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
			if text := lang.Text(err); strings.Contains(host, "@") && strings.Contains(text, "hunter2") {
				t.Errorf("%s: the password is shown: %s", host, text)
			}
		}
	}
}

// TestSource: the line of a finding is shown when nothing is in it that must not be seen.
func TestSource(t *testing.T) {
	const secret = "Pa55word"
	for line, want := range map[string]string{
		"cm_location: 300":                           "cm_location: 300",
		"cm_location:  '300'   # " + secret:          "cm_location:  '300'",
		"cm_nodes: # " + secret + "\n  - 10.0.0.300": "  - 10.0.0.300",
		"cm_nodes:": "cm_nodes:",
		"cm_location: " + strings.Repeat("3", 1000): "",
		"oms_meta_pasword: " + secret:               "",
		// a wrong value is shown, as ever
		"cm_location: " + secret + " x\nmine: " + secret:      "cm_location: " + secret + " x",
		"oms_meta_password: \"" + secret:                      "",
		"cm_url: http://u:" + secret + "@10.0.0.1:8088":       "",
		"oms_meta_password: " + secret + "\ncm_location: 300": "cm_location: 300",
	} {
		_, warnings, err := config.Parse("config.yaml", []byte(line+"\n"))
		var e *config.Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v", line, err)
		}
		var sources []string
		for _, f := range append(e.Findings, warnings...) {
			if f.Source != "" {
				sources = append(sources, f.Source)
			}
		}
		if got := strings.Join(sources, "\n"); got != want {
			t.Errorf("%q shows %q", line, got)
		}
	}
	if _, _, err := config.Parse("config.yaml",
		[]byte("{cm_location: 300, oms_meta_password: "+secret+"}\n")); err == nil ||
		strings.Contains(fmt.Sprintf("%+v", err), secret) {
		t.Errorf("%+v", err)
	}
}

func TestCompare(t *testing.T) {
	before := file("cm_location", "1")
	after := append(file("cm_location", "2"), "mine: 1\n"...)
	changed, err := config.Compare("config.yaml", before, after)
	if err != nil || len(changed) != 2 || changed[0] != (config.Changed{Key: "cm_location", Old: "1", New: "2"}) ||
		changed[1].Key != "mine" {
		t.Errorf("%+v, %v", changed, err)
	}
	if changed, err = config.Compare("config.yaml", after, before); err != nil || len(changed) != 2 ||
		changed[1].New != "" {
		t.Errorf("%+v, %v", changed, err)
	}
	if changed, err = config.Compare("config.yaml", []byte("{"), before); err != nil || len(changed) < 5 {
		t.Errorf("from a broken file: %+v, %v", changed, err)
	}
	for _, c := range changed {
		if c.Key == "oms_meta_password" && c.New != config.Masked {
			t.Errorf("%+v", c)
		}
	}
	var e *config.Error
	if _, err := config.Compare("config.yaml", before, file("cm_location", "many")); !errors.As(err, &e) {
		t.Error(err)
	}
}

// TestConsolePort: the port is found also in a file that is refused.
func TestConsolePort(t *testing.T) {
	for text, want := range map[string]int{
		"": 8089, "nginx_server_port: 18089\ncm_location: many\n": 18089, "nginx_server_port: many\n": 8089,
		"nginx_server_port: 70000\n": 8089, "nginx_server_port: 8088\n": 8088,
		"cm_server_port: 8089\nnginx_server_port: '8090'\n": 8090,
		"\"nginx_server_port\": \"8443\"\n":                 8443, "- no\n- yaml: [": 8089,
	} {
		if got := config.ConsolePort([]byte(text)); got.Number != want || got.Program != "nginx" ||
			got.Key != "nginx_server_port" {
			t.Errorf("%q: %+v, want %d", text, got, want)
		}
	}
}
