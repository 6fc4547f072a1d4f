package component

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"omsinit/internal/atomicfile"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// resolve returns the real place of a container path, which need not exist yet:
// symbolic links are followed, so that a linked folder or file stays linked.
// In a relocated tree they must not lead out of it.
func (n *node) resolve(containerPath string) (string, error) {
	target := n.layout.Path(containerPath)
	existing, rest := target, ""
	for {
		_, err := os.Lstat(existing)
		if err == nil || existing == "/" {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			if errors.Is(err, syscall.ENOTDIR) {
				err = msg.Errorf("one of the folders above it is a file")
			}
			return "", fileError(target, err)
		}
		rest = filepath.Join(filepath.Base(existing), rest)
		existing = filepath.Dir(existing)
	}
	real, err := filepath.EvalSymlinks(existing)
	if errors.Is(err, fs.ErrNotExist) {
		return "", msg.Errorf("cannot write the file %s: %s is a symbolic link to something that does not exist; remove the link", target, existing)
	}
	if err != nil {
		return "", fileError(target, err)
	}
	if err := n.inside(target, real); err != nil {
		return "", err
	}
	return filepath.Join(real, rest), nil
}

func (n *node) inside(target, real string) error {
	base := n.layout.Root()
	if !n.layout.Relocated() {
		base = owned(target)
	}
	root, err := filepath.EvalSymlinks(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing of the tree exists, so nothing in it leads out
	}
	if err != nil {
		return fileError(base, err)
	}
	if real != root && !strings.HasPrefix(real, root+"/") {
		return msg.Errorf("cannot write the file %s: a symbolic link leads out of %s, to %s; remove the link", target, base, real)
	}
	return nil
}

// owned is the part of the container that a file belongs to, such as /home/ds.
// Its user may make links there, which root must not follow elsewhere.
func owned(target string) string {
	parts := strings.SplitN(strings.TrimPrefix(target, "/"), "/", 3)
	return "/" + filepath.Join(parts[:min(2, len(parts))]...)
}

// makeFolders makes the pack's folders where they are missing, and hands those
// to be claimed to their owner.
func (s *Step) makeFolders(n *node, folders []pack.Folder) error {
	for _, f := range folders {
		if !pack.Applies(f.When, n.holds) {
			continue
		}
		owner, err := n.owner(f.Owner)
		if err != nil {
			return err
		}
		if err := n.makeParents(f.Path, owner); err != nil {
			return err
		}
		if err := n.makeFolder(f.Path, f.Mode, owner); err != nil {
			return err
		}
		if f.Claim && owner != nil {
			s.claim(n, f, owner)
		}
	}
	return nil
}

// claim hands a folder that exists to its owner. Some mounted file systems
// know no owners, and may work all the same, so a failure is only said.
func (s *Step) claim(n *node, f pack.Folder, owner *atomicfile.Owner) {
	real, err := n.resolve(f.Path)
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Stat(real); err == nil && owns(info, owner) {
			return
		}
	}
	if err == nil {
		err = os.Chown(real, owner.UID, owner.GID)
	}
	if err != nil {
		s.say(msg.M("cannot give the folder %s to the user %s, whose components write there: %v", f.Path, f.Owner, err))
	}
}

// makeParents makes the folders above a path where they are missing, for the
// owner of what is to stand in them.
func (n *node) makeParents(containerPath string, owner *atomicfile.Owner) error {
	parent := path.Dir(containerPath)
	if parent == "/" {
		if err := os.MkdirAll(n.layout.Path("/"), 0o755); err != nil {
			return fileError("", err)
		}
		return nil
	}
	if err := n.makeParents(parent, owner); err != nil {
		return err
	}
	return n.makeFolder(parent, 0o755, owner)
}

func (n *node) makeFolder(containerPath string, mode fs.FileMode, owner *atomicfile.Owner) error {
	real, err := n.resolve(containerPath)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return msg.Errorf("cannot create the folder %s: a file of that name is in the way; remove it", real)
	case !errors.Is(err, fs.ErrNotExist):
		return fileError(real, err)
	}
	return createFolder(real, mode, owner)
}

// createFolder names the folder last, so that a run that was killed
// leaves none with the wrong owner behind.
func createFolder(real string, mode fs.FileMode, owner *atomicfile.Owner) error {
	temp := filepath.Join(filepath.Dir(real), ".omsinit-"+filepath.Base(real)+"~")
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError(real, err)
	}
	if err := os.Mkdir(temp, mode&0o700); err != nil {
		return fileError(real, err)
	}
	err := func() error {
		if owner != nil {
			if err := os.Lchown(temp, owner.UID, owner.GID); err != nil {
				return err
			}
		}
		if err := os.Chmod(temp, mode); err != nil { // whatever the umask is
			return err
		}
		return os.Rename(temp, real)
	}()
	if err != nil {
		os.Remove(temp)
		return fileError(real, err)
	}
	return nil
}
