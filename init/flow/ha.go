package flow

import (
	"context"

	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
)

// HA reads how high availability is set.
func (f *Flow) HA(ctx context.Context) (ha.Status, error) {
	cfg, err := f.Config()
	if err != nil {
		return ha.Status{}, err
	}
	db, err := database.Open(cfg, "")
	if err != nil {
		return ha.Status{}, err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	status, err := ha.Look(ctx, db, cfg)
	return status, database.Explain(cfg, err)
}

// SwitchHA sets the field enable of ha.config, under the lock of the MetaDB. To switch it on where it is of no use is
// refused with a *RefusedError unless it is forced (ha.Status.Refusal).
func (f *Flow) SwitchHA(ctx context.Context, on, force bool) (ha.Switched, error) {
	var none ha.Switched
	cfg, err := f.Config()
	if err != nil {
		return none, err
	}
	db, err := database.Open(cfg, "", database.As(f.Address(cfg)))
	if err != nil {
		return none, err
	}
	defer db.Close()
	waiting := func(h database.Holder) {
		f.say(msg.M("waiting for another node that works on the MetaDB: %v", h.Message()))
	}
	o := database.LockOptions{Timeout: f.LockTimeout, Lease: true, Node: f.Address(cfg), Waiting: waiting}
	lock, err := database.Acquire(ctx, cfg, db, o)
	if err != nil {
		return none, err
	}
	defer lock.Release()
	before, err := ha.Look(ctx, lock.Conn(), cfg)
	if err != nil {
		return none, database.Explain(cfg, err)
	}
	if why := before.Refusal(); on && !before.Enable && !force && !why.IsZero() {
		return none, &RefusedError{why}
	}
	done, err := ha.Switch(ctx, lock.Conn(), cfg.RMDatabase, on)
	return done.Report(on), database.Explain(cfg, err)
}
