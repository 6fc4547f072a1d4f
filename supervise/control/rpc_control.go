package control

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	xmlrpc "github.com/ochinchina/gorilla-xmlrpc/xml"
	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"omsinit/supervise/program"
)

type (
	rpcNameWait = struct {
		Name string
		Wait bool `default:"true"`
	}
	rpcWait = struct {
		Wait bool `default:"true"`
	}
	rpcNameSignal = struct {
		Name   string
		Signal string
	}
	rpcSignal = struct{ Signal string }
	// rpcResult is one program of a call about several.
	rpcResult struct {
		Name        string `xml:"name"`
		Group       string `xml:"group"`
		Status      int    `xml:"status"`
		Description string `xml:"description"`
	}
	rpcResults = struct{ Value []rpcResult }
)

// command is what Supervisor can do to one program, to a group and to all. Errors are faults.
type command struct {
	one     func(p *engine.Managed) error
	several func(programs []*engine.Managed) []rpcResult
}

func (r *rpcService) StartProcess(req *http.Request, args *rpcNameWait, reply *rpcAny) error {
	return r.process(r.start(req.Context(), args.Wait), args.Name, reply)
}

func (r *rpcService) StartProcessGroup(req *http.Request, args *rpcNameWait, reply *rpcResults) error {
	return r.group(r.start(req.Context(), args.Wait), args.Name, reply)
}

func (r *rpcService) StartAllProcesses(req *http.Request, args *rpcWait, reply *rpcResults) error {
	return r.all(r.start(req.Context(), args.Wait), reply)
}

func (r *rpcService) StopProcess(req *http.Request, args *rpcNameWait, reply *rpcAny) error {
	return r.process(r.stop(req.Context(), args.Wait), args.Name, reply)
}

func (r *rpcService) StopProcessGroup(req *http.Request, args *rpcNameWait, reply *rpcResults) error {
	return r.group(r.stop(req.Context(), args.Wait), args.Name, reply)
}

func (r *rpcService) StopAllProcesses(req *http.Request, args *rpcWait, reply *rpcResults) error {
	return r.all(r.stop(req.Context(), args.Wait), reply)
}

func (r *rpcService) SignalProcess(_ *http.Request, args *rpcNameSignal, reply *rpcAny) error {
	return r.process(r.signal(args.Signal), args.Name, reply)
}

func (r *rpcService) SignalProcessGroup(_ *http.Request, args *rpcNameSignal, reply *rpcResults) error {
	return r.group(r.signal(args.Signal), args.Name, reply)
}

func (r *rpcService) SignalAllProcesses(_ *http.Request, args *rpcSignal, reply *rpcResults) error {
	return r.all(r.signal(args.Signal), reply)
}

// process carries out a command on NAME or GROUP:NAME, which is answered by true, or on GROUP:*, which is answered as
// the call about a group is.
func (r *rpcService) process(c command, name string, reply *rpcAny) error {
	for _, suffix := range []string{":*", ":"} {
		if group, ok := strings.CutSuffix(name, suffix); ok && group != "" {
			var results rpcResults
			err := r.group(c, group, &results)
			reply.Value = results.Value
			return err
		}
	}
	p, err := r.find(name)
	if err != nil {
		return err
	}
	reply.Value = true
	return c.one(p)
}

func (r *rpcService) group(c command, name string, reply *rpcResults) error {
	members, err := r.members(name)
	if err != nil {
		return err
	}
	reply.Value = c.several(members)
	return nil
}

func (r *rpcService) all(c command, reply *rpcResults) error {
	reply.Value = c.several(r.s.All())
	return r.running()
}

// running returns a fault once everything is being stopped.
func (r *rpcService) running() error {
	if r.s.IsClosing() {
		return fault(faults.ShutdownState, "")
	}
	return nil
}

// find returns the program NAME or GROUP:NAME.
func (r *rpcService) find(name string) (*engine.Managed, error) {
	if p := r.s.Find(name); p != nil {
		return p, nil
	}
	return nil, fault(faults.BadName, name)
}

// members returns the programs of a group.
func (r *rpcService) members(group string) ([]*engine.Managed, error) {
	if err := r.running(); err != nil {
		return nil, err
	}
	members := slices.DeleteFunc(r.s.All(), func(p *engine.Managed) bool { return p.Group != group })
	if len(members) == 0 {
		return nil, fault(faults.BadName, group)
	}
	return members, nil
}

// start starts programs at once, as Supervisor does: dependencies that are starting are waited for, those that are
// stopped are not started.
func (r *rpcService) start(ctx context.Context, wait bool) command {
	return command{
		one: func(p *engine.Managed) error {
			if err := r.startable(p); err != nil {
				return err
			}
			if err := r.request(p); err != nil || !wait {
				return err
			}
			return awaitRunning(ctx, p)
		},
		several: func(programs []*engine.Managed) []rpcResult {
			programs = inState(programs, func(s api.State) bool { return !s.Active() })
			refused := map[*engine.Managed]error{}
			var start []*engine.Managed
			for _, p := range programs {
				if err := r.startable(p); err != nil {
					refused[p] = err
				} else {
					start = append(start, p)
				}
			}
			failed := r.request(start...)
			return each(programs, func(p *engine.Managed) error {
				switch {
				case refused[p] != nil:
					return refused[p]
				case failed != nil || !wait:
					return failed
				}
				return awaitRunning(ctx, p)
			})
		},
	}
}

// startable finds what Supervisor finds before it tries.
func (r *rpcService) startable(p *engine.Managed) error {
	if err := r.running(); err != nil {
		return err
	}
	snap := p.Snapshot()
	if snap.State.Active() {
		return fault(faults.AlreadyStated, p.FullName)
	}
	_, err := r.s.Command(snap.Def)
	if unusable := (*engine.SpawnNotExecutable)(nil); errors.As(err, &unusable) {
		return fault(faults.NotExecutable, err.Error())
	}
	if err != nil {
		return fault(faults.NoFile, err.Error())
	}
	if !snap.Def.Early && r.s.Holds() {
		return fault(faults.SpawnError, p.FullName+": waits for the initialisation, see omsinit status")
	}
	return nil
}

// request asks for the start of programs, all in one operation so that each
// sees which of the others are to be started.
func (r *rpcService) request(programs ...*engine.Managed) error {
	o := r.s.Quietly(api.Start, programs...)
	if err := o.Change(r.s.Lifetime()); err != nil {
		return fault(faults.Failed, err.Error())
	}
	return nil
}

// awaitRunning answers as Supervisor does: the first failed start is the
// answer, although the program is tried again.
func awaitRunning(ctx context.Context, p *engine.Managed) error {
	for {
		snap := p.Snapshot()
		switch {
		case snap.State == api.Running:
			return nil
		case snap.Held, snap.State == api.Starting, snap.State == api.Stopping && snap.Wanted:
		case snap.SpawnErr != nil:
			return fault(faults.SpawnError, p.FullName)
		default:
			return fault(faults.AbnormalTermination, p.FullName)
		}
		select {
		case <-snap.Changed:
		case <-ctx.Done():
			return fault(faults.Failed, p.FullName)
		}
	}
}

// stop stops programs; of several, each after those that depend on it.
func (r *rpcService) stop(ctx context.Context, wait bool) command {
	o := r.s.Quietly(api.Stop)
	one := func(p *engine.Managed) error {
		if err := r.running(); err != nil {
			return err
		}
		if snap := p.Snapshot(); !snap.State.Active() && !snap.Held {
			return fault(faults.NotRunning, p.FullName)
		}
		unlock, err := engine.LockAll(ctx, []*engine.Managed{p})
		if err != nil {
			return fault(faults.Failed, p.FullName)
		}
		defer unlock()
		p.Stop()
		if wait && !o.AwaitDown(ctx, p) {
			return fault(faults.Failed, p.FullName)
		}
		return nil
	}
	return command{one: one, several: func(programs []*engine.Managed) []rpcResult {
		return each(inState(programs, api.State.Active), func(p *engine.Managed) error {
			for _, other := range programs {
				if other != p && slices.Contains(other.Definition().DependsOn, p.Name) && !o.AwaitDown(ctx, other) {
					return fault(faults.Failed, p.FullName)
				}
			}
			return one(p)
		})
	}}
}

// signal sends a signal, by its name or number, to programs with a process.
func (r *rpcService) signal(name string) command {
	one := func(p *engine.Managed) error {
		if err := r.running(); err != nil {
			return err
		}
		sig, ok := program.ParseSignal(name)
		if !ok {
			return fault(faults.BadSignal, name)
		}
		switch running, err := p.Signal(sig); {
		case !running:
			return fault(faults.NotRunning, p.FullName)
		case err != nil && !errors.Is(err, syscall.ESRCH): // it has just ended
			return fault(faults.Failed, err.Error())
		}
		return nil
	}
	return command{one: one, several: func(programs []*engine.Managed) []rpcResult {
		return each(inState(programs, func(s api.State) bool {
			return s == api.Running || s == api.Starting || s == api.Stopping
		}), one)
	}}
}

// inState returns the programs whose state is one of those asked for.
func inState(programs []*engine.Managed, wanted func(api.State) bool) (chosen []*engine.Managed) {
	for _, p := range programs {
		if wanted(p.Snapshot().State) {
			chosen = append(chosen, p)
		}
	}
	return chosen
}

// each calls f for the programs, all at the same time, and reports how it went.
func each(programs []*engine.Managed, f func(p *engine.Managed) error) []rpcResult {
	results := make([]rpcResult, len(programs))
	var wg sync.WaitGroup
	for i, p := range programs {
		wg.Go(func() {
			results[i] = rpcResult{p.Name, p.Group, faults.Success, "OK"}
			if bad := (xmlrpc.Fault{}); errors.As(f(p), &bad) {
				results[i].Status, results[i].Description = bad.Code, bad.String
			}
		})
	}
	wg.Wait()
	return results
}

// SendProcessStdin writes to the standard input of a program, as supervisorctl fg does.
func (r *rpcService) SendProcessStdin(_ *http.Request, args *struct{ Name, Chars string }, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	p, err := r.find(args.Name)
	if err != nil {
		return err
	}
	if snap := p.Snapshot(); snap.Pid == 0 || snap.State == api.Stopping {
		return fault(faults.NotRunning, args.Name)
	}
	switch err := r.s.WriteInput(p.FullName, args.Chars); {
	case errors.Is(err, syscall.EPIPE):
		return fault(faults.NoFile, args.Name)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrClosed):
		return fault(faults.NotRunning, args.Name)
	case err != nil:
		return fault(faults.Failed, err.Error())
	}
	reply.Value = true
	return nil
}
