package cli

import (
	"os"
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
	output := &urfave.StringFlag{Name: "output", Value: "text", Usage: t("text or json")}
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
	if c.String("output") == "json" {
		return view.PrintJSON(c.App.Writer)
	}
	view.Print(c.App.Writer, lang)
	return nil
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
	if c.String("output") == "json" {
		err = report.PrintJSON(c.App.Writer, lang)
	} else {
		report.PrintIn(c.App.Writer, check.Style{Lang: lang, Color: colored(os.Stdout)})
	}
	if err == nil && report.Err() != nil {
		return urfave.Exit("", exitFindings)
	}
	return err
}

func clusterOptions(c *urfave.Context, lang msg.Lang) (flow.ClusterOptions, error) {
	o := flow.ClusterOptions{HeartbeatAge: c.Duration("heartbeat-age"), Deadline: c.Duration("deadline")}
	for name, value := range map[string]time.Duration{"heartbeat-age": o.HeartbeatAge, "deadline": o.Deadline} {
		if c.IsSet(name) && value <= 0 {
			return o, urfave.Exit(lang.Sprintf("omsinit: --%s must be longer than 0", name), exitUsage)
		}
	}
	return o, knownOutput(c, lang)
}

// knownOutput refuses an --output that there is not.
func knownOutput(c *urfave.Context, lang msg.Lang) error {
	if output := c.String("output"); output != "text" && output != "json" {
		return urfave.Exit(lang.Sprintf("omsinit: --output is text or json, not %q", output), exitUsage)
	}
	return nil
}
