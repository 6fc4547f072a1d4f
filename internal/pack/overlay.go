package pack

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"
)

const embedded = "embedded"

// overlay is one tree over another, file by file. A folder holds the names of
// both. The upper tree is a directory; empty means there is none.
type overlay struct {
	dir   string
	lower fs.FS
}

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	if o.dir == "" {
		return o.lower.Open(name)
	}
	f, err := os.DirFS(o.dir).Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.lower.Open(name)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if !info.IsDir() {
		return f, nil
	}
	f.Close()
	entries, err := o.ReadDir(name)
	if err != nil {
		return nil, err
	}
	return &mergedDir{info: info, entries: entries}, nil
}

// ReadDir implements fs.ReadDirFS: the names of both trees, sorted.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	lower, err := fs.ReadDir(o.lower, name)
	if o.dir == "" {
		return lower, err
	}
	upper, upperErr := fs.ReadDir(os.DirFS(o.dir), name)
	switch {
	case errors.Is(upperErr, fs.ErrNotExist):
		return lower, err
	case upperErr != nil:
		return nil, upperErr
	}
	// The lower tree may well have no such folder, or a file of that name.
	entries := upper
	for _, e := range lower {
		if !slices.ContainsFunc(upper, func(u fs.DirEntry) bool { return u.Name() == e.Name() }) {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// source is where a file comes from, for messages.
func (o overlay) source(name string) string {
	if o.dir != "" {
		path := filepath.Join(o.dir, filepath.FromSlash(name))
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return embedded
}

// place is source with the name, for messages about a file.
func (o overlay) place(name string) string {
	if s := o.source(name); s != embedded {
		return s
	}
	return embedded + ":" + name
}

// standsAlone reports whether the pack.yaml of the upper tree says that nothing
// is to be below it. What is wrong with that file is found later.
func (o overlay) standsAlone() bool {
	if o.dir == "" {
		return false
	}
	data, err := os.ReadFile(filepath.Join(o.dir, manifestName))
	if err != nil {
		return false
	}
	var m struct {
		Standalone bool `yaml:"standalone"`
	}
	return safely(func() error { return yaml.Unmarshal(data, &m) }) == nil && m.Standalone
}

// nothing is the tree below a pack that stands alone.
type nothing struct{}

// Open implements fs.FS.
func (nothing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// mergedDir is an open folder of an overlay.
type mergedDir struct {
	info    fs.FileInfo
	entries []fs.DirEntry
	next    int
}

func (d *mergedDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *mergedDir) Close() error               { return nil }

func (d *mergedDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: errors.New("is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (d *mergedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.entries[d.next:]
	if n <= 0 {
		d.next = len(d.entries)
		return slices.Clone(rest), nil
	}
	if len(rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(rest))
	d.next += n
	return slices.Clone(rest[:n]), nil
}
