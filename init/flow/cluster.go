package flow

import (
	"context"
	"os"
	"slices"
	"time"

	"omsinit/check"
	"omsinit/init/resource"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
)

// ClusterOptions are what the commands of omsinit cluster offer.
type ClusterOptions struct {
	// HeartbeatAge is how old the heartbeat of a node may be that is there.
	HeartbeatAge time.Duration
	Deadline     time.Duration // of each check
}

// ClusterView reads which regions and nodes are registered, and how they are.
func ClusterView(ctx context.Context, o Options, c ClusterOptions) (resource.View, error) {
	cfg, err := configOf(o)
	if err != nil {
		return resource.View{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	return resource.Look(ctx, cfg, cfg.NodeAddress(o.HostIP), c.HeartbeatAge)
}

// ClusterCheck is the diagnosis of machines that the console shows as down. It
// changes nothing.
func ClusterCheck(ctx context.Context, o Options, c ClusterOptions) (check.Report, error) {
	r := &run{Options: o, client: Client(o.Layout)}
	var err error
	if r.pack, err = pack.Open(o.PackDir); err != nil {
		return check.Report{}, err
	}
	report := check.Cluster(ctx, check.Input{
		Layout: o.Layout, ConfigFile: o.ConfigFile, HostIP: o.HostIP, Environ: os.Environ(), Release: r.pack.Release,
		Programs: r.programs, CM: resource.Ready, HeartbeatAge: c.HeartbeatAge, Deadline: c.Deadline,
	})
	if ctx.Err() != nil {
		return report, msg.Errorf("the check was interrupted")
	}
	return report, nil
}

// programs asks PID 1 how the initialisation and the components are.
func (r *run) programs(ctx context.Context) (check.Programs, error) {
	status, err := r.client.Status(ctx)
	if err != nil {
		return check.Programs{}, err
	}
	programs := check.Programs{Unfinished: unfinished(status.Setup)}
	if status.Setup == nil && !initialised(r.Layout.InitFlag()) {
		programs.Unfinished = msg.M("there is no %s", r.Layout.InitFlag())
	}
	for _, p := range status.Programs {
		if !slices.Contains(r.pack.Restart, p.Name) {
			continue
		}
		known := check.Program{Name: p.Name, State: p.State, Ready: p.Ready,
			Starting: p.PID != 0 && time.Duration(p.UptimeSeconds)*time.Second < settling}
		switch {
		case !p.Reason.IsZero():
			known.Reason = msg.M("%v", p.Reason)
		case !p.ProbeAnswer.IsZero():
			known.Reason = msg.M("%v", p.ProbeAnswer)
		}
		programs.List = append(programs.List, known)
	}
	return programs, nil
}

func unfinished(setup *api.SetupStatus) msg.Message {
	switch {
	case setup == nil || setup.State == api.SetupDone:
		return msg.Message{}
	case !setup.Message.IsZero():
		return msg.M("step %d: %v", setup.Step, setup.Message)
	}
	return msg.M("step %d: %v", setup.Step, setup.State)
}
