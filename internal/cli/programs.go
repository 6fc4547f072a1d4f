package cli

import (
	"context"
	"io"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/client"
)

// statusCommand is `omsinit status`.
type statusCommand struct {
	output
	Watch    bool
	Interval time.Duration
}

func (c *statusCommand) flags(t translate) flags {
	return flags{
		boolFlag(&c.Watch, "watch", t("print the status again and again, until Ctrl-C")),
		durationFlag(&c.Interval, "interval", time.Second,
			t("wait this long between two prints of --watch, at least 100ms")),
		c.flag(t),
	}
}

// Run prints the status, once or again and again.
func (c *statusCommand) Run(ctx context.Context, a *app) error {
	if c.Watch {
		if c.Format != "text" || c.Interval < 100*time.Millisecond {
			return usage(msg.M("--watch prints text only, and --interval is at least 100ms"))
		}
		return a.client().Watch(ctx, a.stdout, a.lang, c.Interval, isTerminal(a.stdout))
	}
	status, err := a.client().Status(ctx)
	return c.print(a, err, status, func(w io.Writer, lang msg.Lang) error { return status.Print(w, lang, time.Now()) })
}

// operateCommand is one of `omsinit start`, `stop` and `restart`.
type operateCommand struct {
	name     string
	Timeout  time.Duration
	Programs []string
}

func (c *operateCommand) args() arguments {
	return arguments{usage: "PROGRAM…", rest: &c.Programs, missing: msg.M("name the programs, or all")}
}

func (c *operateCommand) flags(t translate) flags {
	return flags{readyTimeoutFlag(t, "timeout", &c.Timeout)}
}

// Run starts, stops or restarts the programs.
func (c *operateCommand) Run(ctx context.Context, a *app) error {
	return a.client().Operate(ctx, c.name, c.Programs, c.Timeout, a.stdout, a.lang)
}

// signalCommand is `omsinit signal`.
type signalCommand struct {
	Signal   string
	Programs []string
}

func (c *signalCommand) args() arguments {
	return arguments{
		usage: "SIGNAL PROGRAM…", first: []*string{&c.Signal}, rest: &c.Programs,
		missing: msg.M("give a signal and the programs, or all: omsinit signal HUP nginx"),
	}
}

// Run sends the signal.
func (c *signalCommand) Run(ctx context.Context, a *app) error {
	return a.client().Signal(ctx, c.Signal, c.Programs)
}

// logOptions are what tail and logs have in common.
type logOptions struct{ client.LogOptions }

func (o *logOptions) flags(t translate) flags {
	lines := numberFlag(&o.Lines, "lines", 20, t("print this many of the last lines"))
	lines.Aliases = []string{"n"}
	lines.Action = must(func(n int) bool { return n >= 1 },
		func(int) msg.Message { return msg.M("--lines must be at least 1") })
	follow := boolFlag(&o.Follow, "follow", t("keep printing what is added, until Ctrl-C"))
	follow.Aliases = []string{"f"}
	return flags{lines, follow}
}

// tailCommand is `omsinit tail`.
type tailCommand struct {
	logOptions
	Program, Stream string
}

func (c *tailCommand) args() arguments {
	c.Stream = "stdout"
	return arguments{usage: "PROGRAM [stdout|stderr]", first: []*string{&c.Program, &c.Stream}, missing: tailUsage}
}

var tailUsage = msg.M("give a program, and stdout or stderr: omsinit tail --follow oms_console stderr")

// Run prints the end of the log, and with --follow what is added.
func (c *tailCommand) Run(ctx context.Context, a *app) error {
	if c.Stream != "stdout" && c.Stream != "stderr" {
		return usage(tailUsage)
	}
	return a.client().Tail(ctx, c.Program, c.Stream, c.LogOptions, a.stdout)
}

// logsCommand is `omsinit logs`.
type logsCommand struct {
	logOptions
	Programs []string
}

func (c *logsCommand) args() arguments { return arguments{usage: "[PROGRAM…]", rest: &c.Programs} }

// Run prints the ends of the logs, and with --follow what is added.
func (c *logsCommand) Run(ctx context.Context, a *app) error {
	return a.client().Logs(ctx, c.Programs, c.LogOptions, a.stdout)
}

// healthcheckCommand is `omsinit healthcheck`.
type healthcheckCommand struct{ Live bool }

func (c *healthcheckCommand) flags(t translate) flags {
	return flags{boolFlag(&c.Live, "live", t("check only that it is alive"))}
}

// Run asks PID 1 how the node is.
func (c *healthcheckCommand) Run(ctx context.Context, a *app) error {
	if err := a.client().Health(ctx, c.Live); err != nil {
		return err
	}
	return a.print(msg.M("healthy"))
}
