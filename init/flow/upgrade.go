package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"omsinit/check"
	"omsinit/init/upgrade"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// programs stops and starts programs over the control socket.
type programs struct {
	client  *client.Client
	timeout time.Duration // of a start
}

// Running implements upgrade.Programs.
func (p programs) Running(ctx context.Context, names []string) ([]string, error) {
	status, err := p.client.Status(ctx)
	if errors.Is(err, client.ErrNotRunning) {
		return nil, nil // nobody supervises, so nothing runs here
	}
	if err != nil {
		return nil, err
	}
	programs := byName(status)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return programs[name].PID == 0 && len(programs[name].WaitsFor) == 0
	}), nil
}

// Stop implements upgrade.Programs.
func (p programs) Stop(ctx context.Context, names []string) error {
	return p.client.Stop(ctx, names, client.OperationOptions{}, nil)
}

// Start implements upgrade.Programs.
func (p programs) Start(ctx context.Context, names []string) error {
	return p.client.Start(ctx, names, client.OperationOptions{Timeout: p.timeout, Setup: true}, nil)
}

// upgrader is the upgrade of this node.
func (f *Flow) upgrader(cfg *config.Config) *upgrade.Upgrade {
	var uses []database.Use
	if f.pack != nil { // operations on backups do without
		uses, _ = f.uses(cfg) // what is wrong with the schema is said where it is used
	}
	return &upgrade.Upgrade{
		Options: f.upgrade, Config: cfg, ConfigFile: f.ConfigFile, ConfigText: f.Snapshot().Text, Pack: f.pack,
		Layout: f.Layout,
		Node:   f.Address(cfg), Tool: f.Build, Programs: programs{f.client, f.ReadyTimeout},
		StoppedOwn: f.stoppedOwn, Uses: uses, Log: f.say, Now: f.Now,
	}
}

// Upgrader returns the upgrade for the operations on backups. What it says goes to standard error.
func (f *Flow) Upgrader(o upgrade.Options) (*upgrade.Upgrade, error) {
	f.upgrade = o
	cfg, err := f.open()
	if err != nil {
		return nil, err
	}
	return f.upgrader(cfg), nil
}

// PlanUpgrade returns what an upgrade would do, and asks all that Upgrade asks before it changes anything. Findings
// that are ignored do not refuse it; a *UsageError is about their IDs.
func (f *Flow) PlanUpgrade(ctx context.Context, o upgrade.Options) (*upgrade.Plan, error) {
	if _, err := f.Config(); err != nil {
		return nil, unusable(err) // a valid one is among the gates
	}
	f.IsUpgrade = "true"
	u, err := f.Upgrader(o)
	if err != nil {
		return nil, err
	}
	in, err := f.checkInput()
	if err != nil {
		return nil, err
	}
	in.UpgradeGates = nil // the plan asks them itself
	in.TryWrites = !finished(f.Node)
	report, _ := check.Run(ctx, in)
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	var found []finding.Finding // the other warnings are for `omsinit check`
	for _, r := range report.Results {
		for _, f := range r.Findings {
			if f.Severity == finding.Error || f.Ignored {
				found = append(found, f)
			}
		}
	}
	if _, err := f.client.Status(ctx); err != nil {
		found = append(found, finding.Finding{ID: "upgrade.unsupervised", Severity: finding.Error,
			Message: msg.M("%v", unsupervised(err))})
	}
	return u.Plan(ctx, found, func(id string) bool { return slices.Contains(in.Ignore, id) })
}

// upgradeGates is what step 1 asks when an upgrade is asked for.
func (f *Flow) upgradeGates(ctx context.Context, cfg *config.Config) ([]finding.Finding, error) {
	return f.upgrader(cfg).Objections(ctx)
}

// Upgrade is Init with an upgrade in the place of step 2, where there is one to do.
func (f *Flow) Upgrade(ctx context.Context, o upgrade.Options) error {
	f.upgrade, f.IsUpgrade = o, "true"
	return f.Init(ctx, Steps{})
}

// upgradeSteps runs all steps with an upgrade in the place of step 2. Where there is nothing to upgrade, as at every
// later start of a container with IS_UPGRADE=true, they are those of any other start.
func (f *Flow) upgradeSteps(ctx context.Context, phases []Phase) error {
	if err := f.step(ctx, phases[0]); err != nil {
		return err
	}
	cfg, err := f.needAddress()
	if err != nil {
		return err
	}
	if _, err := f.client.Status(ctx); err != nil {
		return unsupervised(err)
	}
	s, err := f.upgrader(cfg).Begin(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if !s.Due() {
		f.say(msg.M("the MetaDB belongs to %s: there is nothing to upgrade, and this node does its own steps",
			f.pack.Release))
		return f.steps(ctx, phases[1:])
	}
	for _, p := range upgradePhases(s, phases[1:]) {
		if err = f.step(ctx, p); err != nil {
			break
		}
	}
	if err == nil {
		err = s.Finish(ctx)
	}
	if err != nil {
		return f.upgradeFailed(ctx, s, err)
	}
	return f.finish(ctx)
}

// upgradePhases puts the steps of an upgrade into its journal.
func upgradePhases(s *upgrade.Session, phases []Phase) []Phase {
	stages := map[string]string{
		"component": upgrade.StageComponents, "restart": upgrade.StageStart, "resource": upgrade.StageResources,
	}
	out := slices.Clone(phases)
	for i, p := range out {
		if p.Name == "metadb" {
			out[i].Banner, out[i].Command = msg.M("[Step 2] Upgrade the OMS MetaDB"), "omsinit upgrade apply"
			out[i].run = func(_ *Flow, ctx context.Context) error { return s.MetaDB(ctx) }
		} else if stage, ok := stages[p.Name]; ok {
			out[i].run = func(f *Flow, ctx context.Context) error {
				return s.Local(ctx, stage, func(ctx context.Context) error { return p.run(f, ctx) })
			}
		}
	}
	return out
}

// upgradeFailed undoes what is to be undone, and tells people and PID 1.
func (f *Flow) upgradeFailed(ctx context.Context, s *upgrade.Session, failure error) error {
	var step *StepError
	report := f.progress.report(api.SetupFailed)
	if errors.As(failure, &step) {
		report.Step, report.StepName = step.Phase.number(), msg.Text{English: step.Phase.Name}
		failure = step.Err // the page tells the stage
	}
	page, err := s.Fail(ctx, failure)
	f.banner(msg.M("[Failed] The upgrade from %s to %s", s.From(), s.To()))
	for _, m := range page {
		f.fail(m)
	}
	f.reportFailure(ctx, report, err)
	return &printedError{err}
}

// RollBack undoes the last upgrade. It waits for other nodes for this long; 0 is as long as an upgrade does.
func (f *Flow) RollBack(ctx context.Context, how upgrade.Rollback, nodes time.Duration) error {
	return f.run(ctx, func(ctx context.Context) error {
		cfg, err := f.needAddress()
		if err != nil {
			return err
		}
		u := f.upgrader(cfg)
		u.LockTimeout = nodes
		page, err := u.RollBack(ctx, how)
		if err != nil {
			return err
		}
		f.banner(msg.M("[Completed] The last upgrade is undone."))
		for _, m := range page {
			f.say(m)
		}
		return nil
	})
}
