package supervise

import (
	"context"
	"reflect"
	"slices"

	"omsinit/internal/msg"
)

// UpdateResult says what an update of the program files changed, by full
// program name.
type UpdateResult struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
}

// use takes over the first definitions. Callers hold the lock.
func (s *Supervisor) use(d *Definitions) {
	s.definitions, s.latest, s.definitionsErr = d, d, nil
	for _, def := range d.Programs {
		s.processes[def.FullName()] = s.manage(def)
	}
	for _, w := range d.Warnings {
		s.log.Warn("program files", "warning", w.Message().String())
	}
}

// inUse are the definitions in use, empty ones when there are none.
func (s *Supervisor) inUse() *Definitions {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.definitions == nil {
		return &Definitions{Umask: 0o022}
	}
	return s.definitions
}

// read reads the program files without applying them.
func (s *Supervisor) read() (*Definitions, error) {
	d, err := Load(s.options.ConfPath, s.options.Env...)
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
func (s *Supervisor) diff(d *Definitions) UpdateResult {
	r := UpdateResult{Added: []string{}, Changed: []string{}, Removed: []string{}}
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
		case !reflect.DeepEqual(p.definition(), def):
			r.Changed = append(r.Changed, name)
		}
	}
	for _, p := range s.all() {
		if name := p.fullName; !wanted[name] {
			r.Removed = append(r.Removed, name)
		}
	}
	return r
}

// reload reads the program files again and applies them: new programs are
// added and started, programs that are gone are stopped, and programs whose
// process would be another one are restarted when they run. A change of what
// only the supervisor needs to know restarts nothing. With an error of the
// program files nothing has changed; with another one, what came before it has.
func (s *Supervisor) reload(ctx context.Context) (UpdateResult, error) {
	s.update.Lock()
	defer s.update.Unlock()
	if s.isClosing() {
		return UpdateResult{}, msg.Errorf("the supervisor is stopping")
	}
	d, err := s.read()
	if err != nil {
		return UpdateResult{}, err
	}
	r := s.diff(d)
	s.mu.Lock()
	s.definitions = d
	s.mu.Unlock()
	s.openTCP(d)
	if err := s.remove(ctx, r.Removed); err != nil {
		return r, err
	}
	if err := s.change(ctx, d, r.Changed); err != nil {
		return r, err
	}
	s.add(d, r.Added)
	s.log.Info("programs updated", "added", r.Added, "changed", r.Changed, "removed", r.Removed)
	return r, nil
}

// remove stops programs and forgets them.
func (s *Supervisor) remove(ctx context.Context, names []string) error {
	programs, _ := s.resolve(names) // an unknown one is gone already
	unlock, err := lockAll(ctx, programs)
	if err != nil {
		return msg.Errorf("another operation on the programs is still running: %w", err)
	}
	defer unlock()
	o := &operation{s: s, verb: verbStop, programs: programs, emit: func(Event) {}}
	o.each(func(p *managed) { o.stop(ctx, p) })
	if err := o.failed(); err != nil {
		return err
	}
	s.forget(programs)
	return nil
}

func (s *Supervisor) forget(programs []*managed) {
	for _, p := range programs {
		name := p.fullName
		s.mu.Lock()
		delete(s.processes, name)
		s.mu.Unlock()
		p.mu.Lock()
		p.notify() // whoever depends on it looks again
		p.mu.Unlock()
	}
}

// change gives programs a new definition, and restarts them where that
// matters.
func (s *Supervisor) change(ctx context.Context, d *Definitions, names []string) error {
	programs, err := s.resolve(names)
	if err != nil {
		return err
	}
	unlock, err := lockAll(ctx, programs)
	if err != nil {
		return msg.Errorf("another operation on the programs is still running: %w", err)
	}
	defer unlock()
	restart := &operation{s: s, verb: verbStop, emit: func(Event) {}}
	var again []*managed
	for _, p := range programs {
		if !sameProcess(p.definition(), d.program(p)) {
			restart.programs = append(restart.programs, p)
			if snap := p.snapshot(); snap.held || !snap.state.down() {
				again = append(again, p)
			}
		}
	}
	restart.each(func(p *managed) { restart.stop(ctx, p) })
	if err := restart.failed(); err != nil {
		return err
	}
	for _, p := range programs {
		p.redefine(d.program(p))
	}
	for _, f := range s.request(again, 0) {
		f()
	}
	return nil
}

// program is the definition of a supervised program.
func (d *Definitions) program(p *managed) Program {
	name := p.fullName
	i := slices.IndexFunc(d.Programs, func(def Program) bool { return def.FullName() == name })
	if i < 0 {
		return p.definition()
	}
	return d.Programs[i]
}

// redefine takes over a definition. A readiness probe that changed is asked
// from the start.
func (p *process) redefine(def Program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	probe := !reflect.DeepEqual(p.def.Probe, def.Probe)
	alive := !reflect.DeepEqual(p.def.Alive, def.Alive)
	was := p.ready
	p.def = def
	if !probe && !alive || p.state != Starting && p.state != Running || p.leaving != nil {
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
	case p.state == Running:
		p.answer = msg.Message{}
		p.becomeReady()
	}
	p.notify()
}

// sameProcess reports whether two definitions start the same process, so that
// a running one may stay.
func sameProcess(a, b Program) bool {
	for _, p := range []*Program{&a, &b} {
		p.GroupPriority, p.Priority, p.Autostart, p.Autorestart, p.ExitCodes = 0, 0, false, 0, nil
		p.StartSecs, p.StartRetries, p.StopSignal, p.StopWaitSecs = 0, 0, 0, 0
		p.StopAsGroup, p.KillAsGroup = false, false
		p.DependsOn, p.Probe, p.ReadyTimeout, p.Files, p.Early = nil, nil, 0, nil, false
		p.Alive, p.AliveFailures, p.Essential = nil, 0, false
	}
	return reflect.DeepEqual(a, b)
}

// add supervises new programs, and starts those that start by themselves.
func (s *Supervisor) add(d *Definitions, names []string) {
	var added []*managed
	s.mu.Lock()
	for _, def := range d.Programs {
		if name := def.FullName(); slices.Contains(names, name) && s.processes[name] == nil {
			s.processes[name] = s.manage(def)
			added = append(added, s.processes[name])
		}
	}
	s.mu.Unlock()
	s.autostart(added)
}

// groupChanges is what supervisorctl reread prints: groups, not programs.
func (s *Supervisor) groupChanges(d *Definitions) (added, changed, removed []string) {
	now, then := map[string]bool{}, map[string]bool{}
	for _, def := range d.Programs {
		now[def.Group] = true
	}
	for _, p := range s.all() {
		then[p.group] = true
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
	for _, p := range s.all() {
		switch {
		case !now[p.group]:
			add(&removed, p.group)
		case slices.Contains(r.Removed, p.fullName):
			add(&changed, p.group)
		}
	}
	return added, changed, removed
}

// addGroup supervises a group of the program files as they were read last.
func (s *Supervisor) addGroup(group string) (found, added bool) {
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
			if s.find(def.FullName()) == nil {
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

// restartAll stops everything, reads the program files again and starts what
// starts by itself.
func (s *Supervisor) restartAll() {
	o := &operation{s: s, verb: verbStop, programs: s.all(), emit: func(Event) {}}
	if err := o.run(s.ctx); err != nil {
		s.log.Error("cannot stop everything for a reload", "error", err)
		return
	}
	before := s.all()
	if _, err := s.reload(s.ctx); err != nil {
		s.log.Error("cannot update the programs", "error", err)
	}
	s.autostart(slices.DeleteFunc(before, func(p *managed) bool { return s.find(p.fullName) != p }))
}
