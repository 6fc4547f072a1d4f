package flow

import (
	"context"
	"errors"
	"io"
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
		Layout: f.Layout, ConfigFile: f.ConfigFile, Load: f.Load, HostIP: f.HostIP,
		Environ: os.Environ(), Release: f.pack.Release,
		Programs: f.programs, CM: resource.Ready, Scheme: check.Scheme,
		HeartbeatAge: o.HeartbeatAge, Deadline: o.Deadline,
	})
	return report, interrupted(ctx)
}

// RemoveNode deletes the row of a node that was stopped for good, and RemoveRegion a region with its nodes. What is
// deleted is kept in a log beside those of runs. A *RefusedError is a node that lives, or what must be forced.
func (f *Flow) RemoveNode(ctx context.Context, ip string, o resource.RemoveOptions) (resource.Removal, error) {
	return f.remove(ctx, "cluster remove "+ip, o, func(s *resource.Step) (resource.Removal, error) {
		return s.Remove(ctx, ip, o)
	})
}

// RemoveRegion deletes a region and its nodes: see RemoveNode.
func (f *Flow) RemoveRegion(ctx context.Context, name string, o resource.RemoveOptions) (resource.Removal, error) {
	return f.remove(ctx, "cluster remove-region "+name, o, func(s *resource.Step) (resource.Removal, error) {
		return s.RemoveRegion(ctx, name, o)
	})
}

func (f *Flow) remove(
	ctx context.Context, command string, o resource.RemoveOptions, do func(*resource.Step) (resource.Removal, error),
) (resource.Removal, error) {
	cfg, err := f.Config()
	if err != nil {
		return resource.Removal{}, err
	}
	done, err := do(&resource.Step{Config: cfg, HostIP: f.Address(cfg), LockTimeout: f.LockTimeout, Log: f.say})
	var refusal *resource.Refusal
	if errors.As(err, &refusal) {
		return done, &RefusedError{refusal.Message}
	}
	if o.DryRun || len(done.Rows) == 0 {
		return done, err
	}
	f.out = io.Discard // the result is for the caller
	if logErr := f.openLog(f.Layout.LogDir(), f.Now()); logErr != nil {
		f.fail(msg.M("warning: no copy of this output is kept in %s: %v", f.Layout.LogDir(), logErr))
	}
	defer f.close()
	f.say(msg.M("%s", "omsinit "+command))
	done.Print(&f.output, f.lang)
	return done, err
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
