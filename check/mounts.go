package check

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

// hostMounts looks at the three folders that outlive the container.
func hostMounts(_ context.Context, n *node, f *found) {
	table := n.mountPoints()
	for _, dir := range []string{n.Layout.LogDir(), n.Layout.StoreDir(), n.Layout.RunDir()} {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if n.inContainer() {
				f.warning("host.mount", msg.M("%s is not mounted", dir), msg.M("start the container with -v HOST_FOLDER:%s", dir), fact("path", dir))
			}
			continue
		case err != nil:
			f.error("host.mount-writable", msg.M("cannot use %s: %v", dir, err), msg.M("see to it that the folder on the host can be used"), fact("path", dir))
			continue
		case !info.IsDir():
			f.error("host.mount-writable", msg.M("%s is not a folder", dir), msg.M("start the container with -v HOST_FOLDER:%s", dir), fact("path", dir))
			continue
		}
		if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
			f.error("host.mount-writable", msg.M("%s cannot be written to: %v", dir, err), msg.M("mount it without :ro, from a disk that is not read-only, and see to its owner"), fact("path", dir))
			continue
		}
		n.volume(f, dir, table)
		n.space(f, dir)
	}
}

// volume warns about a folder in the container's own layer: it goes with the
// container, and the layer is slow.
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
			f.warning("host.mount", msg.M("%s is not on a volume of its own but on %s (%s)", dir, at, kind), msg.M("start the container with -v HOST_FOLDER:%s", dir),
				fact("path", dir), fact("mount_point", at), fact("file_system", kind))
			return
		case at == "/":
			return
		}
	}
}

// mountPoints gives the file system type of each mount point, the last one
// where several are on top of each other (proc_pid_mountinfo(5)).
func (n *node) mountPoints() map[string]string {
	points := map[string]string{}
	for line := range strings.Lines(n.kernel("/proc/self/mountinfo")) {
		// id parent major:minor root point options fields… - type source options
		before, after, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if ok && len(fields) > 4 && len(kind) > 0 {
			point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
			points[point] = kind[0]
		}
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
		f.warning("host.disk", msg.M("%s has %v GiB of free space, and at least %v GiB are recommended", dir, gibibytes(free), gibibytes(leastDisk)),
			msg.M("free space there or mount a larger disk: Stores keep the changes of the sources there, and stop when it is full"),
			fact("path", dir), fact("free_bytes", free), fact("recommended_bytes", uint64(leastDisk)))
	}
}
