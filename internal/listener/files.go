package listener

import (
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// descriptors returns what the open files of a process are, as the links in /proc/PID/fd spell it. The error is
// fs.ErrPermission where the kernel shows them to nobody: the process has changed its user by itself.
func descriptors(p procfs.Proc) (files []string, err error) {
	files, err = p.FileDescriptorTargets()
	if !hidden(files, err) {
		return files, err
	}
	asOwner(p, func() { files, err = p.FileDescriptorTargets() })
	if hidden(files, err) {
		err = fs.ErrPermission
	}
	return files, err
}

// Named returns what the processes of a program name: the words of their command lines, and their open files.
func Named(pid int) (names []string) {
	for _, member := range Tree(pid) {
		if p, err := procfs.NewProc(member); err == nil {
			words, _ := p.CmdLine()
			files, _ := descriptors(p)
			names = append(append(names, words...), files...)
		}
	}
	return names
}

// marker returns what a supervisor puts into the environment of a program, and so of all that it starts: its group and
// its name. "" where there is none, or where it cannot be seen.
func marker(p procfs.Proc) string {
	environ, err := p.Environ()
	if errors.Is(err, fs.ErrPermission) {
		asOwner(p, func() { environ, err = p.Environ() })
	}
	var group, name string
	for _, pair := range environ {
		switch key, value, _ := strings.Cut(pair, "="); key {
		case "SUPERVISOR_GROUP_NAME":
			group = value
		case "SUPERVISOR_PROCESS_NAME":
			name = value
		}
	}
	if err != nil || name == "" {
		return ""
	}
	return group + ":" + name
}

// asOwner looks at a process as its user. The kernel shows its files and its environment to whoever may trace it: with
// CAP_SYS_PTRACE, which Docker does not grant by default, or as that user, which takes no more than starting a program
// as it. Where that is not possible, f sees what it would see without.
func asOwner(p procfs.Proc, f func()) {
	uid, gid, err := owner(p)
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread, and its user with it, ends with the goroutine
		_, _ = unix.SetfsgidRetGid(gid)
		_, _ = unix.SetfsuidRetUid(uid)
		f()
	}()
	<-done
}

// hidden reports whether the kernel did not say what the files are.
func hidden(files []string, err error) bool {
	return errors.Is(err, fs.ErrPermission) || slices.Contains(files, "")
}

// owner returns the user and the group of a process.
func owner(p procfs.Proc) (uid, gid int, err error) {
	status, err := p.NewStatus()
	return int(status.UIDs[1]), int(status.GIDs[1]), err
}
