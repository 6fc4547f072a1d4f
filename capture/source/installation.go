// Package source reads an installation of OMS that a pack is captured from: its files, who listens on its ports, and
// what its CM is sent.
package source

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/pack"
)

// Installation is an initialised OMS, or a copy of its files. It is only ever
// read.
type Installation struct {
	// Tree is where the files are: the container itself, or a folder.
	Tree   layout.Layout
	Config *config.Config
	// HostIP is the node's own address (OMS_HOST_IP).
	HostIP string

	// Moved reports whether the files speak of the folder that the tree is in, as
	// under --root; a copy made of a container does not.
	Moved bool
	users map[int]string
}

// Data is what the installation's files are filled in from.
func (i *Installation) Data() pack.Data {
	d := pack.Data{Config: i.Config, HostIP: i.HostIP, HTTPS: i.Tree.HTTPS(), EUIDRoot: os.Geteuid() == 0}
	if i.Moved {
		d.Layout = i.Tree
	}
	return d
}

// Container turns a path on disk into a path of the container.
func (i *Installation) Container(path string) string {
	if root := i.Tree.Root(); root != "" {
		if rest, ok := strings.CutPrefix(path, root); ok && strings.HasPrefix(rest, "/") {
			return rest
		}
	}
	return path
}

// Real follows symbolic links that stay in the tree; a link of a container that
// was copied is absolute, and means the copy.
func (i *Installation) Real(containerPath string) string {
	real, err := filepath.EvalSymlinks(i.Tree.Path(containerPath))
	if err != nil {
		return i.Tree.Path(containerPath)
	}
	if root, err := filepath.EvalSymlinks(i.Tree.Root()); err == nil && i.Tree.Relocated() {
		if rest, inside := strings.CutPrefix(real, root+"/"); inside {
			return i.Tree.Path(rest)
		}
		return i.Tree.Path(real)
	}
	return real
}

// Text reads a file as far as it may be a generated one; nil when it is not
// there, or is none.
func (i *Installation) Text(containerPath string) []byte {
	name := i.Real(containerPath)
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > LargestFile {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return data
}

// UserName returns the name of an owner, as the tree's own passwd file has it.
func (i *Installation) UserName(uid int) string {
	if i.users == nil {
		i.users = map[int]string{}
		data, _ := os.ReadFile(i.Tree.Path("/etc/passwd"))
		for line := range strings.SplitSeq(string(data), "\n") {
			if f := strings.Split(line, ":"); len(f) > 2 {
				if id, err := strconv.Atoi(f[2]); err == nil {
					i.users[id] = f[0]
				}
			}
		}
	}
	if name := i.users[uid]; name != "" {
		return name
	}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "root"
}

// LargestFile is how large a generated file may be, in bytes; they are small.
const LargestFile = 1 << 20
