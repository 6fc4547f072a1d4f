package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"omsinit/init/metadb/backup"
	"omsinit/init/upgrade"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// UpgradeOptions are what only an upgrade is told.
type UpgradeOptions struct {
	// From, AutoHA, Confirmed, KeepFailed, Unattended, Heartbeats and Keep are
	// those of upgrade.Upgrade.
	From       string
	AutoHA     bool
	Confirmed  []string
	KeepFailed bool
	Unattended bool
	Heartbeats []string
	Keep       int
	// LockTimeout is how long to wait for another node; 0: as long as upgrades take.
	LockTimeout time.Duration
	Progress    func(backup.Progress)
}

// programs stops programs over the control socket.
type programs struct{ client *client.Client }

// Running implements upgrade.Programs.
func (p programs) Running(ctx context.Context, names []string) ([]string, error) {
	status, err := p.client.Status(ctx)
	if errors.Is(err, client.ErrNotRunning) {
		return nil, nil // nobody supervises, so nothing runs here
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range names {
		for _, have := range status.Programs {
			if have.Name == name && have.PID != 0 {
				out = append(out, name)
			}
		}
	}
	return out, nil
}

// Stop implements upgrade.Programs.
func (p programs) Stop(ctx context.Context, names []string) error {
	return p.client.Stop(ctx, names, client.OperationOptions{}, nil)
}

// upgradeOf gives the upgrade of this node.
func (r *run) upgradeOf(cfg *config.Config) *upgrade.Upgrade {
	return &upgrade.Upgrade{
		Config: cfg, ConfigFile: r.ConfigFile, Pack: r.pack, Layout: r.Layout, Node: cfg.NodeAddress(r.HostIP), Tool: r.Build,
		From: r.Up.From, AutoHA: r.Up.AutoHA, Confirmed: r.Up.Confirmed, KeepFailed: r.Up.KeepFailed, Unattended: r.Up.Unattended,
		Heartbeats: r.Up.Heartbeats, Keep: r.Up.Keep, LockTimeout: r.Up.LockTimeout, Programs: programs{r.client}, Log: r.say, Progress: r.Up.Progress, Now: r.Now,
	}
}

// upgradeGates is what step 1 asks when an upgrade is asked for.
func (r *run) upgradeGates(ctx context.Context, cfg *config.Config) ([]finding.Finding, error) {
	return r.upgradeOf(cfg).Objections(ctx)
}

// upgradeSteps goes through the steps with an upgrade in the place of step 2.
// Where there is nothing to upgrade, as at every later start of a container with
// IS_UPGRADE=true, they are those of any other start.
func (r *run) upgradeSteps(ctx context.Context, phases []Phase) error {
	if err := r.phase(ctx, phases[0], true); err != nil {
		return err
	}
	if err := r.known(r.config); err != nil {
		return err
	}
	if _, err := r.client.Status(ctx); err != nil {
		return unsupervised(err)
	}
	s, err := r.upgradeOf(r.config).Begin(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if !s.Due() {
		r.say(msg.M("the MetaDB belongs to %s: there is nothing to upgrade, and this node does its own steps", r.pack.Release))
	} else {
		phases = upgradePhases(s, phases)
	}
	for _, p := range phases[1:] {
		if err = r.phase(ctx, p, true); err != nil {
			break
		}
	}
	if s.Due() {
		if err == nil {
			err = s.Finish(ctx)
		}
		if err != nil {
			return r.upgradeFailed(ctx, s, err)
		}
	}
	if err != nil {
		return err
	}
	return r.finish(ctx)
}

// upgradePhases puts the steps of an upgrade into its journal.
func upgradePhases(s *upgrade.Session, phases []Phase) []Phase {
	stages := map[string]string{"component": upgrade.StageComponents, "restart": upgrade.StageStart, "resource": upgrade.StageResources}
	out := append([]Phase{}, phases...)
	for i := range out {
		p := out[i]
		if p.Name == "metadb" {
			out[i].Banner, out[i].Command = msg.M("[Step 2] Upgrade the OMS MetaDB"), "omsinit upgrade apply"
			out[i].run = func(_ *run, ctx context.Context) error { return s.MetaDB(ctx) }
		} else if stage, ok := stages[p.Name]; ok {
			out[i].run = func(r *run, ctx context.Context) error {
				return s.Local(ctx, stage, func(ctx context.Context) error { return p.run(r, ctx) })
			}
		}
	}
	return out
}

// upgradeFailed undoes what is to be undone, and tells people and PID 1.
func (r *run) upgradeFailed(ctx context.Context, s *upgrade.Session, failure error) error {
	var step *StepError
	report := api.SetupReport{}
	if errors.As(failure, &step) {
		report.Step, report.StepName = step.Number, msg.Text{English: step.Phase.Name}
		failure = step.Err // the page tells the stage
	}
	page, err := s.Fail(ctx, failure)
	r.banner(msg.M("[Failed] The upgrade from %s to %s", s.From(), s.To()))
	for _, m := range page {
		r.fail(m)
	}
	r.reportFailure(ctx, report, err)
	return &printedError{err}
}

func unsupervised(err error) error {
	if errors.Is(err, client.ErrNotRunning) {
		return msg.Errorf("nobody supervises the components: start `omsinit run` first (in a container it is the entry point): %w", err)
	}
	return err
}

// Upgrade gives the upgrade for the commands that work on backups and plans.
// What it says goes to standard error.
func Upgrade(o Options) (*upgrade.Upgrade, error) {
	o.setDefaults()
	cfg, err := configOf(o)
	if err != nil {
		return nil, err
	}
	return upgradeWith(o, cfg)
}

func upgradeWith(o Options, cfg *config.Config) (_ *upgrade.Upgrade, err error) {
	r := &run{Options: o, output: &output{lang: o.Lang, out: o.Err, errOut: o.Err}, client: Client(o.Layout)}
	if r.pack, err = pack.Open(o.PackDir); err != nil {
		return nil, err
	}
	return r.upgradeOf(cfg), nil
}

// PlanUpgrade says what an upgrade would do. Lists of IDs of findings in
// ignore do not refuse it. A *UsageError is about those.
func PlanUpgrade(ctx context.Context, o Options) (*upgrade.Plan, error) {
	o.setDefaults()
	cfg, err := configOf(o)
	if err != nil {
		return nil, unusable(err) // a valid one is among the gates
	}
	u, err := upgradeWith(o, cfg)
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, pack: u.Pack}
	in, err := r.checkInput()
	if err != nil {
		return nil, err
	}
	return u.Plan(ctx, func(id string) bool { return slices.Contains(in.Ignore, id) })
}

// RollBack undoes the last upgrade.
func RollBack(ctx context.Context, o Options, how upgrade.Rollback) error {
	o.setDefaults()
	r := &run{Options: o, output: &output{lang: o.Lang, out: o.Out, errOut: o.Err}, client: Client(o.Layout)}
	defer r.close()
	if err := r.openLog(o.Layout.LogDir(), o.Now()); err != nil {
		r.fail(msg.M("warning: no copy of this output is kept in %s: %v", o.Layout.LogDir(), err))
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if r.pack, err = pack.Open(o.PackDir); err != nil {
		return err
	}
	if r.config, err = r.need(); err != nil {
		return err
	}
	if err := r.known(r.config); err != nil {
		return err
	}
	page, err := r.upgradeOf(r.config).RollBack(ctx, how)
	if err != nil {
		return err
	}
	r.banner(msg.M("[Completed] The last upgrade is undone."))
	for _, m := range page {
		r.say(m)
	}
	return nil
}
