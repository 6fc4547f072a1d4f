package engine

import (
	"context"
	"io"
	"syscall"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/logs"
	"omsinit/supervise/program"
)

func (s *Supervisor) runsProbes(p program.Program) program.CommandRunner {
	return func(ctx context.Context, argv []string) (api.Exit, []byte, error) { return s.runProbe(ctx, p, argv) }
}

// runProbe runs the command of a probe as the program itself would run: its
// user, folder and environment. What is left of its process group after a
// timeout is killed.
func (s *Supervisor) runProbe(ctx context.Context, p program.Program, argv []string) (api.Exit, []byte, error) {
	p.Command = argv
	c, err := s.childSpec(p)
	if err != nil {
		return api.Exit{}, nil, err
	}
	r, w, err := logs.NewPipe(0)
	if err != nil {
		return api.Exit{}, nil, err
	}
	defer r.Close()
	c.files[1], c.files[2] = w, w
	exited := make(chan api.Exit, 1)
	pid, err := s.spawner.start(c, func(_ int, e api.Exit) { exited <- e })
	w.Close()
	if err != nil {
		return api.Exit{}, nil, msg.Errorf("cannot run %s: %w", c.path, err)
	}
	output := make(chan []byte, 1)
	go func() {
		kept, _ := io.ReadAll(io.LimitReader(r, program.ProbeOutput))
		_, _ = io.Copy(io.Discard, r)
		output <- kept
	}()
	var e api.Exit
	select {
	case e = <-exited:
	case <-ctx.Done():
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		e = <-exited
	}
	// What is in the pipe is read; a grandchild may hold it open for ever.
	_ = r.SetReadDeadline(time.Now().Add(program.ProbeGrace))
	return e, <-output, ctx.Err()
}
