package match

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/internal/pack"
	"omsinit/internal/pattern"
)

// File is one generated file of the installation.
type File struct {
	Path     string // of the container, as it is documented
	Real     string // where it is, with all links followed
	Data     []byte
	Second   []byte // in the second installation; nil: there is none
	Mode     fs.FileMode
	Owner    string
	Format   pack.Format
	Merge    pack.Merge
	Policy   pack.Policy
	Readers  []string
	Unread   bool // no program need be restarted for it
	Validate string
	Program  bool // one that defines programs
	Known    bool // one that is documented, or that was asked for
	Changed  bool // since the container was made
	Made     bool // by the container's start, as docker diff says
	// MadePolicy is what becomes of such a file where it holds nothing from config.yaml.
	MadePolicy pack.Policy
	Words      *Vocabulary // by which it was explained
	Explained
}

// Open is how much of a file cannot be told.
func (f *File) Open() int {
	n := len(f.Differs)
	for _, l := range f.Lines {
		for _, s := range l {
			n += len(s.Unsure)
		}
	}
	return n
}

// FromConfig reports whether something in a file surely comes from config.yaml:
// a number may stand in any file.
func (f *File) FromConfig() bool {
	for _, l := range f.Lines {
		for _, s := range l {
			if s.Value == nil && len(s.Unsure) > 0 &&
				slices.ContainsFunc(s.Unsure, func(v *Value) bool { return v.Secret }) {
				return true
			}
			if s.Value == nil || s.Value.Keys[0] == "root" || s.Value.Keys[0] == "release" {
				continue
			}
			port := f.Format == pack.SSHD && s.Value.Keys[0] == "sshd_server_port"
			if f.Second != nil && s.Value.A != s.Value.B || len(s.Text) >= 6 || f.Changed && len(s.Text) >= 4 || port {
				return true
			}
		}
	}
	return false
}

// Template is the file's name in the pack.
func (f *File) Template() string { return filepath.ToSlash(filepath.Join("templates", f.Path)) }

// Secret reports whether a file holds a secret of config.yaml.
func (f *File) Secret() bool {
	return slices.ContainsFunc(f.Expressions(), func(v *Value) bool { return v.Secret })
}

func (f *File) Expressions() []*Value {
	var out []*Value
	for _, l := range f.Lines {
		for _, s := range l {
			if s.Value != nil {
				out = append(out, s.Value)
			}
		}
	}
	return out
}

// Brings reports whether an nginx file brings in others than nginx's own: they
// may not be there yet when it is checked.
func Brings(f *File) bool {
	for _, m := range Include().FindAllSubmatch(f.Data, -1) {
		if path.Base(strings.TrimSpace(string(m[1]))) != "mime.types" {
			return true
		}
	}
	return false
}

// Include is a line of nginx that includes another file.
var Include = pattern.New(`(?m)^\s*include\s+"?([^;"]+)"?\s*;`)
