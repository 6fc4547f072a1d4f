package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// secretFile returns the path of a file with a text.
func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// byFile returns a right config.yaml in which a line stands for the password of the MetaDB.
func byFile(line string) []byte {
	return []byte(strings.Replace(string(file("oms_meta_password", "zQ9vKx7")), "oms_meta_password: zQ9vKx7", line, 1))
}

func TestSecretFile(t *testing.T) {
	for text, want := range map[string]string{
		"zQ9vKx7": "zQ9vKx7", "zQ9vKx7\n": "zQ9vKx7", "zQ9vKx7\r\n": "zQ9vKx7", "a # 'b': *c\n": "a # 'b': *c",
		"true": "true", "0123": "0123",
	} {
		cfg, warnings, err := config.Parse("-", byFile("oms_meta_password_file: "+secretFile(t, text, 0o400)))
		if err != nil || len(warnings) > 0 || cfg.MetaPassword.Reveal() != want {
			t.Errorf("%q: got %q, %v, %v", text, cfg.MetaPassword.Reveal(), warnings, err)
		}
		if _, ok := cfg.Extra["oms_meta_password_file"]; ok {
			t.Error("a key of omsinit is handed on as a key of others")
		}
	}
	settings, _, err := config.Settings("-", byFile("oms_meta_password_file: "+secretFile(t, "zQ9vKx7", 0o400)))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		if s.Name == "oms_meta_password" && (s.Origin != config.FromFile || s.Source != "oms_meta_password_file" ||
			s.Line == 0) {
			t.Errorf("%+v", s)
		}
	}
	if strings.Contains(fmt.Sprint(settings), "zQ9vKx7") {
		t.Errorf("a secret is shown: %v", settings)
	}
	if config.Meant("oms_meta_password_file") != "" || config.Meant("oms_meta_hosts") == "" {
		t.Error("which keys have files is not what config set goes by")
	}
}

// TestSecretFileRefused: what is wrong is one error at the line of the path; neither the secret nor what may be one is
// in it.
func TestSecretFileRefused(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	good := secretFile(t, "zQ9vKx7", 0o400)
	for name, line := range map[string]string{
		"no file":      "oms_meta_password_file: " + filepath.Join(folder, "absent"),
		"no folder":    "oms_meta_password_file: /zQ9vKx7/zQ9vKx7",
		"the secret":   "oms_meta_password_file: zQ9vKx7",
		"a folder":     "oms_meta_password_file: " + folder,
		"a pipe":       "oms_meta_password_file: " + pipe,
		"nothing":      "oms_meta_password_file:",
		"a list":       "oms_meta_password_file: [a]",
		"empty":        "oms_meta_password_file: " + secretFile(t, "\n", 0o400),
		"two lines":    "oms_meta_password_file: " + secretFile(t, "zQ9vKx7\nzQ9vKx7\n", 0o400),
		"another file": "oms_meta_password_file: " + secretFile(t, strings.Repeat("zQ9vKx7 ", 1000), 0o400),
		"both":         "oms_meta_password_file: " + good + "\noms_meta_password: zQ9vKx7",
		"both, empty":  "oms_meta_password_file: " + good + "\noms_meta_password:",
		"twice":        "oms_meta_password_file: " + good + "\noms_meta_password_file: " + good,
	} {
		_, warnings, err := config.Parse("-", byFile(line))
		var e *config.Error
		if !errors.As(err, &e) || len(e.Findings) != 1 || e.Findings[0].Place.Line == 0 || e.Findings[0].Fix.IsZero() {
			t.Errorf("%s: got %v, %v", name, err, warnings)
		}
		if strings.Contains(fmt.Sprint(err, warnings), "zQ9vKx7") {
			t.Errorf("%s: a secret is shown: %v", name, err)
		}
	}
}

func TestSecretFileWarnings(t *testing.T) {
	for name, line := range map[string]string{
		"others read it":      "oms_meta_password_file: " + secretFile(t, "zQ9vKx7", 0o444),
		"a placeholder":       "oms_meta_password_file: " + secretFile(t, "<zQ9vKx7>", 0o400),
		"spaces":              "oms_meta_password_file: " + secretFile(t, " zQ9vKx7", 0o400),
		"of what is not used": "oms_meta_password: zQ9vKx7\ntsdb_password_file: /absent/zQ9vKx7",
	} {
		cfg, warnings, err := config.Parse("-", byFile(line))
		if err != nil || len(warnings) != 1 || warnings[0].Severity != finding.Warning || warnings[0].Place.Line == 0 {
			t.Errorf("%s: got %v, %v", name, warnings, err)
		}
		if err == nil && cfg.TSDBPassword != "" || strings.Contains(fmt.Sprint(warnings), "zQ9vKx7") {
			t.Errorf("%s: %v", name, warnings)
		}
	}
	on := "tsdb_enabled: true\ntsdb_service: INFLUXDB\ntsdb_url: 10.0.0.9:8086\ntsdb_username: u\ntsdb_password_file: "
	cfg, warnings, err := config.Parse("-", byFile("oms_meta_password: zQ9vKx7\n"+on+secretFile(t, "zQ9vKx7\n", 0o400)))
	if err != nil || len(warnings) > 0 || cfg.TSDBPassword.Reveal() != "zQ9vKx7" {
		t.Errorf("%v, %v", warnings, err)
	}
}

// TestSecretFileSchema: the schema takes a secret in either way, and not in both or none.
func TestSecretFileSchema(t *testing.T) {
	schema := compile(t, msg.English)
	on := "\ntsdb_enabled: true\ntsdb_url: a:1\ntsdb_username: u\n"
	for line, ok := range map[string]bool{
		"oms_meta_password_file: /x":                                             true,
		"oms_meta_password: x":                                                   true,
		"oms_meta_password_file: x":                                              false,
		"oms_meta_password_file: /x\noms_meta_password: x":                       false,
		"cm_region: x":                                                           false,
		"oms_meta_password: x" + on + "tsdb_password_file: /x":                   true,
		"oms_meta_password: x" + on + "tsdb_password: x":                         true,
		"oms_meta_password: x" + on:                                              false,
		"oms_meta_password: x" + on + "tsdb_password: x\ntsdb_password_file: /x": false,
	} {
		if err := schema.Validate(instance(t, byFile(line))); (err == nil) != ok {
			t.Errorf("%s: %v", line, err)
		}
	}
}
