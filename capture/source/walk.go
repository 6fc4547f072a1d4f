package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Fact is what is known of a file or folder beside its contents.
type Fact struct {
	Owner   string
	Mode    fs.FileMode
	Changed bool // since the container was made of its image
}

// Left is something that may be generated, and is left out.
type Left struct {
	Path string
	Why  Why
	Keys []string // of config.yaml, whose values it holds
}

// Why is why something is left out.
type Why string

// The reasons.
const (
	Mounted   Why = "mounted"
	Log       Why = "log"
	Temporary Why = "temporary"
	Large     Why = "large"
	Binary    Why = "binary"
	Kept      Why = "kept"
	Key       Why = "key"
)

// Message is the reason in words.
func (w Why) Message() msg.Message {
	switch w {
	case Mounted:
		return msg.M("it is mounted into the container, so that what is in it is data")
	case Log:
		return msg.M("it is a log")
	case Temporary:
		return msg.M("it is in a folder for temporary files")
	case Large:
		return msg.M("it has more than %d bytes", LargestFile)
	case Binary:
		return msg.M("it is no text")
	case Key:
		return msg.M("it is a private key; where the container's first start has made it, see to it that a new node gets one")
	}
	return msg.M("it is a copy, or belongs to a person or to omsinit")
}

// Found are the files of an installation.
type Found struct {
	Files   []string // that may be generated, as paths of the container with all links followed
	Folders []string // that were made, or in which something was, since the container was made
	Links   map[string]string
	Left    []Left
}

// unlooked is what belongs to the kernel.
var unlooked = []string{"/proc", "/sys", "/dev"}

// dockerFiles are mounted into every container.
var dockerFiles = []string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/home/admin/conf/config.yaml"}

// Look goes through all files. Those may be generated that changed since the container was made of its image, and
// those that hold a value of config.yaml. What is mounted is not looked at.
func (i *Installation) Look(ctx context.Context) Found {
	out := Found{Links: map[string]string{}}
	mounts := map[string]bool{}
	if !i.Tree.Relocated() {
		list, _ := procfs.GetMounts() // none where /proc is not there
		for _, m := range list {
			known := slices.Contains(dockerFiles, m.MountPoint) || slices.Contains(pseudo, m.FSType)
			mounts[m.MountPoint] = m.MountPoint != "/"
			if !known && mounts[m.MountPoint] {
				out.Left = append(out.Left, Left{Path: m.MountPoint, Why: Mounted})
			}
		}
	}
	values := distinctive(i.Config)
	top := i.Tree.Path("/")
	_ = filepath.WalkDir(top, func(disk string, d fs.DirEntry, err error) error {
		name := "/" + strings.TrimPrefix(strings.TrimPrefix(disk, top), "/")
		switch {
		case ctx.Err() != nil:
			return fs.SkipAll // the caller looks at it, too
		case err != nil:
			return nil // it may not be read, or is gone
		case mounts[name] && d.IsDir(), slices.Contains(unlooked, name):
			return fs.SkipDir
		case mounts[name]:
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			if target, err := os.Readlink(disk); err == nil {
				out.Links[name] = target
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		changed := i.changed(info)
		switch {
		case d.IsDir() && changed:
			out.Folders = append(out.Folders, name)
		case info.Mode().IsRegular():
			i.sort(&out, name, info, changed, values)
		}
		return nil
	})
	return out
}

// sort decides what to do with one file.
func (i *Installation) sort(out *Found, name string, info fs.FileInfo, changed bool, values []value) {
	if name == i.Real("/home/admin/conf/config.yaml") {
		return
	}
	why := leaving(name)
	if info.Size() > LargestFile && why == "" {
		why = Large
	}
	if dated := !i.Created.IsZero(); !changed && (dated && why != "" || info.Size() > mostUnchanged) {
		return
	}
	data := i.begin(name)
	text := bytes.IndexByte(data, 0) < 0
	if why == "" && !text {
		why = Binary
	}
	if why == "" && bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		why = Key
	}
	switch keys := holds(data, values); {
	case why == "" && (i.Bundle != nil || changed || len(keys) > 0):
		out.Files = append(out.Files, name)
	case why != "" && (len(keys) > 0 || why == Large && len(data) == LargestFile || why == Key && changed):
		out.Left = append(out.Left, Left{name, why, keys})
	}
}

// mostUnchanged is how large a file may be that has not changed and is looked at all the same.
const mostUnchanged = 256 << 10

// begin returns the beginning of a file, up to what a generated one may have.
func (i *Installation) begin(name string) []byte {
	f, err := os.OpenFile(i.Tree.Path(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, LargestFile)) // what could be read is looked at
	return data
}

// pseudo are file systems that hold no files of anybody.
var pseudo = []string{"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "devtmpfs", "securityfs"}

// changed reports whether a file was written, or had its owner or mode changed, since the container was made. The time
// of that cannot be set by anybody, as that of its contents can.
func (i *Installation) changed(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && !i.Created.IsZero() && !time.Unix(stat.Ctim.Unix()).Before(i.Created)
}

// CreatedAt returns when this container was made; zero where that is not known. Docker makes the file then, and does
// not touch it when the container is started again.
func CreatedAt() time.Time {
	info, err := os.Stat("/.dockerenv")
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Fact is what is known of a file; ok is false where it is not there.
func (i *Installation) Fact(containerPath string) (f Fact, ok bool) {
	real := i.Real(containerPath)
	if i.Bundle != nil {
		f, ok = i.Bundle.Files[real]
		return f, ok
	}
	info, err := os.Stat(i.Tree.Path(real))
	if err != nil {
		return f, false
	}
	f = Fact{Owner: "root", Mode: info.Mode().Perm(), Changed: i.changed(info)}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		f.Owner = i.UserName(int(stat.Uid))
	}
	return f, true
}

// leaving are files that are not generated from config.yaml although they may hold what it says: logs, copies that
// people keep, code, and keys.
func leaving(p string) Why {
	base := path.Base(p)
	switch {
	case path.Dir(p) == "/home/admin/conf" && strings.HasPrefix(base, "config"),
		strings.HasPrefix(p, "/var/lib/omsinit/"), strings.HasPrefix(p, "/usr/share/omsinit/"),
		strings.HasPrefix(base, "omsinit"):
		return Kept
	case strings.HasPrefix(base, "ssh_host_"):
		return Key
	case slices.Contains(strings.Split(path.Dir(p), "/"), "logs"), strings.HasPrefix(p, "/var/log/"):
		return Log
	case strings.HasPrefix(p, "/tmp/"), strings.HasPrefix(p, "/var/tmp/"), strings.HasPrefix(p, "/run/"),
		strings.HasPrefix(p, "/var/cache/"):
		return Temporary
	}
	for why, ends := range map[Why][]string{
		Kept: {".edited", ".bak", ".orig", ".rpmsave", ".rpmnew", ".dpkg-old", ".dpkg-dist", "~", ".swp", "_history",
			".viminfo", ".pid"},
		Log: {".log"}, Key: {".pem", ".key", ".jks"},
		Binary: {".jar", ".war", ".class", ".js", ".css", ".map", ".html", ".svg", ".pyc"},
	} {
		if slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(base, end) }) {
			return why
		}
	}
	return ""
}

// value is a value of config.yaml that stands in a file for no other reason.
type value struct {
	key   string
	texts [][]byte
}

// distinctive are the values by which a file is known to be generated.
func distinctive(c *config.Config) []value {
	var out []value
	add := func(key, text string, forms bool) {
		v := value{key, [][]byte{[]byte(text)}}
		if forms {
			for _, form := range pack.Forms(text) {
				v.texts = append(v.texts, []byte(form))
			}
		}
		out = append(out, v)
	}
	for _, k := range config.Keys() {
		switch v := c.Values()[k.Name].(type) {
		case config.Secret:
			if len(v.Reveal()) >= 4 {
				add(k.Name, v.Reveal(), true)
			}
		case []string:
			for _, text := range v {
				if len(text) >= 6 && !Usual(text) {
					add(k.Name, text, false)
				}
			}
		case string:
			if len(v) >= 6 && v != k.Default && !Usual(v) {
				add(k.Name, v, false)
			}
		case int:
			if v >= 1000 && fmt.Sprint(v) != k.Default {
				add(k.Name, fmt.Sprint(v), false)
			}
		}
	}
	return out
}

// holds are the keys whose values are in a text. A number is one only where no other digit or letter is beside it.
func holds(data []byte, values []value) []string {
	var out []string
	for _, v := range values {
		in := func(text []byte) bool { return apart(data, text) }
		if !slices.Contains(out, v.key) && slices.ContainsFunc(v.texts, in) {
			out = append(out, v.key)
		}
	}
	return out
}

// apart reports whether a text is in data; digits must stand apart.
func apart(data, text []byte) bool {
	digits := !bytes.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	for from := 0; ; {
		at := bytes.Index(data[from:], text)
		if at < 0 {
			return false
		}
		from += at
		before, after := byte(' '), byte(' ')
		if from > 0 {
			before = data[from-1]
		}
		if from+len(text) < len(data) {
			after = data[from+len(text)]
		}
		if !digits || !alnum(before) && !alnum(after) {
			return true
		}
		from++
	}
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_'
}

// Usual are texts that stand in files for reasons of their own.
func Usual(text string) bool {
	switch strings.ToLower(text) {
	case "127.0.0.1", "localhost", "0.0.0.0", "::1", "root", "admin", "administrator", "oms", "test", "drc", "ceresdb",
		"influxdb", "default", "password", "true", "false":
		return true
	}
	return false
}
