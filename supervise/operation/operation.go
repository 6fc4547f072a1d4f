// Package operation starts, stops and restarts several programs in the order of their dependencies, and reports what
// became of them. It does so with the programs of any supervisor: those of omsinit run, and those of Python's
// supervisord.
package operation

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// Operation is one start, stop or restart of several programs.
type Operation struct {
	Verb     api.Verb
	Programs []Program
	// Find returns a program by its full name, or by its own name; nil for none.
	Find func(name string) Program
	Emit func(api.Event) // gets the events, one after the other; nil for nobody

	// RunningOnly waits for the state RUNNING instead of readiness.
	RunningOnly bool
	// Loose starts a program although one that it depends on is stopped, as supervisorctl's users expect.
	Loose bool
	// Lock, if set, begins a change of the programs, and returns what ends it.
	Lock func(ctx context.Context) (unlock func(), err error)
	// Refuse, if set, returns why a program must not be started, nothing when it may.
	Refuse func(p Program) msg.Message
	// Starts, if set, ends the starts that wait for dependencies; else the end of the operation does.
	Starts context.Context

	began    time.Time
	mu       sync.Mutex
	last     map[Program]api.Event // the last one of each program
	failures []msg.Message
}

// Run carries the operation out. Changing the programs is serialised with the other operations on them; waiting for
// the result is not, so that a stop never waits for a start that hangs.
func (o *Operation) Run(ctx context.Context) error {
	o.began = time.Now()
	if err := o.Change(ctx); err != nil {
		return err
	}
	if o.Verb == api.Stop {
		return o.err()
	}
	return o.Await(ctx)
}

// Change stops and starts the programs, and does not wait for what it has started. The error is that of Lock; what has
// become of each program is the result of Run.
func (o *Operation) Change(ctx context.Context) error {
	if o.Lock != nil {
		unlock, err := o.Lock(ctx)
		if err != nil {
			return err
		}
		defer unlock()
	}
	if o.Verb != api.Stop {
		// Before anything is stopped: what cannot be started again stays up.
		o.Programs = slices.DeleteFunc(slices.Clone(o.Programs), o.unstartable)
	}
	if o.Verb != api.Start {
		_ = o.Stop(ctx)
	}
	if o.Verb != api.Stop {
		// Also after a stop that took too long: what was stopped must not stay down because of another program, and
		// what still stops starts after it.
		starts := o.Starts
		if starts == nil {
			starts = ctx
		}
		Start(starts, o.Programs, o.Find, 0, nil)
	}
	return nil
}

// Each calls f for every program at the same time.
func (o *Operation) Each(f func(p Program)) {
	var wg sync.WaitGroup
	for _, p := range o.Programs {
		wg.Go(func() { f(p) })
	}
	wg.Wait()
}

// Stop stops the programs without Lock.
func (o *Operation) Stop(ctx context.Context) error {
	dependents := map[string][]Program{} // by the names of those that they depend on
	for _, p := range o.Programs {
		for _, name := range p.View().Def.DependsOn {
			dependents[name] = append(dependents[name], p)
		}
	}
	o.Each(func(p Program) { o.stop(ctx, p, dependents[p.View().Def.Name]) })
	return o.err()
}

// stop stops one program, after those of the operation that depend on it.
func (o *Operation) stop(ctx context.Context, p Program, dependents []Program) {
	for _, other := range dependents {
		if other != p && !o.AwaitDown(ctx, other) {
			break // it says so itself
		}
	}
	if err := p.Stop(ctx, o.Verb == api.Restart); err != nil {
		o.fail(msg.M("%s did not stop: %v", p.View().name(), err))
	} else if !o.AwaitDown(ctx, p) {
		o.fail(msg.M("%s did not stop: %v", p.View().name(), p.View().state()))
	}
}

// AwaitDown waits until a program is down, and reports whether it is.
func (o *Operation) AwaitDown(ctx context.Context, p Program) bool {
	for first := true; ; first = false {
		v := p.View()
		// A restart of what was not running has nothing to report about its stop.
		if !v.down() || !first || o.Verb != api.Restart {
			o.report(p, v)
		}
		if v.down() {
			return true
		}
		select {
		case <-v.Changed:
		case <-ctx.Done():
			return false
		}
	}
}

// unstartable reports whether a program must not be started, or has a dependency that nobody is going to start.
func (o *Operation) unstartable(p Program) bool {
	if o.Refuse != nil {
		if why := o.Refuse(p); !why.IsZero() {
			o.fail(why)
			return true
		}
	}
	v := p.View()
	for _, name := range v.Def.DependsOn {
		dep := o.Find(name)
		if o.Loose || dep == nil || slices.Contains(o.Programs, dep) {
			continue
		}
		d := dep.View()
		if restarting := d.State == api.Stopped && d.Wanted; d.down() && !restarting {
			o.fail(msg.M(
				"%s was not started: it depends on %s, which is %s and not part of this operation; start %s too",
				v.name(), d.name(), d.State.String(), d.name()))
			return true
		}
	}
	return false
}

// Await waits until the programs are what was asked for, or will not be.
func (o *Operation) Await(ctx context.Context) error {
	o.Each(func(p Program) { o.awaitStarted(ctx, p) })
	return o.err()
}

func (o *Operation) awaitStarted(ctx context.Context, p Program) {
	var limit <-chan time.Time // from the first moment its start is not pending
	name, timeout := p.View().name(), p.View().Def.ReadyTimeout
	for {
		v := p.View()
		o.report(p, v)
		switch {
		case v.Ready, o.RunningOnly && v.State == api.Running:
			return
		case v.Pending:
			// The state is an earlier one; it is still to be started.
		case v.finished():
			return
		case v.Refused != nil:
			o.fail(msg.M("%s could not be started: %v", name, v.Refused))
			return
		case v.State == api.Fatal:
			o.fail(explain(msg.M("%s could not be started", name), p))
			return
		case v.State == api.Exited:
			o.fail(explain(msg.M("%s has ended", name), p))
			return
		case v.State == api.Stopped && !v.Wanted, v.State == api.Stopping && !v.Wanted:
			o.fail(msg.M("%s was stopped meanwhile by another operation", name))
			return
		}
		if limit == nil && !v.Pending && !o.RunningOnly && v.Def.Probe != nil {
			timer := time.NewTimer(timeout)
			defer timer.Stop()
			limit = timer.C
		}
		blocker := o.blocker(v)
		if blocker.Changed != nil && blocker.down() {
			o.fail(msg.M("%s was not started: it waits for %s, which is %s", name, blocker.name(),
				blocker.State.String()))
			return
		}
		select {
		case <-v.Changed:
		case <-blocker.Changed:
		case <-limit:
			o.fail(explain(msg.M("%s did not become ready within %s", name, timeout.String()), p))
			return
		case <-ctx.Done():
			o.giveUp(ctx, p)
			return
		}
	}
}

// blocker returns the dependency that a pending start waits for, nothing for none.
func (o *Operation) blocker(v View) View {
	if v.Pending && len(v.WaitsFor) > 0 {
		if dep := o.Find(v.WaitsFor[0]); dep != nil {
			return dep.View()
		}
	}
	return View{}
}

// giveUp reports a program that the operation's own deadline cut off.
func (o *Operation) giveUp(ctx context.Context, p Program) {
	v, after := p.View(), time.Since(o.began).Round(time.Millisecond).String()
	switch {
	case !errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		o.fail(msg.M("%s: the supervisor stopped waiting, it is stopping itself", v.name()))
	case v.Pending:
		o.fail(msg.M("%s was not started within %s: it waits for %s", v.name(), after, msg.List(v.WaitsFor)))
	default:
		o.fail(explain(msg.M("%s did not become ready within %s", v.name(), after), p))
	}
}

// report emits an event unless it says the same as the last one of the program.
func (o *Operation) report(p Program, v View) {
	if v.Pending && len(v.WaitsFor) == 0 {
		return // it is about to be started
	}
	e := api.Event{Program: v.name(), State: v.State.String(), Ready: v.Ready, WaitsFor: v.WaitsFor,
		Reason: v.Reason}
	if !v.Ready {
		e.Answer = v.Answer
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if reflect.DeepEqual(o.last[p], e) {
		return
	}
	if o.last == nil {
		o.last = map[Program]api.Event{}
	}
	o.last[p] = e
	if o.Emit != nil {
		e.ElapsedMS = time.Since(o.began).Milliseconds()
		o.Emit(e)
	}
}

func (o *Operation) fail(m msg.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures = append(o.failures, m)
}

// err returns an error with a line for each failure, nil without one.
func (o *Operation) err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.failures) == 0 {
		return nil
	}
	text := o.failures[0]
	for _, m := range o.failures[1:] {
		text = msg.M("%v\n%v", text, m)
	}
	return msg.Errorf("%v", text)
}
