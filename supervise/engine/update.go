package engine

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sort"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// use takes over the first definitions. Callers hold the lock.
func (s *Supervisor) use(d *program.Definitions) {
	s.definitions, s.latest, s.definitionsErr = d, d, nil
	for _, def := range d.Programs {
		s.processes[def.FullName()] = newProcess(def, s, s.log)
	}
	for _, f := range d.Findings {
		s.log.Warn("program files", string(f.Severity), f.Err().Error())
	}
}

// inUse returns the definitions in use, empty ones when there are none.
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
	if err == nil {
		keepUsable(d, s.All())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.definitionsErr = err; err != nil {
		return nil, err
	}
	s.latest = d
	return d, nil
}

// keepUsable leaves programs as they are whose section can no longer be used: a typing error must not stop what runs.
func keepUsable(d *program.Definitions, programs []*Process) {
	broken := map[string]*finding.Finding{}
	for _, def := range d.Programs {
		if def.Problem != nil {
			broken[def.Section] = def.Problem
		}
	}
	kept := map[string]bool{}
	for _, p := range programs {
		def := p.Definition()
		problem := broken[def.Section]
		if problem == nil || def.Problem != nil {
			continue
		}
		if !kept[def.Section] {
			kept[def.Section] = true
			same := func(now program.Program) bool { return now.Section == def.Section }
			d.Programs = slices.DeleteFunc(d.Programs, same)
			w := *problem
			w.Severity, w.Fix = finding.Warning, msg.M("the program keeps its former definition until that is mended")
			d.Findings = append(d.Findings, w)
		}
		d.Programs = append(d.Programs, def)
	}
	d.Sort()
}

// change is what an update changes.
type change struct {
	added   []program.Program
	changed []*Process
	renewed []program.Program // their new definitions
	removed []*Process
}

// diff compares definitions with what is supervised.
func (s *Supervisor) diff(d *program.Definitions) (c change, r api.UpdateResult) {
	r = api.UpdateResult{Added: []string{}, Changed: []string{}, Removed: []string{}}
	gone := map[string]*Process{}
	for _, p := range s.All() {
		gone[p.FullName] = p
	}
	for _, def := range d.Programs {
		name := def.FullName()
		switch p := gone[name]; {
		case p == nil:
			c.added, r.Added = append(c.added, def), append(r.Added, name)
		case !reflect.DeepEqual(p.Definition(), def):
			c.changed, c.renewed = append(c.changed, p), append(c.renewed, def)
			r.Changed = append(r.Changed, name)
		}
		delete(gone, name)
	}
	r.Removed = slices.AppendSeq(r.Removed, maps.Keys(gone))
	slices.Sort(r.Removed)
	c.removed = slices.Collect(maps.Values(gone))
	return c, r
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
	c, r := s.diff(d)
	s.mu.Lock()
	s.definitions = d
	s.mu.Unlock()
	s.followPort()
	if err := s.remove(ctx, c.removed); err != nil {
		return r, err
	}
	if err := s.redefine(ctx, c.changed, c.renewed); err != nil {
		return r, err
	}
	s.add(c.added)
	s.retireLogs()
	s.log.Info("programs updated", "added", r.Added, "changed", r.Changed, "removed", r.Removed)
	return r, nil
}

// remove stops programs and forgets them.
func (s *Supervisor) remove(ctx context.Context, programs []*Process) error {
	unlock, err := LockAll(ctx, programs)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.Quietly(api.Stop, programs...).Stop(ctx); err != nil {
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
func (s *Supervisor) Forget(programs []*Process) {
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

// redefine assigns programs a new definition, and restarts them where that
// matters.
func (s *Supervisor) redefine(ctx context.Context, programs []*Process, definitions []program.Program) error {
	unlock, err := LockAll(ctx, programs)
	if err != nil {
		return err
	}
	defer unlock()
	var stop, again []*Process
	for i, p := range programs {
		if was, now := p.Definition(), definitions[i]; !sameProcess(was, now) {
			stop = append(stop, p)
			snap := p.Snapshot()
			if mended := was.Problem != nil && now.Autostart; mended || snap.Pending || !snap.State.Down() {
				again = append(again, p)
			}
		}
	}
	if err := s.Quietly(api.Stop, stop...).Stop(ctx); err != nil {
		return err
	}
	for i, p := range programs {
		p.redefine(definitions[i])
	}
	s.start(again, false)
	return nil
}

// redefine takes over a definition. A readiness probe that changed is asked
// from the start.
func (p *Process) redefine(def program.Program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	probe := !reflect.DeepEqual(p.def.Probe, def.Probe)
	alive := !reflect.DeepEqual(p.def.Alive, def.Alive)
	was := p.ready
	mended := p.def.Problem != nil && def.Problem == nil
	if p.def = def; !p.refuse() && mended {
		p.spawnErr = nil
		p.move(stopped)
	}
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
func (s *Supervisor) add(definitions []program.Program) {
	var added []*Process
	s.mu.Lock()
	for _, def := range definitions {
		if name := def.FullName(); s.processes[name] == nil {
			s.processes[name] = newProcess(def, s, s.log)
			added = append(added, s.processes[name])
		}
	}
	s.mu.Unlock()
	s.Autostart(added)
}

// GroupChanges returns what supervisorctl reread prints: groups, not programs.
func (s *Supervisor) GroupChanges(d *program.Definitions) (added, changed, removed []string) {
	before, after := map[string][]program.Program{}, map[string][]program.Program{}
	for _, p := range s.All() {
		before[p.Group] = append(before[p.Group], p.Definition())
	}
	for _, def := range d.Programs {
		after[def.Group] = append(after[def.Group], def)
	}
	added, changed, removed = []string{}, []string{}, []string{}
	for _, group := range slices.Sorted(maps.Keys(after)) {
		sort.Slice(after[group], func(i, j int) bool { return after[group][i].Name < after[group][j].Name })
		switch {
		case before[group] == nil:
			added = append(added, group)
		case !reflect.DeepEqual(before[group], after[group]):
			changed = append(changed, group)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(before)) {
		if after[group] == nil {
			removed = append(removed, group)
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
	var missing []program.Program
	for _, def := range d.Programs {
		if def.Group == group {
			found = true
			if s.Find(def.FullName()) == nil {
				missing = append(missing, def)
			}
		}
	}
	if len(missing) > 0 {
		s.mu.Lock()
		s.definitions = d
		s.mu.Unlock()
		s.add(missing)
	}
	return found, len(missing) > 0
}

// RestartAll stops everything, reads the program files again and starts what starts by itself. The programs are new
// ones then, as they are after a restart of Supervisor, unless the files cannot be read.
func (s *Supervisor) RestartAll() {
	o := s.Quietly(api.Stop, s.All()...)
	if err := o.Run(s.ctx); err != nil {
		s.log.Error("cannot stop everything for a reload", "error", err)
		return
	}
	before := s.inUse()
	s.Forget(s.All())
	if _, err := s.Reload(s.ctx); err != nil {
		s.log.Error("cannot update the programs", "error", err)
		s.mu.Lock()
		s.use(before)
		s.definitionsErr = err
		s.mu.Unlock()
		s.Autostart(s.All())
	}
}
