package support

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

// file is a bundle while it is written: it has no name until it is whole, so that nothing is left of one that was
// cut, not even by a kill.
type file struct {
	*os.File
	path  string
	named bool // the file system has no files without a name
}

// create begins a file that only its owner can read. What is there already is never overwritten.
func create(path string) (*file, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, cmp.Or(err, fs.ErrExist)
	}
	fd, err := unix.Open(filepath.Dir(path), unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return &file{File: os.NewFile(uintptr(fd), path), path: path}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{File: f, path: path, named: true}, nil
}

// keep closes the file under its name.
func (f *file) keep() error {
	err := f.Sync()
	if err == nil && !f.named {
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, f.path,
			unix.AT_SYMLINK_FOLLOW)
	}
	return errors.Join(err, f.Close())
}

// drop forgets it.
func (f *file) drop() {
	f.Close()
	if f.named {
		os.Remove(f.path)
	}
}

// Save writes the bundle into a file, and returns where that is and how large. The place is a file, a folder, or ""
// for the first of some folders that can be written to.
func (b *Bundle) Save(place string, write func(io.Writer) error) (path string, size int64, err error) {
	var f *file
	for _, candidate := range b.candidates(place) {
		var createErr error
		if f, createErr = create(candidate); createErr == nil {
			break
		}
		err = errors.Join(err, createErr)
	}
	if f == nil && errors.Is(err, fs.ErrExist) {
		return "", 0, msg.Errorf("%s is there already, and is not overwritten: name another file or a folder with --out", place)
	}
	if f == nil {
		return "", 0, msg.Errorf("cannot write the bundle, send it to the standard output instead (omsinit support --out - > FILE): %w", err)
	}
	if err := write(f); err != nil {
		f.drop()
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			return "", 0, msg.Errorf("no space for the bundle, send it to the standard output instead (omsinit support --out - > FILE): %w", err)
		}
		return "", 0, err
	}
	info, err := f.Stat()
	if err == nil {
		size = info.Size()
		err = f.keep()
	}
	if err != nil {
		return "", 0, msg.Errorf("cannot write %s: %w", f.path, err)
	}
	return f.path, size, nil
}

// candidates are the paths that a bundle may get.
func (b *Bundle) candidates(place string) []string {
	host, _ := os.Hostname()
	name := "omsinit-support-" + b.named(filepath.Base(host)) + "-" + b.in.Now().Format(stamp) + ".tar.gz"
	if place == "" {
		return []string{filepath.Join(b.in.Layout.LogDir(), name), filepath.Join(b.in.Layout.RunDir(), name),
			filepath.Join(b.in.Layout.Path("/tmp"), name)}
	}
	if info, err := os.Stat(place); err == nil && info.IsDir() {
		return []string{filepath.Join(place, name)}
	}
	return []string{place}
}
