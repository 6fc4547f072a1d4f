package control

import (
	"net/http"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/supervise/program"
)

func (r *rpcService) ReloadConfig(_ *http.Request, _ *rpcNothing, reply *struct{ Value [][][]string }) error {
	if err := r.running(); err != nil {
		return err
	}
	d, err := r.s.Read()
	if err != nil {
		return fault(faults.CantReRead, err.Error())
	}
	added, changed, removed := r.s.GroupChanges(d)
	reply.Value = [][][]string{{added, changed, removed}}
	return nil
}

func (r *rpcService) AddProcessGroup(_ *http.Request, args *rpcName, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	switch found, added := r.s.AddGroup(args.Name); {
	case !found:
		return fault(faults.BadName, args.Name)
	case !added:
		return fault(faults.AlreadyAdded, args.Name)
	}
	reply.Value = true
	return nil
}

func (r *rpcService) RemoveProcessGroup(_ *http.Request, args *rpcName, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	members, err := r.members(args.Name)
	if err != nil {
		return err
	}
	for _, p := range members {
		if !p.Snapshot().State.Down() {
			return fault(faults.StillRunning, args.Name)
		}
		p.Stop() // ends the waiting for dependencies
	}
	r.s.Forget(members)
	reply.Value = true
	return nil
}

func (r *rpcService) Shutdown(_ *http.Request, _ *rpcNothing, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	reply.Value = true
	r.s.Terminate()
	return nil
}

// Restart is supervisorctl reload: everything is stopped, the program files
// are read again, and what starts by itself is started. The process stays.
func (r *rpcService) Restart(_ *http.Request, _ *rpcNothing, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	if _, err := program.Load(r.s.Settings().ConfPath, r.s.Settings().Env...); err != nil {
		return fault(faults.CantReRead, err.Error())
	}
	reply.Value = true
	go r.s.RestartAll()
	return nil
}
