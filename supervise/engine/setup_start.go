package engine

import (
	"os"

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
	o := &Operation{s: s, verb: api.Start, untilReady: true, progress: api.NewProgress(nil)}
	for _, p := range s.All() {
		if def := p.Definition(); def.Early && def.Autostart {
			o.programs = append(o.programs, p)
		}
	}
	o.each(func(p *Managed) { o.awaitStarted(s.ctx, p) })
	if err := o.progress.Err(); err != nil {
		s.log.Error("starting the setup task although an early program is not ready", "error", err)
	}
	s.setup.start()
}

func (s *Supervisor) spawnSetup(task Setup, quiet bool, exited func(pid int, e api.Exit)) (int, error) {
	c := childSpec{path: task.Argv[0], argv: task.Argv, env: program.Environ(s.environ, program.EnvironMap(task.Env)),
		umask: 0o022,
		files: [3]*os.File{nil, task.Stdout, task.Stderr}}
	if quiet {
		c.files = [3]*os.File{}
	}
	pid, err := s.spawner.start(c, exited)
	if err != nil {
		return 0, msg.Errorf("cannot run %s: %w", task.Argv[0], err)
	}
	return pid, nil
}
