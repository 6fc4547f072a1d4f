package check

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

// hostMounts looks at the three folders that outlive the container.
func hostMounts(_ context.Context, n *node, f *found) {
	table := n.mountPoints()
	for _, dir := range []string{n.Layout.LogDir(), n.Layout.StoreDir(), n.Layout.RunDir()} {
		info, err := os.Stat(dir)
		denied := unix.Access(dir, unix.W_OK|unix.X_OK)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if n.inContainer() {
				f.warning("host.mount", msg.M("%s is not mounted", dir), mountFix(dir), fact("path", dir))
			}
		case err != nil:
			f.error("host.mount-writable", msg.M("cannot use %s: %v", dir, err),
				msg.M("see to it that the folder on the host can be used"), fact("path", dir))
		case !info.IsDir():
			f.error("host.mount-writable", msg.M("%s is not a folder", dir), mountFix(dir), fact("path", dir))
		case denied != nil:
			f.error("host.mount-writable", msg.M("%s cannot be written to: %v", dir, denied),
				msg.M("mount it without :ro, from a disk that is not read-only, and see to its owner"),
				fact("path", dir))
		default:
			n.volume(f, dir, table)
			n.space(f, dir)
		}
	}
}

func (n *node) inContainer() bool { return !n.Layout.Relocated() }

func mountFix(dir string) msg.Message {
	return msg.M("start the container with -v HOST_FOLDER:%s", dir)
}

// volume warns about a folder in the container's own layer: it goes with the container, and the layer is slow.
func (n *node) volume(f *found, dir string, table map[string]string) {
	if n.Layout.Relocated() || len(table) == 0 {
		return
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return
	}
	for at := real; ; at = filepath.Dir(at) {
		kind, mounted := table[at]
		switch {
		case mounted && at != "/" && kind != "overlay" && kind != "tmpfs":
			return
		case mounted:
			f.warning("host.mount", msg.M("%s is not on a volume of its own but on %s (%s)", dir, at, kind),
				mountFix(dir), fact("path", dir), fact("mount_point", at), fact("file_system", kind))
			return
		case at == "/":
			return
		}
	}
}

// mounts returns what is mounted, nil when that is unknown.
func (n *node) mounts() []*mountinfo.Info {
	list, err := mountinfo.GetMountsFromReader(strings.NewReader(n.kernel("/proc/self/mountinfo")), nil)
	if err != nil {
		return nil
	}
	return list
}

// mountPoints returns the file system type of each mount point, the last one where several are on top of each other.
func (n *node) mountPoints() map[string]string {
	points := map[string]string{}
	for _, m := range n.mounts() {
		points[m.Mountpoint] = m.FSType
	}
	return points
}

func (n *node) space(f *found, dir string) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return
	}
	free := s.Bavail * uint64(s.Bsize)
	f.fact("free_bytes:"+dir, free)
	if free < leastDisk {
		f.warning("host.disk",
			msg.M("%s has %v GiB of free space, and at least %v GiB are recommended",
				dir, gibibytes(free), gibibytes(leastDisk)),
			msg.M("free space there or mount a larger disk: Stores keep the changes of the sources there, and stop when it is full"),
			fact("path", dir), fact("free_bytes", free), fact("recommended_bytes", uint64(leastDisk)))
	}
	if s.Files > 0 && s.Ffree < s.Files/100 { // some file systems have no such limit
		f.warning("host.disk",
			msg.M("the file system of %s can hold %d files, and only %d more", dir, s.Files, s.Ffree),
			msg.M("remove files there: it is full when no inode is left, however many bytes are free"),
			fact("path", dir), fact("free_inodes", s.Ffree), fact("inodes", s.Files))
	}
}
