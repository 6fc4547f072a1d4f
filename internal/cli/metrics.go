package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/internal/msg"
)

// metricsCommand is `omsinit metrics`.
func metricsCommand(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{
		Name: "metrics", Usage: t("the time-series database: try it, see what is reported"), ArgsUsage: "COMMAND",
		Description: t("`omsinit metrics COMMAND --help` tells more about each."),
		Subcommands: []*urfave.Command{
			{Name: "check", Usage: t("try the time-series database as step 3 does; exit status 3 when it fails"),
				Description: t("Connects, logs in, looks for the database and the retention policy, writes a point and reads it back. Creates neither; where one is missing, a throw-away database is written to, and removed again."),
				Flags:       []urfave.Flag{outputFlag(lang)},
				Action:      func(c *urfave.Context) error { return metricsCheck(c, lang) }},
			{Name: "show", Usage: t("what PID 1 reports: how much, how late, what was dropped, the last error"),
				Flags:  []urfave.Flag{&urfave.StringFlag{Name: "output", Value: "text", Usage: t("text, json, or prometheus for the figures themselves")}},
				Action: func(c *urfave.Context) error { return metricsShow(c, lang) }},
		},
	}
}

func metricsCheck(c *urfave.Context, lang msg.Lang) error {
	verdict, err := flow.CheckMetrics(c.Context, initOptions(c, lang, nil, nil))
	if err != nil {
		return err
	}
	if err := print(c, lang, verdict, plain(verdict.Print)); err != nil {
		return err
	}
	if !verdict.Passed {
		return urfave.Exit("", exitFindings)
	}
	return nil
}

func metricsShow(c *urfave.Context, lang msg.Lang) error {
	o := initOptions(c, lang, nil, nil)
	switch output := c.String("output"); output {
	case "prometheus":
		text, err := flow.MetricsText(c.Context, o)
		if err == nil {
			_, err = fmt.Fprint(c.App.Writer, text)
		}
		return err
	case "text", "json":
		report, err := flow.Metrics(c.Context, o)
		if err != nil {
			return err
		}
		return print(c, lang, report, func(w io.Writer, lang msg.Lang) error { return report.Print(w, lang, time.Now()) })
	default:
		return urfave.Exit(lang.Sprintf("omsinit: --output is text, json or prometheus, not %q", output), exitUsage)
	}
}

// tsdbOptionalEnv stands for --tsdb-optional: in a container it is the way to
// reach every command.
const tsdbOptionalEnv = "OMSINIT_TSDB_OPTIONAL"

// tsdbOptionalFlag is for what runs step 1 or step 3.
func tsdbOptionalFlag(lang msg.Lang) urfave.Flag {
	return &urfave.BoolFlag{Name: "tsdb-optional", DisableDefaultText: true,
		Usage: lang.Sprintf("go on without a time-series database that does not pass its check (OMSINIT_TSDB_OPTIONAL)")}
}

// tsdbOptional is the flag or the environment. What the environment says was
// checked by checkTSDBOptional.
func tsdbOptional(c *urfave.Context) bool {
	if c.IsSet("tsdb-optional") {
		return c.Bool("tsdb-optional")
	}
	optional, _ := strconv.ParseBool(os.Getenv(tsdbOptionalEnv))
	return optional
}

func checkTSDBOptional(lang msg.Lang) error {
	value := os.Getenv(tsdbOptionalEnv)
	if _, err := strconv.ParseBool(value); err != nil && value != "" {
		return urfave.Exit(lang.Sprintf("omsinit: OMSINIT_TSDB_OPTIONAL is true or false, not %q", value), exitUsage)
	}
	return nil
}

func metricsPortFlag(lang msg.Lang) urfave.Flag {
	return &urfave.IntFlag{Name: "metrics-port", EnvVars: []string{"OMSINIT_METRICS_PORT"}, DefaultText: lang.Sprintf("none"),
		Usage: lang.Sprintf("a port on 127.0.0.1 that serves the metrics to Prometheus")}
}

// metricsPort is the flag, 0 for none.
func metricsPort(c *urfave.Context, lang msg.Lang) (int, error) {
	port := c.Int("metrics-port")
	if c.IsSet("metrics-port") && (port < 1 || port > 65535) {
		return 0, urfave.Exit(lang.Sprintf("omsinit: --metrics-port is a port from 1 to 65535, not %d", port), exitUsage)
	}
	return port, nil
}
