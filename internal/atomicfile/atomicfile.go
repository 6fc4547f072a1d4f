// Package atomicfile replaces files as a whole: whoever reads one sees the old
// contents or the new, never a part, and after a crash too.
//
// Several files are prepared first, which is where a full disk or a missing
// right shows, and then swapped in together.
//
// The temporary name is fixed per file, so that a run that was killed leaves
// nothing behind that the next one would not find again: contents can be
// secret, and copies must not pile up. That is why github.com/google/renameio
// is not used, whose names are random. The name neither starts nor ends like
// that of a program file: what is half written must not match conf.d/*.ini.
package atomicfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Options say what a file is to be beside its contents.
type Options struct {
	// Mode is exact: the umask does not count.
	Mode fs.FileMode
	// UID and GID are the owner; nil leaves the file to whoever writes it.
	Owner *Owner
	// Second lets the contents wait beside others for the same path, to replace those in turn.
	Second bool
}

// Owner is a user and a group by number.
type Owner struct{ UID, GID int }

// Pending is a file that is written, synced and waits to be swapped in.
type Pending struct {
	path, temp string
}

// Path is the file that will be replaced.
func (p *Pending) Path() string { return p.path }

// Prepare writes the new contents beside path. Nobody but the owner-to-be can
// read them at any moment, beyond what the mode allows. path must not be a
// symbolic link: the link would be replaced, not what it points to.
func Prepare(path string, data []byte, o Options) (*Pending, error) {
	p := &Pending{path: path, temp: tempName(path, o.Second)}
	if err := p.write(data, o); err != nil {
		p.Discard()
		return nil, err
	}
	return p, nil
}

func (p *Pending) write(data []byte, o Options) error {
	// A killed run may have left one.
	if err := clean(p.temp); err != nil {
		return err
	}
	f, err := os.OpenFile(p.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, o.Mode.Perm())
	if err != nil {
		return err
	}
	defer f.Close()
	if o.Owner != nil {
		if err := f.Chown(o.Owner.UID, o.Owner.GID); err != nil {
			return err
		}
	}
	// The umask can only have taken rights away; this gives them back.
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm() != o.Mode.Perm() {
		if err := f.Chmod(o.Mode.Perm()); err != nil {
			return err
		}
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// Discard removes what was prepared. It does nothing after Commit.
func (p *Pending) Discard() { _ = os.Remove(p.temp) }

// Commit swaps all files in, in order, and makes that durable. When one cannot
// be replaced, those before it stay replaced, the rest is discarded, and the
// error names the file as a *fs.PathError.
func Commit(pending []*Pending) error {
	var failed error
	folders := map[string]bool{}
	for i, p := range pending {
		if err := os.Rename(p.temp, p.path); err != nil {
			var link *os.LinkError
			if errors.As(err, &link) {
				err = link.Err
			}
			failed = &fs.PathError{Op: "replace", Path: p.path, Err: err}
			for _, rest := range pending[i:] {
				rest.Discard()
			}
			break
		}
		folders[filepath.Dir(p.path)] = true
	}
	for dir := range folders {
		if err := syncDir(dir); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// Write replaces one file.
func Write(path string, data []byte, o Options) error {
	p, err := Prepare(path, data, o)
	if err != nil {
		return err
	}
	return Commit([]*Pending{p})
}

// Clean removes what a killed run may have left beside path.
func Clean(path string) error {
	return errors.Join(clean(tempName(path, false)), clean(tempName(path, true)))
}

func clean(temp string) error {
	err := os.Remove(temp)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return err
	}
	return nil
}

func tempName(path string, second bool) string {
	name := filepath.Base(path)
	if second {
		name += "/" // no other file is called so
	}
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(filepath.Dir(path), ".omsinit-"+hex.EncodeToString(sum[:8])+"~")
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems cannot sync a folder, and need not.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return fmt.Errorf("cannot sync: %w", err)
	}
	return nil
}
