package cli

import (
	urfave "github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/internal/msg"
)

// exitChanges says that a plan has something to do.
const exitChanges = 2

func preferFlag(lang msg.Lang) urfave.Flag {
	return &urfave.StringFlag{Name: "prefer", Usage: lang.Sprintf("when a key was edited by hand in a file and has changed in config.yaml too: ours (config.yaml) or theirs (the file)")}
}

func reconfigureCommand(lang msg.Lang) *urfave.Command {
	return &urfave.Command{Name: "reconfigure", Usage: lang.Sprintf("check, render the files anew, restart the programs that read a changed one"),
		Flags: append([]urfave.Flag{preferFlag(lang)}, flowFlags(lang)[2:]...),
		Action: func(c *urfave.Context) error {
			return flow.Reconfigure(c.Context, initOptions(c, lang, nil, nil))
		}}
}

func planCommand(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "plan", Usage: t("what init would change, without touching anything"),
		Description: t("Exit status: 0 nothing to do, 2 there is something to do, 1 it cannot be told."),
		Flags:       []urfave.Flag{preferFlag(lang), tsdbOptionalFlag(lang), outputFlag(lang)},
		Action: func(c *urfave.Context) error {
			plan, err := flow.Plan(c.Context, initOptions(c, lang, nil, nil))
			if err != nil {
				return err
			}
			if err := print(c, lang, plan, plain(plan.Print)); err != nil {
				return err
			}
			switch {
			case plan.Changes:
				return urfave.Exit("", exitChanges)
			case !plan.Known():
				return urfave.Exit("", 1)
			}
			return nil
		}}
}
