package engine

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"omsinit/internal/coredump"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// spawner starts processes, all from one operating system thread that lives
// as long as the supervisor: the kernel sends the parent-death signal when the
// thread that forked ends, not the process. The thread also has a umask of its
// own, so that a program's umask never touches the files of PID 1.
type spawner struct {
	reaper *reaper
	work   chan func()
	// dieWithParent kills the programs when the supervisor is killed. PID 1
	// needs no such thing: the kernel ends the whole container with it.
	dieWithParent bool
	score         string // see programScore
}

func newSpawner(r *reaper) *spawner {
	s := &spawner{reaper: r, work: make(chan func(), api.MostStarts), dieWithParent: os.Getpid() != 1,
		score: programScore("/")}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		// Where this is forbidden, as Docker does by default, the umask is
		// everybody's for the moment of a fork.
		_ = unix.Unshare(unix.CLONE_FS)
		for f := range s.work {
			f()
		}
	}()
	return s
}

// Close ends the thread. Programs that still run get SIGKILL unless we are
// PID 1.
func (s *spawner) Close() { close(s.work) }

// childSpec is all it takes to fork.
type childSpec struct {
	path  string
	argv  []string
	dir   string
	env   []string
	files [3]*os.File // nil is /dev/null
	umask int
	cred  *syscall.Credential
	at    place
}

// start forks and hands the exit to owner, in its own goroutine. The place is taken as soon as all who come later will
// be forked later: so the thread finds the next one there when it has forked one, and need not be woken for each.
func (s *spawner) start(c childSpec, owner func(pid int, e api.Exit)) (int, error) {
	// A session of its own, and so a process group: a program without a terminal
	// cannot write to the container's log behind our back.
	attr := &syscall.ProcAttr{Dir: c.dir, Env: c.env, Sys: &syscall.SysProcAttr{Setsid: true, Credential: c.cred}}
	if s.dieWithParent {
		attr.Sys.Pdeathsig = syscall.SIGKILL
	}
	for _, f := range c.files {
		if f == nil {
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				return 0, err
			}
			defer null.Close()
			f = null
		}
		// SyscallConn and not Fd: Fd would make a pipe's end blocking.
		conn, err := f.SyscallConn()
		if err != nil {
			return 0, err
		}
		if err := conn.Control(func(fd uintptr) { attr.Files = append(attr.Files, fd) }); err != nil {
			return 0, err
		}
	}
	var pid int
	var err error
	done := make(chan struct{})
	s.work <- func() {
		defer close(done)
		defer syscall.Umask(syscall.Umask(c.umask))
		pid, err = s.reaper.start(func() (pid int, err error) {
			coredump.Inherit(func() { pid, err = syscall.ForkExec(c.path, c.argv, attr) })
			return pid, err
		}, owner)
	}
	c.at.take()
	<-done
	runtime.KeepAlive(c.files)
	if err == nil {
		setScore(pid, s.score)
	}
	return pid, err
}

// lookCommand finds the file of a command as Supervisor does: as it is when
// it has a slash, else in the PATH the program will have. The errors are
// spawnNotFound and spawnNotExecutable.
func lookCommand(name, dir, path string) (string, error) {
	if strings.Contains(name, "/") {
		file := name
		if !filepath.IsAbs(file) && dir != "" {
			file = filepath.Join(dir, file)
		}
		return name, executable(file, name)
	}
	if path == "" {
		path = "/bin:/usr/bin:/usr/local/bin"
	}
	for _, folder := range filepath.SplitList(path) {
		file := filepath.Join(folder, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", &spawnNotFound{msg.Errorf("can't find command '%s'", name)}
}

func executable(file, name string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &spawnNotFound{msg.Errorf("can't find command '%s'", name)}
	case err != nil:
		return &SpawnNotExecutable{msg.Errorf("cannot use command %q: %w", name, err)}
	case info.IsDir():
		return &SpawnNotExecutable{msg.Errorf("command at '%s' is a directory", name)}
	case info.Mode()&0o111 == 0:
		return &SpawnNotExecutable{msg.Errorf("command at '%s' is not executable", name)}
	}
	return nil
}

type spawnNotFound struct{ error }

// SpawnNotExecutable is the error of a command whose file is there and cannot be run.
type SpawnNotExecutable struct{ error }

func (e *spawnNotFound) Unwrap() error      { return e.error }
func (e *SpawnNotExecutable) Unwrap() error { return e.error }

// credential is what the user option asks for: uid, gid and the groups of
// that user. nil means to stay who we are.
func credential(name string) (*syscall.Credential, error) {
	if name == "" {
		return nil, nil
	}
	u, err := program.LookupUser(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, msg.Errorf("the user %q has the unusable id %q", name, u.Uid)
	}
	if int(uid) == os.Getuid() {
		return nil, nil
	}
	if os.Getuid() != 0 {
		return nil, msg.Errorf("cannot run as user %q: only root can change users", name)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, msg.Errorf("the user %q has the unusable id %q", name, u.Gid)
	}
	c := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, msg.Errorf("cannot find the groups of user %q: %w", name, err)
	}
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			c.Groups = append(c.Groups, uint32(n))
		}
	}
	return c, nil
}
