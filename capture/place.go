package capture

import (
	"bytes"
	"os"
	"path"
	"slices"
	"strings"

	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// place decides who reads a file, to whom it belongs and with which mode, and
// what happens to one that is there.
func (j *Job) place(f *file) {
	f.readers = j.readersOf(f)
	secret := f.secret()
	if f.program && len(f.expressions()) == 0 {
		f.policy = pack.Create // the image brings it, and what it brings stays
	}
	if f.format == pack.Nginx && bytes.Contains(f.data, []byte("events")) && !brings(f) {
		f.validate = "nginx"
	}
	if !secret || f.mode&0o077 == 0 {
		return
	}
	before := f.mode
	f.mode = 0o600
	// Whoever reads it as another user must own it now.
	for _, p := range j.Programs.List {
		if slices.Contains(f.readers, p.Name) && p.User != "" && p.User != "root" {
			f.owner = p.User
		}
	}
	j.note(Finding{Kind: "mode", Path: f.path,
		Text: msg.M("it holds a secret and has the mode %04o; the pack gives it the mode 0600 and the owner %s", uint32(before), f.owner)})
}

// secret reports whether a file holds a secret of config.yaml.
func (f *file) secret() bool {
	return slices.ContainsFunc(f.expressions(), func(v *value) bool { return v.secret })
}

func (f *file) expressions() []*value {
	var out []*value
	for _, l := range f.lines {
		for _, s := range l {
			if s.value != nil {
				out = append(out, s.value)
			}
		}
	}
	return out
}

// brings reports whether an nginx file brings in others than nginx's own: they
// may not be there yet when it is checked.
func brings(f *file) bool {
	for _, m := range include().FindAllSubmatch(f.data, -1) {
		if path.Base(strings.TrimSpace(string(m[1]))) != "mime.types" {
			return true
		}
	}
	return false
}

// documentedReaders are the programs that read a folder (oms-facts §2 and §3).
var documentedReaders = []struct{ folder, program string }{
	{"/home/ds/ghana/config/tengine.conf", "nginx"},
	{"/home/ds/ghana/", "oms_console"},
	{"/home/ds/cm/", "oms_drc_cm"},
	{"/home/ds/supervisor/", "oms_drc_supervisor"},
	{"/etc/nginx/", "nginx"},
	{"/etc/ssh/", "sshd"},
}

// readersOf finds the programs that name the file, or that it is documented
// for; a file that others include is read by who reads those.
func (j *Job) readersOf(f *file) []string {
	if f.program {
		return nil
	}
	var out []string
	for _, p := range j.Programs.List {
		if j.names(p, f.path) {
			out = append(out, p.Name)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, d := range documentedReaders {
		if strings.HasPrefix(f.path, d.folder) && slices.ContainsFunc(j.Programs.List, func(p Program) bool { return p.Name == d.program }) {
			return []string{d.program}
		}
	}
	return nil
}

// names reports whether a program's definition, or the script that it starts,
// names a file.
func (j *Job) names(p Program, containerPath string) bool {
	if slices.Contains(p.Files, j.From.Tree.Path(containerPath)) {
		return true
	}
	for _, word := range p.Command {
		if j.From.container(word) == containerPath || strings.Contains(word, containerPath) {
			return true
		}
		script := j.From.Tree.Path(j.From.container(word))
		if info, err := os.Stat(script); err != nil || !info.Mode().IsRegular() || info.Size() > largestFile {
			continue
		}
		if data, err := os.ReadFile(script); err == nil && bytes.IndexByte(data, 0) < 0 && bytes.Contains(data, []byte(containerPath)) {
			return true
		}
	}
	return false
}
