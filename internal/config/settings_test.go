package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

func TestSettings(t *testing.T) {
	text := "# a comment\n" + string(file("oms_meta_password", "zQ9vKx7")) +
		"cm_region: hz\nmy_key: [1, x]\nmy_token: zQ9vKx7\nnginx_server_port:\n"
	settings, warnings, err := config.Settings("-", []byte(text))
	if err != nil || len(warnings) == 0 {
		t.Fatalf("%v, %v", warnings, err)
	}
	got := map[string]string{}
	var order []string
	for _, s := range settings {
		got[s.Name] = fmt.Sprintf("%v %s %d:%d %s %v", s.Value, s.Origin, s.Line, s.Column, s.Source, s.Known)
		order = append(order, s.Name)
	}
	for key, want := range map[string]string{
		"oms_meta_host": "10.0.0.1 file 2:16  true", "oms_meta_password": "****** file 5:20  true",
		"cm_region":    "hz file 12:12  true",
		"cm_region_cn": "hz derived 0:0 cm_region true", "nginx_server_port": "8089 default 0:0  true",
		"cm_is_default": "true default 0:0  true",
		"drc_user":      " none 0:0  true", "my_key": "[1 x] file 13:1  false", "my_token": "****** file 14:1  false",
	} {
		if got[key] != want {
			t.Errorf("%s: got %s, want %s", key, got[key], want)
		}
	}
	var want []string
	for _, k := range config.Keys() {
		want = append(want, k.Name)
	}
	if diff := cmp.Diff(append(want, "my_key", "my_token"), order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if all := fmt.Sprint(settings, warnings); strings.Contains(all, "zQ9vKx7") {
		t.Errorf("a secret is shown: %s", all)
	}
	if settings, _, err := config.Settings("-", []byte("cm_location: many")); err == nil || settings != nil {
		t.Errorf("got %v, %v", settings, err)
	}
	if _, err := config.ReadFrom("<stdin>", iotest.ErrReader(os.ErrClosed)); !errors.Is(err, os.ErrClosed) ||
		!strings.Contains(err.Error(), "<stdin>") {
		t.Errorf("a standard input that fails: %v", err)
	}
}

func compile(t *testing.T, lang msg.Lang) *jsonschema.Schema {
	t.Helper()
	data, err := config.Schema(lang)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("config.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// instance is a YAML text as an editor hands it to a validator.
func instance(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSchema: whatever Parse takes of the samples, the schema takes as well.
func TestSchema(t *testing.T) {
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		schema := compile(t, lang)
		files, err := filepath.Glob(samples + "*.yaml")
		if err != nil || len(files) == 0 {
			t.Fatal(err)
		}
		taken := 0
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := config.Parse(path, data); err != nil {
				continue
			}
			taken++
			if err := schema.Validate(instance(t, data)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		if taken < 8 {
			t.Errorf("only %d files were read: the search is broken", taken)
		}
	}
}

func TestSchemaValues(t *testing.T) {
	schema := compile(t, msg.English)
	for _, tc := range []struct {
		key, value string
		ok         bool
	}{
		{"cm_location", "0", true}, {"cm_location", `"127"`, true}, {"cm_location", "128", false},
		{"cm_location", "-1", false}, {"cm_location", `"many"`, false},
		{"cm_location", `"010"`, false}, {"cm_location", "1.5", false},
		{"nginx_server_port", "80", false}, {"nginx_server_port", "", true}, {"nginx_server_port", "[1]", false},
		{"cm_is_default", "yes", true}, {"cm_is_default", `"FALSE"`, true}, {"cm_is_default", "0", true},
		{"cm_is_default", "2", false}, {"cm_is_default", "maybe", false},
		{"cm_url", "10.0.0.1:8088", true}, {"cm_url", "https://[fd00::1]:8088/", true},
		{"cm_url", "http://10.0.0.1", false}, {"cm_url", "ftp://x:1", false}, {"cm_url", "", false},
		{"cm_nodes", "[10.0.0.1, fd00::1]", true}, {"cm_nodes", "10.0.0.1", true}, {"cm_nodes", "[]", false},
		{"cm_nodes", "[oms-1]", false}, {"cm_nodes", "[10.0.0.1, 10.0.0.1]", false},
		{"oms_meta_user", "root@sys", false}, {"oms_meta_user", "root@sys#c1", false},
		{"oms_meta_user", "root@system", true}, {"oms_meta_password", "123456", true},
		{"oms_meta_password", "''", false},
		{"drc_rm_db", "a-b", false}, {"tsdb_service", "influxdb", true}, {"tsdb_service", "prometheus", false},
		{"my_key", "{a: [1]}", true},
		{"tsdb_enabled", "true", false}, {"tsdb_enabled", `"ON"`, false}, {"tsdb_enabled", "false", true},
		{"tsdb_enabled", "true\ntsdb_url: 10.0.0.9:8086\ntsdb_username: u\ntsdb_password: p", true},
		{"tsdb_enabled", "true\ntsdb_url: 10.0.0.9:8086\ntsdb_username: ''\ntsdb_password: p", false},
	} {
		text := file(tc.key, tc.value)
		if err := schema.Validate(instance(t, text)); (err == nil) != tc.ok {
			t.Errorf("%s: %s: %v", tc.key, tc.value, err)
		}
		// The schema may be milder than Parse, never stricter.
		if _, _, err := config.Parse("config.yaml", text); err == nil && !tc.ok {
			t.Errorf("%s: %s: Parse takes it, the schema does not", tc.key, tc.value)
		}
	}
	values := good()
	delete(values, "drc_cm_db")
	data, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(instance(t, data)) == nil {
		t.Error("a missing key is not noticed")
	}
}
