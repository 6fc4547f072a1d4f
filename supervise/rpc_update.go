package supervise

import (
	"net/http"

	"github.com/ochinchina/supervisord/faults"
)

func (r *rpcService) ReloadConfig(_ *http.Request, _ *rpcNothing, reply *struct{ Value [][][]string }) error {
	if err := r.running(); err != nil {
		return err
	}
	d, err := r.s.read()
	if err != nil {
		return fault(faults.CantReRead, err.Error())
	}
	added, changed, removed := r.s.groupChanges(d)
	reply.Value = [][][]string{{added, changed, removed}}
	return nil
}

func (r *rpcService) AddProcessGroup(_ *http.Request, args *rpcName, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	switch found, added := r.s.addGroup(args.Name); {
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
	members, err := r.group(args.Name)
	if err != nil {
		return err
	}
	for _, p := range members {
		if !p.snapshot().state.down() {
			return fault(faults.StillRunning, args.Name)
		}
		p.stop() // ends the waiting for dependencies
	}
	r.s.forget(members)
	reply.Value = true
	return nil
}

func (r *rpcService) Shutdown(_ *http.Request, _ *rpcNothing, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	reply.Value = true
	r.s.cancel()
	return nil
}

// Restart is supervisorctl reload: everything is stopped, the program files
// are read again, and what starts by itself is started. The process stays.
func (r *rpcService) Restart(_ *http.Request, _ *rpcNothing, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	if _, err := Load(r.s.options.ConfPath, r.s.options.Env...); err != nil {
		return fault(faults.CantReRead, err.Error())
	}
	reply.Value = true
	go r.s.restartAll()
	return nil
}
