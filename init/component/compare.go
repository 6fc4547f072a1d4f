package component

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"omsinit/internal/atomicfile"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// change is a file that is not as it should be.
type change struct {
	file
	real  string // where it is, with symbolic links followed
	owner *atomicfile.Owner
	// before is what was there; nil when there was no file.
	before []byte
}

// edited reports whether the contents change, and not only mode or owner.
func (c change) edited() bool { return c.before == nil || !bytes.Equal(c.before, c.data) }

// comparison is everything that a run would do to the files.
type comparison struct {
	changes []change
	kept    []Kept
	// saved are edited files of which a copy is kept beside the new one.
	saved     []change
	conflicts []Conflict
	// digests are what the files are rendered to, as far as that is not
	// remembered yet.
	digests map[string]version
}

// compare finds the files that differ from what is on disk, in contents, mode
// or owner, after what people wrote was merged in. Whatever stands in the way
// of a file is found here, before anything is written.
func (s *Step) compare(n *node, files []file, last *rendered) (comparison, error) {
	c := comparison{digests: map[string]version{}}
	for _, f := range files {
		if err := s.compareFile(n, f, last, &c); err != nil {
			return comparison{}, err
		}
	}
	return c, nil
}

func (s *Step) compareFile(n *node, f file, last *rendered, c *comparison) error {
	owner, err := n.owner(f.Owner)
	if err != nil {
		return err
	}
	real, err := n.resolve(f.Path)
	if err != nil {
		return err
	}
	info, err := os.Lstat(real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.changes = append(c.changes, change{file: f, real: real, owner: owner})
		return s.remember(f, last, c)
	case err != nil:
		return fileError(real, err)
	case info.IsDir():
		return msg.Errorf("cannot write the file %s: it is a directory (Docker makes one when the file of a -v option does not exist on the host); remove it", real)
	case !info.Mode().IsRegular():
		return msg.Errorf("cannot write the file %s: it is not a regular file (%s); remove it", real,
			info.Mode().Type())
	}
	if f.Policy == pack.Create {
		return nil
	}
	current, err := os.ReadFile(real)
	if err != nil {
		return fileError(real, err)
	}
	if err := s.remember(f, last, c); err != nil {
		return err
	}
	found := change{file: f, real: real, owner: owner, before: current}
	if !bytes.Equal(current, f.data) {
		if err := s.merge(&found, last, c); err != nil {
			return err
		}
	}
	if bytes.Equal(current, found.data) && info.Mode().Perm() == f.Mode && owns(info, owner) {
		if err := atomicfile.Clean(real); err != nil {
			return fileError(real, err)
		}
		return nil
	}
	c.changes = append(c.changes, found)
	return nil
}

// remember notes what a file is rendered to, unless that is known.
func (s *Step) remember(f file, last *rendered, c *comparison) error {
	if f.Policy == pack.Create {
		return nil
	}
	var doc *document
	if f.Merge == pack.Keys {
		d, err := parse(f.Format, f.data)
		if err != nil {
			// The template is at fault; validate reports it, with its place.
			return nil
		}
		doc = &d
	}
	if v := last.digest(f.data, doc); !last.of(f.Path).is(v) {
		c.digests[f.Path] = v
	}
	return nil
}

// merge puts what people wrote into a file into its new contents.
func (s *Step) merge(found *change, last *rendered, c *comparison) error {
	before := last.of(found.Path)
	if found.Merge == pack.Keys {
		fresh, err := parse(found.Format, found.data)
		if err != nil {
			return nil // see remember
		}
		disk, err := parse(found.Format, found.before)
		if err == nil {
			s.mergeKeys(found, disk, fresh, before, c)
			return nil
		}
		// What cannot be read cannot be merged: it is saved as a whole.
		s.say(msg.M("%s cannot be read (%v): it is made anew", found.Path, err))
		if before.exists() && !before.hasWhole(found.before) {
			c.saved = append(c.saved, *found)
		}
		return nil
	}
	switch {
	case !before.exists() || before.hasWhole(found.before):
	case before.hasWhole(found.data) || s.Prefer == Theirs:
		found.data = found.before
		c.kept = append(c.kept, Kept{Path: found.Path})
	default:
		c.saved = append(c.saved, *found)
	}
	return nil
}

func (s *Step) mergeKeys(found *change, disk, fresh document, before versions, c *comparison) {
	m := merging{path: found.Path, before: before, prefer: s.Prefer, secret: s.secretKeys(fresh), hides: s.hidesSecret}
	merged := m.documents(disk, fresh)
	c.conflicts = append(c.conflicts, m.conflicts...)
	if len(m.kept) > 0 {
		c.kept = append(c.kept, Kept{Path: found.Path, Keys: m.kept})
		found.data = merged.bytes()
	}
	if merged.same(disk) {
		found.data = found.before // nothing but comments and spelling differs
	}
}

func owns(info fs.FileInfo, owner *atomicfile.Owner) bool {
	if owner == nil {
		return true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == owner.UID && int(stat.Gid) == owner.GID
}

// fileError returns what a failure of the file system means for a person. An
// empty path is taken from the error.
func fileError(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		if path == "" {
			path = at.Path
		}
		err = at.Err
	}
	switch {
	case errors.Is(err, syscall.EROFS):
		return msg.Errorf("cannot write the file %s: %w; mount that file system read-write", path, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return msg.Errorf("cannot write the file %s: %w; free some space there", path, err)
	case errors.Is(err, fs.ErrPermission):
		return msg.Errorf("cannot write the file %s: %w; run this as root in the container, or as the owner of the tree", path, err)
	case errors.Is(err, syscall.EBUSY):
		return msg.Errorf("cannot replace %s: %w; it is mounted on its own, and generated files must not be: leave that -v option out", path, err)
	}
	return msg.Errorf("cannot write the file %s: %w", path, err)
}
