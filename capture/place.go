package capture

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/source"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// place decides who reads a file, to whom it belongs and with which mode, and
// what happens to one that is there.
func (j *Job) place(f *match.File) {
	f.Readers = j.readersOf(f)
	secret := f.Secret()
	if f.Program && len(f.Expressions()) == 0 {
		f.Policy = pack.Create // the image brings it, and what it brings stays
	}
	if f.Format == pack.Nginx && bytes.Contains(f.Data, []byte("events")) && !match.Brings(f) {
		f.Validate = "nginx"
	}
	if !secret || f.Mode&0o077 == 0 {
		return
	}
	before := f.Mode
	f.Mode = 0o600
	// Whoever reads it as another user must own it now.
	for _, p := range j.Programs.List {
		if slices.Contains(f.Readers, p.Name) && p.User != "" && p.User != "root" {
			f.Owner = p.User
		}
	}
	j.note(Finding{Kind: "mode", Path: f.Path,
		Text: msg.M("it holds a secret and has the mode %04o; the pack gives it the mode 0600 and the owner %s", uint32(before), f.Owner)})
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
func (j *Job) readersOf(f *match.File) []string {
	if f.Program {
		return nil
	}
	var out []string
	for _, p := range j.Programs.List {
		if j.names(p, f.Path) {
			out = append(out, p.Name)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, d := range documentedReaders {
		if strings.HasPrefix(f.Path, d.folder) &&
			slices.ContainsFunc(j.Programs.List, func(p source.Program) bool { return p.Name == d.program }) {
			return []string{d.program}
		}
	}
	return nil
}

// names reports whether a program's definition, or the script that it starts,
// names a file.
func (j *Job) names(p source.Program, containerPath string) bool {
	if slices.Contains(p.Files, j.From.Tree.Path(containerPath)) {
		return true
	}
	for _, word := range p.Command {
		if j.From.Container(word) == containerPath || strings.Contains(word, containerPath) {
			return true
		}
		script := j.From.Tree.Path(j.From.Container(word))
		if info, err := os.Stat(script); err != nil || !info.Mode().IsRegular() || info.Size() > source.LargestFile {
			continue
		}
		if data, err := os.ReadFile(script); err == nil && bytes.IndexByte(data, 0) < 0 &&
			bytes.Contains(data, []byte(containerPath)) {
			return true
		}
	}
	return false
}
