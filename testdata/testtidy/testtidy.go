// Package testtidy sees to it that tests end the processes that they have started, and remove their files.
package testtidy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inner is set for the process that runs the tests.
const inner = "TESTTIDY_INNER"

// Run runs the tests, in a process of their own and with a temporary folder of their own, and fails when they leave a
// file there, or a process, also one whose parent has ended. It is to be called in TestMain; what it returns is the
// exit status.
func Run(m *testing.M) int {
	if os.Getenv(inner) != "" {
		os.Unsetenv(inner)
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "t") // short: paths of sockets begin with it
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	code, err := watched(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, left := range append(processes(), files(dir)...) {
		fmt.Fprintln(os.Stderr, "the tests have left behind", left)
		code = max(code, 1)
	}
	return code
}

// watched runs this program again, and returns its exit status. Orphans come to us: to be reaped, or to be found.
func watched(dir string) (code int, err error) {
	if err := os.Chmod(dir, 0o755); err != nil { // for processes of other users
		return 0, err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("cannot become the subreaper: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	runtime.LockOSThread() // the signal of a parent's death is that of this thread
	pid, err := syscall.ForkExec(self, os.Args, &syscall.ProcAttr{Env: append(os.Environ(), inner+"=1", "TMPDIR="+dir),
		Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}})
	if err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGINT) // go test asks for stacks
	go func() {
		for sig := range signals {
			_ = syscall.Kill(pid, sig.(syscall.Signal))
		}
	}()
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, err
		case ended == pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case ended == pid:
			return status.ExitStatus(), nil
		}
	}
}

// patience is how long what was killed may take to be gone.
const patience = 10 * time.Second

// processes kills the children that are left, and returns what they were.
func processes() (left []string) {
	seen := map[int]bool{}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for pid := 1; pid > 0; { // those that have ended by themselves
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
		children := children()
		if len(children) == 0 {
			break
		}
		for _, pid := range children {
			words, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // empty when it is just ending
			if !seen[pid] && len(words) > 0 {
				seen[pid] = true
				left = append(left, fmt.Sprintf("process %d: %s", pid, bytes.ReplaceAll(words, []byte{0}, []byte{' '})))
			}
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return left
}

func children() (pids []int) {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func files(dir string) (left []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range entries {
		left = append(left, "file "+filepath.Join(dir, e.Name()))
	}
	return left
}

// Kill kills all processes that have a variable, KEY=value, in the environment that they were started with, and waits
// until they are gone.
func Kill(t testing.TB, variable string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		alive := false
		environments, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, file := range environments {
			environ, _ := os.ReadFile(file) // empty for a zombie
			pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
			if pid == os.Getpid() || !bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+variable+"\x00")) {
				continue
			}
			alive = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if !alive {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("processes with %s cannot be killed", variable)
			return
		}
		time.Sleep(time.Millisecond)
	}
}
