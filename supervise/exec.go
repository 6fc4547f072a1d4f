package supervise

import (
	"os"
	"os/exec"
	"syscall"

	"omsinit/internal/coredump"
	"omsinit/internal/msg"
)

// Exec replaces this process by a command, as the documented tools expect of
// an entry point that is given one.
func Exec(argv []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return msg.Errorf("cannot run %s: %w", argv[0], err)
	}
	coredump.Inherit(func() { err = syscall.Exec(path, argv, os.Environ()) })
	if err != nil {
		return msg.Errorf("cannot run %s: %w", argv[0], err)
	}
	return nil
}
