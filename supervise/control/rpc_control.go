package control

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"omsinit/supervise/program"
)

// command is what Supervisor can do to programs. Errors are faults.
type command struct {
	// applies reports whether it is done to one of several programs that has this state; nil for always.
	applies func(api.State) bool
	// begin does what needs no waiting; together, where it is not nil, is done to those for which begin succeeded.
	begin    func(p *engine.Process) error
	together func(programs []*engine.Process) error
	// finish waits; nil for nothing.
	finish func(p *engine.Process) error
	// takes is how long it takes about, to list the results as they come; nil for no time.
	takes func(p program.Program) int
}

// rpcResult is one program of a command for several.
type rpcResult struct {
	Name        string `json:"name"`
	Group       string `json:"group"`
	Status      int    `json:"status"`
	Description string `json:"description"`
}

// one carries out a command on NAME or GROUP:NAME, which is answered by true, or on GROUP:*.
func (r *rpcService) one(c command, name string) (any, error) {
	if group, process, ok := strings.Cut(name, ":"); ok && (process == "" || process == "*") {
		return r.group(c, group)
	}
	p, err := r.find(name)
	if err != nil {
		return nil, err
	}
	return true, c.do([]*engine.Process{p})[0]
}

// group carries out a command on the programs of a group.
func (r *rpcService) group(c command, name string) (any, error) {
	members, err := r.members(name)
	if err != nil {
		return nil, err
	}
	return c.results(members), nil
}

// results carries out a command on several programs, in the order of their priorities.
func (c command) results(programs []*engine.Process) []rpcResult {
	definitions := map[*engine.Process]program.Program{}
	for _, p := range programs {
		definitions[p] = p.Definition()
	}
	programs = slices.DeleteFunc(programs, func(p *engine.Process) bool {
		return c.applies != nil && !c.applies(p.Snapshot().State)
	})
	slices.SortFunc(programs, func(a, b *engine.Process) int {
		return definitions[a].Compare(definitions[b])
	})
	type late struct {
		rpcResult
		after int
	}
	var list []late
	for i, err := range c.do(programs) {
		p := programs[i]
		l := late{rpcResult: rpcResult{p.Name, p.Group, faults.Success, "OK"}}
		if err != nil {
			l.Status, l.Description = asFault(err).Code, asFault(err).Text
		} else if c.takes != nil {
			l.after = c.takes(definitions[p])
		}
		list = append(list, l)
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].after < list[j].after })
	out := make([]rpcResult, len(list))
	for i, l := range list {
		out[i] = l.rpcResult
	}
	return out
}

// do carries out a command on programs, all at the same time, and returns how it went with each.
func (c command) do(programs []*engine.Process) []error {
	errs := make([]error, len(programs))
	var begun []*engine.Process
	for i, p := range programs {
		if errs[i] = c.begin(p); errs[i] == nil {
			begun = append(begun, p)
		}
	}
	if c.together != nil && len(begun) > 0 {
		if err := c.together(begun); err != nil {
			for i := range errs {
				errs[i] = cmp.Or(errs[i], err)
			}
		}
	}
	var wg sync.WaitGroup
	for i, p := range programs {
		if errs[i] == nil && c.finish != nil {
			wg.Go(func() { errs[i] = c.finish(p) })
		}
	}
	wg.Wait()
	return errs
}

// find returns the program NAME or GROUP:NAME.
func (r *rpcService) find(name string) (*engine.Process, error) {
	if group, process, ok := strings.Cut(name, ":"); ok && group == process {
		name = group
	}
	if p := r.s.Find(name); p != nil {
		return p, nil
	}
	return nil, fault(faults.BadName, name)
}

// members returns the programs of a group.
func (r *rpcService) members(group string) ([]*engine.Process, error) {
	members := slices.DeleteFunc(r.s.All(), func(p *engine.Process) bool { return p.Group != group })
	if len(members) == 0 {
		return nil, fault(faults.BadName, group)
	}
	return members, nil
}

// removeGroup forgets a group.
func (r *rpcService) removeGroup(c call) (any, error) {
	members, err := r.members(c.text(0))
	if err != nil {
		return nil, err
	}
	for _, p := range members {
		if !p.Snapshot().State.Down() {
			return nil, fault(faults.StillRunning, c.text(0))
		}
		_ = p.Stop(c, false) // ends the waiting for dependencies
	}
	r.s.Forget(members)
	return true, nil
}

// start starts programs at once, as Supervisor does: dependencies that are starting are waited for, those that are
// stopped are not started. All are asked for in one operation, so that each sees which of the others are to be started.
func (r *rpcService) start(c call, wait any) command {
	start := command{
		applies: func(s api.State) bool { return !s.Active() },
		begin:   r.startable,
		together: func(programs []*engine.Process) error {
			return r.s.Quietly(api.Start, programs...).Change(r.s.Lifetime())
		},
		takes: func(p program.Program) int { return p.StartSecs },
	}
	if wait.(bool) {
		since := time.Now()
		start.finish = func(p *engine.Process) error { return awaitRunning(c, p, since) }
	}
	return start
}

// startable finds what Supervisor finds before it tries.
func (r *rpcService) startable(p *engine.Process) error {
	snap := p.Snapshot()
	_, err := r.s.Command(snap.Def)
	if unusable := (*engine.SpawnNotExecutable)(nil); errors.As(err, &unusable) {
		return fault(faults.NotExecutable, err.Error())
	}
	if err != nil {
		return fault(faults.NoFile, err.Error())
	}
	if snap.State.Active() {
		return fault(faults.AlreadyStated, p.FullName)
	}
	if !snap.Def.Early && r.s.Holds() {
		return fault(faults.SpawnError, p.FullName+": waits for the initialisation, see omsinit status")
	}
	return nil
}

// awaitRunning answers as Supervisor does: the first failed start is the answer, although the program is tried again,
// and without startsecs a program that has ended again was started.
func awaitRunning(c call, p *engine.Process, since time.Time) error {
	for {
		snap := p.Snapshot()
		switch {
		case snap.State == api.Running,
			snap.State == api.Exited && snap.Def.StartSecs == 0 && snap.StartedAt.After(since):
			return nil
		case snap.Pending, snap.State == api.Starting, snap.State == api.Stopping && snap.Wanted:
		case snap.SpawnErr != nil:
			return fault(faults.SpawnError, p.FullName)
		default:
			return fault(faults.AbnormalTermination, p.FullName)
		}
		select {
		case <-snap.Changed:
		case <-c.Done():
			return fault(faults.Failed, p.FullName)
		}
	}
}

// stop stops programs; of several, each after those that depend on it.
func (r *rpcService) stop(c call, wait any) command {
	o := r.s.Quietly(api.Stop)
	var all []*engine.Process
	return command{
		applies: api.State.Active,
		begin: func(p *engine.Process) error {
			if snap := p.Snapshot(); !snap.State.Active() && !snap.Pending {
				return fault(faults.NotRunning, p.FullName)
			}
			return nil
		},
		together: func(programs []*engine.Process) error {
			all = programs
			return nil
		},
		finish: func(p *engine.Process) error {
			for _, other := range all {
				if other != p && slices.Contains(other.Definition().DependsOn, p.Name) && !o.AwaitDown(c, other) {
					return fault(faults.Failed, p.FullName)
				}
			}
			unlock, err := engine.LockAll(c, []*engine.Process{p})
			if err != nil {
				return fault(faults.Failed, p.FullName)
			}
			defer unlock()
			_ = p.Stop(c, false)
			if wait.(bool) && !o.AwaitDown(c, p) {
				return fault(faults.Failed, p.FullName)
			}
			return nil
		},
	}
}

// signal sends a signal, by its name or number, to programs with a process.
func (r *rpcService) signal(_ call, name any) command {
	return command{
		applies: func(s api.State) bool { return s == api.Running || s == api.Starting || s == api.Stopping },
		begin: func(p *engine.Process) error {
			sig, ok := program.ParseSignal(name.(string))
			if !ok {
				return fault(faults.BadSignal, name.(string))
			}
			switch running, err := p.Signal(sig); {
			case !running:
				return fault(faults.NotRunning, p.FullName)
			case err != nil && !errors.Is(err, syscall.ESRCH): // it has just ended
				return err
			}
			return nil
		},
	}
}

// sendProcessStdin writes to the standard input of a program, as supervisorctl fg does.
func (r *rpcService) sendProcessStdin(c call) (any, error) {
	name := c.text(0)
	p, err := r.find(name)
	if err != nil {
		return nil, err
	}
	if snap := p.Snapshot(); snap.PID == 0 || snap.State == api.Stopping {
		return nil, fault(faults.NotRunning, name)
	}
	switch err := r.s.WriteInput(p.FullName, c.text(1)); {
	case errors.Is(err, syscall.EPIPE):
		return nil, fault(faults.NoFile, name)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrClosed):
		return nil, fault(faults.NotRunning, name)
	case err != nil:
		return nil, err
	}
	return true, nil
}
