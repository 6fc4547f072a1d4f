// Package files finds the generated files of an installation and turns them into templates.
package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
)

// documented are the generated files that are documented (oms-facts §2).
var documented = []string{
	"/home/ds/ghana/config/application-oms.properties",
	"/home/ds/ghana/config/tengine.conf",
	"/home/ds/cm/package/config/drc-cm.properties",
	"/home/ds/cm/package/config/jdbc.properties",
	"/home/ds/supervisor/config/drc.properties",
	"/home/ds/supervisor/config/supervisor.json",
}

// Search finds the files of an installation.
type Search struct {
	From, Second *source.Installation // Second is nil when there is none
	// Files are further files and folders, as paths of the container.
	Files []string
	// Leave are those that do not become part of the pack.
	Leave []string
	// Diff is what docker diff says of the container; nil where it was not asked.
	Diff []source.Change
	// Check reads a file in its own syntax.
	Check  func(pack.Format, []byte) error
	Report *report.Report
	// Folders were made, or had something made in them, since the container was made; once Find has looked.
	Folders []string
	// Made are those that were not in the image; once Find has looked.
	Made []string
}

// Find reads the files to capture, by path, and sees whether they speak of the folders that the installations are in.
func (s *Search) Find(ctx context.Context) ([]*match.File, error) {
	found := map[string]*match.File{} // by where they really are
	add := func(containerPath string, known, program bool) error {
		real := s.From.Real(containerPath)
		if s.leaves(real) {
			s.Report.Note(report.Left, finding.Place{File: containerPath}, msg.M("it was to be left out (--leave)"))
			return nil
		}
		if have, ok := found[real]; ok {
			have.Known, have.Program = have.Known || known, have.Program || program
			return nil
		}
		f, err := s.read(containerPath, program)
		if err != nil || f == nil {
			return err
		}
		f.Real, f.Known = real, known
		found[real] = f
		return nil
	}
	for _, name := range documented {
		if _, err := os.Stat(s.From.Disk(name)); err != nil {
			s.Report.Note("missing", finding.Place{File: name}, msg.M("the documented file is not there"))
			continue
		}
		if err := add(name, true, false); err != nil {
			return nil, err
		}
	}
	for _, name := range s.From.Programs.Files {
		if err := add(s.From.Documented(s.From.Container(name)), true, true); err != nil {
			return nil, err
		}
	}
	look := s.From.Look(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, name := range s.Files {
		if _, err := os.Stat(s.From.Disk(name)); err != nil {
			return nil, msg.Errorf("cannot capture the file %s: %w", s.From.Documented(name), err)
		}
		err := filepath.WalkDir(s.From.Disk(name), func(disk string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			return add(s.From.Documented(s.From.Container(disk)), true, false)
		})
		if err != nil {
			return nil, err
		}
	}
	for _, name := range look.Files {
		err := add(s.From.Documented(name), false, false)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may be gone by now
			return nil, err
		}
	}
	s.Folders = look.Folders
	if s.From.Bundle != nil {
		s.Folders = s.From.Bundle.Folders
	}
	s.left(look.Left)
	if err := s.changes(look, found, add); err != nil {
		return nil, err
	}
	for before := 0; before != len(found); {
		before = len(found)
		for _, f := range slices.Collect(maps.Values(found)) {
			for _, name := range includes(s.From, f) {
				if _, err := os.Stat(s.From.Disk(name)); err != nil {
					continue // it may be relative to nginx's own folder
				}
				if err := add(s.From.Documented(name), false, false); err != nil {
					return nil, err
				}
			}
		}
	}
	var data, second [][]byte
	for _, f := range found {
		data, second = append(data, f.Data), append(second, f.Second)
	}
	s.From.SeesMoved(data...)
	if s.Second != nil {
		s.Second.SeesMoved(second...)
	}
	byPath := func(a, b *match.File) int { return strings.Compare(a.Path, b.Path) }
	return slices.SortedFunc(maps.Values(found), byPath), nil
}

// leaves reports whether a file is to be left out.
func (s *Search) leaves(real string) bool {
	return slices.ContainsFunc(s.Leave, func(name string) bool {
		name = s.From.Real(name)
		return name == real || strings.HasPrefix(real, strings.TrimSuffix(name, "/")+"/")
	})
}

// mostLeft is how many files are listed that are left out.
const mostLeft = 20

// left lists what is left out although it holds something from config.yaml.
func (s *Search) left(list []source.Left) {
	if s.From.Bundle != nil {
		list = s.From.Bundle.Left
	}
	for n, l := range list {
		at := finding.Place{File: l.Path}
		switch {
		case n == mostLeft:
			s.Report.Note(report.Left, finding.Place{File: "/"},
				msg.M("%d files more that hold something from config.yaml", len(list)-n))
			return
		case len(l.Keys) == 0:
			s.Report.Note(report.Left, at, l.Why.Message())
		default:
			s.Report.Note(report.Left, at, msg.M("it holds the value of %s, but %s", msg.List(l.Keys), l.Why.Message()))
		}
	}
}

// read reads one file, and the one of the same path in the second installation.
// It returns nil for what is no text.
func (s *Search) read(containerPath string, program bool) (*match.File, error) {
	name := s.From.Disk(containerPath)
	info, err := os.Stat(name)
	if err != nil {
		return nil, msg.Errorf("cannot capture the file %s: %w", containerPath, err)
	}
	if info.Size() > source.LargestFile || !info.Mode().IsRegular() {
		return nil, nil
	}
	fact, _ := s.From.Fact(containerPath)
	f := &match.File{Path: containerPath, Mode: fact.Mode, Owner: fact.Owner, Changed: fact.Changed, Program: program,
		Policy: pack.Replace}
	if f.Data, err = os.ReadFile(name); err != nil {
		return nil, msg.Errorf("cannot capture the file %s: %w", containerPath, err)
	}
	if bytes.IndexByte(f.Data, 0) >= 0 {
		return nil, nil
	}
	if s.Second != nil {
		f.Second = s.Second.Text(containerPath)
	}
	f.Format = s.formatOf(f)
	if f.Format == pack.JSON && !isObject(f.Data) {
		f.Merge = pack.Whole
	}
	return f, nil
}

var nginxLine = pattern.New(
	`(?m)^\s*(server|http|events|upstream|location|listen|proxy_pass|worker_processes)\b[^=]*[{;]`)

// formatOf decides the format by name and contents. Contents that are not of
// the format that the name promises are plain text.
func (s *Search) formatOf(f *match.File) pack.Format {
	var format pack.Format
	switch ext := path.Ext(f.Path); {
	case f.Program || path.Base(f.Path) == "supervisord.conf":
		format = pack.INI
	case ext == ".properties":
		format = pack.Properties
	case ext == ".json":
		format = pack.JSON
	case path.Base(f.Path) == "sshd_config" || strings.HasSuffix(f.Path, "_sshd_config"):
		format = pack.SSHD
	case ext == ".conf" && nginxLine().Match(f.Data):
		format = pack.Nginx
	default:
		return pack.Plain
	}
	for _, data := range [][]byte{f.Data, f.Second} {
		if data != nil && s.Check(format, data) != nil {
			return pack.Plain
		}
	}
	return format
}

func isObject(data []byte) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(data, &object) == nil
}

// includes are the files that an nginx file brings in, as paths of the container.
func includes(from *source.Installation, f *match.File) []string {
	if f.Format != pack.Nginx {
		return nil
	}
	var out []string
	for _, m := range match.Include().FindAllSubmatch(f.Data, -1) {
		name := strings.TrimSpace(string(m[1]))
		if !path.IsAbs(name) {
			name = path.Join(path.Dir(f.Path), name)
		}
		dir, base := path.Split(from.Container(name))
		if !strings.ContainsAny(base, "*?[") {
			out = append(out, path.Join(dir, base))
			continue
		}
		found, _ := filepath.Glob(path.Join(from.Disk(dir), base)) // a wrong pattern brings in nothing
		for _, disk := range found {
			out = append(out, path.Join(dir, path.Base(disk)))
		}
	}
	return out
}
