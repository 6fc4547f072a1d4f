package supervise

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"omsinit/internal/msg"
)

// Event is one step of an operation, as POST /v1/restart streams them.
type Event struct {
	Program   string   `json:"program,omitempty"`
	State     string   `json:"state,omitempty"`
	Ready     bool     `json:"ready"`
	WaitsFor  []string `json:"waits_for,omitempty"`   // dependencies that are not ready
	Answer    msg.Text `json:"probe_answer,omitzero"` // of the last probe that failed
	ElapsedMS int64    `json:"elapsed_ms"`            // since the operation began
}

// What an operation does.
type verb int

const (
	verbStart verb = iota
	verbStop
	verbRestart
)

func (v verb) String() string { return [...]string{"start", "stop", "restart"}[v] }

// operation is one start, stop or restart of several programs.
type operation struct {
	s        *Supervisor
	verb     verb
	programs []*managed
	// untilReady waits for readiness, else for RUNNING.
	untilReady bool
	// loose starts a program although one that it depends on is stopped, as
	// supervisorctl's users expect.
	loose bool
	// setup says that the setup task asks, which may start what waits for it.
	setup bool
	emit  func(Event)
	began time.Time

	mu       sync.Mutex
	failures []msg.Message
}

// run carries the operation out. Changing the programs is serialised with the
// other operations on them; waiting for the result is not, so that a stop
// never waits for a start that hangs.
func (o *operation) run(ctx context.Context) error {
	o.began = time.Now()
	if err := o.change(ctx); err != nil {
		return err
	}
	if o.verb != verbStop {
		o.each(func(p *managed) { o.awaitStarted(ctx, p) })
	}
	return o.failed()
}

func (o *operation) change(ctx context.Context) error {
	unlock, err := lockAll(ctx, o.programs)
	if err != nil {
		return msg.Errorf("another operation on the programs is still running: %w", err)
	}
	defer unlock()
	if o.s.isClosing() {
		return msg.Errorf("the supervisor is stopping")
	}
	if o.verb != verbStop {
		// Before anything is stopped: what cannot be started again stays up.
		o.dropUnstartable()
	}
	if o.verb != verbStart {
		o.each(func(p *managed) { o.stop(ctx, p) })
	}
	if o.verb != verbStop {
		// Also after a stop that took too long: what was stopped must not stay
		// down because of another program, and what still stops starts after it.
		o.startAll()
	}
	return nil
}

// lockAll takes the programs one after the other in a fixed order, so that
// two operations never wait for each other.
func lockAll(ctx context.Context, programs []*managed) (unlock func(), err error) {
	programs = slices.Clone(programs)
	slices.SortFunc(programs, func(a, b *managed) int {
		return cmp.Compare(a.fullName, b.fullName)
	})
	var taken []*managed
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
func (o *operation) each(f func(p *managed)) {
	var wg sync.WaitGroup
	for _, p := range o.programs {
		wg.Go(func() { f(p) })
	}
	wg.Wait()
}

// stop stops one program, after those of the operation that depend on it.
func (o *operation) stop(ctx context.Context, p *managed) {
	name := p.name
	for _, other := range o.programs {
		if other != p && slices.Contains(other.definition().DependsOn, name) {
			if !o.awaitDown(ctx, other) {
				break // it says so itself
			}
		}
	}
	if o.verb == verbRestart {
		p.stopToRestart()
	} else {
		p.stop()
	}
	if !o.awaitDown(ctx, p) {
		o.fail(msg.M("%s did not stop: %v", p.fullName, p.snapshot().message()))
	}
}

func (o *operation) awaitDown(ctx context.Context, p *managed) bool {
	var last Event
	for {
		snap := p.snapshot()
		down := snap.state.down() && !snap.held
		// A restart of what was not running has nothing to tell about its stop.
		if !down || last.State != "" || o.verb != verbRestart {
			o.report(&last, snap)
		}
		if down {
			return true
		}
		select {
		case <-snap.changed:
		case <-ctx.Done():
			return false
		}
	}
}

// dropUnstartable leaves the programs alone that wait for the setup task, and
// those with a dependency that nobody is going to start.
func (o *operation) dropUnstartable() {
	held := !o.setup && o.s.holds()
	var start []*managed
	for _, p := range o.programs {
		if held && !p.definition().Early {
			o.fail(msg.M("%s was not started: programs wait until the initialisation has succeeded, because their configuration may not fit; see the status", p.fullName))
			continue
		}
		if missing := o.missing(p); missing != nil && !o.loose {
			snap := missing.snapshot()
			o.fail(msg.M("%s was not started: it depends on %s, which is %s and not part of this operation; start %s too",
				p.fullName, snap.def.FullName(), snap.state.String(), snap.def.FullName()))
			continue
		}
		start = append(start, p)
	}
	o.programs = start
}

// startAll asks for the start of every program.
func (o *operation) startAll() {
	for _, f := range o.s.request(o.programs, 0) {
		f()
	}
}

// missing is a dependency that is not running, not wanted and not started by
// this operation.
func (o *operation) missing(p *managed) *managed {
	for _, name := range p.definition().DependsOn {
		dep := o.s.find(name)
		if dep == nil || slices.Contains(o.programs, dep) {
			continue
		}
		snap := dep.snapshot()
		restarting := snap.state == Stopped && snap.wanted
		if snap.state.down() && !snap.held && !restarting {
			return dep
		}
	}
	return nil
}

// request holds the programs until their dependencies are ready. The caller
// calls what it returns, which starts them, each in its turn.
//
// A patience above 0 is how long a program waits at the most.
func (s *Supervisor) request(programs []*managed, patience time.Duration) []func() {
	programs = slices.Clone(programs)
	slices.SortStableFunc(programs, func(a, b *managed) int {
		return cmp.Compare(a.definition().Priority, b.definition().Priority)
	})
	var begin []func()
	for _, p := range programs {
		ctx := p.hold(s.ctx)
		if deps := p.definition().DependsOn; len(deps) == 0 {
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
func (s *Supervisor) startWhenReady(ctx context.Context, p *managed, deps []string, patience time.Duration) {
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
			dep := s.find(name)
			if dep == nil {
				continue // removed by an update
			}
			if snap := dep.snapshot(); snap.blocks() {
				pending = append(pending, name)
				changed = snap.changed
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
			s.log.Warn("starting a program although those it depends on are not ready", "program", p.fullName, "depends_on", pending)
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
func (s snapshot) blocks() bool {
	switch {
	case s.ready, s.finished():
		return false
	case s.held, !s.state.down(), s.state == Fatal:
		return true
	}
	return s.wanted
}

// finished reports whether the program has run and ended as expected.
func (s snapshot) finished() bool {
	return s.state == Exited && s.def.Probe == nil && s.lastExit != nil && slices.Contains(s.def.ExitCodes, s.lastExit.Code)
}

// awaitStarted waits until the program is what was asked for, or will not be.
func (o *operation) awaitStarted(ctx context.Context, p *managed) {
	var last Event
	var limit <-chan time.Time // from the first moment it is not held
	timeout := p.definition().ReadyTimeout
	for {
		snap := p.snapshot()
		o.report(&last, snap)
		switch {
		case snap.ready, !o.untilReady && snap.state == Running:
			return
		case snap.held:
			// an earlier state; it is still to be started
		case snap.state == Fatal:
			o.fail(o.s.explain(msg.M("%s could not be started", snap.def.FullName()), snap))
			return
		case snap.finished():
			return
		case snap.state == Exited:
			o.fail(o.s.explain(msg.M("%s has ended", snap.def.FullName()), snap))
			return
		case snap.state == Stopped && !snap.wanted, snap.state == Stopping && !snap.wanted:
			o.fail(msg.M("%s was stopped meanwhile by another operation", snap.def.FullName()))
			return
		}
		if limit == nil && !snap.held && o.untilReady && snap.def.Probe != nil {
			timer := time.NewTimer(timeout)
			defer timer.Stop()
			limit = timer.C
		}
		blocker, blocked := o.blocker(snap)
		if blocked {
			o.fail(msg.M("%s was not started: it waits for %s, which is %s", snap.def.FullName(), blocker.def.FullName(), blocker.state.String()))
			return
		}
		select {
		case <-snap.changed:
		case <-blocker.changed:
		case <-limit:
			o.fail(o.s.explain(msg.M("%s did not become ready within %s", snap.def.FullName(), timeout.String()), p.snapshot()))
			return
		case <-ctx.Done():
			o.giveUp(ctx, p)
			return
		}
	}
}

// blocker is the dependency that a held program waits for, and whether that
// one has given up.
func (o *operation) blocker(snap snapshot) (snapshot, bool) {
	if !snap.held || len(snap.waitsFor) == 0 {
		return snapshot{}, false
	}
	dep := o.s.find(snap.waitsFor[0])
	if dep == nil {
		return snapshot{}, false
	}
	b := dep.snapshot()
	return b, b.state.down() && !b.held
}

// giveUp reports a program that the operation's own deadline cut off.
func (o *operation) giveUp(ctx context.Context, p *managed) {
	snap := p.snapshot()
	after := time.Since(o.began).Round(time.Millisecond).String()
	switch {
	case !errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		o.fail(msg.M("%s: the supervisor stopped waiting, it is stopping itself", snap.def.FullName()))
	case snap.held:
		o.fail(msg.M("%s was not started within %s: it waits for %s", snap.def.FullName(), after, strings.Join(snap.waitsFor, ", ")))
	default:
		o.fail(o.s.explain(msg.M("%s did not become ready within %s", snap.def.FullName(), after), snap))
	}
}

// report emits an event when there is something new.
func (o *operation) report(last *Event, snap snapshot) {
	e := Event{Program: snap.def.FullName(), State: snap.state.String(), Ready: snap.ready, WaitsFor: snap.waitsFor}
	if !snap.ready {
		e.Answer = msg.NewText(snap.answer)
	}
	same := last.State == e.State && last.Ready == e.Ready && slices.Equal(last.WaitsFor, e.WaitsFor) &&
		last.Answer == e.Answer
	if same {
		return
	}
	*last = e
	e.ElapsedMS = time.Since(o.began).Milliseconds()
	o.emit(e)
}

func (o *operation) fail(m msg.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures = append(o.failures, m)
}

func (o *operation) failed() error {
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
