package cli

import (
	"time"

	urfave "github.com/urfave/cli/v2"

	"omsinit/check"
	"omsinit/init/flow"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// clusterCommand is `omsinit cluster`.
func clusterCommand(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	age := &urfave.DurationFlag{Name: "heartbeat-age", Value: registry.Alive, Usage: t("how old the last heartbeat of a node may be that is up")}
	output := outputFlag(lang)
	return &urfave.Command{
		Name: "cluster", Usage: t("all regions and nodes of this OMS"), ArgsUsage: "COMMAND",
		Description: t("`omsinit cluster COMMAND --help` tells more about each."),
		Subcommands: []*urfave.Command{
			{Name: "show", Usage: t("regions, nodes, their state and last heartbeat"),
				Flags:  []urfave.Flag{age, output},
				Action: func(c *urfave.Context) error { return clusterShow(c, lang) }},
			{Name: "check", Usage: t("why a machine is shown as down: causes and fixes; exit status 3 if there are errors"),
				Flags: []urfave.Flag{age, output,
					&urfave.DurationFlag{Name: "deadline", Value: check.DefaultDeadline, Usage: t("how long each check may take")}},
				Action: func(c *urfave.Context) error { return clusterCheck(c, lang) }},
		},
	}
}

func clusterShow(c *urfave.Context, lang msg.Lang) error {
	options, err := clusterOptions(c, lang)
	if err != nil {
		return err
	}
	view, err := flow.ClusterView(c.Context, initOptions(c, lang, nil, nil), options)
	if err != nil {
		return err
	}
	return print(c, lang, view, plain(view.Print))
}

func clusterCheck(c *urfave.Context, lang msg.Lang) error {
	options, err := clusterOptions(c, lang)
	if err != nil {
		return err
	}
	report, err := flow.ClusterCheck(c.Context, initOptions(c, lang, nil, nil), options)
	if err != nil {
		return err
	}
	return printReport(c, lang, report)
}

func clusterOptions(c *urfave.Context, lang msg.Lang) (flow.ClusterOptions, error) {
	o := flow.ClusterOptions{HeartbeatAge: c.Duration("heartbeat-age"), Deadline: c.Duration("deadline")}
	for name, value := range map[string]time.Duration{"heartbeat-age": o.HeartbeatAge, "deadline": o.Deadline} {
		if c.IsSet(name) && value <= 0 {
			return o, urfave.Exit(lang.Sprintf("omsinit: --%s must be longer than 0", name), exitUsage)
		}
	}
	return o, nil
}
