package flow

import (
	"context"
	"io"
	"os"
	"slices"
	"time"

	"omsinit/check"
	"omsinit/init/upgrade"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/node"
	"omsinit/internal/pack"
	"omsinit/metrics"
)

// CheckOptions are what `omsinit check` offers beyond step 1.
type CheckOptions struct {
	Offline  bool
	Deadline time.Duration
	Ignore   []string // lists of IDs
	Stdin    io.Reader
}

// Check is step 1 alone. It changes nothing, but for throw-away databases that
// it removes again. A *UsageError is about the IDs to ignore.
func Check(ctx context.Context, o Options, c CheckOptions) (check.Report, error) {
	o.setDefaults()
	r := &run{Options: o}
	ignored, err := check.ParseIgnored(append(c.Ignore, os.Getenv(ignoreEnv))...)
	if err != nil {
		return check.Report{}, &UsageError{msg.M("%v", err)}
	}
	in := check.Input{ConfigFile: o.ConfigFile}
	if !c.Offline {
		// Neither PID 1 nor the pack is asked offline: that would take longer
		// than all the rest.
		r.client = Client(o.Layout)
		if r.pack, err = pack.Open(o.PackDir); err != nil {
			return check.Report{}, err
		}
		if in, err = r.checkInput(); err != nil {
			return check.Report{}, err
		}
		in.TryWrites = true
	}
	in.Offline, in.Deadline = c.Offline, c.Deadline
	in.Load = node.New(node.Given{Layout: o.Layout, ConfigFile: o.ConfigFile, Stdin: c.Stdin}).Load
	in.Ignore = append(in.Ignore, ignored...)
	report, _ := check.Run(ctx, in)
	if ctx.Err() != nil {
		return report, msg.Errorf("the check was interrupted")
	}
	return report, nil
}

// ignoreEnv lists findings that are warnings, as --ignore does.
const ignoreEnv = "OMSINIT_IGNORE"

func (r *run) checkInput() (check.Input, error) {
	ignored, err := check.ParseIgnored(append(slices.Clone(r.Ignore), os.Getenv(ignoreEnv))...)
	if err != nil {
		return check.Input{}, &UsageError{msg.M("%v", err)}
	}
	byPack, err := check.ParseIgnored(r.pack.Ignore...)
	if err != nil {
		return check.Input{}, msg.Errorf("cannot use the key ignore of the pack (%s): %w", r.pack.Source("pack.yaml"), err)
	}
	if r.TSDBOptional {
		byPack = append(byPack, tsdbChecks...)
	}
	in := check.Input{
		Layout: r.Layout, ConfigFile: r.ConfigFile, HostIP: r.HostIP, Upgrade: r.Upgrade, Environ: os.Environ(), Release: r.pack.Release,
		Ignore: append(ignored, byPack...), OwnGroups: r.ownGroups, TSDB: metrics.Check, TSDBWrite: metrics.CheckWrite,
		Gate:   func(ctx context.Context, cfg *config.Config) error { return upgrade.Gate(ctx, cfg, r.pack) },
		Tables: map[string][]string{"rm": r.pack.Tables("rm"), "cm": r.pack.Tables("cm"), "hb": r.pack.Tables("hb")},
	}
	if r.Upgrade == "true" { // another release is what is wanted then
		in.Gate, in.UpgradeGates = nil, r.upgradeGates
	}
	return in, nil
}

// finished reports whether the initialisation has finished in this container
// with the same inputs.
func (r *run) finished() bool {
	in, err := readInputs(r.Options, r.pack.Release)
	return err == nil && initialised(r.Layout.InitFlag()) && record{r.Layout.RenderedRecord()}.matches(in)
}
