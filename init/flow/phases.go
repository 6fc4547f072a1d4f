package flow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"omsinit/check"
	"omsinit/internal/msg"
	"omsinit/internal/style"
	"omsinit/supervise/api"
)

// Phase is one step of the initialisation. The one list of phases makes the order, the banners, the values of --skip
// and --only, and the help text.
type Phase struct {
	// Name is what people write in --skip and --only.
	Name string
	// Banner is the documented headline of the step (docs/oms-facts.md §4).
	Banner msg.Message
	// Command does this step alone.
	Command string
	run     func(*Flow, context.Context) error
}

// Phases are the five steps in their order.
var Phases = []Phase{
	{"check", msg.M("[Step 1] Check the config.yaml file"), "omsinit check", (*Flow).check},
	{"metadb", msg.M("[Step 2] Create the OMS MetaDB"), "omsinit init --only metadb", (*Flow).metadb},
	{"component", msg.M("[Step 3] Create the configuration files of the OMS components"),
		"omsinit init --only component", (*Flow).component},
	{"restart", msg.M("[Step 4] Restart all OMS components (please wait)"),
		"omsinit init --only restart", (*Flow).restart},
	{"resource", msg.M("[Step 5] Initialize the OMS resource labels and resource groups"),
		"omsinit init --only resource", (*Flow).resource},
}

// completed is the last banner, as documented (docs/oms-facts.md §4).
var completed = msg.M("[Completed] All initialization steps are executed.")

// PhaseNames lists the names for help texts and errors.
func PhaseNames() msg.List { return names(Phases) }

func names(phases []Phase) []string {
	var list []string
	for _, p := range phases {
		list = append(list, p.Name)
	}
	return list
}

// number returns the place of the step among all of them, from 1.
func (p Phase) number() int { return slices.Index(names(Phases), p.Name) + 1 }

// phases returns the chosen steps in their order, or a *UsageError.
func (s Steps) phases() ([]Phase, error) {
	if len(s.Only) > 0 && len(s.Skip) > 0 {
		return nil, &UsageError{msg.M("--only and --skip contradict each other: give one of them")}
	}
	for _, name := range slices.Concat(s.Only, s.Skip) {
		if !slices.Contains(names(Phases), name) {
			return nil, &UsageError{msg.M("there is no step %q; the steps are %s", name, PhaseNames())}
		}
	}
	var chosen []Phase
	for _, p := range Phases {
		if (len(s.Only) == 0 || slices.Contains(s.Only, p.Name)) && !slices.Contains(s.Skip, p.Name) {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) == 0 {
		return nil, &UsageError{msg.M("all steps are skipped, so there is nothing to do")}
	}
	return chosen, nil
}

// choose notes the steps of this run, and reports whether they are all.
func (f *Flow) choose(phases []Phase) bool {
	f.chosen, f.reason = names(phases), "omsinit init"
	if len(phases) == len(Phases) {
		return true
	}
	f.reason += " --only " + strings.Join(f.chosen, ",")
	return false
}

// StepError is a step that failed. It was printed already.
type StepError struct {
	Phase Phase
	Err   error
}

// Error returns the English words.
func (e *StepError) Error() string { return e.In(msg.English) }

// In returns the words in a language.
func (e *StepError) In(lang msg.Lang) string {
	return lang.Sprintf("step %d (%s) failed: %w", e.Phase.number(), e.Phase.Name, e.Err)
}

// Unwrap returns the reason.
func (e *StepError) Unwrap() error { return e.Err }

// steps runs the steps one after the other, up to the first that fails.
func (f *Flow) steps(ctx context.Context, phases []Phase) error {
	for _, p := range phases {
		if err := f.step(ctx, p); err != nil {
			return err
		}
	}
	if !f.whole {
		return nil
	}
	return f.finish(ctx)
}

func (f *Flow) step(ctx context.Context, p Phase) error {
	f.progress.begin(p, f.Now())
	if f.whole {
		f.Report(ctx, f.running(p))
	}
	f.banner(p.Banner)
	f.sayAs(style.Dim, msg.M("%s", p.Command))
	f.forget()
	start := time.Now()
	stop := f.pulse(ctx, p)
	err := p.run(f, ctx)
	stop()
	if err == nil && f.whole && p.number() == len(Phases) {
		err = f.noneFatal(ctx) // since step 4
	}
	took := time.Since(start)
	f.reportStep(ctx, p.Name, took, err != nil)
	f.progress.end(p, took, err)
	if err == nil {
		f.sayAs(style.OK, msg.M("step %d finished in %s\n", p.number(), seconds(took)))
		return nil
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = msg.Errorf("interrupted; run the same command again to continue")
	}
	failed := &StepError{p, err}
	var checked *check.FailedError
	if errors.As(err, &checked) { // its text is above, with more
		f.fail(msg.M("\nomsinit: step %d (%s) failed after %s, because of: %s", p.number(), p.Name, seconds(took),
			checked.IDs()))
	} else {
		f.fail(msg.M("\nomsinit: %v", failed))
	}
	if f.log != nil {
		f.fail(msg.M("the output of this run is kept in %s; the logs of the components are in %s", f.log.Name(),
			f.Layout.LogDir()))
	}
	if f.whole {
		f.reportFailure(ctx, f.running(p), err)
	}
	return &printedError{failed}
}

// finish leaves the marker, says that all is done, and tells PID 1.
func (f *Flow) finish(ctx context.Context) error {
	if err := writeInitFlag(f.Layout.InitFlag(), f.pack.Release, f.Now()); err != nil {
		return err
	}
	if f.Changed() {
		f.say(msg.M("%s or the certificates have changed since this run began; run it again to apply that",
			f.ConfigFile))
	}
	f.banner(completed)
	f.Report(ctx, f.progress.report(api.SetupDone))
	return nil
}

// seconds rounds a duration to what a person wants to read.
func seconds(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
