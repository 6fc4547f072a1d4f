// Package flow puts the steps of the initialisation in order, and the other operations on a node together out of the
// rooms: one value for a command, one method for an operation.
package flow

import (
	"cmp"
	"context"
	"errors"
	"time"

	"omsinit/check"
	"omsinit/init/component"
	"omsinit/init/upgrade"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/node"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// Options are what the operations that run steps, or look at what the steps would do, have in common.
type Options struct {
	// Ignore are lists of IDs of findings of step 1 that do not stop the run.
	Ignore []string
	// Prefer decides where people have edited a file and config.yaml has changed the same key.
	Prefer component.Side
	// TSDBOptional leaves a TSDB that does not pass its check out, instead of failing steps 1 and 3.
	TSDBOptional bool
	// LockTimeout is how long to wait for another run, in this container or on this MetaDB; 0 is DefaultLockTimeout.
	LockTimeout time.Duration
	// ReadyTimeout is how long step 4 waits for the components, and step 5 for the CM; 0 is DefaultReadyTimeout.
	ReadyTimeout time.Duration
}

// Defaults of Options. The old init took two to four minutes, and components that are slow for a reason must not be
// given up before that.
const (
	DefaultLockTimeout  = 10 * time.Minute
	DefaultReadyTimeout = 10 * time.Minute
)

// Flow is a node with the operations on it. It is made once for a command.
type Flow struct {
	*node.Node
	Options
	output
	progress   progress
	client     *client.Client  // of whoever supervises this node
	pack       *pack.Pack      // nil until an operation has opened it
	upgrade    upgrade.Options // what an upgrade is told; zero for the others
	warned     bool            // the warnings of config.yaml were said
	chosen     []string        // the names of the steps of this run
	reason     string          // what history says about this run
	version    string          // of history, with the config.yaml that this run has changed; "" when it has not
	stoppedOwn bool            // this run has stopped the programs of this node
	whole      bool            // this run is an initialisation with all steps: PID 1 is told
	// pulseInterval is that of pulse; tests have a shorter one.
	pulseInterval time.Duration
}

// New returns the operations on a node. It changes nothing.
func New(n *node.Node, o Options) *Flow {
	o.LockTimeout = cmp.Or(o.LockTimeout, DefaultLockTimeout)
	o.ReadyTimeout = cmp.Or(o.ReadyTimeout, DefaultReadyTimeout)
	return &Flow{
		Node: n, Options: o, output: output{lang: n.Lang, out: n.Err, errOut: n.Err}, client: Client(n.Layout),
		pulseInterval: pulseInterval,
	}
}

// Client finds PID 1's control socket: where supervisord.conf says, as soon as there is one.
func Client(l layout.Layout) *client.Client {
	return client.DialFile(l.SupervisordConf(), l.ControlSocket(), rootEnv(l))
}

// rootEnv is what the program files refer to as %(ENV_OMSINIT_ROOT)s.
func rootEnv(l layout.Layout) string { return "OMSINIT_ROOT=" + l.Root() }

// Steps chooses among the names of Phases; the zero value is all of them.
type Steps struct{ Only, Skip []string }

// Init runs steps. Its errors are printed, kept in the init log and reported to PID 1 already (see Printed), but for a
// *UsageError.
func (f *Flow) Init(ctx context.Context, s Steps) error {
	phases, err := s.phases()
	if err != nil {
		return err
	}
	f.whole = f.choose(phases)
	return f.run(ctx, func(ctx context.Context) error {
		if !f.whole {
			return f.steps(ctx, phases)
		}
		if err := f.standDown(ctx); err != nil {
			return err
		}
		if f.IsUpgrade == "true" || f.upgradeIsDue(ctx) {
			return f.upgradeSteps(ctx, phases)
		}
		return f.steps(ctx, phases)
	})
}

// Reconfigure brings the files of an initialised node to what config.yaml says, restarts the programs that read a
// changed one, and waits until they are ready. Where what is registered depends on a changed key, it runs step 5, too.
func (f *Flow) Reconfigure(ctx context.Context) error {
	return f.run(ctx, func(ctx context.Context) error {
		steps := []string{"check", "component", "restart"}
		var writes bool
		cfg, err := f.open()
		if err == nil && initialised(f.Layout) && f.Address(cfg) != "" { // else step 1 says it
			var tells bool
			if tells, writes, err = f.resourceStep(cfg).Due(); err != nil {
				return err
			}
			if tells {
				steps, writes = append(steps, "resource"), false
			}
		}
		if err := f.only(ctx, steps...); err != nil || !writes {
			return err
		}
		_, err = f.resourceStep(cfg).WriteRows(ctx)
		return err
	})
}

// run does work that changes the node, under the lock and with a copy of its output in the init log. Its errors are
// those of Init.
func (f *Flow) run(ctx context.Context, work func(context.Context) error) error {
	if err := f.usable(); err != nil {
		return err
	}
	f.out = f.Out
	defer f.close()
	if err := f.openLog(f.Layout.LogDir(), f.Now()); err != nil {
		f.fail(msg.M("warning: no copy of this output is kept in %s: %v", f.Layout.LogDir(), err))
	}
	err := f.locked(ctx, work)
	if err == nil || Printed(err) {
		return err
	}
	err = finding.ExplainShortage(err)
	f.fail(msg.M("omsinit: %v", err))
	if f.whole {
		f.reportFailure(ctx, f.progress.report(api.SetupFailed), err)
	}
	return &printedError{err}
}

// locked does work under the lock of the container. Whoever waited for it looks at config.yaml again.
func (f *Flow) locked(ctx context.Context, work func(context.Context) error) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	f.Refresh()
	f.sweep()
	if f.pack, err = f.Pack(); err != nil {
		return err
	}
	return work(ctx)
}

// usable refuses options that mean nothing.
func (f *Flow) usable() error {
	if f.Prefer != component.Undecided && f.Prefer != component.Ours && f.Prefer != component.Theirs {
		return &UsageError{msg.M("--prefer is ours or theirs, not %q", f.Prefer)}
	}
	if _, err := check.ParseIgnored(f.Ignore...); err != nil {
		return &UsageError{msg.M("%v", err)}
	}
	return nil
}

// open readies what most operations work with that run no steps. The warnings of config.yaml are for those who
// initialise the node, or check it.
func (f *Flow) open() (*config.Config, error) {
	cfg, err := f.Config()
	if err == nil {
		f.pack, err = f.Pack()
	}
	return cfg, err
}

// need returns the configuration for a step, which may run without step 1.
func (f *Flow) need() (*config.Config, error) {
	cfg, warnings, err := f.Load()
	if !f.warned {
		for _, w := range warnings {
			f.say(msg.M("%v", w))
		}
		f.warned = true
	}
	return cfg, unusable(err)
}

// needAddress is need for what must know which of the nodes this one is.
func (f *Flow) needAddress() (*config.Config, error) {
	cfg, err := f.need()
	if err == nil && f.Address(cfg) == "" {
		err = msg.Errorf("OMS_HOST_IP is not set, and cm_nodes has several nodes: it is unknown which of them this one is; start the container with -e OMS_HOST_IP=<IP address of this host>")
	}
	return cfg, err
}

// unusable is what step 1 would say of a config.yaml with errors.
func unusable(err error) error {
	if err == nil {
		return nil
	}
	return &check.FailedError{Findings: []finding.Finding{{
		ID: "config.file", Severity: finding.Error, Message: msg.M("%v", err), Transient: finding.IsTransient(err),
	}}}
}

// printedError was printed where it happened.
type printedError struct{ error }

func (e *printedError) Unwrap() error { return e.error }

// Printed reports whether an error of an operation was printed already.
func Printed(err error) bool {
	var printed *printedError
	return errors.As(err, &printed)
}

// UsageError is an operation that was asked for in a way that means nothing.
type UsageError struct{ msg.Message }

// Error returns the English words.
func (e *UsageError) Error() string { return e.String() }

// RefusedError is what somebody must force, or set right first.
type RefusedError struct{ msg.Message }

// Error returns the English words.
func (e *RefusedError) Error() string { return e.String() }
