package flow

import (
	"context"
	"os"
	"slices"
	"time"

	"omsinit/check"
	"omsinit/init/upgrade"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/metrics"
)

// ignoreEnv lists findings that are warnings, as Options.Ignore does.
const ignoreEnv = "OMSINIT_IGNORE"

// check is step 1.
func (f *Flow) check(ctx context.Context) error {
	in, err := f.checkInput()
	if err != nil {
		return err
	}
	in.TryWrites = !finished(f.Node) // what the accounts may do is not tried again on a finished node
	report, _ := check.Run(ctx, in)
	if ctx.Err() != nil {
		return ctx.Err() // what was found is that it was interrupted
	}
	report.Print(f, check.Style{Lang: f.lang})
	f.warned = true
	return report.Err()
}

// CheckOptions are what Check offers beyond step 1.
type CheckOptions struct {
	Offline  bool          // only what stands in the file
	Deadline time.Duration // of each check; 0 is check.DefaultDeadline
}

// Check is step 1 alone. It changes nothing, but for throw-away databases that it removes again. A *UsageError is about
// the IDs to ignore.
func (f *Flow) Check(ctx context.Context, o CheckOptions) (report check.Report, err error) {
	var in check.Input
	if o.Offline {
		in, err = f.checkFile()
	} else if f.pack, err = f.Pack(); err == nil {
		in, err = f.checkInput()
	}
	if err != nil {
		return report, err
	}
	in.Offline, in.Deadline, in.TryWrites = o.Offline, o.Deadline, true
	report, _ = check.Run(ctx, in)
	return report, interrupted(ctx)
}

// interrupted returns an error when checks were cut: what they found is worth nothing then.
func interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return msg.Errorf("the check was interrupted")
	}
	return nil
}

// checkFile is what the checks of the file alone look at.
func (f *Flow) checkFile() (check.Input, error) {
	ignored, err := check.ParseIgnored(append(slices.Clone(f.Ignore), os.Getenv(ignoreEnv))...)
	if err != nil {
		return check.Input{}, &UsageError{msg.M("%v", err)}
	}
	return check.Input{ConfigFile: f.ConfigFile, Load: f.Load, Ignore: ignored}, nil
}

// checkInput is what all checks look at.
func (f *Flow) checkInput() (check.Input, error) {
	in, err := f.checkFile()
	if err != nil {
		return in, err
	}
	ignored, err := check.ParseIgnored(f.pack.Ignore...)
	if err != nil {
		return in, msg.Errorf("cannot use the key ignore of the pack (%s): %w", f.pack.Source("pack.yaml"), err)
	}
	if f.TSDBOptional {
		ignored = append(ignored, tsdbChecks...)
	}
	in.Ignore = append(in.Ignore, ignored...)
	in.Layout, in.HostIP, in.Upgrade, in.Environ = f.Layout, f.HostIP, f.IsUpgrade, os.Environ()
	in.Release, in.Tables = f.pack.Release, map[config.Role][]string{}
	for _, role := range config.Roles {
		in.Tables[role] = f.pack.Tables(role)
	}
	in.OwnGroups, in.TSDB, in.TSDBWrite = f.ownGroups, metrics.Check, metrics.CheckWrite
	if f.IsUpgrade == "true" { // another release is what is wanted then
		in.UpgradeGates = f.upgradeGates
	} else {
		in.Gate = func(ctx context.Context, cfg *config.Config) error { return upgrade.Gate(ctx, cfg, f.pack) }
	}
	return in, nil
}

// ownGroups returns the process groups of the components that PID 1 runs.
func (f *Flow) ownGroups(ctx context.Context) []int {
	status, err := f.client.Status(ctx)
	if err != nil {
		return nil
	}
	var groups []int
	for _, p := range status.Programs {
		if p.PID > 0 {
			groups = append(groups, p.PID)
		}
	}
	return groups
}
