// Package flow puts the steps of the initialisation in order: banners, skip,
// the init log, the marker of a finished run, and what PID 1 is told.
package flow

import (
	"context"
	"errors"
	"io"
	"time"

	"omsinit/init/component"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// Options is what a run of the initialisation is given.
type Options struct {
	Layout     layout.Layout
	ConfigFile string
	PackDir    string
	Lang       msg.Lang
	// HostIP is OMS_HOST_IP, empty when it is not set.
	HostIP string
	// Upgrade is the text of IS_UPGRADE, empty when it is not set.
	Upgrade string
	// Build is omsinit's own version: another build may render other files.
	Build string
	// Only and Skip choose among the names of Phases.
	Only, Skip []string
	// Ignore are lists of IDs of findings of step 1 that do not stop the run.
	Ignore []string
	// Prefer decides where people have edited a file and config.yaml has
	// changed the same key.
	Prefer component.Side
	// TSDBOptional: a TSDB that does not pass its check is left out instead of
	// failing steps 1 and 3.
	TSDBOptional bool
	// LockTimeout is how long to wait for another run, in this container or on
	// this MetaDB.
	LockTimeout time.Duration
	// ReadyTimeout is how long step 4 waits for the components, and step 5 for
	// the CM.
	ReadyTimeout time.Duration
	Out, Err     io.Writer
	// Up is what only an upgrade is told.
	Up  UpgradeOptions
	Now func() time.Time

	// before is done first, under the lock of a run; it may choose the steps.
	before func(context.Context, *run) error
}

// Defaults of Options. The old init took two to four minutes, and components
// that are slow for a reason must not be given up before that.
const (
	DefaultLockTimeout  = 10 * time.Minute
	DefaultReadyTimeout = 10 * time.Minute
)

func (o *Options) setDefaults() {
	if o.LockTimeout == 0 {
		o.LockTimeout = DefaultLockTimeout
	}
	if o.ReadyTimeout == 0 {
		o.ReadyTimeout = DefaultReadyTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// usable refuses what the command line cannot mean.
func (o *Options) usable() error {
	if o.Prefer != component.Undecided && o.Prefer != component.Ours && o.Prefer != component.Theirs {
		return &UsageError{msg.M("--prefer is ours or theirs, not %q", o.Prefer)}
	}
	return nil
}

// run is one run, with what its steps hand on to each other.
type run struct {
	Options
	*output
	client *client.Client
	pack   *pack.Pack
	config *config.Config
	// inputs are what config was read from, and the rest that the files depend on.
	inputs inputs
}

// StepError says which step failed. It was printed already.
type StepError struct {
	Number int
	Phase  Phase
	Err    error
}

// Error gives the English words.
func (e *StepError) Error() string { return e.In(msg.English) }

// In gives the words in a language.
func (e *StepError) In(lang msg.Lang) string {
	return lang.Sprintf("step %d (%s) failed: %w", e.Number, e.Phase.Name, e.Err)
}

// Unwrap gives the reason.
func (e *StepError) Unwrap() error { return e.Err }

// Run goes through the steps. Its errors are printed, kept in the init log and
// reported to PID 1 already (see Printed), but for a *UsageError.
func Run(ctx context.Context, o Options) error {
	o.setDefaults()
	if err := o.usable(); err != nil {
		return err
	}
	phases, err := selection(o.Only, o.Skip)
	if err != nil {
		return err
	}
	r := &run{Options: o, output: &output{lang: o.Lang, out: o.Out, errOut: o.Err}, client: Client(o.Layout)}
	defer r.close()
	if err := r.openLog(o.Layout.LogDir(), o.Now()); err != nil {
		r.fail(msg.M("warning: no copy of this output is kept in %s: %v", o.Layout.LogDir(), err))
	}
	whole := len(phases) == len(Phases)
	err = r.steps(ctx, phases, whole)
	if err == nil {
		return nil
	}
	var step *StepError
	if Printed(err) {
		return err
	}
	if !errors.As(err, &step) {
		r.fail(msg.M("omsinit: %v", err))
		if whole {
			r.reportFailure(ctx, api.SetupReport{}, err)
		}
	}
	return &printedError{err}
}

// printedError was printed where it happened.
type printedError struct{ error }

func (e *printedError) Unwrap() error { return e.error }

// Printed reports whether an error of Run was printed already.
func Printed(err error) bool {
	var printed *printedError
	return errors.As(err, &printed)
}

func (r *run) steps(ctx context.Context, phases []Phase, whole bool) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if r.pack, err = pack.Open(r.PackDir); err != nil {
		return err
	}
	if r.before != nil {
		if err := r.before(ctx, r); err != nil {
			return err
		}
		if phases, err = selection(r.Only, r.Skip); err != nil {
			return err
		}
	}
	if whole && r.before == nil && r.Upgrade == "true" {
		return r.upgradeSteps(ctx, phases)
	}
	for _, p := range phases {
		if err := r.phase(ctx, p, whole); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	return r.finish(ctx)
}

func (r *run) phase(ctx context.Context, p Phase, whole bool) error {
	number := 1
	for Phases[number-1].Name != p.Name {
		number++
	}
	if whole {
		r.report(ctx, api.SetupReport{State: api.SetupRunning, Step: number, StepName: msg.Text{English: p.Name}})
	}
	r.banner(p.Banner)
	r.say(msg.M("%s", p.Command))
	start := time.Now()
	err := p.run(r, ctx)
	elapsed := time.Since(start)
	r.reportStep(ctx, p.Name, elapsed, err != nil)
	if err == nil {
		r.say(msg.M("step %d finished in %s\n", number, seconds(elapsed)))
		return nil
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = msg.Errorf("interrupted; run the same command again to continue")
	}
	step := &StepError{Number: number, Phase: p, Err: err}
	r.fail(msg.M("\nomsinit: %v (after %s)", step, seconds(elapsed)))
	if hint := r.hint(); !hint.IsZero() {
		r.fail(hint)
	}
	if whole {
		r.reportFailure(ctx, api.SetupReport{Step: number, StepName: msg.Text{English: p.Name}}, err)
	}
	return step
}

// finish leaves the marker, says that all is done, and tells PID 1.
func (r *run) finish(ctx context.Context) error {
	if err := writeInitFlag(r.Layout.InitFlag(), r.pack.Release, r.Now()); err != nil {
		return err
	}
	if now, err := readInputs(r.Options, r.pack.Release); err != nil || !now.equal(r.inputs) {
		r.say(msg.M("%s or the certificates have changed since this run began; run it again to apply that", r.ConfigFile))
	}
	r.banner(completed)
	r.report(ctx, api.SetupReport{State: api.SetupDone})
	return nil
}

// hint says where to look further after a failure.
func (r *run) hint() msg.Message {
	if r.log == nil {
		return msg.Message{}
	}
	return msg.M("the output of this run is kept in %s; the logs of the components are in %s", r.log.Name(), r.Layout.LogDir())
}

// reportFailure tells PID 1 why a run ended, and whether it is worth trying
// again. It must get through even when the run was interrupted.
func (r *run) reportFailure(ctx context.Context, report api.SetupReport, err error) {
	var locked *LockedError
	report.State, report.Message = api.SetupFailed, msg.ErrorText(err)
	report.Passing = finding.IsTransient(err) || errors.As(err, &locked)
	r.report(context.WithoutCancel(ctx), report)
}

// report tells PID 1 how far the initialisation is, when there is one.
func (r *run) report(ctx context.Context, report api.SetupReport) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := r.client.ReportSetup(ctx, report); err != nil && !errors.Is(err, client.ErrNotRunning) {
		r.fail(msg.M("warning: cannot report the progress to PID 1: %v", err))
	}
}

// Client finds PID 1's control socket: where supervisord.conf says, as soon as
// there is one.
func Client(l layout.Layout) *client.Client {
	return client.DialFile(l.SupervisordConf(), l.ControlSocket(), rootEnv(l))
}

// rootEnv is what the program files refer to as %(ENV_OMSINIT_ROOT)s.
func rootEnv(l layout.Layout) string { return "OMSINIT_ROOT=" + l.Root() }

// seconds rounds a duration to what a person wants to read.
func seconds(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
