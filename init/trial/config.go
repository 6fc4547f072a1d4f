package trial

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// header marks a config.yaml that trial mode may rewrite.
const header = "# Written by `omsinit trial`. Not for production.\n"

// own are the keys that follow from the trial MetaDB and this host.
var own = []string{"oms_meta_host", "oms_meta_port", "oms_meta_user", "oms_meta_password", "cm_nodes"}

// writeConfig writes the config.yaml of a trial node: what an earlier trial
// had, changed by what --set says. A file that a person wrote is left alone.
func writeConfig(path, hostIP, password string, metaDBPort int, set []string) error {
	values, err := earlier(path)
	if err != nil {
		return err
	}
	defaults := map[string]any{
		"drc_rm_db": "oms_rm", "drc_cm_db": "oms_cm", "drc_cm_heartbeat_db": "oms_cm_heartbeat",
		"cm_location": 0, "cm_region": "trial", "cm_region_cn": "试用",
	}
	maps.Copy(defaults, values)
	values = defaults
	chosen := map[string]bool{}
	for _, assignment := range set {
		key, value, ok := strings.Cut(assignment, "=")
		if !ok || key == "" {
			return msg.Errorf("--set %q is not KEY=VALUE", assignment)
		}
		if slices.Contains(own, key) {
			return msg.Errorf("--set %s: trial mode sets this key itself", key)
		}
		if !slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Name == key }) {
			return msg.Errorf("--set %s: config.yaml has no such key", key)
		}
		values[key], chosen[key] = value, true
	}
	values["oms_meta_host"], values["oms_meta_port"] = "127.0.0.1", metaDBPort
	values["oms_meta_user"], values["oms_meta_password"] = "root", password
	values["cm_nodes"] = []string{hostIP}
	if !chosen["cm_url"] && (chosen["cm_server_port"] || values["cm_url"] == nil) {
		port, ok := values["cm_server_port"]
		if !ok {
			port = 8088
		}
		values["cm_url"] = fmt.Sprintf("http://%s:%v", hostIP, port)
	}
	body, err := yaml.Marshal(values)
	if err != nil {
		return fmt.Errorf("cannot write YAML: %w", err)
	}
	text := append([]byte(header), body...)
	if _, _, err := config.Parse(path, text); err != nil {
		return err
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return msg.Errorf("cannot create %s: %w", filepath.Dir(path), err)
	}
	if err := atomicfile.Write(path, text, atomicfile.Options{Mode: 0o600}); err != nil {
		return msg.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

func earlier(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, msg.Errorf("cannot read %s: %w", path, err)
	}
	if !bytes.HasPrefix(data, []byte(header)) {
		return nil, msg.Errorf("%s was not written by `omsinit trial`, so trial mode leaves it alone: use `omsinit run` for that configuration, or another --root for a trial", path)
	}
	var values map[string]any
	if err := yaml.Unmarshal(data, &values); err != nil {
		return nil, msg.Errorf("cannot read %s: %w", path, err)
	}
	return values, nil
}
