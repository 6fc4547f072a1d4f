package cli

import (
	urfave "github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/internal/msg"
)

// haCommand is `omsinit ha`.
func haCommand(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	output := outputFlag(lang)
	wait := &urfave.DurationFlag{Name: "lock-timeout", Value: flow.DefaultLockTimeout, Usage: t("how long to wait for another run")}
	return &urfave.Command{
		Name: "ha", Usage: t("high availability (ha.config), for all regions"), ArgsUsage: "COMMAND",
		Description: t("`omsinit ha COMMAND --help` tells more about each."),
		Subcommands: []*urfave.Command{
			{Name: "show", Usage: t("the value, and how many nodes each region has"), Flags: []urfave.Flag{output},
				Action: func(c *urfave.Context) error { return haShow(c, lang) }},
			{Name: "on", Usage: t("switch it on; the other fields stay as they are"),
				Flags:  []urfave.Flag{output, wait, &urfave.BoolFlag{Name: "force", DisableDefaultText: true, Usage: t("also when a region has one node only")}},
				Action: func(c *urfave.Context) error { return haSwitch(c, lang, true) }},
			{Name: "off", Usage: t("switch it off; the other fields stay as they are"), Flags: []urfave.Flag{output, wait},
				Action: func(c *urfave.Context) error { return haSwitch(c, lang, false) }},
		},
	}
}

func haShow(c *urfave.Context, lang msg.Lang) error {
	status, err := flow.HA(c.Context, initOptions(c, lang, nil, nil))
	if err != nil {
		return err
	}
	return print(c, lang, status, plain(status.Print))
}

func haSwitch(c *urfave.Context, lang msg.Lang, on bool) error {
	change, err := flow.SwitchHA(c.Context, initOptions(c, lang, nil, nil), on, c.Bool("force"))
	if err != nil {
		return err
	}
	return print(c, lang, change, plain(change.Print))
}
