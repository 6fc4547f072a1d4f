package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"omsinit/internal/pattern"
)

// temporary is a name of tempName, folder one of TempDir.
var (
	temporary = pattern.New(`^\.omsinit-[0-9a-f]{16}~$`)
	folder    = pattern.New(`^omsinit-[a-z]+-([0-9]+)-[0-9]+$`)
)

// TempDir makes a folder among the temporary files that only its owner can enter, and whose name says for which process
// it is, so that Sweep finds it when that was killed. kind is a word of small letters.
func TempDir(kind string) (string, error) {
	return os.MkdirTemp("", fmt.Sprintf("omsinit-%s-%d-", kind, os.Getpid()))
}

// Sweep removes what killed runs have left in folders beside the files there, and among the temporary files. Whoever
// calls it is the only one who writes to the folders. The error names everything that is still there.
func Sweep(folders []string) error {
	var failed error
	for _, dir := range folders {
		entries, _ := os.ReadDir(dir) // what cannot be read has nothing of ours
		for _, e := range entries {
			if temporary().MatchString(e.Name()) && e.Type().IsRegular() {
				failed = errors.Join(failed, gone(os.Remove(filepath.Join(dir, e.Name()))))
			}
		}
	}
	entries, _ := os.ReadDir(os.TempDir())
	for _, e := range entries {
		name := folder().FindStringSubmatch(e.Name())
		info, err := e.Info()
		if name == nil || err != nil || !info.IsDir() {
			continue
		}
		pid, _ := strconv.Atoi(name[1])
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || int(stat.Uid) != os.Geteuid() || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		failed = errors.Join(failed, gone(os.RemoveAll(filepath.Join(os.TempDir(), e.Name()))))
	}
	return errors.Join(failed, SweepLocked(os.TempDir()))
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
