package cli

import (
	"context"

	"omsinit/init/flow"
	"omsinit/init/resource"
	"omsinit/internal/msg"
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

// clusterRemove is `omsinit cluster remove NODE`.
type clusterRemove struct {
	report
	resource.RemoveOptions
	Node string
}

func (c *clusterRemove) args() arguments {
	return arguments{usage: "NODE", first: []*string{&c.Node},
		missing: msg.M("name the node, by its address in omsinit cluster show")}
}

func (c *clusterRemove) flags(t translate) flags {
	return removeFlags(t, &c.report, &c.RemoveOptions,
		t("delete it also when tables of the CM still name it; never one that lives"))
}

// Run deletes the row of a node.
func (c *clusterRemove) Run(ctx context.Context, a *app) error {
	done, err := c.flow().RemoveNode(ctx, c.Node, c.RemoveOptions)
	return c.print(a, err, done, plain(done.Print))
}

// clusterRemoveRegion is `omsinit cluster remove-region REGION`.
type clusterRemoveRegion struct {
	report
	resource.RemoveOptions
	Region string
}

func (c *clusterRemoveRegion) args() arguments {
	return arguments{usage: "REGION", first: []*string{&c.Region},
		missing: msg.M("name the region, by its cm_location or cm_region")}
}

func (c *clusterRemoveRegion) flags(t translate) flags {
	return removeFlags(t, &c.report, &c.RemoveOptions,
		t("delete it also when it is the default one, or tables of the CM still name a node; never one with a node that lives"))
}

// Run deletes the rows of a region.
func (c *clusterRemoveRegion) Run(ctx context.Context, a *app) error {
	done, err := c.flow().RemoveRegion(ctx, c.Region, c.RemoveOptions)
	return c.print(a, err, done, plain(done.Print))
}

func removeFlags(t translate, r *report, o *resource.RemoveOptions, force string) flags {
	return flags{boolFlag(&o.DryRun, "dry-run", t("show what would be deleted, and delete nothing")),
		boolFlag(&o.Force, "force", force), lockTimeoutFlag(t, &r.LockTimeout), r.flag(t)}
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
