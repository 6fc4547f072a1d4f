package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// locked begins the names of what WriteLocked writes, in any folder.
const locked = ".omsinit-locked-"

// WriteLocked replaces a file that only its owner may read, in a folder that may be anybody's. What waits beside it is
// locked as long as it is written, so that SweepLocked can tell what a killed run has left.
func WriteLocked(path string, data []byte) error {
	f, err := createLocked(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	p := &Pending{path, f.Name()}
	if err != nil {
		p.Discard()
		return err
	}
	return Commit([]*Pending{p})
}

// createLocked makes a locked file. One that SweepLocked has found before it was locked is gone again.
func createLocked(dir string) (*os.File, error) {
	for {
		f, err := os.CreateTemp(dir, locked)
		if err != nil {
			return nil, err
		}
		_ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX) // where there are no locks nobody sweeps
		if _, err := os.Lstat(f.Name()); err == nil {
			return f, nil
		}
		f.Close()
	}
}

// SweepLocked removes what killed runs of WriteLocked have left in a folder: what nobody has locked.
func SweepLocked(dir string) (failed error) {
	entries, _ := os.ReadDir(dir) // what cannot be read has nothing of ours
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), locked) && e.Type().IsRegular() {
			failed = errors.Join(failed, removeUnlocked(filepath.Join(dir, e.Name())))
		}
	}
	return failed
}

func removeUnlocked(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil // it is gone, or another user's
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil // somebody writes it
	}
	return gone(os.Remove(name))
}
