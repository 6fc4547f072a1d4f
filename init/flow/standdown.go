package flow

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"omsinit/check"
	"omsinit/init/flow/watch"
	"omsinit/init/upgrade"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/client"
)

// autoMode is the value of OMSINIT_UPGRADE with which a node upgrades by itself.
const autoMode = "auto"

// releaseTime bounds the question whose the MetaDB is, before step 1, which says what is wrong with one that hangs.
const releaseTime = 30 * time.Second

// StandDown does for a MetaDB that was restored by hand what every start of a node does: see standDown.
func (f *Flow) StandDown(ctx context.Context) error { return f.standDown(ctx) }

// standDown stops the programs of a node whose MetaDB belongs to another release than the one that this node ran last,
// such as after a rollback or a restore by hand, and withdraws what says that it is initialised, so that they are held
// back from now on. PID 1 has started them at once, for the MetaDB may be away. Why nothing runs is left to step 1 to
// say; a MetaDB that does not answer is asked again by the next run.
func (f *Flow) standDown(ctx context.Context) error {
	foreign, _, err := f.Foreign(ctx)
	if err != nil || foreign == nil {
		return err
	}
	return f.Withdraw(ctx, foreign)
}

// Foreign returns why the MetaDB is not that of the release that this node ran last, and nil where it is, or where that
// is not known.
func (f *Flow) Foreign(ctx context.Context) (foreign *upgrade.ForeignError, known bool, err error) {
	ran := lastRelease(f.Layout)
	cfg, err := f.Config()
	if ran == "" || err != nil {
		return nil, false, nil
	}
	in, err := f.checkFile()
	if err != nil || slices.Contains(in.Ignore, "metadb.release") {
		return nil, err == nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	err = upgrade.Foreign(ctx, cfg, ran)
	known = errors.As(err, &foreign) || err == nil
	return foreign, known, nil
}

// Withdraw stops the programs of this node, and takes away what says that it is initialised.
func (f *Flow) Withdraw(ctx context.Context, foreign *upgrade.ForeignError) (err error) {
	f.fail(msg.M("the programs of this node must not run: %v", foreign))
	if f.pack, err = f.Pack(); err != nil {
		return err
	}
	for _, path := range []string{f.Layout.InitFlag(), f.Layout.RenderedRecord()} {
		if err := os.RemoveAll(path); err != nil {
			return msg.Errorf("cannot remove %s: %w", path, err)
		}
	}
	status, err := f.client.Status(ctx)
	if errors.Is(err, client.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	// All of them, for PID 1 may be just about to start those that do not run yet.
	defined := byName(status)
	names := slices.DeleteFunc(slices.Clone(f.pack.Upgrade.Stop), func(name string) bool {
		_, ok := defined[name]
		return !ok
	})
	f.say(msg.M("stopping %s", strings.Join(names, " ")))
	f.stoppedOwn = slices.ContainsFunc(names, func(name string) bool { return defined[name].PID != 0 })
	return f.client.Stop(ctx, names, client.OperationOptions{Setup: true}, nil)
}

// Upgrades reports whether this node upgrades by itself.
func (f *Flow) Upgrades() bool { return f.UpgradeMode == autoMode }

// newWatch looks for the release of the MetaDB while the node runs, each time with what config.yaml says then.
func (f *Flow) newWatch() *watch.Watch {
	return watch.New(f.Layout, func() watch.Node { return New(f.Again(), f.Options) })
}

// upgradeIsDue reports whether OMSINIT_UPGRADE=auto asks for an upgrade: the MetaDB belongs to an earlier release, or
// one was begun. This run is one then that nobody asked for. A MetaDB that does not answer is left to step 1.
func (f *Flow) upgradeIsDue(ctx context.Context) bool {
	if f.UpgradeMode != autoMode || f.IsUpgrade != "" {
		return false
	}
	cfg, err := f.Config()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	due, err := f.upgrader(cfg).IsDue(ctx)
	if err != nil || !due {
		return false
	}
	f.say(msg.M("OMSINIT_UPGRADE=auto: the MetaDB belongs to an earlier release, so this run upgrades it"))
	f.IsUpgrade, f.upgrade.Unattended = "true", true
	return true
}

// awaitsUpgrade reports whether a run has failed for a reason that another node, or a person there, may remove: a new
// container that stands because of the release of the MetaDB goes on by itself.
func (f *Flow) awaitsUpgrade(err error) bool {
	if f.UpgradeMode != autoMode && !f.upgrade.Unattended {
		return false
	}
	var refused *upgrade.RefusedError
	if errors.As(err, &refused) {
		return !refused.Tried
	}
	var failed *check.FailedError
	return errors.As(err, &failed) && !slices.ContainsFunc(failed.Findings, func(f finding.Finding) bool {
		return !f.Transient && f.ID != "metadb.release" &&
			(!strings.HasPrefix(f.ID, "upgrade.") || f.ID == "upgrade.flag" ||
				f.ID == "upgrade.mounts") // as this container was started: nobody elsewhere removes that
	})
}
