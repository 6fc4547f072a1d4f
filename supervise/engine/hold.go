package engine

import (
	"context"
	"sync"
)

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
func (p *Process) Start(ctx context.Context) {
	_, started := p.StartAfter(ctx, nil)
	<-started
}

// place is that of one fork among others, which are prepared at the same time. The zero value is that of a fork that
// waits for none.
type place struct {
	before <-chan struct{} // is closed when the one before has its place
	taken  func()          // is to be called when this one has
}

// await waits for the place.
func (p place) await() {
	if p.before != nil {
		<-p.before
	}
}

// take says that the next one may have its place.
func (p place) take() {
	if p.taken != nil {
		p.taken()
	}
}

// StartAfter is Start, but does not wait: what it takes to fork is prepared meanwhile, and the fork itself waits for
// before, unless that is nil. taken is closed when it is certain that this one is forked before any that comes after
// that. Whoever looks at the program waits for it as well. Of several programs, each is to be locked here before the
// next: so nobody waits for the fork of one whose lock he has.
func (p *Process) StartAfter(ctx context.Context, before <-chan struct{}) (taken, started <-chan struct{}) {
	took, done := make(chan struct{}), make(chan struct{})
	at := place{before, sync.OnceFunc(func() { close(took) })}
	p.mu.Lock()
	go func() {
		defer close(done)
		defer func() { // also where nothing was forked: the next one may come too early
			at.await()
			at.take()
		}()
		defer p.mu.Unlock()
		p.start(ctx, at)
	}()
	return took, done
}

// start starts the program. Callers hold the lock.
func (p *Process) start(ctx context.Context, at place) {
	if ctx.Err() != nil {
		return
	}
	p.release()
	p.goal = goalUp
	switch p.state {
	case stopped, exited, fatal, backoff:
		p.failures, p.crashes = 0, 0
		p.fork(at)
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
