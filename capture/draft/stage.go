package draft

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Staged is a pack that lies beside its place.
type Staged struct {
	Dir string // where it is now
	Out string // its place, as an absolute path

	lock *os.File // of Dir, for as long as it is there
}

// Stage writes the files beside the place of the pack, where they can be looked at: Commit renames them, so that there
// is a whole pack or none, and Discard removes what was not renamed. Recover clears what is there after neither.
func (t Tree) Stage(out string) (*Staged, error) {
	abs, err := filepath.Abs(out)
	if err != nil {
		return nil, writeError(out, err)
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
		return nil, writeError(abs, err)
	}
	s := &Staged{Out: abs}
	for busy := true; busy; busy = errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EWOULDBLOCK) {
		if s.Dir, err = os.MkdirTemp(filepath.Dir(abs), stagedPrefix(abs)); err != nil {
			return nil, writeError(abs, err)
		}
		s.lock, err = lock(s.Dir) // another capture may come between; where nothing can be locked, time tells
	}
	err = os.Chmod(s.Dir, 0o755)
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if err == nil {
			err = s.Add(name, t[name])
		}
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
func (s *Staged) Discard() {
	_ = os.RemoveAll(s.Dir)
	if s.lock != nil {
		s.lock.Close()
	}
}

// Commit renames the pack onto its place, where an empty folder, or with force a full one, may be.
func (s *Staged) Commit(force bool) error {
	err := os.Remove(s.Out) // an empty one
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		err = os.Rename(s.Dir, s.Out)
	case force: // else somebody has put something there meanwhile
		err = s.exchange()
	}
	if err != nil {
		return writeError(s.Out, err)
	}
	return nil
}

// exchange puts the pack in the place of another one, which Discard removes: in one step, or, where the file system
// cannot do that, in two, between which Recover puts the other one back.
func (s *Staged) exchange() error {
	if unix.Renameat2(unix.AT_FDCWD, s.Dir, unix.AT_FDCWD, s.Out, unix.RENAME_EXCHANGE) == nil {
		return nil
	}
	if held, err := lock(s.Out); err == nil {
		defer held.Close()
	}
	old := s.Dir + oldSuffix
	if err := os.Rename(s.Out, old); err != nil {
		return err
	}
	if err := os.Rename(s.Dir, s.Out); err != nil {
		return errors.Join(err, os.Rename(old, s.Out))
	}
	return os.RemoveAll(old)
}

// oldSuffix ends the name of a pack that is being replaced.
const oldSuffix = ".old"

// stagedPrefix begins the names of what a capture has beside the place of its pack.
func stagedPrefix(out string) string { return "." + filepath.Base(out) + ".new-" }

// Recover clears what captures that were killed have left beside the place of a pack, and puts a pack back that one of
// them was about to replace. What a running capture has there is locked.
func Recover(out string) error {
	abs, err := filepath.Abs(out)
	if err != nil {
		return writeError(out, err)
	}
	entries, _ := os.ReadDir(filepath.Dir(abs)) // what cannot be read has nothing of ours
	for _, e := range entries {
		left := filepath.Join(filepath.Dir(abs), e.Name())
		if !e.IsDir() || !strings.HasPrefix(e.Name(), stagedPrefix(abs)) {
			continue
		}
		held, err := lock(left)
		if err != nil {
			continue
		}
		defer held.Close()
		if strings.HasSuffix(left, oldSuffix) {
			err = os.Rename(left, abs)
		}
		if err == nil && !strings.HasSuffix(left, oldSuffix) || errors.Is(err, fs.ErrExist) {
			err = os.RemoveAll(left)
		}
		if err != nil {
			return writeError(abs, err)
		}
	}
	return nil
}

// lastUse is after how long nobody works in a folder any more, where the file system cannot lock it.
const lastUse = time.Hour

// lock holds a folder for as long as the file is open and this process lives. It fails where another one has it, and
// where it is no longer there.
func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	held, statErr := f.Stat()
	now, nowErr := os.Stat(dir)
	switch {
	case statErr != nil, nowErr != nil, !os.SameFile(held, now):
		err = fs.ErrNotExist
	case err == nil, errors.Is(err, syscall.EWOULDBLOCK):
	case time.Since(now.ModTime()) > lastUse:
		err = nil
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
