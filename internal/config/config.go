// Package config reads config.yaml into one typed value: its keys, their
// spellings, defaults and rules. It knows no network and no clock, and only
// Load reads a file. Source of keys and rules: oms-facts §1.
//
// Values are read as text, whatever type YAML gives them: a number, a boolean
// or an address may be plain, in quotes or tagged (!!bool "true"). Booleans are
// true, yes, on, y, t, 1 and their opposites in any case; numbers are decimal
// digits. An empty value of an optional key means that its default applies.
// Spaces around a value do not belong to it, except in secrets.
package config

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"gopkg.in/yaml.v3"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Config is config.yaml with every default applied.
type Config struct {
	MetaHost     string // without brackets if it is an IPv6 address
	MetaPort     int
	MetaUser     string
	MetaPassword Secret

	RMDatabase        string // drc_rm_db
	CMDatabase        string // drc_cm_db
	HeartbeatDatabase string // drc_cm_heartbeat_db

	DRCUser     string
	DRCPassword Secret

	CMURL       string // http(s)://host:port, no slash at the end
	CMLocation  int
	CMRegion    string
	CMRegionCN  string // CMRegion when the file does not give it
	CMIsDefault bool
	CMNodes     []string // at least one IP address, no two the same

	TSDBService  string // INFLUXDB or CERESDB
	TSDBEnabled  bool
	TSDBURL      string // host:port
	TSDBUsername string
	TSDBPassword Secret

	GhanaPort, NginxPort, CMPort, SupervisorPort, SSHDPort int

	ApsaraAuditEnable                                 bool
	ApsaraAuditAccessKey, ApsaraAuditAccessSecret     Secret
	ApsaraAuditEndpoint                               string
	ApsaraAuditOpsSiteTopic, ApsaraAuditUserSiteTopic string

	// Extra holds the keys of the file that OMS does not know: string, int,
	// bool, nil, Secret for names that sound like one, and lists ([]any) and
	// maps (map[string]any) of these.
	Extra map[string]any
}

// Load reads and checks the file. The findings it returns are warnings; the
// error is an *Error with everything that is wrong in the file, or says why
// the file cannot be read. The warnings are returned in either case.
func Load(path string) (*Config, []finding.Finding, error) {
	data, _, err := ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	return Parse(path, data)
}

// ReadFrom returns the text of a configuration from a reader, such as standard
// input, for Parse. Of a text that is too long it returns as much as Parse
// needs to say so.
func ReadFrom(name string, from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxSize+1))
	if err != nil {
		return nil, msg.Errorf("cannot read the configuration %s: %w", name, cause(err))
	}
	return data, nil
}

// ReadFile is ReadFrom for a file, which is opened once. The second result is
// the state of the file right after it was read.
func ReadFile(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, msg.Errorf("cannot read %s: %w; in a container it is mounted with -v HOST_FILE:%s", path, cause(err), path)
	case err == nil && info.IsDir():
		return nil, nil, msg.Errorf("cannot read %s: it is a directory; Docker creates one when the host path of -v does not exist: remove the container and that directory on the host, put the file there, and start the container again", path)
	}
	var data []byte
	if err == nil {
		var f *os.File
		if f, err = os.Open(path); err == nil {
			defer f.Close()
			data, err = io.ReadAll(io.LimitReader(f, maxSize+1))
		}
		if err == nil {
			info, err = f.Stat()
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil, msg.Errorf("cannot read %s: %w; give the user that runs omsinit the right to read it", path, cause(err))
	}
	if err != nil {
		return nil, nil, msg.Errorf("cannot read the configuration %s: %w", path, cause(err))
	}
	return data, info, nil
}

// cause leaves out the path that package os puts in front of its errors.
func cause(err error) error {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		return withPath.Err
	}
	return err
}

// Parse is Load for bytes that were read already; name stands in the findings
// as the name of the file.
func Parse(name string, data []byte) (*Config, []finding.Finding, error) {
	r := newReader(name)
	r.all(data)
	warnings, err := r.findings.result()
	if err != nil {
		return nil, warnings, err
	}
	return &r.config, warnings, nil
}

func newReader(name string) *reader {
	return &reader{name: name, entries: map[string]entry{}, taken: map[string]*yaml.Node{}, unknowns: map[string]*yaml.Node{}, reported: map[string]bool{}, shift: map[int]int{}}
}

// Values gives every known key under its name in config.yaml with its
// effective value (string, int, bool, []string, or Secret), and Extra.
func (c *Config) Values() map[string]any {
	values := make(map[string]any, len(keys)+len(c.Extra))
	maps.Copy(values, c.Extra)
	for i := range keys {
		switch field := keys[i].field(c).(type) {
		case *string:
			values[keys[i].Name] = *field
		case *Secret:
			values[keys[i].Name] = *field
		case *int:
			values[keys[i].Name] = *field
		case *bool:
			values[keys[i].Name] = *field
		case *[]string:
			values[keys[i].Name] = slices.Clone(*field)
		}
	}
	return values
}

// NodeAddress returns the address that a node goes by: OMS_HOST_IP, or the only
// entry of cm_nodes when that is not set. It is empty when there are several.
func (c *Config) NodeAddress(hostIP string) string {
	if hostIP == "" && len(c.CMNodes) == 1 {
		return c.CMNodes[0]
	}
	return hostIP
}
