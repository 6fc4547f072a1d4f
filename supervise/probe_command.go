package supervise

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"omsinit/internal/msg"
)

const (
	probeOutput = 4 << 10 // of a command that is kept
	probeGrace  = 100 * time.Millisecond
)

// runProbe runs the command of a probe as the program itself would run: its
// user, folder and environment. What is left of its process group after a
// timeout is killed.
func (s *Supervisor) runProbe(ctx context.Context, p Program, argv []string) (Exit, []byte, error) {
	p.Command = argv
	c, err := s.childSpec(p)
	if err != nil {
		return Exit{}, nil, err
	}
	r, w, err := newPipe(0)
	if err != nil {
		return Exit{}, nil, err
	}
	defer r.Close()
	c.files[1], c.files[2] = w, w
	exited := make(chan Exit, 1)
	pid, err := s.spawner.start(c, func(_ int, e Exit) { exited <- e })
	w.Close()
	if err != nil {
		return Exit{}, nil, msg.Errorf("cannot run %s: %w", c.path, err)
	}
	output := make(chan []byte, 1)
	go func() {
		kept, _ := io.ReadAll(io.LimitReader(r, probeOutput))
		_, _ = io.Copy(io.Discard, r)
		output <- kept
	}()
	var e Exit
	select {
	case e = <-exited:
	case <-ctx.Done():
		s.killGroup(pid)
		e = <-exited
	}
	// What is in the pipe is read; a grandchild may hold it open for ever.
	_ = r.SetReadDeadline(time.Now().Add(probeGrace))
	return e, <-output, ctx.Err()
}

// runHere runs the command of a probe in a process that is not PID 1.
func runHere(p *Program) commandRunner {
	return func(ctx context.Context, argv []string) (Exit, []byte, error) {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Dir, cmd.WaitDelay = p.Directory, probeGrace
		cmd.Env = childEnv(environMap(os.Environ()), p.Environment)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		output, err := cmd.CombinedOutput()
		output = output[:min(len(output), probeOutput)]
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			status := exit.Sys().(syscall.WaitStatus)
			if status.Signaled() {
				return Exit{Code: -1, Signal: status.Signal()}, output, nil
			}
			return Exit{Code: status.ExitStatus()}, output, nil
		}
		if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
			return Exit{}, nil, msg.Errorf("cannot run %s: %w", argv[0], err)
		}
		return Exit{}, output, nil
	}
}
