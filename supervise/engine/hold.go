package engine

import "context"

// Hold is the event that the program is to run once its dependencies are ready. Whoever holds it calls Start with the
// same context then. When the context has ended, nobody would, and a stop would wait for that.
func (p *Process) Hold(ctx context.Context) context.Context {
	if ctx.Err() != nil {
		return ctx
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release()
	p.stopErr = nil
	if p.goal == goalRestart {
		p.goal = goalDown // this start is the one that was to follow
	}
	ctx, p.cancelPending = context.WithCancel(ctx)
	return ctx
}

// WaitFor sets the dependencies that a pending start still waits for.
func (p *Process) WaitFor(ctx context.Context, names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() == nil {
		p.waitsFor = names
		p.notify()
	}
}

// Start is the event that the program is to run now, unless it was stopped or started since Hold.
func (p *Process) Start(ctx context.Context) { <-p.StartAfter(ctx, nil) }

// StartAfter is Start, but does not wait: what it takes to fork is prepared meanwhile, and the fork itself waits for
// before, unless that is nil. Whoever looks at the program waits for it as well. Of several programs, each is to be
// locked here before the next: so nobody waits for the fork of one whose lock he has.
func (p *Process) StartAfter(ctx context.Context, before <-chan struct{}) (started <-chan struct{}) {
	done := make(chan struct{})
	p.mu.Lock()
	go func() {
		defer close(done)
		defer await(before) // also where nothing was forked: the next one may come too early
		defer p.mu.Unlock()
		p.start(ctx, before)
	}()
	return done
}

// await waits for a channel unless it is nil.
func await(c <-chan struct{}) {
	if c != nil {
		<-c
	}
}

// start starts the program. Callers hold the lock.
func (p *Process) start(ctx context.Context, before <-chan struct{}) {
	if ctx.Err() != nil {
		return
	}
	p.release()
	p.goal = goalUp
	switch p.state {
	case stopped, exited, fatal, backoff:
		p.failures, p.crashes = 0, 0
		p.fork(before)
	default:
		p.notify() // what is stopping starts when the old process is gone
	}
}

// release ends the waiting for dependencies. Callers hold the lock.
func (p *Process) release() {
	if p.cancelPending != nil {
		p.cancelPending()
		p.cancelPending, p.waitsFor = nil, nil
	}
}
