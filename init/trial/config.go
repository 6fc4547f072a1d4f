package trial

import (
	"bytes"
	"cmp"
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

// writeConfig writes the config.yaml of a trial node: what an earlier trial had, changed by what --set says. A file
// that a person wrote is left alone.
func writeConfig(path, hostIP, password string, metaDBPort int, set []string) error {
	values := map[string]any{
		"drc_rm_db": "oms_rm", "drc_cm_db": "oms_cm", "drc_cm_heartbeat_db": "oms_cm_heartbeat",
		"cm_location": 0, "cm_region": "trial", "cm_region_cn": "试用", "cm_server_port": 8088,
	}
	before, err := earlier(path, values)
	if err != nil {
		return err
	}
	// These follow from the trial MetaDB and this host.
	fixed := map[string]any{
		"oms_meta_host": "127.0.0.1", "oms_meta_port": metaDBPort, "oms_meta_user": "root",
		"oms_meta_password": password,
		"cm_nodes":          []string{hostIP},
	}
	maps.Copy(values, fixed)
	chosen := map[string]any{}
	for _, assignment := range set {
		key, value, ok := strings.Cut(assignment, "=")
		switch {
		case !ok || key == "":
			return msg.Errorf("--set %q is not KEY=VALUE", assignment)
		case fixed[key] != nil:
			return msg.Errorf("--set %s: trial mode sets this key itself", key)
		case !slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Name == key }):
			return msg.Errorf("--set %s: config.yaml has no such key", key)
		}
		chosen[key] = value
	}
	if _, moved := chosen["cm_server_port"]; moved || values["cm_url"] == nil {
		values["cm_url"] = fmt.Sprintf("http://%s:%v", hostIP,
			cmp.Or(chosen["cm_server_port"], values["cm_server_port"]))
	}
	maps.Copy(values, chosen)
	body, err := yaml.Marshal(values)
	if err != nil {
		return fmt.Errorf("cannot write YAML: %w", err)
	}
	text := append([]byte(header), body...)
	if _, _, err := config.Parse(path, text); err != nil || bytes.Equal(before, text) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return msg.Errorf("cannot create %s: %w", filepath.Dir(path), err)
	}
	if err := atomicfile.Write(path, text, atomicfile.Options{Mode: 0o600}); err != nil {
		return msg.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

// earlier reads what an earlier trial has written, and puts it over the values. No file is an empty one.
func earlier(path string, values map[string]any) ([]byte, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == nil && !bytes.HasPrefix(data, []byte(header)):
		return nil, msg.Errorf("%s was not written by `omsinit trial`, so trial mode leaves it alone: use `omsinit run` for that configuration, or another --root for a trial", path)
	case err == nil:
		err = yaml.Unmarshal(data, &values)
	}
	if err != nil {
		return nil, msg.Errorf("cannot read %s: %w", path, err)
	}
	return data, nil
}
