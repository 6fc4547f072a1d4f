package cli

import (
	"cmp"
	"context"

	"omsinit/check"
	"omsinit/init/flow"
)

// checkCommand is `omsinit check`.
type checkCommand struct {
	report
	flow.CheckOptions
	Explain, File string
	List          bool
}

func (c *checkCommand) args() arguments { return arguments{usage: "[FILE]", first: []*string{&c.File}} }

func (c *checkCommand) flags(t translate) flags {
	return flags{
		boolFlag(&c.Offline, "offline", t("check the file alone, not this host or the network")),
		ignoreFlag(t, &c.Ignore), tsdbOptionalFlag(t, &c.TSDBOptional),
		deadlineFlag(t, &c.Deadline), c.flag(t),
		boolFlag(&c.List, "list", t("list all checks, and the ids of all findings")),
		textFlag(&c.Explain, "explain", t("print the long help of a finding, such as metadb.clock")),
	}
}

// Run runs the checks, or prints the help of a finding.
func (c *checkCommand) Run(ctx context.Context, a *app) error {
	if c.List {
		return check.List(a.stdout, a.lang)
	}
	if c.Explain != "" {
		e, ok := check.Explain(c.Explain)
		if !ok {
			return usage(check.Unknown(c.Explain))
		}
		e.Print(a.stdout, a.lang)
		return nil
	}
	c.node.ConfigFile, c.node.Stdin = cmp.Or(c.File, c.node.ConfigFile), a.stdin
	report, err := c.flow().Check(ctx, c.CheckOptions)
	return c.printReport(a, report, err)
}
