package match

import (
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"omsinit/internal/pack"
)

// File is one generated file of the installation.
type File struct {
	Path     string // of the container
	Data     []byte
	Second   []byte // in the second installation; nil: there is none
	Mode     fs.FileMode
	Owner    string
	Format   pack.Format
	Merge    pack.Merge
	Policy   pack.Policy
	Readers  []string
	Validate string
	Program  bool // one that defines programs
	Known    bool // one that is documented, or that was asked for
	Explained
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
			if f.Second != nil && s.Value.A != s.Value.B || len(s.Text) >= 6 || port {
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
	for _, m := range Include.FindAllSubmatch(f.Data, -1) {
		if path.Base(strings.TrimSpace(string(m[1]))) != "mime.types" {
			return true
		}
	}
	return false
}

// Include is a line of nginx that includes another file.
var Include = regexp.MustCompile(`(?m)^\s*include\s+"?([^;"]+)"?\s*;`)
