package engine

import (
	"cmp"
	"context"
	"os"
	"syscall"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// The engine of the processes.

func (s *Supervisor) spawn(
	p program.Program, at place, exited func(pid int, e api.Exit),
) (pid int, err error) {
	defer func() { err = finding.ExplainShortage(err) }()
	if s.IsClosing() {
		return 0, msg.Errorf("the supervisor is stopping")
	}
	c, err := s.childSpec(p)
	if err != nil {
		return 0, err
	}
	for i, f := range []program.LogFile{p.Stdout, p.Stderr} {
		if i == 1 && p.RedirectStderr {
			c.files[2] = c.files[1]
			break
		}
		w, ours, err := s.logs.Writer(f)
		if err != nil {
			return 0, err
		}
		if ours {
			defer w.Close()
		}
		c.files[1+i] = w
	}
	stdin, closeStdin, err := s.inputs.Open(p.FullName())
	if err != nil {
		return 0, msg.Errorf("cannot make a pipe for the input of the program: %w", err)
	}
	defer stdin.Close()
	c.files[0] = stdin
	c.at = at
	at.await()
	back := s.yield(p)
	pid, err = s.spawner.start(c, func(pid int, e api.Exit) {
		closeStdin()
		exited(pid, e)
		back()
	})
	if err != nil {
		closeStdin()
		back()
		return 0, msg.Errorf("cannot run %s: %w", c.path, err)
	}
	return pid, nil
}

// childSpec returns how a program runs, apart from its input and output.
func (s *Supervisor) childSpec(p program.Program) (c childSpec, err error) {
	umask := s.inUse().Umask
	if p.Umask >= 0 {
		umask = p.Umask
	}
	env := program.Environ(s.environ, map[string]string{
		"SUPERVISOR_ENABLED":      "1",
		"SUPERVISOR_SERVER_URL":   "unix://" + s.options.SocketPath,
		"SUPERVISOR_PROCESS_NAME": p.Name,
		"SUPERVISOR_GROUP_NAME":   p.Group,
	}, p.Environment)
	if p.Directory != "" {
		if info, err := os.Stat(p.Directory); err != nil {
			return c, msg.Errorf("cannot use the directory of the program: %w", err)
		} else if !info.IsDir() {
			return c, msg.Errorf("cannot use the directory of the program: %s is not a directory", p.Directory)
		}
	}
	file, err := s.Command(p)
	if err != nil {
		return c, err
	}
	c = childSpec{path: file, argv: p.Command, dir: p.Directory, env: env, umask: umask}
	if !s.options.IgnoreUsers {
		c.cred, err = credential(p.User)
	}
	return c, err
}

// Command finds the file that a program runs.
func (s *Supervisor) Command(p program.Program) (string, error) {
	if len(p.Command) == 0 {
		return "", &SpawnNotExecutable{p.Problem.Err()}
	}
	return lookCommand(p.Command[0], p.Directory, cmp.Or(p.Environment["PATH"], s.path))
}

func (s *Supervisor) kill(pid int, sig syscall.Signal, group bool) error {
	return s.reaper.Signal(pid, sig, group)
}

func (s *Supervisor) after(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}

func (s *Supervisor) now() time.Time { return time.Now() }

func (s *Supervisor) ready(ctx context.Context, p program.Program, pid int) (bool, msg.Message) {
	return p.Ready(ctx, s.runsProbes(p), pid)
}

func (s *Supervisor) healthy(ctx context.Context, p program.Program, _ int) (bool, msg.Message) {
	return p.Alive.Ask(ctx, s.runsProbes(p))
}

func (s *Supervisor) watchLog(p program.Program, expression string, found func(line string)) func() {
	return s.logs.WatchLog([]program.LogFile{p.Stdout, p.Stderr}, expression, found)
}

// fatal ends everything when an essential program was given up, where that is
// asked for. The exit status is that of the program: an orchestrator sees why.
func (s *Supervisor) fatal(p program.Program, e *api.Exit) {
	if !p.Essential || !s.options.ExitOnFatal {
		return
	}
	s.mu.Lock()
	if s.exit == 0 {
		s.exit = 1
		switch {
		case e != nil && e.Signal != 0:
			s.exit = 128 + int(e.Signal)
		case e != nil && e.Code > 0:
			s.exit = e.Code
		}
		s.log.Error("stopping everything, an essential program is FATAL", "program", p.FullName(),
			"exit_status", s.exit)
	}
	s.mu.Unlock()
	s.cancel()
}

func (s *Supervisor) drain(p program.Program) {
	s.logs.Drain(p.Stdout)
	s.logs.Drain(p.Stderr)
}

// orphansReaped wakes the programs that wait for the rest of their group.
func (s *Supervisor) orphansReaped(int) {
	for _, p := range s.All() {
		p.groupChanged()
	}
	select {
	case s.reaped <- struct{}{}:
	default:
	}
}
