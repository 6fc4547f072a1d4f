package control

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
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

func (r *rpcService) running() error {
	if r.s.IsClosing() {
		return fault(faults.ShutdownState, "")
	}
	return nil
}

// StartProcess starts one program at once, as Supervisor does: dependencies
// that are starting are waited for, those that are stopped are not started.
func (r *rpcService) StartProcess(req *http.Request, args *rpcNameWait, reply *rpcAny) error {
	if group, ok := wholeGroup(args.Name); ok {
		var results rpcResults
		err := r.StartProcessGroup(req, &rpcNameWait{group, args.Wait}, &results)
		reply.Value = results.Value
		return err
	}
	p := r.s.Find(args.Name)
	if p == nil {
		return fault(faults.BadName, args.Name)
	}
	reply.Value = true
	return r.start(req.Context(), p, args.Wait)
}

func (r *rpcService) start(ctx context.Context, p *engine.Managed, wait bool) error {
	if err := r.startable(p); err != nil {
		return err
	}
	if err := r.request(p); err != nil || !wait {
		return err
	}
	return awaitRunning(ctx, p)
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

func (r *rpcService) startAll(ctx context.Context, members []*engine.Managed, wait bool) []rpcResult {
	refused := map[*engine.Managed]error{}
	var chosen, start []*engine.Managed
	for _, p := range members {
		if p.Snapshot().State.Active() {
			continue
		}
		chosen = append(chosen, p)
		if err := r.startable(p); err != nil {
			refused[p] = err
		} else {
			start = append(start, p)
		}
	}
	failed := r.request(start...)
	return each(chosen, func(api.State) bool { return true }, func(p *engine.Managed) error {
		switch {
		case refused[p] != nil:
			return refused[p]
		case failed != nil || !wait:
			return failed
		}
		return awaitRunning(ctx, p)
	})
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

func (r *rpcService) StartProcessGroup(req *http.Request, args *rpcNameWait, reply *rpcResults) error {
	members, err := r.group(args.Name)
	if err != nil {
		return err
	}
	reply.Value = r.startAll(req.Context(), members, args.Wait)
	return nil
}

func (r *rpcService) StartAllProcesses(req *http.Request, args *rpcWait, reply *rpcResults) error {
	reply.Value = r.startAll(req.Context(), r.s.All(), args.Wait)
	return r.running()
}

func (r *rpcService) StopProcess(req *http.Request, args *rpcNameWait, reply *rpcAny) error {
	if group, ok := wholeGroup(args.Name); ok {
		var results rpcResults
		err := r.StopProcessGroup(req, &rpcNameWait{group, args.Wait}, &results)
		reply.Value = results.Value
		return err
	}
	p := r.s.Find(args.Name)
	if p == nil {
		return fault(faults.BadName, args.Name)
	}
	reply.Value = true
	return r.Stop(req.Context(), p, args.Wait)
}

func (r *rpcService) Stop(ctx context.Context, p *engine.Managed, wait bool) error {
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
	if !wait {
		return nil
	}
	o := r.s.Quietly(api.Stop)
	if !o.AwaitDown(ctx, p) {
		return fault(faults.Failed, p.FullName)
	}
	return nil
}

func (r *rpcService) StopProcessGroup(req *http.Request, args *rpcNameWait, reply *rpcResults) error {
	members, err := r.group(args.Name)
	if err != nil {
		return err
	}
	reply.Value = each(members, isActive, r.inOrder(members, req.Context(), args.Wait))
	return nil
}

func (r *rpcService) StopAllProcesses(req *http.Request, args *rpcWait, reply *rpcResults) error {
	all := r.s.All()
	reply.Value = each(all, isActive, r.inOrder(all, req.Context(), args.Wait))
	return r.running()
}

// inOrder stops a program after those that depend on it.
func (r *rpcService) inOrder(programs []*engine.Managed, ctx context.Context, wait bool) func(p *engine.Managed) error {
	o := r.s.Quietly(api.Stop)
	return func(p *engine.Managed) error {
		for _, other := range programs {
			if other != p && slices.Contains(other.Definition().DependsOn, p.Name) && !o.AwaitDown(ctx, other) {
				return fault(faults.Failed, p.FullName)
			}
		}
		return r.Stop(ctx, p, wait)
	}
}

func (r *rpcService) group(name string) ([]*engine.Managed, error) {
	if err := r.running(); err != nil {
		return nil, err
	}
	var members []*engine.Managed
	for _, p := range r.s.All() {
		if p.Group == name {
			members = append(members, p)
		}
	}
	if len(members) == 0 {
		return nil, fault(faults.BadName, name)
	}
	return members, nil
}

func wholeGroup(name string) (group string, ok bool) {
	for _, suffix := range []string{":*", ":"} {
		if n := len(name) - len(suffix); n > 0 && name[n:] == suffix {
			return name[:n], true
		}
	}
	return "", false
}

func isActive(s api.State) bool    { return s.Active() }
func signallable(s api.State) bool { return s == api.Running || s == api.Starting || s == api.Stopping }

// each calls f for the programs in the wanted states, all at the same time,
// and reports how it went.
func each(programs []*engine.Managed, wanted func(api.State) bool, f func(p *engine.Managed) error) []rpcResult {
	var chosen []*engine.Managed
	for _, p := range programs {
		if wanted(p.Snapshot().State) {
			chosen = append(chosen, p)
		}
	}
	results := make([]rpcResult, len(chosen))
	var wg sync.WaitGroup
	for i, p := range chosen {
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

func (r *rpcService) SignalProcess(req *http.Request, args *rpcNameSignal, reply *rpcAny) error {
	if group, ok := wholeGroup(args.Name); ok {
		var results rpcResults
		err := r.SignalProcessGroup(req, &rpcNameSignal{group, args.Signal}, &results)
		reply.Value = results.Value
		return err
	}
	p := r.s.Find(args.Name)
	if p == nil {
		return fault(faults.BadName, args.Name)
	}
	reply.Value = true
	return r.Signal(p, args.Signal)
}

func (r *rpcService) Signal(p *engine.Managed, name string) error {
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

func (r *rpcService) SignalProcessGroup(_ *http.Request, args *rpcNameSignal, reply *rpcResults) error {
	members, err := r.group(args.Name)
	if err != nil {
		return err
	}
	reply.Value = each(members, signallable, func(p *engine.Managed) error { return r.Signal(p, args.Signal) })
	return nil
}

func (r *rpcService) SignalAllProcesses(_ *http.Request, args *rpcSignal, reply *rpcResults) error {
	reply.Value = each(r.s.All(), signallable, func(p *engine.Managed) error { return r.Signal(p, args.Signal) })
	return r.running()
}

func (r *rpcService) SendProcessStdin(_ *http.Request, args *struct{ Name, Chars string }, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	p := r.s.Find(args.Name)
	if p == nil {
		return fault(faults.BadName, args.Name)
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
