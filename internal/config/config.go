// Package config reads config.yaml into one typed value: its keys, their spellings, defaults and rules. It uses neither
// the network nor the clock. Load and ReadFile open the file, Parse only those that it names for secrets (FileKey).
// Source of keys and rules: docs/oms-facts.md §1.
//
// Values are read as text, whatever type YAML gives them: a number, a boolean or an address may be plain, in quotes or
// tagged (!!bool "true"). Booleans are true, yes, on, y, t, 1 and their opposites in any case; numbers are decimal
// digits. An empty value of an optional key means that its default applies. Spaces around a value do not belong to it,
// except in secrets.
package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Load reads and checks the file. The findings it returns are warnings; the error is an *Error with everything that is
// wrong in the file, or the reason why the file cannot be read. The warnings are returned in either case.
func Load(path string) (*Config, []finding.Finding, error) {
	data, _, err := ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	return Parse(path, data)
}

// ReadFrom returns the text of a configuration from a reader, such as standard input, for Parse. Of a text that is too
// long it returns as much as Parse needs to report it.
func ReadFrom(name string, from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxSize+1))
	if err != nil {
		return nil, cannotRead(name, err)
	}
	return data, nil
}

// ReadFile is ReadFrom for a file, which is opened once. The second result is the state of the file right after it was
// read.
func ReadFile(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, cannotRead(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, nil, cannotRead(path, err)
	}
	info, err := f.Stat()
	return data, info, err
}

func cannotRead(path string, err error) error {
	switch err := cause(err); {
	case errors.Is(err, fs.ErrNotExist):
		return msg.Errorf("cannot read %s: %w; in a container it is mounted with -v HOST_FILE:%s", path, err, path)
	case errors.Is(err, syscall.EISDIR):
		return msg.Errorf(
			"cannot read %s: it is a directory; Docker creates one when the host path of -v does not exist: remove the container and that directory on the host, put the file there, and start the container again",
			path)
	case errors.Is(err, fs.ErrPermission):
		return msg.Errorf("cannot read %s: %w; give the user that runs omsinit the right to read it", path, err)
	default:
		return msg.Errorf("cannot read the configuration %s: %w", path, err)
	}
}

// cause returns the error without the path that package os puts in front of it.
func cause(err error) error {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		return withPath.Err
	}
	return err
}

// Parse is Load for bytes that were read already; name is the name of the file in the findings.
func Parse(name string, data []byte) (*Config, []finding.Finding, error) {
	r := newReader(name)
	r.all(data)
	warnings, err := r.findings.result()
	if err != nil {
		return nil, warnings, err
	}
	return &r.config, warnings, nil
}

// NodeAddress returns the address that a node goes by: OMS_HOST_IP, or the only entry of cm_nodes when that is not set.
// It is empty when there are several.
func (c *Config) NodeAddress(hostIP string) string {
	if hostIP == "" && len(c.CMNodes) == 1 {
		return c.CMNodes[0]
	}
	return hostIP
}

// SameMetaDB reports whether two configurations mean the same databases, reached in the same way.
func (c *Config) SameMetaDB(other *Config) bool {
	return c.MetaHost == other.MetaHost && c.MetaPort == other.MetaPort && c.MetaUser == other.MetaUser &&
		c.MetaPassword == other.MetaPassword && c.RMDatabase == other.RMDatabase && c.CMDatabase == other.CMDatabase &&
		c.HeartbeatDatabase == other.HeartbeatDatabase
}
