package engine

import (
	"cmp"
	"context"
	"slices"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/operation"
)

// Operation prepares an operation that a client asked for. emit gets its events as they happen.
func (s *Supervisor) Operation(v api.Verb, req api.OperationRequest,
	emit func(api.Event)) (*operation.Operation, error) {
	if !slices.Contains([]string{"", "ready", "running"}, req.Wait) {
		return nil, msg.Errorf("cannot wait for %q; wait for ready or running", req.Wait)
	}
	var defined []string
	for _, p := range s.All() {
		defined = append(defined, p.FullName)
	}
	selected, err := operation.Select(req.Names, defined)
	if err != nil {
		return nil, err
	}
	o := s.Quietly(v, s.named(selected)...)
	o.Emit, o.RunningOnly, o.Loose = emit, req.Wait == "running", false
	if req.Setup {
		o.Refuse = nil // it starts what waits for it
	}
	return o, nil
}

// Quietly returns an operation whose events nobody sees. A start of it is loose: see operation.Operation.
func (s *Supervisor) Quietly(v api.Verb, programs ...*Process) *operation.Operation {
	return &operation.Operation{Verb: v, Programs: backends(programs), Find: s.backend, Loose: v == api.Start,
		Starts: s.ctx, Refuse: s.refuse,
		Lock: func(ctx context.Context) (unlock func(), err error) {
			if unlock, err = LockAll(ctx, programs); err == nil && s.IsClosing() {
				unlock()
				return nil, msg.Errorf("the supervisor is stopping")
			}
			return unlock, err
		}}
}

func backends(programs []*Process) []operation.Program {
	list := make([]operation.Program, len(programs))
	for i, p := range programs {
		list[i] = p
	}
	return list
}

// backend is Find for operations.
func (s *Supervisor) backend(name string) operation.Program {
	if p := s.Find(name); p != nil {
		return p
	}
	return nil
}

// refuse returns why a program must not be started yet.
func (s *Supervisor) refuse(p operation.Program) msg.Message {
	if v := p.View(); !v.Def.Early && s.Holds() {
		return msg.M("%s was not started: programs wait until the initialisation has succeeded, because their configuration may not fit; see the status", v.Def.FullName())
	}
	return msg.Message{}
}

// LockAll takes the programs one after the other in a fixed order, so that two operations never wait for each other.
func LockAll(ctx context.Context, programs []*Process) (unlock func(), err error) {
	programs = slices.Clone(programs)
	slices.SortFunc(programs, func(a, b *Process) int {
		return cmp.Compare(a.FullName, b.FullName)
	})
	var taken []*Process
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
			return nil, msg.Errorf("another operation on the programs is still running: %w", context.Cause(ctx))
		}
	}
	return unlock, nil
}

// start starts programs once their dependencies are ready, or after bootPatience where that is asked for.
func (s *Supervisor) start(programs []*Process, boot bool) {
	patience := bootPatience
	if !boot {
		patience = 0
	}
	operation.Start(s.ctx, backends(programs), s.backend, patience, func(p operation.Program, pending []string) {
		s.log.Warn("starting a program although those it depends on are not ready",
			"program", p.(*Process).FullName, "depends_on", pending)
	})
}
