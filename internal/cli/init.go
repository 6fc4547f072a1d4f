package cli

import (
	"context"
	"slices"

	"omsinit/init/flow"
)

// initCommand is `omsinit init`.
type initCommand struct {
	target
	flow.Steps
}

func (c *initCommand) flags(t translate) flags {
	which := flags{
		listFlag(&c.Only, "only", t("run only these steps")), listFlag(&c.Skip, "skip", t("run all but these steps")),
	}
	return slices.Concat(which, stepFlags(t, &c.target), flags{preferFlag(t, &c.Prefer)})
}

// Run runs the steps.
func (c *initCommand) Run(ctx context.Context, _ *app) error { return c.flow().Init(ctx, c.Steps) }

// stepFlags are those of commands that run the steps 1, 3 and 4.
func stepFlags(t translate, o *target) flags {
	return flags{
		ignoreFlag(t, &o.Ignore), lockTimeoutFlag(t, &o.LockTimeout),
		readyTimeoutFlag(t, "ready-timeout", &o.ReadyTimeout), tsdbOptionalFlag(t, &o.TSDBOptional),
	}
}

// reconfigureCommand is `omsinit reconfigure`.
type reconfigureCommand struct{ target }

func (c *reconfigureCommand) flags(t translate) flags {
	return append(flags{preferFlag(t, &c.Prefer)}, stepFlags(t, &c.target)...)
}

// Run runs the steps that a changed config.yaml needs.
func (c *reconfigureCommand) Run(ctx context.Context, _ *app) error {
	return c.flow().Reconfigure(ctx)
}

// planCommand is `omsinit plan`.
type planCommand struct{ report }

func (c *planCommand) flags(t translate) flags {
	return flags{preferFlag(t, &c.Prefer), tsdbOptionalFlag(t, &c.TSDBOptional), c.flag(t)}
}

// Run prints the plan; errChanges: there is something to do, errFailed: that is not certain.
func (c *planCommand) Run(ctx context.Context, a *app) error {
	plan, err := c.flow().Plan(ctx)
	switch err := c.print(a, err, plan, plain(plan.Print)); {
	case err != nil:
		return err
	case plan.Changes:
		return errChanges
	case !plan.Known():
		return errFailed
	}
	return nil
}

// addResourceCommand is `omsinit add_resource`.
type addResourceCommand struct{ target }

// Run runs step 5.
func (c *addResourceCommand) Run(ctx context.Context, _ *app) error { return c.only(ctx, "resource") }

// only runs some of the steps.
func (o *target) only(ctx context.Context, steps ...string) error {
	return o.flow().Init(ctx, flow.Steps{Only: steps})
}

// oldNames is omsinit without a command: what the Python scripts of OMS were called with.
type oldNames struct {
	target
	CheckFile              string
	InitDB, InitConfigFile bool
	Words                  []string
}

func (c *oldNames) args() arguments { return arguments{rest: &c.Words} }

func (c *oldNames) flags(t translate) flags {
	check := textFlag(&c.CheckFile, "check", t("old name of: check FILE"))
	check.TakesFile = true
	return flags{
		check,
		boolFlag(&c.InitDB, "init-db", t("old name of: init --only metadb")),
		boolFlag(&c.InitConfigFile, "init-config-file", t("old name of: init --only component")),
		preferFlag(t, &c.Prefer),
	}
}

// Run does what the flag says; without one it shows the help page.
func (c *oldNames) Run(ctx context.Context, a *app) error {
	switch {
	case len(c.Words) > 0:
		return noCommand("", c.Words[0], a.commands())
	case c.CheckFile != "":
		check := checkCommand{File: c.CheckFile}
		check.target = c.target
		return check.Run(ctx, a)
	case c.InitDB && c.InitConfigFile:
		return c.only(ctx, "metadb", "component")
	case c.InitDB:
		return c.only(ctx, "metadb")
	case c.InitConfigFile:
		return c.only(ctx, "component")
	}
	return a.run(ctx, []string{"--help"})
}
