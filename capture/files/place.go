package files

import (
	"bytes"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// place decides who reads a file, to whom it belongs and with which mode, and
// what happens to one that is there.
func (e *Explainer) place(f *match.File) {
	f.Readers = e.readersOf(f)
	f.Unread = len(f.Readers) == 0 && strings.HasPrefix(f.Path, "/etc/cron") // cron reads its files again by itself
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
	for _, p := range e.Words.From.Programs.List {
		if slices.Contains(f.Readers, p.Name) && p.User != "" && p.User != "root" {
			f.Owner = p.User
		}
	}
	e.Report.Note("mode", finding.Place{File: f.Path},
		msg.M("it holds a secret and has the mode %04o; the pack gives it the mode 0600 and the owner %s",
			uint32(before), f.Owner))
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

// readersOf finds the programs that name the file or have it open, else those that it is documented for, else those
// that name the folder that it is in.
func (e *Explainer) readersOf(f *match.File) []string {
	if f.Program {
		return nil
	}
	programs := e.Words.From.Programs
	var out, near []string
	nearest := 0
	for _, p := range programs.List {
		deepest := 0
		for _, name := range e.Words.From.PathsOf(p) {
			if name == f.Real {
				out = append(out, p.Name)
				break
			}
			// /home/ds and /etc hold everybody's files.
			if depth := strings.Count(name, "/"); depth > 2 && strings.HasPrefix(f.Real, name+"/") {
				deepest = max(deepest, depth)
			}
		}
		switch {
		case deepest > nearest:
			nearest, near = deepest, []string{p.Name}
		case deepest == nearest && deepest > 0:
			near = append(near, p.Name)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, d := range documentedReaders {
		if strings.HasPrefix(f.Path, d.folder) && programs.Has(d.program) {
			return []string{d.program}
		}
	}
	return near
}

// included adds to each file the readers of those that bring it in.
func (e *Explainer) included(files []*match.File) {
	for _, f := range files {
		for _, name := range includes(e.Words.From, f) {
			real := e.Words.From.Real(name)
			for _, part := range files {
				if part.Real == real {
					part.Readers = f.Readers
				}
			}
		}
	}
}
