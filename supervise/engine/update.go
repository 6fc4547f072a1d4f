package engine

import (
	"context"
	"reflect"
	"slices"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// use takes over the first definitions. Callers hold the lock.
func (s *Supervisor) use(d *program.Definitions) {
	s.definitions, s.latest, s.definitionsErr = d, d, nil
	for _, def := range d.Programs {
		s.processes[def.FullName()] = s.manage(def)
	}
	for _, w := range d.Warnings {
		s.log.Warn("program files", "warning", w.Headline().String())
	}
}

// inUse are the definitions in use, empty ones when there are none.
func (s *Supervisor) inUse() *program.Definitions {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.definitions == nil {
		return &program.Definitions{Umask: 0o022}
	}
	return s.definitions
}

// Read reads the program files without applying them.
func (s *Supervisor) Read() (*program.Definitions, error) {
	d, err := program.Load(s.options.ConfPath, s.options.Env...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.definitionsErr = err
	if err != nil {
		return nil, err
	}
	s.latest = d
	return d, nil
}

// diff compares definitions with what is supervised.
func (s *Supervisor) diff(d *program.Definitions) api.UpdateResult {
	r := api.UpdateResult{Added: []string{}, Changed: []string{}, Removed: []string{}}
	wanted := map[string]bool{}
	for _, def := range d.Programs {
		name := def.FullName()
		wanted[name] = true
		s.mu.Lock()
		p := s.processes[name]
		s.mu.Unlock()
		switch {
		case p == nil:
			r.Added = append(r.Added, name)
		case !reflect.DeepEqual(p.Definition(), def):
			r.Changed = append(r.Changed, name)
		}
	}
	for _, p := range s.All() {
		if name := p.FullName; !wanted[name] {
			r.Removed = append(r.Removed, name)
		}
	}
	return r
}

// Reload reads the program files again and applies them: new programs are
// added and started, programs that are gone are stopped, and programs whose
// process would be another one are restarted when they run. A change of what
// only the supervisor needs to know restarts nothing. With an error of the
// program files nothing has changed; with another one, what came before it has.
func (s *Supervisor) Reload(ctx context.Context) (api.UpdateResult, error) {
	s.update.Lock()
	defer s.update.Unlock()
	if s.IsClosing() {
		return api.UpdateResult{}, msg.Errorf("the supervisor is stopping")
	}
	d, err := s.Read()
	if err != nil {
		return api.UpdateResult{}, err
	}
	r := s.diff(d)
	s.mu.Lock()
	s.definitions = d
	s.mu.Unlock()
	s.followPort()
	if err := s.remove(ctx, r.Removed); err != nil {
		return r, err
	}
	if err := s.Change(ctx, d, r.Changed); err != nil {
		return r, err
	}
	s.add(d, r.Added)
	s.retireLogs()
	s.log.Info("programs updated", "added", r.Added, "changed", r.Changed, "removed", r.Removed)
	return r, nil
}

// remove stops programs and forgets them.
func (s *Supervisor) remove(ctx context.Context, names []string) error {
	programs, _ := s.resolve(names) // an unknown one is gone already
	unlock, err := LockAll(ctx, programs)
	if err != nil {
		return msg.Errorf("another operation on the programs is still running: %w", err)
	}
	defer unlock()
	o := s.Quietly(api.Stop, programs...)
	o.each(func(p *Managed) { o.Stop(ctx, p) })
	if err := o.progress.Err(); err != nil {
		return err
	}
	s.Forget(programs)
	return nil
}

// retireLogs drops the log files that no program writes to any more.
func (s *Supervisor) retireLogs() {
	inUse := map[string]bool{}
	for _, p := range s.All() {
		def := p.Definition()
		inUse[def.Stdout.Path], inUse[def.Stderr.Path] = true, true
	}
	s.logs.Retire(func(path string) bool { return inUse[path] })
}

// Forget removes programs that have been stopped.
func (s *Supervisor) Forget(programs []*Managed) {
	for _, p := range programs {
		name := p.FullName
		s.mu.Lock()
		delete(s.processes, name)
		s.mu.Unlock()
		p.mu.Lock()
		p.notify() // whoever depends on it looks again
		p.mu.Unlock()
	}
}

// Change assigns programs a new definition, and restarts them where that
// matters.
func (s *Supervisor) Change(ctx context.Context, d *program.Definitions, names []string) error {
	programs, err := s.resolve(names)
	if err != nil {
		return err
	}
	unlock, err := LockAll(ctx, programs)
	if err != nil {
		return msg.Errorf("another operation on the programs is still running: %w", err)
	}
	defer unlock()
	restart := s.Quietly(api.Stop)
	var again []*Managed
	for _, p := range programs {
		if !sameProcess(p.Definition(), definitionIn(d, p)) {
			restart.programs = append(restart.programs, p)
			if snap := p.Snapshot(); snap.Held || !snap.State.Down() {
				again = append(again, p)
			}
		}
	}
	restart.each(func(p *Managed) { restart.Stop(ctx, p) })
	if err := restart.progress.Err(); err != nil {
		return err
	}
	for _, p := range programs {
		p.redefine(definitionIn(d, p))
	}
	for _, f := range s.request(again, 0) {
		f()
	}
	return nil
}

// redefine takes over a definition. A readiness probe that changed is asked
// from the start.
func (p *process) redefine(def program.Program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	probe := !reflect.DeepEqual(p.def.Probe, def.Probe)
	alive := !reflect.DeepEqual(p.def.Alive, def.Alive)
	was := p.ready
	p.def = def
	if !probe && !alive || !p.state.up() {
		return
	}
	p.unready()
	switch {
	// A line that a log probe asks for now was written long ago.
	case was && (!probe || def.Probe != nil && def.Probe.Log != ""):
		p.becomeReady()
	case def.Probe != nil:
		p.answer = msg.Message{}
		p.watch()
	case p.state == running:
		p.answer = msg.Message{}
		p.becomeReady()
	}
	p.notify()
}

// sameProcess reports whether two definitions start the same process, so that
// a running one may stay.
func sameProcess(a, b program.Program) bool {
	for _, p := range []*program.Program{&a, &b} {
		p.GroupPriority, p.Priority, p.Autostart, p.Autorestart, p.ExitCodes = 0, 0, false, 0, nil
		p.StartSecs, p.StartRetries, p.StopSignal, p.StopWaitSecs = 0, 0, 0, 0
		p.StopAsGroup, p.KillAsGroup = false, false
		p.DependsOn, p.Probe, p.ReadyTimeout, p.Files, p.Early = nil, nil, 0, nil, false
		p.Alive, p.AliveFailures, p.Essential = nil, 0, false
	}
	return reflect.DeepEqual(a, b)
}

// add supervises new programs, and starts those that start by themselves.
func (s *Supervisor) add(d *program.Definitions, names []string) {
	var added []*Managed
	s.mu.Lock()
	for _, def := range d.Programs {
		if name := def.FullName(); slices.Contains(names, name) && s.processes[name] == nil {
			s.processes[name] = s.manage(def)
			added = append(added, s.processes[name])
		}
	}
	s.mu.Unlock()
	s.Autostart(added)
}

// GroupChanges is what supervisorctl reread prints: groups, not programs.
func (s *Supervisor) GroupChanges(d *program.Definitions) (added, changed, removed []string) {
	now, then := map[string]bool{}, map[string]bool{}
	for _, def := range d.Programs {
		now[def.Group] = true
	}
	for _, p := range s.All() {
		then[p.Group] = true
	}
	add := func(list *[]string, group string) {
		if !slices.Contains(*list, group) {
			*list = append(*list, group)
		}
	}
	added, changed, removed = []string{}, []string{}, []string{}
	r := s.diff(d)
	for _, def := range d.Programs {
		switch name := def.FullName(); {
		case !then[def.Group]:
			add(&added, def.Group)
		case slices.Contains(r.Added, name), slices.Contains(r.Changed, name):
			add(&changed, def.Group)
		}
	}
	for _, p := range s.All() {
		switch {
		case !now[p.Group]:
			add(&removed, p.Group)
		case slices.Contains(r.Removed, p.FullName):
			add(&changed, p.Group)
		}
	}
	return added, changed, removed
}

// AddGroup supervises a group of the program files as they were read last.
func (s *Supervisor) AddGroup(group string) (found, added bool) {
	s.update.Lock()
	defer s.update.Unlock()
	s.mu.Lock()
	d := s.latest
	s.mu.Unlock()
	if d == nil {
		return false, false
	}
	var names []string
	for _, def := range d.Programs {
		if def.Group == group {
			found = true
			if s.Find(def.FullName()) == nil {
				names = append(names, def.FullName())
			}
		}
	}
	if len(names) > 0 {
		s.mu.Lock()
		s.definitions = d
		s.mu.Unlock()
		s.add(d, names)
	}
	return found, len(names) > 0
}

// RestartAll stops everything, reads the program files again and starts what
// starts by itself.
func (s *Supervisor) RestartAll() {
	o := s.Quietly(api.Stop, s.All()...)
	if err := o.Run(s.ctx); err != nil {
		s.log.Error("cannot stop everything for a reload", "error", err)
		return
	}
	before := s.All()
	if _, err := s.Reload(s.ctx); err != nil {
		s.log.Error("cannot update the programs", "error", err)
	}
	s.Autostart(slices.DeleteFunc(before, func(p *Managed) bool { return s.Find(p.FullName) != p }))
}

// definitionIn is the definition of a supervised program.
func definitionIn(d *program.Definitions, p *Managed) program.Program {
	name := p.FullName
	i := slices.IndexFunc(d.Programs, func(def program.Program) bool { return def.FullName() == name })
	if i < 0 {
		return p.Definition()
	}
	return d.Programs[i]
}
