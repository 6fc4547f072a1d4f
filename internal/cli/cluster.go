package cli

import (
	"context"

	"omsinit/init/flow"
)

// clusterCommand is what cluster show and cluster check have in common.
type clusterCommand struct {
	report
	flow.ClusterOptions
}

func (c *clusterCommand) flags(t translate) flags {
	return flags{heartbeatAgeFlag(t, &c.HeartbeatAge), c.flag(t)}
}

// clusterShow is `omsinit cluster show`.
type clusterShow struct{ clusterCommand }

// Run prints the regions and nodes.
func (c *clusterShow) Run(ctx context.Context, a *app) error {
	view, err := c.flow().ClusterView(ctx, c.ClusterOptions)
	return c.print(a, err, view, plain(view.Print))
}

// clusterCheck is `omsinit cluster check`.
type clusterCheck struct{ clusterCommand }

func (c *clusterCheck) flags(t translate) flags {
	return append(c.clusterCommand.flags(t), deadlineFlag(t, &c.Deadline))
}

// Run runs the checks.
func (c *clusterCheck) Run(ctx context.Context, a *app) error {
	report, err := c.flow().ClusterCheck(ctx, c.ClusterOptions)
	return c.printReport(a, report, err)
}

// haShow is `omsinit ha show`.
type haShow struct{ report }

// Run prints how high availability is set.
func (c *haShow) Run(ctx context.Context, a *app) error {
	status, err := c.flow().HA(ctx)
	return c.print(a, err, status, plain(status.Print))
}

// haOff is `omsinit ha off`.
type haOff struct{ report }

func (c *haOff) flags(t translate) flags { return flags{c.flag(t), lockTimeoutFlag(t, &c.LockTimeout)} }

// Run switches high availability off.
func (c *haOff) Run(ctx context.Context, a *app) error { return c.switchHA(ctx, a, false, false) }

// haOn is `omsinit ha on`.
type haOn struct {
	haOff
	Force bool
}

func (c *haOn) flags(t translate) flags {
	return append(c.haOff.flags(t), boolFlag(&c.Force, "force", t("switch it on also when a region has one node only")))
}

// Run switches high availability on.
func (c *haOn) Run(ctx context.Context, a *app) error { return c.switchHA(ctx, a, true, c.Force) }

// switchHA prints what was changed.
func (c *haOff) switchHA(ctx context.Context, a *app, on, force bool) error {
	change, err := c.flow().SwitchHA(ctx, on, force)
	return c.print(a, err, change, plain(change.Print))
}
