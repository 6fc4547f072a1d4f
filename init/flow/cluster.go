package flow

import (
	"context"
	"os"
	"slices"
	"time"

	"omsinit/check"
	"omsinit/init/resource"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// ClusterOptions are what the operations on all regions and nodes offer.
type ClusterOptions struct {
	// HeartbeatAge is how old the last heartbeat of a node that is up may be; 0 is the age from which OMS itself calls
	// a host down.
	HeartbeatAge time.Duration
	Deadline     time.Duration // of each check; 0 is check.DefaultDeadline
}

// ClusterView reads which regions and nodes are registered, and how they are.
func (f *Flow) ClusterView(ctx context.Context, o ClusterOptions) (resource.View, error) {
	cfg, err := f.Config()
	if err != nil {
		return resource.View{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return resource.Look(ctx, cfg, f.Address(cfg), o.HeartbeatAge)
}

// ClusterCheck is the diagnosis of machines that the console shows as down. It changes nothing.
func (f *Flow) ClusterCheck(ctx context.Context, o ClusterOptions) (report check.Report, err error) {
	if f.pack, err = f.Pack(); err != nil {
		return report, err
	}
	report = check.Cluster(ctx, check.Input{
		Layout: f.Layout, ConfigFile: f.ConfigFile, Load: f.Load, HostIP: f.HostIP, Environ: os.Environ(), Release: f.pack.Release,
		Programs: f.programs, CM: resource.Ready, HeartbeatAge: o.HeartbeatAge, Deadline: o.Deadline,
	})
	return report, interrupted(ctx)
}

// programs asks PID 1 how the initialisation and the components are.
func (f *Flow) programs(ctx context.Context) (check.Programs, error) {
	status, err := f.client.Status(ctx)
	if err != nil {
		return check.Programs{}, err
	}
	programs := check.Programs{Unfinished: unfinished(status.Setup)}
	if status.Setup == nil && !initialised(f.Layout) {
		programs.Unfinished = msg.M("there is no %s", f.Layout.InitFlag())
	}
	for _, p := range status.Programs {
		if !slices.Contains(f.pack.Restart, p.Name) {
			continue
		}
		program := check.Program{Name: p.Name, State: p.State, Ready: p.Ready, Starting: starting(p)}
		switch {
		case !p.Reason.IsZero():
			program.Reason = msg.M("%v", p.Reason)
		case !p.ProbeAnswer.IsZero():
			program.Reason = msg.M("%v", p.ProbeAnswer)
		}
		programs.List = append(programs.List, program)
	}
	return programs, nil
}

// unfinished returns how far an initialisation is that is not done.
func unfinished(setup *api.SetupStatus) msg.Message {
	switch {
	case setup == nil || setup.State == api.SetupDone:
		return msg.Message{}
	case !setup.Message.IsZero():
		return msg.M("step %d: %v", setup.Step, setup.Message)
	}
	return msg.M("step %d: %v", setup.Step, setup.State)
}
