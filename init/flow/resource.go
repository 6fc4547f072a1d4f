package flow

import (
	"context"

	"omsinit/init/resource"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// resourceStep is step 5 on this node.
func (f *Flow) resourceStep(cfg *config.Config) *resource.Step {
	return &resource.Step{
		Config: cfg, Pack: f.pack, HostIP: f.Address(cfg), WaitCM: f.ReadyTimeout, LockTimeout: f.LockTimeout,
		Log: f.say,
	}
}

// resource is step 5.
func (f *Flow) resource(ctx context.Context) error {
	cfg, err := f.needAddress()
	if err != nil {
		return err
	}
	result, err := f.resourceStep(cfg).Apply(ctx)
	if err == nil && !result.Changed() {
		f.say(msg.M("the resource group, the hosts and the region are registered already"))
	}
	return err
}
