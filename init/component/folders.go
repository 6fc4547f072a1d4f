package component

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"omsinit/internal/atomicfile"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// resolve returns the real place of a container path, which need not exist yet:
// symbolic links are followed, so that a linked folder or file stays linked. In
// an OMS image /u01/ds is the real folder, and /home/ds or each folder in it is
// a link (oms-facts §14.1). In a relocated tree they must not lead out of it.
func (n *node) resolve(containerPath string) (string, error) {
	target := n.layout.Path(containerPath)
	real, err := follow(target)
	if err != nil || !n.layout.Relocated() {
		return real, err
	}
	root, err := filepath.EvalSymlinks(n.layout.Root())
	if errors.Is(err, fs.ErrNotExist) {
		return real, nil // nothing of the tree exists, so nothing in it leads out
	}
	if err != nil {
		return "", fileError(n.layout.Root(), err)
	}
	if real != root && !strings.HasPrefix(real, root+"/") {
		return "", msg.Errorf("cannot write the file %s: a symbolic link leads out of %s, to %s; make the link relative, or remove it",
			target, n.layout.Root(), real)
	}
	return real, nil
}

// same reports whether two container paths are one file.
func (n *node) same(a, b string) bool {
	if a == b {
		return true
	}
	realA, errA := n.resolve(a)
	realB, errB := n.resolve(b)
	return errA == nil && errB == nil && realA == realB
}

// mostLinks is how many links the kernel follows in one path.
const mostLinks = 40

// follow resolves the symbolic links of an absolute path as far as it exists.
func follow(target string) (string, error) {
	real, rest := "/", strings.Split(target, "/")
	link, ofLink := "", 0 // the last link, and how many names of rest come from it
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest, ofLink = rest[1:], ofLink-1
		if name == ".." {
			real = filepath.Dir(real)
			continue
		}
		next := filepath.Join(real, name)
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist) && ofLink >= 0:
			return "", msg.Errorf("cannot write the file %s: %s is a symbolic link to something that does not exist; create %s, or remove the link",
				target, link, filepath.Join(append([]string{next}, rest[:ofLink]...)...))
		case errors.Is(err, fs.ErrNotExist):
			return filepath.Join(append([]string{next}, rest...)...), nil
		case errors.Is(err, syscall.ENOTDIR):
			return "", fileError(target, msg.Errorf("one of the folders above it is a file"))
		case err != nil:
			return "", fileError(target, err)
		case info.Mode()&fs.ModeSymlink == 0:
			real = next
			continue
		}
		if links++; links > mostLinks {
			return "", fileError(target, syscall.ELOOP)
		}
		to, err := os.Readlink(next)
		if err != nil {
			return "", fileError(target, err)
		}
		if err := trusted(target, next, info); err != nil {
			return "", err
		}
		if filepath.IsAbs(to) {
			real = "/"
		}
		names := strings.Split(to, "/")
		link, ofLink, rest = next, len(names), append(names, rest...)
	}
	return real, nil
}

// trusted refuses a link that another user could have planted to have root
// write in a place of their choice. Links of root and our own are followed, and
// those of a user to what is that user's anyway.
func trusted(target, link string, info fs.FileInfo) error {
	uid, ok := ownerOf(info)
	if !ok || uid == 0 || uid == os.Geteuid() {
		return nil
	}
	end, err := os.Stat(link)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // said by who follows it
	}
	if err != nil {
		return fileError(target, err)
	}
	if endUID, ok := ownerOf(end); ok && endUID != uid {
		return msg.Errorf("cannot write the file %s: the symbolic link %s belongs to the user %s, and what it leads to belongs to %s: "+
			"following it would let %[3]s have files written where that user may not write; check where it leads, then give it to root (chown -h root %[2]s) or remove it",
			target, link, userName(uid), userName(endUID))
	}
	return nil
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

func ownerOf(info fs.FileInfo) (uid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
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
