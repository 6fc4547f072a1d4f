package supervise

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"syscall"

	"github.com/ochinchina/supervisord/faults"

	xmlrpc "github.com/ochinchina/gorilla-xmlrpc/xml"
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
	if r.s.isClosing() {
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
	p := r.s.find(args.Name)
	if p == nil {
		return fault(faults.BadName, args.Name)
	}
	reply.Value = true
	return r.start(req.Context(), p, args.Wait)
}

func (r *rpcService) start(ctx context.Context, p *managed, wait bool) error {
	if err := r.startable(p); err != nil {
		return err
	}
	if err := r.request(p); err != nil || !wait {
		return err
	}
	return awaitRunning(ctx, p)
}

// startable finds what Supervisor finds before it tries.
func (r *rpcService) startable(p *managed) error {
	if err := r.running(); err != nil {
		return err
	}
	snap := p.snapshot()
	if snap.state.active() {
		return fault(faults.AlreadyStated, p.fullName)
	}
	_, err := r.s.command(snap.def)
	if unusable := (*spawnNotExecutable)(nil); errors.As(err, &unusable) {
		return fault(faults.NotExecutable, err.Error())
	}
	if err != nil {
		return fault(faults.NoFile, err.Error())
	}
	if !snap.def.Early && r.s.holds() {
		return fault(faults.SpawnError, p.fullName+": waits for the initialisation, see omsinit status")
	}
	return nil
}

// request asks for the start of programs, all in one operation so that each
// sees which of the others are to be started.
func (r *rpcService) request(programs ...*managed) error {
	o := &operation{s: r.s, verb: verbStart, programs: programs, loose: true, emit: func(Event) {}}
	if err := o.change(r.s.ctx); err != nil {
		return fault(faults.Failed, err.Error())
	}
	return nil
}

func (r *rpcService) startAll(ctx context.Context, members []*managed, wait bool) []rpcResult {
	refused := map[*managed]error{}
	var chosen, start []*managed
	for _, p := range members {
		if p.snapshot().state.active() {
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
	return each(chosen, func(State) bool { return true }, func(p *managed) error {
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
func awaitRunning(ctx context.Context, p *managed) error {
	for {
		snap := p.snapshot()
		switch {
		case snap.state == Running:
			return nil
		case snap.held, snap.state == Starting, snap.state == Stopping && snap.wanted:
		case snap.spawnErr != nil:
			return fault(faults.SpawnError, p.fullName)
		default:
			return fault(faults.AbnormalTermination, p.fullName)
		}
		select {
		case <-snap.changed:
		case <-ctx.Done():
			return fault(faults.Failed, p.fullName)
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
	reply.Value = r.startAll(req.Context(), r.s.all(), args.Wait)
	return r.running()
}

func (r *rpcService) StopProcess(req *http.Request, args *rpcNameWait, reply *rpcAny) error {
	if group, ok := wholeGroup(args.Name); ok {
		var results rpcResults
		err := r.StopProcessGroup(req, &rpcNameWait{group, args.Wait}, &results)
		reply.Value = results.Value
		return err
	}
	p := r.s.find(args.Name)
	if p == nil {
		return fault(faults.BadName, args.Name)
	}
	reply.Value = true
	return r.stop(req.Context(), p, args.Wait)
}

func (r *rpcService) stop(ctx context.Context, p *managed, wait bool) error {
	if err := r.running(); err != nil {
		return err
	}
	if snap := p.snapshot(); !snap.state.active() && !snap.held {
		return fault(faults.NotRunning, p.fullName)
	}
	unlock, err := lockAll(ctx, []*managed{p})
	if err != nil {
		return fault(faults.Failed, p.fullName)
	}
	defer unlock()
	p.stop()
	if !wait {
		return nil
	}
	o := &operation{s: r.s, verb: verbStop, emit: func(Event) {}}
	if !o.awaitDown(ctx, p) {
		return fault(faults.Failed, p.fullName)
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
	all := r.s.all()
	reply.Value = each(all, isActive, r.inOrder(all, req.Context(), args.Wait))
	return r.running()
}

// inOrder stops a program after those that depend on it.
func (r *rpcService) inOrder(programs []*managed, ctx context.Context, wait bool) func(p *managed) error {
	o := &operation{s: r.s, verb: verbStop, emit: func(Event) {}}
	return func(p *managed) error {
		for _, other := range programs {
			if other != p && slices.Contains(other.definition().DependsOn, p.name) && !o.awaitDown(ctx, other) {
				return fault(faults.Failed, p.fullName)
			}
		}
		return r.stop(ctx, p, wait)
	}
}

func (r *rpcService) group(name string) ([]*managed, error) {
	if err := r.running(); err != nil {
		return nil, err
	}
	var members []*managed
	for _, p := range r.s.all() {
		if p.group == name {
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

func isActive(s State) bool    { return s.active() }
func signallable(s State) bool { return s == Running || s == Starting || s == Stopping }

// each calls f for the programs in the wanted states, all at the same time,
// and reports how it went.
func each(programs []*managed, wanted func(State) bool, f func(p *managed) error) []rpcResult {
	var chosen []*managed
	for _, p := range programs {
		if wanted(p.snapshot().state) {
			chosen = append(chosen, p)
		}
	}
	results := make([]rpcResult, len(chosen))
	var wg sync.WaitGroup
	for i, p := range chosen {
		wg.Go(func() {
			results[i] = rpcResult{p.name, p.group, faults.Success, "OK"}
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
	p := r.s.find(args.Name)
	if p == nil {
		return fault(faults.BadName, args.Name)
	}
	reply.Value = true
	return r.signal(p, args.Signal)
}

func (r *rpcService) signal(p *managed, name string) error {
	if err := r.running(); err != nil {
		return err
	}
	sig, ok := parseSignal(name)
	if !ok {
		return fault(faults.BadSignal, name)
	}
	switch running, err := p.signal(sig); {
	case !running:
		return fault(faults.NotRunning, p.fullName)
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
	reply.Value = each(members, signallable, func(p *managed) error { return r.signal(p, args.Signal) })
	return nil
}

func (r *rpcService) SignalAllProcesses(_ *http.Request, args *rpcSignal, reply *rpcResults) error {
	reply.Value = each(r.s.all(), signallable, func(p *managed) error { return r.signal(p, args.Signal) })
	return r.running()
}
