package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// OwnPIDFile writes the pid file that [supervisord] names, for tools that
// read it, over that of a killed run. What it returns removes the file.
func (s *Supervisor) OwnPIDFile() func() {
	path := s.inUse().PIDFile
	if path == "" {
		return func() {}
	}
	if err := writePIDFile(path); err != nil {
		s.log.Warn("cannot write the pid file", "error", err)
		return func() {}
	}
	return func() {
		if text, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(os.Getpid()) {
			os.Remove(path)
		}
	}
}

// writePIDFile makes a new file: it is often in /tmp, where somebody else
// could have put a link.
func writePIDFile(path string) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	return errors.Join(err, f.Close())
}
