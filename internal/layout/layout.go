// Package layout knows every path of the OMS container, in one place and
// under a root that tests, the demo and trial mode can move.
//
// Source of the paths: oms-facts §2 and §3.
package layout

import (
	"os"
	"path/filepath"
)

// Layout resolves container paths. The zero value is the container itself.
type Layout struct {
	root string
}

// New returns the layout under root. An empty root and "/" both mean the
// container itself; a relative root is made absolute against the working
// directory.
func New(root string) Layout {
	if root == "" {
		return Layout{}
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		abs = filepath.Clean(root)
	}
	if abs == "/" {
		return Layout{}
	}
	return Layout{root: abs}
}

// Root is the prefix of every path, empty in the container itself.
func (l Layout) Root() string { return l.root }

// Relocated reports whether the tree was moved under another root. In a
// relocated tree everything runs as, and belongs to, whoever started omsinit.
func (l Layout) Relocated() bool { return l.root != "" }

// Path moves an absolute container path under the root.
func (l Layout) Path(containerPath string) string {
	return filepath.Join(l.root, filepath.Clean("/"+containerPath))
}

// ConfigFile is config.yaml, a single-file bind mount in the documented
// deployment, so it must never be renamed onto.
func (l Layout) ConfigFile() string { return l.Path("/home/admin/conf/config.yaml") }

// LogDir is the mounted log folder.
func (l Layout) LogDir() string { return l.Path("/home/admin/logs") }

// LogFile is the log of PID 1 itself.
func (l Layout) LogFile() string { return l.Path("/home/admin/logs/omsinit.log") }

// StoreDir is the mounted folder of the Store components.
func (l Layout) StoreDir() string { return l.Path("/home/ds/store") }

// RunDir is the mounted folder of the other data components.
func (l Layout) RunDir() string { return l.Path("/home/ds/run") }

// BackupDir holds the backups of the MetaDB that omsinit takes by itself. It is
// on a mount: a backup must outlive the container.
func (l Layout) BackupDir() string { return l.Path("/home/ds/run/metadb-backup") }

// ConfigCopy is the copy of config.yaml from before an upgrade, under its
// documented name.
func (l Layout) ConfigCopy() string { return l.Path("/home/admin/conf/config_copy.yaml") }

// StateDir holds omsinit's own state. It is in the container's own layer on
// purpose: it records what was done in this container, and goes with it.
func (l Layout) StateDir() string { return l.Path("/var/lib/omsinit") }

// InitLock is the file that a running initialisation locks.
func (l Layout) InitLock() string { return l.Path("/var/lib/omsinit/init.lock") }

// RunLock is the file that the running PID 1 locks.
func (l Layout) RunLock() string { return l.Path("/var/lib/omsinit/run.lock") }

// InitFlag is the non-empty marker of a finished initialisation.
func (l Layout) InitFlag() string { return l.Path("/root/init_flag.txt") }

// SupervisordConf is the main program definition file.
func (l Layout) SupervisordConf() string { return l.Path("/etc/supervisor/supervisord.conf") }

// ProgramDir holds the program definition files that supervisord.conf includes.
func (l Layout) ProgramDir() string { return l.Path("/etc/supervisor/conf.d") }

// ControlSocket is where PID 1 listens when supervisord.conf names no socket.
func (l Layout) ControlSocket() string { return l.Path("/tmp/supervisor.sock") }

// PageSocket is where nginx finds the page of PID 1.
func (l Layout) PageSocket() string { return l.Path("/var/lib/omsinit/page.sock") }

// RenderedRecord is what the generated files of this container were made from.
func (l Layout) RenderedRecord() string { return l.Path("/var/lib/omsinit/rendered") }

// TSDBState reports whether step 3 told the components of the time-series
// database.
func (l Layout) TSDBState() string { return l.Path("/var/lib/omsinit/tsdb.json") }

// SettingsRecord is what config.yaml gave for the rows of settings when this node looked last.
func (l Layout) SettingsRecord() string { return l.Path("/var/lib/omsinit/settings.json") }

// CertFile and KeyFile switch nginx to HTTPS when both are there.
func (l Layout) CertFile() string { return l.Path("/etc/pki/nginx/oms_server.crt") }

// KeyFile is the private key of CertFile.
func (l Layout) KeyFile() string { return l.Path("/etc/pki/nginx/oms_server.key") }

// HTTPS reports whether both certificate files are there (oms-facts §10).
// Docker makes a folder where the host has no such file.
func (l Layout) HTTPS() bool { return isFile(l.CertFile()) && isFile(l.KeyFile()) }

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// PackDir is where an image lays its own pack over the built-in one.
func (l Layout) PackDir() string { return l.Path("/usr/share/omsinit/pack") }
