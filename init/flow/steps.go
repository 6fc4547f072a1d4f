package flow

import (
	"context"
	"slices"
	"strings"
	"time"

	"omsinit/check"
	"omsinit/init/metadb"
	"omsinit/init/resource"
	"omsinit/init/upgrade"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/metrics"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// check is step 1.
func (r *run) check(ctx context.Context) error {
	return r.reading(func() error {
		in, err := r.checkInput()
		if err != nil {
			return err
		}
		// What the accounts may do is not tried again on a finished node.
		in.TryWrites = !r.finished()
		report, cfg := check.Run(ctx, in)
		if ctx.Err() != nil {
			return ctx.Err() // what was found is that it was interrupted
		}
		report.Print(r, r.lang)
		r.config = cfg
		return report.Err()
	})
}

// reading notes what the configuration is read from. The same values before and
// after are those that were read.
func (r *run) reading(read func() error) error {
	before, _ := readInputs(r.Options, r.pack.Release) // read says what is wrong with the file
	if err := read(); err != nil {
		return err
	}
	after, err := readInputs(r.Options, r.pack.Release)
	if err != nil || !after.equal(before) {
		return finding.Transient(msg.Errorf("%s was changed while it was read; run the same command again", r.ConfigFile))
	}
	r.inputs = before
	return nil
}

// ownGroups are the process groups of the components that PID 1 runs.
func (r *run) ownGroups(ctx context.Context) []int {
	status, err := r.client.Status(ctx)
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

// need loads the configuration for a step that runs without step 1.
func (r *run) need() (*config.Config, error) {
	if r.config != nil {
		return r.config, nil
	}
	err := r.reading(func() (err error) {
		var warnings []finding.Finding
		r.config, warnings, err = config.Load(r.ConfigFile)
		for _, w := range warnings {
			r.say(msg.M("%v", w))
		}
		return unusable(err)
	})
	return r.config, err
}

// unusable is what step 1 would say of a config.yaml with errors.
func unusable(err error) error {
	if err == nil {
		return nil
	}
	return &check.FailedError{Findings: []finding.Finding{{ID: "config.file", Severity: finding.Error, Message: msg.M("%v", err)}}}
}

// configOf reads config.yaml for a command that is none of the steps. Its
// warnings are for those who initialise the node, or check it.
func configOf(o Options) (*config.Config, error) {
	cfg, _, err := config.Load(o.ConfigFile)
	return cfg, err
}

// known makes sure, for a step that runs without step 1, that it is known which
// node this is.
func (r *run) known(cfg *config.Config) error {
	if cfg.NodeAddress(r.HostIP) == "" {
		return msg.Errorf("OMS_HOST_IP is not set, and cm_nodes has several nodes: it is unknown which of them this one is; start the container with -e OMS_HOST_IP=<IP address of this host>")
	}
	return nil
}

// metadb is step 2.
func (r *run) metadb(ctx context.Context) error {
	cfg, err := r.need()
	if err != nil {
		return err
	}
	if err := upgrade.Gate(ctx, cfg, r.pack); err != nil {
		return err
	}
	step := metadb.Step{Config: cfg, Pack: r.pack, LockTimeout: r.LockTimeout, Node: cfg.NodeAddress(r.HostIP), Tool: r.Build, Log: r.say}
	result, err := step.Apply(ctx)
	if err != nil {
		return err
	}
	if !result.Changed() {
		r.say(msg.M("the databases %s are up to date", strings.Join([]string{cfg.RMDatabase, cfg.CMDatabase, cfg.HeartbeatDatabase}, ", ")))
	}
	return nil
}

// component is step 3.
func (r *run) component(ctx context.Context) error {
	cfg, err := r.need()
	if err != nil {
		return err
	}
	if err := r.known(cfg); err != nil {
		return err
	}
	wanted, applied, err := r.tsdb(ctx, cfg)
	if err != nil {
		return err
	}
	last, _ := metrics.LoadApplied(r.Layout.TSDBState())
	decided := last.Same(applied, cfg)
	made := record{r.Layout.RenderedRecord()}
	fits := made.matches(r.inputs) && decided
	if !fits {
		if err := made.remove(); err != nil {
			return err
		}
	}
	result, err := r.componentStep(wanted).Apply(ctx)
	if err != nil {
		return err
	}
	if !decided {
		if err := applied.Write(r.Layout.TSDBState()); err != nil {
			return err
		}
	}
	if !fits {
		if err := made.write(r.inputs); err != nil {
			return err
		}
	}
	for _, f := range result.Files {
		r.say(msg.M("written: %s", f.Path))
		if f.Diff != "" {
			r.say(msg.M("%s", indented(f.Diff)))
		}
	}
	for _, m := range edits(result) {
		r.say(m)
	}
	if len(result.Changed) == 0 {
		r.say(msg.M("all files are up to date"))
	} else if len(r.Only) > 0 && !slices.Contains(r.Only, "restart") && len(result.Readers) > 0 {
		r.say(msg.M("these programs read the changed files and must be restarted: omsinit restart %s", strings.Join(result.Readers, " ")))
	}
	return nil
}

// restart is step 4: restart what runs with files that have changed since it
// was started, start what does not run, and wait until all are ready. What is
// just starting, as after a restart of the container, is waited for.
func (r *run) restart(ctx context.Context) error {
	if _, err := r.client.Update(ctx); err != nil {
		return unsupervised(err)
	}
	status, err := r.client.Status(ctx)
	if err != nil {
		return err
	}
	known, coming, restart := r.due(status)
	if len(known) == 0 {
		return msg.Errorf("none of the programs %s is defined in %s", strings.Join(r.pack.Restart, ", "), r.Layout.SupervisordConf())
	}
	if len(coming)+len(restart) == 0 {
		r.say(msg.M("all components are ready, and run with their current files: %s", strings.Join(known, " ")))
		return nil
	}
	o := client.OperationOptions{Timeout: r.ReadyTimeout, Setup: true}
	progress := func(e api.Event) { r.say(msg.M("  %v", e.Message())) }
	// A component that cannot work yet, because the MetaDB went away meanwhile,
	// may work later: both are worth another try.
	if len(restart) > 0 {
		r.say(msg.M("restarting %s", strings.Join(restart, " ")))
		if err := r.client.Restart(ctx, restart, o, progress); err != nil {
			return finding.Transient(err)
		}
	}
	if len(coming) > 0 {
		r.say(msg.M("waiting for %s", strings.Join(coming, " ")))
		if err := r.client.Start(ctx, coming, o, progress); err != nil {
			return finding.Transient(err)
		}
	}
	r.say(msg.M("all components are ready: %s", strings.Join(known, " ")))
	return nil
}

// settling is how long a program may run without being ready before it is
// taken for stuck. A JVM takes its time.
const settling = 2 * time.Minute

// due sorts the programs of step 4: those that are defined, those that are on
// their way and only to be waited for, and those to restart, which include
// those that do not run.
func (r *run) due(status *api.Status) (known, coming, restart []string) {
	defined := make(map[string]api.ProgramStatus, len(status.Programs))
	for _, p := range status.Programs {
		defined[p.Name] = p
	}
	for _, name := range r.pack.Restart {
		p, ok := defined[name]
		if !ok {
			continue
		}
		known = append(known, name)
		young := time.Duration(p.UptimeSeconds)*time.Second < settling
		switch {
		case p.Ready && !p.Stale:
		case !p.Stale && (p.PID != 0 && young || len(p.WaitsFor) > 0):
			coming = append(coming, name)
		default:
			restart = append(restart, name)
		}
	}
	return known, coming, restart
}

// resource is step 5.
func (r *run) resource(ctx context.Context) error {
	cfg, err := r.need()
	if err != nil {
		return err
	}
	if err := r.known(cfg); err != nil {
		return err
	}
	step := resource.Step{Config: cfg, Pack: r.pack, HostIP: cfg.NodeAddress(r.HostIP), WaitCM: r.ReadyTimeout, LockTimeout: r.LockTimeout, Log: r.say}
	result, err := step.Apply(ctx)
	if err != nil {
		return err
	}
	if !result.Changed() {
		r.say(msg.M("the resource group, the hosts and the region are registered already"))
	}
	return nil
}
