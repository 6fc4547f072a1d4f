package capture

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"omsinit/capture/match"
	"omsinit/capture/source"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// known are the generated files that are documented (oms-facts §2).
var documented = []string{
	"/home/ds/ghana/config/application-oms.properties",
	"/home/ds/ghana/config/tengine.conf",
	"/home/ds/cm/package/config/drc-cm.properties",
	"/home/ds/cm/package/config/jdbc.properties",
	"/home/ds/supervisor/config/drc.properties",
	"/home/ds/supervisor/config/supervisor.json",
}

// folders are where the components' configuration is. Files in them are taken
// when they hold something from config.yaml.
var folders = []string{
	"/home/ds/ghana/config", "/home/ds/ghana/conf", "/home/ds/cm/package/config", "/home/ds/cm/package/deployapp",
	"/home/ds/supervisor/config", "/home/ds/supervisor/conf", "/home/ds/supervisor/package/config",
	"/home/admin/conf", "/etc/supervisor", "/etc/nginx", "/etc/ssh",
}

// Bounds of the search: generated files are small and few.
const (
	mostFiles = 20_000
)

// find reads the files to capture, by path.
func (j *Job) find() ([]*match.File, error) {
	found := map[string]*match.File{}
	add := func(containerPath string, known, program bool) error {
		real := j.From.Container(j.From.Real(containerPath))
		if have, ok := found[real]; ok {
			have.Known, have.Program = have.Known || known, have.Program || program
			return nil
		}
		f, err := j.read(real)
		if err != nil || f == nil {
			return err
		}
		f.Known, f.Program = known, program
		found[real] = f
		return nil
	}
	for _, name := range documented {
		if _, err := os.Stat(j.From.Tree.Path(name)); err != nil {
			j.note(Finding{Kind: "missing", Path: name, Text: msg.M("the documented file is not there")})
			continue
		}
		if err := add(name, true, false); err != nil {
			return nil, err
		}
	}
	for _, name := range j.Programs.Files {
		if err := add(j.From.Container(name), true, true); err != nil {
			return nil, err
		}
	}
	search := slices.Clone(folders)
	for _, name := range j.Files {
		info, err := os.Stat(j.From.Tree.Path(name))
		switch {
		case err != nil:
			return nil, msg.Errorf("cannot capture the file %s: %w", name, err)
		case info.IsDir():
			search = append(search, name)
		default:
			if err := add(path.Clean("/"+name), true, false); err != nil {
				return nil, err
			}
		}
	}
	if err := j.walk(search, add); err != nil {
		return nil, err
	}
	for before := 0; before != len(found); {
		before = len(found)
		for _, f := range slices.Collect(maps.Values(found)) {
			for _, name := range includes(f) {
				name = j.From.Container(name)
				if _, err := os.Stat(j.From.Tree.Path(name)); err != nil {
					continue // it may be relative to nginx's own folder
				}
				if err := add(name, false, false); err != nil {
					return nil, err
				}
			}
		}
	}
	out := make([]*match.File, 0, len(found))
	for _, f := range found {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *match.File) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// walk goes through the folders.
func (j *Job) walk(search []string, add func(string, bool, bool) error) error {
	seen := 0
	for _, folder := range search {
		err := filepath.WalkDir(j.From.Real(folder), func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // a folder that is not there, or may not be read
			}
			if seen++; seen > mostFiles {
				if seen == mostFiles+1 {
					j.note(Finding{Kind: "missing", Path: folder, Text: msg.M("there are more than %d files in the folders of the configuration, so the rest was not looked at; name the generated ones with --file", mostFiles)})
				}
				return fs.SkipAll
			}
			if p := j.From.Container(name); !leftOut(p) {
				return add(p, false, false)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leftOut are files that are not generated from config.yaml although they may
// hold what it says: config.yaml itself, copies that people keep, and keys.
func leftOut(p string) bool {
	base := path.Base(p)
	switch {
	case path.Dir(p) == "/home/admin/conf" && strings.HasPrefix(base, "config"):
		return true
	case strings.HasPrefix(base, "ssh_host_"), strings.HasPrefix(base, "."):
		return true
	}
	for _, end := range []string{".edited", ".bak", ".orig", ".rpmsave", ".rpmnew", ".dpkg-old", ".dpkg-dist", "~", ".swp", ".jar", ".war", ".log", ".pem", ".key", ".jks", ".class", ".js", ".css", ".map", ".html", ".svg"} {
		if strings.HasSuffix(base, end) {
			return true
		}
	}
	return false
}

// read reads one file, and the one of the same path in the second installation.
// It returns nil for what is no text.
func (j *Job) read(containerPath string) (*match.File, error) {
	name := j.From.Tree.Path(containerPath)
	info, err := os.Stat(name)
	if err != nil {
		return nil, msg.Errorf("cannot capture the file %s: %w", containerPath, err)
	}
	if info.Size() > source.LargestFile || !info.Mode().IsRegular() {
		return nil, nil
	}
	f := &match.File{Path: containerPath, Mode: info.Mode().Perm(), Owner: "root", Policy: pack.Replace}
	if f.Data, err = os.ReadFile(name); err != nil {
		return nil, msg.Errorf("cannot capture the file %s: %w", containerPath, err)
	}
	if bytes.IndexByte(f.Data, 0) >= 0 {
		return nil, nil
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		f.Owner = j.From.UserName(int(stat.Uid))
	}
	if j.Second != nil {
		f.Second = j.Second.Text(containerPath)
	}
	f.Format = j.formatOf(f)
	if f.Format == pack.JSON && !isObject(f.Data) {
		f.Merge = pack.Whole
	}
	return f, nil
}

var (
	nginxLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)^\s*(server|http|events|upstream|location|listen|proxy_pass|worker_processes)\b[^=]*[{;]`)
	})
)

// formatOf decides the format by name and contents. Contents that are not of
// the format that the name promises are plain text.
func (j *Job) formatOf(f *match.File) pack.Format {
	var format pack.Format
	switch ext := path.Ext(f.Path); {
	case f.Program || ext == ".ini" || path.Base(f.Path) == "supervisord.conf":
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
		if data != nil && j.Check(format, data) != nil {
			return pack.Plain
		}
	}
	return format
}

func isObject(data []byte) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(data, &object) == nil
}

// includes are the files that an nginx file brings in, without patterns.
func includes(f *match.File) []string {
	if f.Format != pack.Nginx {
		return nil
	}
	var out []string
	for _, m := range match.Include.FindAllSubmatch(f.Data, -1) {
		name := strings.TrimSpace(string(m[1]))
		if strings.ContainsAny(name, "*?[") {
			continue
		}
		if !path.IsAbs(name) {
			name = path.Join(path.Dir(f.Path), name)
		}
		out = append(out, name)
	}
	return out
}
