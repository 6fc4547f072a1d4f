package cli

import (
	"fmt"
	"os"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/component"
	"omsinit/init/flow"
	"omsinit/internal/msg"
)

func configHistory(lang msg.Lang) *urfave.Command {
	return &urfave.Command{Name: "history", Usage: lang.Sprintf("the last ten sets of files that a run replaced"),
		Action: func(c *urfave.Context) error {
			versions, err := component.NewHistory(initOptions(c, lang, nil, nil).Layout).List()
			if err != nil {
				return err
			}
			if len(versions) == 0 {
				fmt.Fprintln(os.Stderr, lang.Sprintf("there are no earlier versions"))
				return nil
			}
			var rows [][]string
			for _, v := range versions {
				var paths []string
				for _, f := range v.Files {
					paths = append(paths, f.Path)
				}
				rows = append(rows, []string{v.ID, v.Reason, strings.Join(paths, " ")})
			}
			return msg.PrintColumns(c.App.Writer, rows)
		}}
}

func configDiff(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "diff", Usage: t("what would change if an earlier version were put back"), ArgsUsage: "[VERSION [FILE…]]",
		Description: t("VERSION is one of `omsinit config history`; without it the last one. Secrets are not shown."),
		Action: func(c *urfave.Context) error {
			id, paths := chosenVersion(c)
			text, err := flow.DiffVersion(initOptions(c, lang, nil, nil), id, paths)
			if err == nil {
				_, err = fmt.Fprint(c.App.Writer, text)
			}
			return err
		}}
}

func configRestore(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "restore", Usage: t("put an earlier version of files back, and restart the programs that read them"), ArgsUsage: "VERSION [FILE…]",
		Description: t("VERSION is one of `omsinit config history`, or last. What is replaced becomes a version itself. A config.yaml that is put back brings the other files with it."),
		Flags:       flowFlags(lang)[2:],
		Action: func(c *urfave.Context) error {
			if !c.Args().Present() {
				return urfave.Exit(t("omsinit: name a version of `omsinit config history`, or last"), exitUsage)
			}
			id, paths := chosenVersion(c)
			return flow.Restore(c.Context, initOptions(c, lang, nil, nil), id, paths)
		}}
}

func chosenVersion(c *urfave.Context) (id string, paths []string) {
	if !c.Args().Present() {
		return "last", nil
	}
	return c.Args().First(), c.Args().Tail()
}
