package flow

import (
	"context"

	"omsinit/init/resource"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// resourceStep is step 5 on this node.
func (f *Flow) resourceStep(cfg *config.Config) *resource.Step {
	return &resource.Step{
		Config: cfg, Pack: f.pack, HostIP: f.Address(cfg), Layout: f.Layout, WaitCM: f.ReadyTimeout,
		LockTimeout: f.LockTimeout, Log: f.say,
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

// settings brings the rows of settings to config.yaml, before the programs that read them start. A MetaDB that does not
// answer, or has no tables yet, does not stop the files: the next run looks again.
func (f *Flow) settings(ctx context.Context, cfg *config.Config) {
	if _, err := f.resourceStep(cfg).Settings(ctx); err != nil && !database.IsMissing(err) {
		f.say(msg.M("warning: whether the settings in the MetaDB follow config.yaml was not looked at: %v", err))
	}
}
