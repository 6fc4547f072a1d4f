// Package watch looks for the release of the MetaDB while a node runs: it may be restored by hand, or put back by
// another node, and then what stands down at a start must do so too.
package watch

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/gofrs/flock"

	"omsinit/init/upgrade"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/engine"
)

const (
	// interval is the time between two looks. Whoever asks for the status, such as a health check, has the next one
	// made at once, but for pause after the last.
	interval = 2 * time.Minute
	pause    = 20 * time.Second
)

// Node is the node as it is when a look is made.
type Node interface {
	// Foreign returns why the MetaDB is not that of the release that the node ran last.
	Foreign(ctx context.Context) (foreign *upgrade.ForeignError, known bool, err error)
	// Withdraw stops the programs of the node.
	Withdraw(ctx context.Context, foreign *upgrade.ForeignError) error
	// Upgrades reports whether the node upgrades by itself.
	Upgrades() bool
	// Report tells PID 1.
	Report(ctx context.Context, report api.SetupReport)
}

// Watch is what PID 1 runs.
type Watch struct {
	layout layout.Layout
	node   func() Node
	asked  chan struct{}
	// ahead: the last look found that another node has upgraded the MetaDB.
	ahead bool
}

// New returns a watch. node is called for each look.
func New(l layout.Layout, node func() Node) *Watch {
	return &Watch{layout: l, node: node, asked: make(chan struct{}, 1)}
}

// Ask has a look made soon.
func (w *Watch) Ask() {
	select {
	case w.asked <- struct{}{}:
	default:
	}
}

// Run looks until ctx ends.
func (w *Watch) Run(ctx context.Context, observe func() engine.Observation, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.asked:
		case <-time.After(interval):
		}
		if observe().SetupState == api.SetupDone || w.ahead {
			if err := w.Look(ctx); err != nil && ctx.Err() == nil {
				log.Warn("cannot look for the release of the MetaDB", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Look stands down where the MetaDB was put back to an earlier release. One that another node has upgraded stops
// nothing, for this node is meant to run on until its own turn, but it is not called healthy then. Runs that change
// this node know better, and go first.
func (w *Watch) Look(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil { // PID 1 must not end because of it
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	lock := flock.New(w.layout.InitLock(), flock.SetPermissions(0o644))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return err
	}
	defer lock.Unlock()
	node := w.node()
	foreign, known, err := node.Foreign(ctx)
	if err != nil || !known {
		return err
	}
	was := w.ahead
	w.ahead = foreign != nil && foreign.Ahead
	switch {
	case foreign == nil && was:
		node.Report(ctx, api.SetupReport{State: api.SetupDone})
	case foreign == nil, w.ahead && was:
	case w.ahead:
		node.Report(ctx, withdrawal(foreign, false))
	default:
		err = node.Withdraw(ctx, foreign)
		node.Report(ctx, withdrawal(foreign, node.Upgrades()))
	}
	return err
}

// withdrawal is transient where the next run may do something about it.
func withdrawal(foreign *upgrade.ForeignError, transient bool) api.SetupReport {
	return api.SetupReport{
		State: api.SetupFailed, Withdrawn: true, Message: msg.ErrorText(foreign), Transient: transient,
	}
}
