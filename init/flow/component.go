package flow

import (
	"context"
	"slices"
	"strings"

	"omsinit/init/component"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/metrics"
)

// componentStep is step 3 on this node. The configuration is what the files are made from.
func (f *Flow) componentStep(cfg *config.Config) *component.Step {
	s := &component.Step{
		Config: cfg, Pack: f.pack, Layout: f.Layout, Log: f.say, Prefer: f.Prefer, Now: f.Now, Reason: f.reason,
		Version: f.version,
	}
	if cfg != nil {
		s.HostIP = f.Address(cfg)
	}
	return s
}

// PlanFiles returns what step 3 would change on a node that is initialised, with the time-series database as it was
// decided then.
func (f *Flow) PlanFiles() (component.Result, error) {
	cfg, err := f.open()
	if err != nil || !initialised(f.Layout) {
		return component.Result{}, err
	}
	if applied, ok := metrics.LoadApplied(f.Layout.TSDBState()); ok && applied.State == metrics.LeftOut {
		cfg = without(cfg)
	}
	return f.componentStep(cfg).Plan()
}

// component is step 3.
func (f *Flow) component(ctx context.Context) error {
	cfg, err := f.needAddress()
	if err != nil {
		return err
	}
	wanted, applied, err := f.tsdb(ctx, cfg)
	if err != nil {
		return err
	}
	last, _ := metrics.LoadApplied(f.Layout.TSDBState())
	decided := last.Same(applied, cfg)
	made := recordOf(f.Layout)
	fits := decided && made.matches(f.Node)
	if !fits {
		if err := made.remove(); err != nil {
			return err
		}
	}
	result, err := f.componentStep(wanted).Apply(ctx)
	if err != nil {
		return err
	}
	if !decided {
		if err := applied.Write(f.Layout.TSDBState()); err != nil {
			return err
		}
	}
	if !fits {
		if err := made.write(f.Node); err != nil {
			return err
		}
	}
	f.sayWritten(result)
	f.settings(ctx, cfg)
	return nil
}

// sayWritten prints what step 3 has changed, and what it has left.
func (f *Flow) sayWritten(result component.Result) {
	for _, file := range result.Files {
		f.say(msg.M("written: %s", file.Path))
		if file.Diff != "" {
			f.say(msg.M("%s", indented(file.Diff)))
		}
	}
	for _, m := range edits(result) {
		f.say(m)
	}
	if len(result.Changed) == 0 {
		f.say(msg.M("all files are up to date"))
	} else if len(result.Readers) > 0 && !slices.Contains(f.chosen, "restart") {
		f.say(msg.M("these programs read the changed files and must be restarted: omsinit restart %s",
			strings.Join(result.Readers, " ")))
	}
}

// edits returns what people wrote into files, and what became of it.
func edits(result component.Result) []msg.Message {
	var out []msg.Message
	for _, k := range result.Kept {
		if len(k.Keys) == 0 {
			out = append(out, msg.M("kept as it was edited by hand: %s (delete it to have it made anew)", k.Path))
			continue
		}
		out = append(out, msg.M("kept as edited by hand in %s: %s", k.Path, msg.List(k.Keys)))
	}
	for _, path := range result.Saved {
		out = append(out, msg.M("%s was edited by hand; it is made anew, and the edited file is %s", path,
			path+component.SavedSuffix))
	}
	return out
}

// indented sets a diff off from what is said around it.
func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ")
}
