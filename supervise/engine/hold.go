package engine

import "context"

// hold is the event that the program is to run once its dependencies are
// ready. Whoever holds it calls startHeld with the same context then. When the
// context has ended, nobody would, and a stop would wait for that.
func (p *process) hold(ctx context.Context) context.Context {
	if ctx.Err() != nil {
		return ctx
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Release()
	if p.goal == goalRestart {
		p.goal = goalDown // this start is the one that was to follow
	}
	ctx, p.held = context.WithCancel(ctx)
	return ctx
}

// waitFor names the dependencies that a held program still waits for.
func (p *process) waitFor(ctx context.Context, names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() == nil {
		p.waitsFor = names
		p.notify()
	}
}

// startHeld starts the program unless it was stopped or started meanwhile.
func (p *process) startHeld(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() == nil {
		p.begin()
	}
}

// Release ends the waiting for dependencies. Callers hold the lock.
func (p *process) Release() {
	if p.held != nil {
		p.held()
		p.held, p.waitsFor = nil, nil
	}
}
