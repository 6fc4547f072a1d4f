// Package source reads an installation of OMS that a pack is captured from: its files, who listens on its ports, and
// what its CM is sent.
package source

import (
	"bytes"
	"database/sql"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/capture/tables"
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
	// DB is its MetaDB; nil where that is left out, and for a bundle.
	DB       *sql.DB
	Programs Programs
	// Calls are what its CM was sent; nil when nothing was recorded.
	Calls []Exchange
	// Opened are the files that programs opened when they were restarted, by their names; nil where none was.
	Opened map[string][]string
	// Writers are who wrote to tables while the installation was looked at, by rm.TABLE.
	Writers map[string]tables.Writes
	// Bundle is what a bundle says of the installation; nil for one that is looked at itself.
	Bundle *Bundle
	// Created is when the container was made of its image: what changed since is generated. It is zero where that is
	// not known.
	Created time.Time

	// Moved reports whether the files speak of the folder that the tree is in, as
	// under --root; a copy made of a container does not.
	Moved bool
	users map[int]string
}

// Tables reads the MetaDB; it is nil where there is none.
func (i *Installation) Tables() tables.Reader {
	switch {
	case i.Bundle != nil && i.Bundle.Tables != nil:
		return i.Bundle.Tables
	case i.DB != nil:
		return tables.Live{DB: i.DB, Config: i.Config}
	}
	return nil
}

// Data is what the installation's files are filled in from.
func (i *Installation) Data() pack.Data {
	d := pack.Data{Config: i.Config, HostIP: i.HostIP, HTTPS: i.Tree.HTTPS(), EUIDRoot: os.Geteuid() == 0}
	if i.Bundle != nil {
		d.HTTPS, d.EUIDRoot = i.Bundle.HTTPS, i.Bundle.EUIDRoot
	}
	if i.Moved {
		d.Layout = i.spoken()
	}
	return d
}

// spoken is the tree that the files speak of, where they speak of one: a bundle is unpacked elsewhere.
func (i *Installation) spoken() layout.Layout {
	if i.Bundle != nil {
		return layout.New(i.Bundle.Root)
	}
	return i.Tree
}

// SeesMoved sets Moved by the contents of files.
func (i *Installation) SeesMoved(contents ...[]byte) {
	root := i.spoken().Root()
	i.Moved = root != "" && slices.ContainsFunc(contents, func(data []byte) bool {
		return bytes.Contains(data, []byte(root+"/"))
	})
}

// Container turns a path on disk into a path of the container.
func (i *Installation) Container(path string) string {
	roots := []string{i.Tree.Root(), i.spoken().Root()}
	if real, err := filepath.EvalSymlinks(i.Tree.Root()); err == nil {
		roots = append(roots, real)
	}
	for _, root := range roots {
		if rest, ok := strings.CutPrefix(path, root); ok && root != "" && strings.HasPrefix(rest, "/") {
			return rest
		}
	}
	return path
}

// mostLinks bounds how many links are followed, as the kernel does.
const mostLinks = 40

// Real returns the path of the container that a path leads to, through all links. A link of a container that was copied
// is absolute, and means the copy. What is not there is left as it is.
func (i *Installation) Real(containerPath string) string {
	done, rest := "/", strings.Split(containerPath, "/")
	for links := 0; len(rest) > 0; rest = rest[1:] {
		next := filepath.Join(done, rest[0])
		target, err := os.Readlink(i.Tree.Path(next))
		switch {
		case err != nil || links == mostLinks:
			done = next
			continue
		case filepath.IsAbs(target):
			target = i.Container(target)
		default:
			target = filepath.Join(done, target)
		}
		links++
		done, rest = "/", append(append([]string{""}, strings.Split(target, "/")...), rest[1:]...)
	}
	return done
}

// Disk returns where a file of the container is on disk, with all links followed.
func (i *Installation) Disk(containerPath string) string { return i.Tree.Path(i.Real(containerPath)) }

// documentedFolders are the folders whose names are documented, whatever they lead to (oms-facts §2, §14.1).
var documentedFolders = []string{"/home/ds", "/home/admin"}

// Documented returns the path of a file as the documentation spells it: where /home/ds, or a folder in it, is a link,
// what is behind that link is named by it.
func (i *Installation) Documented(containerPath string) string {
	real := i.Real(containerPath)
	for _, folder := range documentedFolders {
		names := []string{folder}
		entries, _ := os.ReadDir(i.Disk(folder)) // none where it is not there
		for _, e := range entries {
			names = append(names, filepath.Join(folder, e.Name()))
		}
		for _, name := range names {
			behind := i.Real(name)
			if rest, ok := strings.CutPrefix(real+"/", behind+"/"); ok && behind != name {
				return strings.TrimSuffix(filepath.Join(name, rest), "/")
			}
		}
	}
	return real
}

// Text reads a file as far as it may be a generated one; nil when it is not
// there, or is none.
func (i *Installation) Text(containerPath string) []byte {
	name := i.Disk(containerPath)
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
