package engine

import (
	"os"
	"slices"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// StartSetup starts the setup task once the early programs, which it may need,
// are ready or have failed. Without such programs that is at once.
func (s *Supervisor) StartSetup() {
	if s.setup != nil {
		go s.awaitEarly()
	}
}

func (s *Supervisor) awaitEarly() {
	early := slices.DeleteFunc(s.All(), func(p *Process) bool {
		def := p.Definition()
		return !def.Early || !def.Autostart
	})
	if err := s.Quietly(api.Start, early...).Await(s.ctx); err != nil {
		s.log.Error("starting the setup task although an early program is not ready", "error", err)
	}
	s.setup.start()
}

func (s *Supervisor) spawnSetup(task Setup, quiet bool, exited func(pid int, e api.Exit)) (int, error) {
	c := childSpec{path: task.Argv[0], argv: task.Argv, env: program.Environ(s.environ, program.ParseEnviron(task.Env)),
		umask: 0o022,
		files: [3]*os.File{nil, task.Stdout, task.Stderr}}
	if quiet {
		c.files = [3]*os.File{}
	}
	pid, err := s.spawner.start(c, exited)
	if err != nil {
		return 0, finding.ExplainShortage(msg.Errorf("cannot run %s: %w", task.Argv[0], err))
	}
	return pid, nil
}
