package pack

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"omsinit/internal/msg"
)

// Names returns every file of the pack's tree, sorted.
func (p *Pack) Names() ([]string, error) {
	var names []string
	err := fs.WalkDir(p.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, msg.Errorf("cannot read the pack: %w", err)
	}
	return names, nil
}

// Export writes files of the pack into a folder, all of them when no names are
// given. It refuses to overwrite, and returns the files that it wrote.
func (p *Pack) Export(dir string, names []string) (written []string, err error) {
	all, err := p.Names()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = all
	}
	for _, name := range names {
		data, err := fs.ReadFile(p.fsys, name)
		if err != nil {
			return written, msg.Errorf("the pack has no file %q; see `omsinit pack list`", name)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return written, msg.Errorf("cannot write %s: %w", path, err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return written, msg.Errorf("%s is there already, and is not overwritten; remove it, or name another folder",
				path)
		}
		if err == nil {
			_, err = f.Write(data)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return written, msg.Errorf("cannot write %s: %w", path, err)
		}
		written = append(written, path)
	}
	return written, nil
}
