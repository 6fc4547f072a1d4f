package client

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/api"
	"omsinit/supervise/operation"
	"omsinit/supervise/program"
)

// pythonPoll is how often a Python supervisord is asked during an operation. It
// looks at its programs once a second itself.
const pythonPoll = 200 * time.Millisecond

// operate starts, stops or restarts programs of a Python supervisord.
func (o *python) operate(ctx context.Context, v api.Verb, names []string, options OperationOptions,
	onEvent func(api.Event)) error {
	if options.Timeout <= 0 {
		options.Timeout = api.DefaultTimeout
	}
	deadline, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	status, definitions, err := o.look(deadline)
	if err != nil {
		return err
	}
	selected, err := operation.Select(names, status.Names())
	if err != nil {
		return err
	}
	all := make([]*pythonProgram, len(status.Programs))
	for i, p := range status.Programs {
		all[i] = &pythonProgram{python: o, def: definitions[p.Name], status: p, changed: make(chan struct{})}
	}
	find := func(name string) operation.Program {
		for _, p := range all {
			if _, own, _ := strings.Cut(p.status.Name, ":"); p.status.Name == name || own == name {
				return p
			}
		}
		return nil
	}
	run := operation.Operation{Verb: v, Find: find, Emit: onEvent, RunningOnly: options.RunningOnly}
	for _, name := range selected {
		run.Programs = append(run.Programs, find(name))
	}
	working, end := context.WithCancelCause(deadline)
	var polling sync.WaitGroup
	polling.Go(func() { o.poll(working, end, all) })
	err = run.Run(working)
	cause := context.Cause(working)
	end(nil)
	polling.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case cause != nil && deadline.Err() == nil:
		return cause
	}
	return err
}

// poll asks for the programs again and again. When that fails, the operation ends.
func (o *python) poll(ctx context.Context, end context.CancelCauseFunc, all []*pythonProgram) {
	ticker := time.NewTicker(pythonPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		calls := map[string]int{}
		for _, p := range all {
			calls[p.status.Name] = p.made()
		}
		status, err := o.Status(ctx)
		if ctx.Err() != nil {
			return // the end cut the probes off: the answers before them say more
		}
		if err != nil {
			end(err)
			return
		}
		for _, now := range status.Programs {
			for _, p := range all {
				if p.status.Name == now.Name {
					p.update(now, calls[now.Name])
				}
			}
		}
	}
}

// pythonProgram is a program of a Python supervisord, as it was when it was asked for last, or as it must be after a
// call that was made since.
type pythonProgram struct {
	*python

	mu       sync.Mutex // also held during a call
	def      program.Program
	status   api.ProgramStatus // its name never changes
	pending  bool
	waitsFor []string
	refused  error
	calls    int           // that were made
	changed  chan struct{} // closed at each change
}

func (p *pythonProgram) View() operation.View {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := api.State(p.status.StateCode)
	v := operation.View{Def: p.def, State: state, Wanted: p.pending, Pending: p.pending, WaitsFor: p.waitsFor,
		PID: p.status.PID, Reason: p.status.Reason, Ready: p.status.Ready && state.Active(),
		Answer: p.status.ProbeAnswer, Refused: p.refused, Changed: p.changed}
	if p.status.ExitStatus != nil {
		v.LastExit = &api.Exit{Code: *p.status.ExitStatus}
	}
	return v
}

func (p *pythonProgram) Hold(ctx context.Context) context.Context {
	p.change(func() { p.pending = true })
	return ctx
}

func (p *pythonProgram) WaitFor(_ context.Context, names []string) {
	p.change(func() { p.waitsFor = names })
}

func (p *pythonProgram) Start(ctx context.Context) {
	p.change(func() {
		p.pending, p.waitsFor = false, nil
		// A program that ended at once may be tried again, and its next state tells more than the fault does.
		p.refused = p.call(ctx, "startProcess", faults.AlreadyStated, faults.SpawnError)
		if p.refused == nil && api.State(p.status.StateCode).Down() {
			p.expect(api.Starting)
		}
	})
}

func (p *pythonProgram) Stop(ctx context.Context, _ bool) (err error) {
	p.change(func() {
		if api.State(p.status.StateCode).Down() {
			return
		}
		if err = p.call(ctx, "stopProcess", faults.NotRunning); err == nil {
			p.expect(api.Stopping)
		}
	})
	return err
}

// FlushLogs has nothing to do: a Python supervisord writes what it reads.
func (p *pythonProgram) FlushLogs() {}

// call starts or stops the program without waiting. Some faults are none. Callers hold the lock.
func (p *pythonProgram) call(ctx context.Context, method string, harmless ...int) error {
	p.calls++
	err := p.rpc(ctx, nil, method, p.status.Name, false)
	if isFault(err, harmless...) {
		return nil
	}
	return err
}

// expect sets the state until the program is asked for again. Callers hold the lock.
func (p *pythonProgram) expect(state api.State) {
	p.status.State, p.status.StateCode, p.status.Ready = state.String(), int(state), false
}

// made returns how many calls were made; none is in progress.
func (p *pythonProgram) made() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// update takes over what was asked for after a number of calls. A later call has changed it.
func (p *pythonProgram) update(status api.ProgramStatus, calls int) {
	p.change(func() {
		if p.calls == calls {
			p.status = status
		}
	})
}

// change changes the program, and wakes who watches it.
func (p *pythonProgram) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}
