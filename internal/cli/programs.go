package cli

import (
	"fmt"
	"os"
	"strconv"
	"time"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/internal/msg"
	"omsinit/supervise"
)

// programCommands are what operators do with programs, beside status, start,
// stop and restart.
func programCommands(lang msg.Lang) []*urfave.Command {
	t := lang.Sprintf
	logFlags := func() []urfave.Flag {
		return []urfave.Flag{
			&urfave.IntFlag{Name: "lines", Aliases: []string{"n"}, Value: 20, Usage: t("how many of the last lines")},
			&urfave.BoolFlag{Name: "follow", Aliases: []string{"f"}, DisableDefaultText: true, Usage: t("go on with what is added, until Ctrl-C")},
		}
	}
	return []*urfave.Command{
		{Name: "signal", Usage: t("send a signal to programs"), ArgsUsage: "SIGNAL PROGRAM…",
			Action: func(c *urfave.Context) error { return sendSignal(c, lang) }},
		{Name: "tail", Usage: t("the end of a program's log"), ArgsUsage: "PROGRAM [stdout|stderr]", Flags: logFlags(),
			Action: func(c *urfave.Context) error { return tailLog(c, lang) }},
		{Name: "logs", Usage: t("the ends of both logs of several programs, or of all"), ArgsUsage: "[PROGRAM…]", Flags: logFlags(),
			Action: func(c *urfave.Context) error { return showLogs(c, lang) }},
		{Name: "healthcheck", Usage: t("exit status 0 when this node is ready, for Docker and Kubernetes"),
			Description: t("Ready: PID 1 answers, the initialisation is done, and every program that starts by itself is ready.\nWith --live: PID 1 answers, and no essential program is FATAL."),
			Flags:       []urfave.Flag{&urfave.BoolFlag{Name: "live", DisableDefaultText: true, Usage: t("only whether it is alive")}},
			Action:      func(c *urfave.Context) error { return checkHealth(c, lang) }},
	}
}

func sendSignal(c *urfave.Context, lang msg.Lang) error {
	if c.NArg() < 2 {
		return urfave.Exit(lang.Sprintf("omsinit: give a signal and the programs, or all: omsinit signal HUP nginx"), exitUsage)
	}
	return client(c).Signal(c.Context, c.Args().First(), c.Args().Tail())
}

func tailLog(c *urfave.Context, lang msg.Lang) error {
	stream := or(c.Args().Get(1), "stdout")
	if c.NArg() < 1 || c.NArg() > 2 || stream != "stdout" && stream != "stderr" || c.Int("lines") < 1 {
		return urfave.Exit(lang.Sprintf("omsinit: give a program, and stdout or stderr: omsinit tail --follow oms_console stderr"), exitUsage)
	}
	return client(c).Tail(c.Context, c.Args().First(), stream, logOptions(c), c.App.Writer)
}

func showLogs(c *urfave.Context, lang msg.Lang) error {
	if c.Int("lines") < 1 {
		return urfave.Exit(lang.Sprintf("omsinit: --lines must be at least 1"), exitUsage)
	}
	return client(c).Logs(c.Context, c.Args().Slice(), logOptions(c), c.App.Writer)
}

func checkHealth(c *urfave.Context, lang msg.Lang) error {
	if err := client(c).Health(c.Context, c.Bool("live")); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.App.Writer, lang.Sprintf("healthy"))
	return err
}

// watchFlags make `status` repeat itself.
func watchFlags(lang msg.Lang) []urfave.Flag {
	t := lang.Sprintf
	return []urfave.Flag{
		&urfave.BoolFlag{Name: "watch", DisableDefaultText: true, Usage: t("print it again and again, until Ctrl-C")},
		&urfave.DurationFlag{Name: "interval", Value: time.Second, Usage: t("of --watch")},
	}
}

func watchStatus(c *urfave.Context, lang msg.Lang) error {
	if c.String("output") != "text" || c.Duration("interval") < 100*time.Millisecond {
		return urfave.Exit(lang.Sprintf("omsinit: --watch prints text only, and --interval is at least 100ms"), exitUsage)
	}
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return client(c).Watch(c.Context, c.App.Writer, lang, c.Duration("interval"), terminal)
}

// onFatalFlag is what run does about an essential program that is FATAL.
func onFatalFlag(lang msg.Lang) urfave.Flag {
	return &urfave.StringFlag{Name: "on-fatal", Value: "stay", EnvVars: []string{"OMSINIT_ON_FATAL"},
		Usage: lang.Sprintf("stay, or exit with its status, when an essential program is FATAL")}
}

// bootOptions reads what only PID 1 needs to know.
func bootOptions(c *urfave.Context, lang msg.Lang) (flow.BootOptions, error) {
	b := flow.BootOptions{}
	switch onFatal := c.String("on-fatal"); onFatal {
	case "stay":
	case "exit":
		b.ExitOnFatal = true
	default:
		return b, urfave.Exit(lang.Sprintf("omsinit: --on-fatal is stay or exit, not %q", onFatal), exitUsage)
	}
	var err error
	if b.MetricsPort, err = metricsPort(c, lang); err != nil {
		return b, err
	}
	value := os.Getenv("OMSINIT_STOP_TIMEOUT")
	if value == "" {
		return b, nil
	}
	timeout, err := time.ParseDuration(value)
	if seconds, number := strconv.ParseFloat(value, 64); number == nil {
		timeout, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || timeout < 100*time.Millisecond || timeout > time.Hour {
		return b, urfave.Exit(lang.Sprintf("omsinit: OMSINIT_STOP_TIMEOUT is %q; give a time from 100ms to 1h such as 8s", value), exitUsage)
	}
	b.StopTimeout = timeout
	return b, nil
}

func logOptions(c *urfave.Context) supervise.LogOptions {
	return supervise.LogOptions{Lines: c.Int("lines"), Follow: c.Bool("follow")}
}
