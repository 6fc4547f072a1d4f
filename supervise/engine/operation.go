package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// Operation is one start, stop or restart of several programs.
type Operation struct {
	s        *Supervisor
	verb     api.Verb
	programs []*Managed
	// untilReady waits for readiness, else for RUNNING.
	untilReady bool
	// loose starts a program although one that it depends on is stopped, as
	// supervisorctl's users expect.
	loose bool
	// setup reports whether the setup task asks, which may start what waits for it.
	setup    bool
	progress *api.Progress
}

// Run carries the operation out. Changing the programs is serialised with the
// other operations on them; waiting for the result is not, so that a stop
// never waits for a start that hangs.
func (o *Operation) Run(ctx context.Context) error {
	if err := o.Change(ctx); err != nil {
		return err
	}
	if o.verb != api.Stop {
		o.each(func(p *Managed) { o.awaitStarted(ctx, p) })
	}
	return o.progress.Err()
}

func (o *Operation) Change(ctx context.Context) error {
	unlock, err := LockAll(ctx, o.programs)
	if err != nil {
		return msg.Errorf("another operation on the programs is still running: %w", err)
	}
	defer unlock()
	if o.s.IsClosing() {
		return msg.Errorf("the supervisor is stopping")
	}
	if o.verb != api.Stop {
		// Before anything is stopped: what cannot be started again stays up.
		o.dropUnstartable()
	}
	if o.verb != api.Start {
		o.each(func(p *Managed) { o.Stop(ctx, p) })
	}
	if o.verb != api.Stop {
		// Also after a stop that took too long: what was stopped must not stay
		// down because of another program, and what still stops starts after it.
		o.startAll()
	}
	return nil
}

// LockAll takes the programs one after the other in a fixed order, so that
// two operations never wait for each other.
func LockAll(ctx context.Context, programs []*Managed) (unlock func(), err error) {
	programs = slices.Clone(programs)
	slices.SortFunc(programs, func(a, b *Managed) int {
		return cmp.Compare(a.FullName, b.FullName)
	})
	var taken []*Managed
	unlock = func() {
		for _, p := range taken {
			<-p.operation
		}
	}
	for _, p := range programs {
		select {
		case p.operation <- struct{}{}:
			taken = append(taken, p)
		case <-ctx.Done():
			unlock()
			return nil, context.Cause(ctx)
		}
	}
	return unlock, nil
}

// each calls f for every program at the same time.
func (o *Operation) each(f func(p *Managed)) {
	var wg sync.WaitGroup
	for _, p := range o.programs {
		wg.Go(func() { f(p) })
	}
	wg.Wait()
}

// Stop stops one program, after those of the operation that depend on it.
func (o *Operation) Stop(ctx context.Context, p *Managed) {
	name := p.Name
	for _, other := range o.programs {
		if other != p && slices.Contains(other.Definition().DependsOn, name) {
			if !o.AwaitDown(ctx, other) {
				break // it says so itself
			}
		}
	}
	if o.verb == api.Restart {
		p.stopToRestart()
	} else {
		p.Stop()
	}
	if !o.AwaitDown(ctx, p) {
		o.fail(msg.M("%s did not stop: %v", p.FullName, p.Snapshot().message()))
	}
}

func (o *Operation) AwaitDown(ctx context.Context, p *Managed) bool {
	var last api.Event
	for {
		snap := p.Snapshot()
		down := snap.State.Down() && !snap.Held
		// A restart of what was not running has nothing to tell about its stop.
		if !down || last.State != "" || o.verb != api.Restart {
			o.report(&last, snap)
		}
		if down {
			return true
		}
		select {
		case <-snap.Changed:
		case <-ctx.Done():
			return false
		}
	}
}

// dropUnstartable leaves the programs alone that wait for the setup task, and
// those with a dependency that nobody is going to start.
func (o *Operation) dropUnstartable() {
	held := !o.setup && o.s.Holds()
	var start []*Managed
	for _, p := range o.programs {
		if held && !p.Definition().Early {
			o.fail(msg.M("%s was not started: programs wait until the initialisation has succeeded, because their configuration may not fit; see the status", p.FullName))
			continue
		}
		if missing := o.missing(p); missing != nil && !o.loose {
			snap := missing.Snapshot()
			o.fail(api.NotInOperation(p.FullName, snap.Def.FullName(), snap.State.String()))
			continue
		}
		start = append(start, p)
	}
	o.programs = start
}

// startAll asks for the start of every program.
func (o *Operation) startAll() {
	for _, f := range o.s.request(o.programs, 0) {
		f()
	}
}

// missing is a dependency that is not running, not wanted and not started by
// this operation.
func (o *Operation) missing(p *Managed) *Managed {
	for _, name := range p.Definition().DependsOn {
		dep := o.s.Find(name)
		if dep == nil || slices.Contains(o.programs, dep) {
			continue
		}
		snap := dep.Snapshot()
		restarting := snap.State == api.Stopped && snap.Wanted
		if snap.State.Down() && !snap.Held && !restarting {
			return dep
		}
	}
	return nil
}

// request holds the programs until their dependencies are ready. The caller
// calls what it returns, which starts them, each in its turn.
//
// A patience above 0 is how long a program waits at the most.
func (s *Supervisor) request(programs []*Managed, patience time.Duration) []func() {
	programs = slices.Clone(programs)
	slices.SortStableFunc(programs, func(a, b *Managed) int {
		return cmp.Compare(a.Definition().Priority, b.Definition().Priority)
	})
	var begin []func()
	for _, p := range programs {
		ctx := p.hold(s.ctx)
		if deps := p.Definition().DependsOn; len(deps) == 0 {
			begin = append(begin, func() { p.startHeld(ctx) })
		} else {
			begin = append(begin, func() { go s.startWhenReady(ctx, p, deps, patience) })
		}
	}
	return begin
}

// startWhenReady waits for the dependencies, without a limit unless a patience
// is given: whoever mends one of them hours later gets the programs that depend
// on it too. A stop or another start ends the context.
func (s *Supervisor) startWhenReady(ctx context.Context, p *Managed, deps []string, patience time.Duration) {
	var enough <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		enough = timer.C
	}
	for {
		var pending []string
		var changed <-chan struct{}
		for _, name := range deps {
			dep := s.Find(name)
			if dep == nil {
				continue // removed by an update
			}
			if snap := dep.Snapshot(); snap.blocks() {
				pending = append(pending, name)
				changed = snap.Changed
			}
		}
		if len(pending) == 0 {
			p.startHeld(ctx)
			return
		}
		p.waitFor(ctx, pending)
		select {
		case <-changed:
		case <-enough:
			s.log.Warn("starting a program although those it depends on are not ready", "program", p.FullName, "depends_on", pending)
			p.startHeld(ctx)
			return
		case <-ctx.Done():
			return
		}
	}
}

// blocks reports whether programs that depend on this one must still wait:
// not when it is ready, has done its work and ended well, or was not asked for
// at all.
func (s Snapshot) blocks() bool {
	switch {
	case s.ready, s.finished():
		return false
	case s.Held, !s.State.Down(), s.State == api.Fatal:
		return true
	}
	return s.Wanted
}

// finished reports whether the program has run and ended as expected.
func (s Snapshot) finished() bool {
	return s.State == api.Exited && s.Def.Probe == nil && s.LastExit != nil &&
		slices.Contains(s.Def.ExitCodes, s.LastExit.Code)
}

// awaitStarted waits until the program is what was asked for, or will not be.
func (o *Operation) awaitStarted(ctx context.Context, p *Managed) {
	var last api.Event
	var limit <-chan time.Time // from the first moment it is not held
	timeout := p.Definition().ReadyTimeout
	for {
		snap := p.Snapshot()
		o.report(&last, snap)
		switch {
		case snap.ready, !o.untilReady && snap.State == api.Running:
			return
		case snap.Held:
			// an earlier state; it is still to be started
		case snap.State == api.Fatal:
			o.fail(o.s.explain(msg.M("%s could not be started", snap.Def.FullName()), snap))
			return
		case snap.finished():
			return
		case snap.State == api.Exited:
			o.fail(o.s.explain(msg.M("%s has ended", snap.Def.FullName()), snap))
			return
		case snap.State == api.Stopped && !snap.Wanted, snap.State == api.Stopping && !snap.Wanted:
			o.fail(msg.M("%s was stopped meanwhile by another operation", snap.Def.FullName()))
			return
		}
		if limit == nil && !snap.Held && o.untilReady && snap.Def.Probe != nil {
			timer := time.NewTimer(timeout)
			defer timer.Stop()
			limit = timer.C
		}
		blocker, blocked := o.blocker(snap)
		if blocked {
			o.fail(msg.M("%s was not started: it waits for %s, which is %s", snap.Def.FullName(), blocker.Def.FullName(), blocker.State.String()))
			return
		}
		select {
		case <-snap.Changed:
		case <-blocker.Changed:
		case <-limit:
			o.fail(o.s.explain(msg.M("%s did not become ready within %s", snap.Def.FullName(), timeout.String()), p.Snapshot()))
			return
		case <-ctx.Done():
			o.giveUp(ctx, p)
			return
		}
	}
}

// blocker is the dependency that a held program waits for, and whether that
// one has given up.
func (o *Operation) blocker(snap Snapshot) (Snapshot, bool) {
	if !snap.Held || len(snap.waitsFor) == 0 {
		return Snapshot{}, false
	}
	dep := o.s.Find(snap.waitsFor[0])
	if dep == nil {
		return Snapshot{}, false
	}
	b := dep.Snapshot()
	return b, b.State.Down() && !b.Held
}

// giveUp reports a program that the operation's own deadline cut off.
func (o *Operation) giveUp(ctx context.Context, p *Managed) {
	snap := p.Snapshot()
	after := o.progress.Elapsed()
	switch {
	case !errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		o.fail(msg.M("%s: the supervisor stopped waiting, it is stopping itself", snap.Def.FullName()))
	case snap.Held:
		o.fail(msg.M("%s was not started within %s: it waits for %s", snap.Def.FullName(), after, strings.Join(snap.waitsFor, ", ")))
	default:
		o.fail(o.s.explain(msg.M("%s did not become ready within %s", snap.Def.FullName(), after), snap))
	}
}

// report emits an event when there is something new.
func (o *Operation) report(last *api.Event, snap Snapshot) {
	e := api.Event{Program: snap.Def.FullName(), State: snap.State.String(), Ready: snap.ready, WaitsFor: snap.waitsFor}
	if !snap.ready {
		e.Answer = msg.NewText(snap.answer)
	}
	o.progress.Report(last, e)
}

func (o *Operation) fail(m msg.Message) { o.progress.Fail(m) }

// Operation prepares an operation that a client asked for. emit gets its events as they happen.
func (s *Supervisor) Operation(v api.Verb, req api.OperationRequest, emit func(api.Event)) (*Operation, error) {
	if len(req.Names) == 0 {
		return nil, msg.Errorf("no program is named; name some, or all")
	}
	if !slices.Contains([]string{"", "ready", "running"}, req.Wait) {
		return nil, msg.Errorf("cannot wait for %q; wait for ready or running", req.Wait)
	}
	programs, err := s.resolve(req.Names)
	if err != nil {
		return nil, err
	}
	return &Operation{s: s, verb: v, programs: programs, untilReady: req.Wait != "running", setup: req.Setup,
		progress: api.NewProgress(emit)}, nil
}
