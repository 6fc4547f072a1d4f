package client

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// runHere runs the command of a probe in a process that is not PID 1.
func runHere(p *program.Program) program.CommandRunner {
	return func(ctx context.Context, argv []string) (api.Exit, []byte, error) {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Dir, cmd.WaitDelay = p.Directory, program.ProbeGrace
		cmd.Env = program.Environ(nil, program.ParseEnviron(os.Environ()), p.Environment)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		output, err := cmd.CombinedOutput()
		output = output[:min(len(output), program.ProbeOutput)]
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			status := exit.Sys().(syscall.WaitStatus)
			if status.Signaled() {
				return api.Exit{Code: -1, Signal: status.Signal()}, output, nil
			}
			return api.Exit{Code: status.ExitStatus()}, output, nil
		}
		if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
			return api.Exit{}, nil, msg.Errorf("cannot run %s: %w", argv[0], err)
		}
		return api.Exit{}, output, nil
	}
}
