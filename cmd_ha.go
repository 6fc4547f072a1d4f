package main

import (
	"github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/internal/msg"
)

// haCommand is `omsinit ha`.
func haCommand(lang msg.Lang) *cli.Command {
	t := lang.Sprintf
	output := &cli.StringFlag{Name: "output", Value: "text", Usage: t("text or json")}
	wait := &cli.DurationFlag{Name: "lock-timeout", Value: flow.DefaultLockTimeout, Usage: t("how long to wait for another run")}
	return &cli.Command{
		Name: "ha", Usage: t("high availability (ha.config), for all regions"), ArgsUsage: "COMMAND",
		Description: t("`omsinit ha COMMAND --help` tells more about each."),
		Subcommands: []*cli.Command{
			{Name: "show", Usage: t("the value, and how many nodes each region has"), Flags: []cli.Flag{output},
				Action: func(c *cli.Context) error { return haShow(c, lang) }},
			{Name: "on", Usage: t("switch it on; the other fields stay as they are"),
				Flags:  []cli.Flag{output, wait, &cli.BoolFlag{Name: "force", DisableDefaultText: true, Usage: t("also when a region has one node only")}},
				Action: func(c *cli.Context) error { return haSwitch(c, lang, true) }},
			{Name: "off", Usage: t("switch it off; the other fields stay as they are"), Flags: []cli.Flag{output, wait},
				Action: func(c *cli.Context) error { return haSwitch(c, lang, false) }},
		},
	}
}

func haShow(c *cli.Context, lang msg.Lang) error {
	if err := knownOutput(c, lang); err != nil {
		return err
	}
	status, err := flow.HA(c.Context, initOptions(c, lang, nil, nil))
	if err != nil {
		return err
	}
	if c.String("output") == "json" {
		return status.PrintJSON(c.App.Writer)
	}
	status.Print(c.App.Writer, lang)
	return nil
}

func haSwitch(c *cli.Context, lang msg.Lang, on bool) error {
	if err := knownOutput(c, lang); err != nil {
		return err
	}
	change, err := flow.SwitchHA(c.Context, initOptions(c, lang, nil, nil), on, c.Bool("force"))
	if err != nil {
		return err
	}
	if c.String("output") == "json" {
		return change.PrintJSON(c.App.Writer)
	}
	change.Print(c.App.Writer, lang)
	return nil
}
