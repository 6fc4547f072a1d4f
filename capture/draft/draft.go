// Package draft writes a pack: pack.yaml, and all files as a whole or none.
package draft

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// Tree is a pack as it will be written: its files by their names.
type Tree map[string][]byte

// lacks returns the first column that a table of the captured schema does not have, the table when it is not there,
// and "" when nothing is missing.
func (t Tree) lacks(role config.Role, table string, columns ...string) string {
	file := ""
	for name, data := range t {
		if strings.HasPrefix(name, "schema/"+string(role)+"/") {
			file += string(data)
		}
	}
	_, text, found := strings.Cut(file, "CREATE TABLE IF NOT EXISTS `"+table+"` (")
	if !found {
		return table
	}
	text, _, _ = strings.Cut(text, "\n)")
	for _, column := range columns {
		if column != "" && !strings.Contains(text, "`"+column+"` ") {
			return column
		}
	}
	return ""
}

// Usable refuses a folder that a pack cannot be written to: it must be new or empty, or hold a pack where force is set.
func Usable(out string, force bool) error {
	entries, err := os.ReadDir(out)
	switch {
	case os.IsNotExist(err), err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return msg.Errorf("cannot write the pack to %s: %w", out, err)
	case force && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "pack.yaml" }):
		return msg.Errorf("%s is no pack (it has no pack.yaml), and --force replaces nothing else; name another folder", out)
	case force:
		return nil
	}
	return msg.Errorf("%s is not empty, and what is in it is not overwritten; name a new folder, or give --force", out)
}

// Staged is a pack that lies beside its place.
type Staged struct {
	Dir string // where it is now
	Out string // its place, as an absolute path
}

// Stage writes the files beside the place of the pack, where they can be looked at: Commit renames them, so that there
// is a whole pack or none, and Discard removes what was not renamed.
func (t Tree) Stage(out string) (*Staged, error) {
	abs, err := filepath.Abs(out)
	if err != nil {
		return nil, writeError(out, err)
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
		return nil, writeError(abs, err)
	}
	cleanUp(abs)
	dir, err := os.MkdirTemp(filepath.Dir(abs), "."+filepath.Base(abs)+".new-")
	if err != nil {
		return nil, writeError(abs, err)
	}
	s := &Staged{Dir: dir, Out: abs}
	err = os.Chmod(dir, 0o755)
	for _, name := range slices.Sorted(maps.Keys(t)) {
		err = errors.Join(err, s.Add(name, t[name]))
	}
	if err != nil {
		s.Discard()
		return nil, writeError(abs, err)
	}
	return s, nil
}

// Add writes one file more.
func (s *Staged) Add(name string, data []byte) error {
	p := filepath.Join(s.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return writeError(s.Out, err)
	}
	if err := os.WriteFile(p, data, 0o644); err != nil {
		return writeError(s.Out, err)
	}
	return nil
}

// Discard removes the pack, unless it was committed.
func (s *Staged) Discard() { _ = os.RemoveAll(s.Dir) }

// Commit renames the pack onto its place, where an empty folder, or with force a full one, may be.
func (s *Staged) Commit(force bool) error {
	if err := replaceFolder(s.Dir, s.Out, force); err != nil {
		return writeError(s.Out, err)
	}
	return nil
}

// cleanUp removes what captures that were killed have left beside the place. One that still runs is younger.
func cleanUp(out string) {
	// only a wrong pattern is an error
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".new-*"))
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir)
		}
	}
}

func replaceFolder(from, to string, force bool) error {
	err := os.Remove(to) // an empty one
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return os.Rename(from, to)
	}
	if !force {
		return err // somebody has put something there meanwhile
	}
	old := from + ".old"
	if err := os.Rename(to, old); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Rename(old, to))
	}
	return os.RemoveAll(old)
}

func writeError(out string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return msg.Errorf("cannot write the pack to %s: %w", out, err)
}
