package source

import (
	"bufio"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"omsinit/internal/msg"
)

// Change is a line of docker diff: what a container has and its image has not, or the other way round.
type Change struct {
	Kind ChangeKind
	Path string // of the container, with all links followed
}

// ChangeKind is what happened to a path since the container was made of its image.
type ChangeKind byte

// The kinds, as docker diff spells them.
const (
	Added   ChangeKind = 'A'
	Changed ChangeKind = 'C'
	Deleted ChangeKind = 'D'
)

// ReadDiff reads the output of docker diff, and leaves out what is no part of an installation: logs, temporary files,
// what programs keep by themselves.
func ReadDiff(r io.Reader) (out []Change, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimRight(lines.Text(), "\r")
		if text == "" {
			continue
		}
		kind, name, ok := strings.Cut(text, " ")
		if !ok || !slices.Contains([]string{"A", "C", "D"}, kind) || !path.IsAbs(name) {
			return nil, msg.Errorf("line %d is no line of docker diff, such as: A /etc/oms; save it with docker diff CONTAINER >FILE", n)
		}
		if c := (Change{ChangeKind(kind[0]), name}); !c.Passes() {
			out = append(out, c)
		}
	}
	return out, lines.Err()
}

// Passes reports whether a change is one that every run of the programs makes.
func (c Change) Passes() bool {
	in := func(folders ...string) bool {
		return slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(c.Path+"/", f+"/") })
	}
	parts := strings.Split(c.Path, "/")
	return in("/tmp", "/var/tmp", "/var/cache", "/var/log", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/omsinit",
		"/proc", "/sys", "/dev") ||
		slices.Contains(parts, "__pycache__") || slices.Contains(parts, "logs") || slices.Contains(parts, "log") ||
		leaving(c.Path) == Kept || path.Base(c.Path) == "init_flag.txt" || c.Path == "/.dockerenv"
}

// IsFolder reports whether a path of the container is a folder; of a bundle, one that was changed.
func (i *Installation) IsFolder(containerPath string) bool {
	if i.Bundle != nil {
		return slices.Contains(i.Bundle.Folders, containerPath)
	}
	info, err := os.Lstat(i.Tree.Path(containerPath))
	return err == nil && info.IsDir()
}

// Link returns where a link of the container leads; "" where there is none of that path.
func (i *Installation) Link(containerPath string, looked Found) string {
	if i.Bundle != nil {
		return i.Bundle.Links[containerPath]
	}
	return looked.Links[containerPath]
}
