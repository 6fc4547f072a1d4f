package cli

import (
	"context"
	"os"
	"strconv"
	"time"

	"omsinit/init/flow"
	"omsinit/init/trial"
	"omsinit/internal/msg"
	"omsinit/supervise"
)

// runName is the command that hands everything behind its COMMAND on untouched.
const runName = "run"

// runCommand is `omsinit run`, the container's entry point.
type runCommand struct {
	target
	OnFatal     string
	MetricsPort int
	Argv        []string
}

func (c *runCommand) args() arguments { return arguments{usage: "[COMMAND…]", rest: &c.Argv} }

func (c *runCommand) flags(t translate) flags {
	onFatal := textFlag(&c.OnFatal, "on-fatal", t("stay, or exit with its status, when an essential program is FATAL"))
	onFatal.Value, onFatal.EnvVars = "stay", []string{"OMSINIT_ON_FATAL"}
	onFatal.Action = must(func(value string) bool { return value == "stay" || value == "exit" },
		func(value string) msg.Message { return msg.M("--on-fatal is stay or exit, not %q", value) })
	port := numberFlag(&c.MetricsPort, "metrics-port", 0, t("serve the metrics to Prometheus on this port of 127.0.0.1"))
	port.EnvVars, port.DefaultText = []string{"OMSINIT_METRICS_PORT"}, t("none")
	port.Action = must(func(port int) bool { return 1 <= port && port <= 65535 },
		func(port int) msg.Message { return msg.M("--metrics-port is a port from 1 to 65535, not %d", port) })
	return flags{onFatal, tsdbOptionalFlag(t, &c.TSDBOptional), port}
}

// Run supervises until the container ends, or becomes the COMMAND.
func (c *runCommand) Run(ctx context.Context, _ *app) error {
	if len(c.Argv) > 0 {
		return &execError{supervise.Exec(c.Argv)}
	}
	timeout, err := stopTimeout(os.Getenv("OMSINIT_STOP_TIMEOUT"))
	if err != nil {
		return err
	}
	return ended(c.flow().Boot(ctx, flow.BootOptions{
		ExitOnFatal: c.OnFatal == "exit", MetricsPort: c.MetricsPort, StopTimeout: timeout,
	}))
}

// stopTimeout reads how long the programs together have to stop: a duration, or a number of seconds.
func stopTimeout(value string) (time.Duration, error) {
	if value == "" {
		return 0, nil
	}
	timeout, err := time.ParseDuration(value)
	if seconds, number := strconv.ParseFloat(value, 64); number == nil {
		timeout, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || timeout < 100*time.Millisecond || timeout > time.Hour {
		return 0, usage(msg.M("OMSINIT_STOP_TIMEOUT is %q; give a time from 100ms to 1h such as 8s", value))
	}
	return timeout, nil
}

// trialCommand is `omsinit trial`.
type trialCommand struct {
	target
	trial.Options
}

func (c *trialCommand) flags(t translate) flags {
	return flags{
		listFlag(&c.Set, "set", t("set KEY=VALUE of config.yaml, for example nginx_server_port=18089")),
		numberFlag(&c.MetaDBPort, "metadb-port", trial.DefaultMetaDBPort, t("serve the trial MetaDB on this port of 127.0.0.1")),
	}
}

// Run supervises until the trial ends.
func (c *trialCommand) Run(ctx context.Context, _ *app) error {
	return ended(trial.Run(ctx, c.node, c.target.Options, c.Options))
}
