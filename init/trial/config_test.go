package trial

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/internal/config"
	"omsinit/internal/layout"
)

func TestWriteConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conf", "config.yaml")
	write := func(set ...string) *config.Config {
		t.Helper()
		if err := writeConfig(path, "127.0.0.1", "Secret42", 13306, set); err != nil {
			t.Fatal(err)
		}
		cfg, _, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}

	cfg := write()
	if cfg.CMURL != "http://127.0.0.1:8088" || cfg.MetaPort != 13306 || cfg.MetaPassword.Reveal() != "Secret42" ||
		len(cfg.CMNodes) != 1 {
		t.Errorf("defaults: %+v", cfg)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}

	cfg = write("cm_server_port=18088", "nginx_server_port=18089")
	if cfg.CMURL != "http://127.0.0.1:18088" || cfg.NginxPort != 18089 {
		t.Errorf("cm_url does not follow the port: %+v", cfg)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg = write()
	if cfg.CMPort != 18088 {
		t.Errorf("the second trial forgot the ports of the first: %+v", cfg)
	}
	if after, err := os.Stat(path); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Error("an unchanged file was written again")
	}
	if cfg = write("cm_url=http://10.0.0.1:18088"); cfg.CMURL != "http://10.0.0.1:18088" {
		t.Errorf("--set cm_url was not used: %s", cfg.CMURL)
	}
	if cfg = write("nginx_server_port=18090"); cfg.CMURL != "http://10.0.0.1:18088" {
		t.Errorf("the next trial forgot cm_url: %s", cfg.CMURL)
	}
}

func TestWriteConfigRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, file, set, want string
	}{
		{"a file that a person wrote", "cm_location: 1\n", "", "was not written by `omsinit trial`"},
		{"not KEY=VALUE", "", "nginx_server_port", "is not KEY=VALUE"},
		{"a key of the trial itself", "", "oms_meta_host=10.0.0.1", "sets this key itself"},
		{"an unknown key", "", "nosuch=1", "has no such key"},
		{"a wrong value", "", "cm_location=200", "cm_location"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			if tc.file != "" {
				if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var set []string
			if tc.set != "" {
				set = []string{tc.set}
			}
			err := writeConfig(path, "127.0.0.1", "Secret42", 13306, set)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "Secret42") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			data, _ := os.ReadFile(path)
			if string(data) != tc.file {
				t.Errorf("the file was changed to %q", data)
			}
		})
	}
}

func TestPassword(t *testing.T) {
	m := metaDB{layout: layout.New(t.TempDir())}
	first, err := m.password()
	if err != nil || len(first) < 20 {
		t.Fatalf("%q, %v", first, err)
	}
	if second, err := m.password(); err != nil || second != first {
		t.Errorf("%q, %v; want %q again", second, err, first)
	}
	if info, err := os.Stat(m.passwordFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}
