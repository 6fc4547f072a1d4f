package finding

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"omsinit/internal/msg"
)

// shortages are the errors of a system call for which there is no room at the moment. They pass by themselves.
var shortages = []syscall.Errno{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC,
	syscall.EDQUOT}

// IsShortage reports whether something failed for want of processes, memory, descriptors or room on a disk.
func IsShortage(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && slices.Contains(shortages, number)
}

// ExplainShortage adds to an error what is missing; any other error stays as it is.
func ExplainShortage(err error) error {
	var number syscall.Errno
	if !errors.As(err, &number) {
		return err
	}
	switch number {
	case syscall.ENOSPC:
		var at *fs.PathError
		var s syscall.Statfs_t
		if errors.As(err, &at) && syscall.Statfs(filepath.Dir(at.Path), &s) == nil && s.Files > 0 && s.Ffree == 0 {
			return msg.Errorf("%w: no inode is left there, though %d MiB are free; remove files", err,
				s.Bavail*uint64(s.Bsize)>>20)
		}
	case syscall.EAGAIN:
		return msg.Errorf("%w: the limit on processes and threads of the container (docker run --pids-limit) or of the user (ulimit -u) is reached; stop what has too many of them", err)
	case syscall.ENOMEM:
		return msg.Errorf("%w: no memory is left", err)
	case syscall.EMFILE:
		return msg.Errorf("%w: PID 1 has as many open files as it may have (docker run --ulimit nofile)", err)
	}
	return err
}
