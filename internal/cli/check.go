package cli

import (
	"io"
	"os"

	urfave "github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"omsinit/check"
	"omsinit/init/flow"
	"omsinit/internal/msg"
)

func checkCommand(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "check", Usage: t("step 1 alone: check before anything is touched"), ArgsUsage: "[FILE]",
		Description: t("All findings are reported at once. FILE or --config may be - for standard input. Nothing is changed, but for a throw-away database in the MetaDB and in the time-series database, which is removed again."),
		Flags: []urfave.Flag{
			&urfave.BoolFlag{Name: "offline", DisableDefaultText: true, Usage: t("check the file alone, not this host or the network")},
			ignoreFlag(lang),
			tsdbOptionalFlag(lang),
			&urfave.DurationFlag{Name: "deadline", Value: check.DefaultDeadline, Usage: t("how long each check may take")},
			outputFlag(lang),
			&urfave.StringFlag{Name: "explain", Usage: t("print the long help of a finding, such as metadb.clock")},
		},
		Action: func(c *urfave.Context) error {
			if id := c.String("explain"); id != "" {
				return explain(c, lang, id)
			}
			return runCheck(c, lang, c.Args().First(), flow.CheckOptions{
				Offline: c.Bool("offline"), Deadline: c.Duration("deadline"), Ignore: c.StringSlice("ignore"), Stdin: os.Stdin,
			})
		}}
}

// ignoreFlag is for check and init.
func ignoreFlag(lang msg.Lang) urfave.Flag {
	return &urfave.StringSliceFlag{Name: "ignore", Usage: lang.Sprintf("the ids of findings that are warnings instead of errors (OMSINIT_IGNORE)")}
}

func explain(c *urfave.Context, lang msg.Lang, id string) error {
	e, ok := check.Explain(id)
	if !ok {
		return &flow.UsageError{Message: check.Unknown(id)}
	}
	e.Print(c.App.Writer, lang)
	return nil
}

func runCheck(c *urfave.Context, lang msg.Lang, file string, options flow.CheckOptions) error {
	if options.Deadline < 0 {
		return urfave.Exit(lang.Sprintf("omsinit: --deadline must be longer than 0"), exitUsage)
	}
	o := initOptions(c, lang, nil, nil)
	o.ConfigFile = or(file, o.ConfigFile)
	report, err := flow.Check(c.Context, o, options)
	if err != nil {
		return err
	}
	return printReport(c, lang, report)
}

func printReport(c *urfave.Context, lang msg.Lang, report check.Report) error {
	err := print(c, lang, report.JSON(lang), plain(func(w io.Writer, lang msg.Lang) {
		report.PrintIn(w, check.Style{Lang: lang, Color: colored(os.Stdout)})
	}))
	if err == nil && report.Err() != nil {
		return urfave.Exit("", exitFindings)
	}
	return err
}

// colored: on a terminal that shows colours, unless the user wants none
// (https://no-color.org).
func colored(f *os.File) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
