package main

import (
	"bufio"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed all:tree
var tree embed.FS

// programs are program files with the options of a real image's: four of them
// are complete to the byte, but for the order of their lines (oms-facts §14.2).
//
//go:embed programs
var programs embed.FS

// folders are what an OMS image has beside the files of tree (oms-facts §2):
// the places that init writes into, and those the documented mounts cover. The
// real ones are under /u01/ds (oms-facts §14.1).
var folders = []string{
	"etc/pki/nginx",
	"home/admin/logs",
	"opt/alibaba/java/bin",
	"root",
	"u01/ds/cm/package/config",
	"u01/ds/cm/package/deployapp",
	"u01/ds/ghana/config",
	"u01/ds/ghana/resources",
	"u01/ds/run",
	"u01/ds/store",
	"u01/ds/supervisor/config",
	"u01/ds/supervisor/data",
	"u01/ds/supervisor/log",
	"u01/ds/supervisor/package",
}

// links returns the symbolic links of an image, with targets that hold under
// any root. Whether /home/ds as a whole leads to /u01/ds, or each folder in it,
// is not known.
func links(whole bool) map[string]string {
	out := map[string]string{"u01/ds/supervisor/package/config": "../config"}
	if whole {
		out["home/ds"] = "../u01/ds"
		return out
	}
	for _, name := range []string{"cm", "ghana", "run", "store", "supervisor"} {
		out["home/ds/"+name] = "../../u01/ds/" + name
	}
	return out
}

// java is where the stand-in puts itself: the start scripts name it.
const java = "opt/alibaba/java/bin/java"

// installOptions are the variants of an image.
type installOptions struct {
	// wholeLink makes /home/ds as a whole a link, and not each folder in it.
	wholeLink bool
	// programs are the program files of an image, beside which the reference
	// pack's are not made.
	programs bool
}

// install lays out the image's side of an OMS node under dir. It may be run
// again over an older tree; what init generated there is left alone.
func install(dir string, o installOptions) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder: %w", err)
	}
	for _, f := range folders {
		if err := os.MkdirAll(filepath.Join(dir, f), 0o755); err != nil {
			return fmt.Errorf("cannot make a folder: %w", err)
		}
	}
	for path, target := range links(o.wholeLink) {
		if err := link(filepath.Join(dir, path), target); err != nil {
			return err
		}
	}
	if err := installTree(dir); err != nil {
		return err
	}
	if o.programs {
		if err := installPrograms(dir); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find the stand-in itself: %w", err)
	}
	program, err := os.Open(self)
	if err != nil {
		return fmt.Errorf("cannot read the stand-in itself: %w", err)
	}
	defer program.Close()
	if err := place(filepath.Join(dir, java), program, 0o755); err != nil {
		return err
	}
	return give(dir)
}

func installTree(dir string) error {
	noCron := !cronWorks(dir)
	return fs.WalkDir(tree, "tree", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if entry.Name() == "start_crond.sh" && noCron {
			return nil
		}
		content, err := tree.Open(path)
		if err != nil {
			return err
		}
		defer content.Close()
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(path, ".sh") {
			mode = 0o755
		}
		return place(filepath.Join(dir, strings.TrimPrefix(path, "tree/")), content, mode)
	})
}

// installPrograms writes the program files. Their paths are those of the image;
// in a relocated tree they are moved with it.
func installPrograms(dir string) error {
	root, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("cannot find the folder: %w", err)
	}
	root = strings.TrimSuffix(root, "/")
	moved := strings.NewReplacer("/home/", root+"/home/", "/tmp/", root+"/tmp/", "/etc/", root+"/etc/", " /root",
		" "+root+"/root")
	entries, err := programs.ReadDir("programs")
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := programs.ReadFile("programs/" + e.Name())
		if err != nil {
			return err
		}
		to := filepath.Join(dir, "etc/supervisor/conf.d", e.Name())
		if e.Name() == "supervisord.conf" {
			to = filepath.Join(dir, "etc/supervisor", e.Name())
		}
		if err := place(to, strings.NewReader(moved.Replace(string(text))), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// cronWorks reports whether start_crond.sh can work under dir. cron's paths are
// built in, so that in a relocated tree it needs a mount namespace of its own,
// which not every user and machine can have. OMS images without crond are
// documented too (oms-facts §3).
func cronWorks(dir string) bool {
	if abs, err := filepath.Abs(dir); err == nil && abs == "/" {
		return true
	}
	return os.Getuid() == 0 && exec.Command("unshare", "--mount", "true").Run() == nil
}

func link(path, target string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot make a folder: %w", err)
	}
	err := os.Symlink(target, path)
	if errors.Is(err, fs.ErrExist) {
		if now, readErr := os.Readlink(path); readErr == nil && now == target {
			return nil
		}
		return fmt.Errorf("cannot make the link %s -> %s: something else is there; remove it", path, target)
	}
	if err != nil {
		return fmt.Errorf("cannot make a link: %w", err)
	}
	return nil
}

// place writes a file under another name and renames it, so that a program
// that is running from the old one is not disturbed.
func place(path string, content io.Reader, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot make a folder: %w", err)
	}
	// Always the same other name, so that what an interrupted run left is
	// written over. The mode is set once more because of the umask.
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	_, err = io.Copy(f, content)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

// give hands the tree under u01/ds to user ds, where there is one and we may:
// the agent runs as ds (oms-facts §2). In a relocated tree there is none.
func give(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	uid, gid, found, err := lookUp(filepath.Join(dir, "etc/passwd"), "ds")
	if err != nil || !found {
		return err
	}
	return filepath.WalkDir(filepath.Join(dir, "u01/ds"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, uid, gid); err != nil {
			return fmt.Errorf("cannot give the tree to user ds: %w", err)
		}
		return nil
	})
}

// lookUp reads the passwd file of the tree itself: it need not be the one of
// the running system.
func lookUp(passwd, user string) (uid, gid int, found bool, err error) {
	f, err := os.Open(passwd)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, false, nil
	}
	if err != nil {
		return 0, 0, false, fmt.Errorf("cannot read the users: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		field := strings.Split(lines.Text(), ":")
		if len(field) < 4 || field[0] != user {
			continue
		}
		uid, uidErr := strconv.Atoi(field[2])
		gid, gidErr := strconv.Atoi(field[3])
		if err := errors.Join(uidErr, gidErr); err != nil {
			return 0, 0, false, fmt.Errorf("cannot read user %s in %s: %w", user, passwd, err)
		}
		return uid, gid, true, nil
	}
	return 0, 0, false, lines.Err()
}
