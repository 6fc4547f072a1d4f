package cli

import (
	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/msg"
)

// configCommand is what people do with config.yaml and the files made from it.
func configCommand(lang msg.Lang) *urfave.Command {
	return &urfave.Command{Name: "config", Usage: lang.Sprintf("config.yaml, and earlier versions of the files made from it"), ArgsUsage: "COMMAND",
		Subcommands: []*urfave.Command{
			configShow(lang),
			configSchema(lang),
			configSet(lang),
			configPorts(lang),
			configHistory(lang),
			configDiff(lang),
			configRestore(lang),
		}}
}
