// Package backup dumps the databases of OMS and brings them back, both proven:
// a backup is done when its manifest is there, and a restore is done when what
// was restored reads the same again.
//
// The dumps are what the documented mysqldump makes (oms-facts §6 and §7), and any client loads them. omsinit writes
// and reads them itself: no program of the right server need be on the node, and no option file leads it elsewhere.
package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// ManifestFile is written last: a folder without it holds no finished backup.
const ManifestFile = "manifest.json"

// Manifest is what a backup holds. It only ever grows.
type Manifest struct {
	Version   int        `json:"version"` // of this form: 1
	Created   string     `json:"created"` // RFC 3339
	Tool      string     `json:"tool"`    // version of omsinit
	Server    string     `json:"server"`  // version of the MetaDB
	Dumper    string     `json:"dumper"`  // what made the dumps: omsinit, or one of the server's programs (0.1.0)
	Releases  []string   `json:"releases"`
	Databases []Database `json:"databases"`
	// Proof is the last restore that was tried with this backup; nil when none was.
	Proof *Proof `json:"proof,omitempty"`
}

// Database is one dumped database.
type Database struct {
	Kind      config.Role `json:"kind"`
	Name      string      `json:"name"`
	File      string      `json:"file"`
	Size      int64       `json:"size"` // bytes
	SHA256    string      `json:"sha256"`
	Charset   string      `json:"charset"`
	Collation string      `json:"collation"`
	Tables    []Table     `json:"tables"`
	// Views are the names of the views, which a restore must bring back too.
	Views []string `json:"views,omitempty"`
	// Objects are all that is no table, views too. They are in the dump as well.
	Objects []Object `json:"objects,omitempty"`
	// Unseen are the rights on the database that the account lacked, such as TRIGGER: without them it does not see
	// the objects of that kind, so that the backup may lack some.
	Unseen []string `json:"unseen,omitempty"`
}

// scratch is the name of the database beside it, into which a dump is read.
func (d *Database) scratch() string { return d.Name + scratchSuffix }

// Table is one table of a dump. The checksum is over the rows as they are
// dumped, in whatever order.
type Table struct {
	Name     string `json:"name"`
	Rows     int64  `json:"rows"`
	Checksum string `json:"checksum"`
	// Columns counts those that are not generated; 0 is not known.
	Columns int `json:"columns,omitempty"`
}

// dumper is what makes the dumps now.
const dumper = "omsinit"

// complete reports whether the dumps hold all objects that the account saw. Those of the server's programs hold views
// only.
func (m *Manifest) complete() bool { return m.writer() == ourselves }

// writer returns who wrote the dumps.
func (m *Manifest) writer() writer {
	switch {
	case m.Dumper == dumper:
		return ourselves
	case strings.Contains(strings.ToLower(m.Dumper), "mariadb"):
		return mariadbDump
	}
	return mysqldump
}

// Size returns how many bytes the dumps have.
func (m *Manifest) Size() (bytes int64) {
	for _, d := range m.Databases {
		bytes += d.Size
	}
	return bytes
}

// Heartbeats returns the names of the heartbeat databases among these.
func Heartbeats(databases []Database) (names []string) {
	for _, d := range databases {
		if d.Kind == config.Heartbeat {
			names = append(names, d.Name)
		}
	}
	return names
}

func (m *Manifest) write(dir string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, ManifestFile), append(data, '\n'), atomicfile.Options{Mode: 0o600})
}

// Read reads and checks a backup: every dump must be there with its size and
// checksum.
func Read(dir string) (*Manifest, error) {
	data, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, msg.Errorf("%s holds no finished backup: there is no %s in it", dir, ManifestFile)
	}
	if err != nil {
		return nil, msg.Errorf("cannot read the backup: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, msg.Errorf("cannot read %s: %w", filepath.Join(dir, ManifestFile), err)
	}
	if m.Version != 1 || len(m.Databases) == 0 {
		return nil, msg.Errorf("%s is of version %d and lists %d databases; this omsinit reads version 1",
			filepath.Join(dir, ManifestFile), m.Version, len(m.Databases))
	}
	for _, d := range m.Databases {
		if d.Name == "" || d.File != filepath.Base(d.File) {
			return nil, msg.Errorf("cannot read %s: %w", filepath.Join(dir, ManifestFile),
				msg.Errorf("the file %q of the database %q is not a name in this folder", d.File, d.Name))
		}
		if err := d.check(dir); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// check compares a dump with what the manifest says of it.
func (d *Database) check(dir string) error {
	path := filepath.Join(dir, d.File)
	f, err := os.Open(path)
	if err != nil {
		return msg.Errorf("cannot read the backup: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return msg.Errorf("cannot read the backup: %w", err)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); n != d.Size || sum != d.SHA256 {
		return msg.Errorf("%s is not what was backed up: it has %d bytes and the SHA-256 %s, the manifest says %d and %s", path, n, sum, d.Size, d.SHA256)
	}
	return nil
}
