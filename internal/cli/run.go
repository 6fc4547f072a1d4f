package cli

import (
	"context"
	"os"

	"omsinit/init/flow"
	"omsinit/init/trial"
	"omsinit/internal/msg"
	"omsinit/metrics"
	"omsinit/supervise"
)

// runName is the command that hands everything behind its COMMAND on untouched.
const runName = "run"

// runCommand is `omsinit run`, the container's entry point.
type runCommand struct {
	target
	OnFatal string
	Page    string
	Metrics string
	Argv    []string
}

func (c *runCommand) args() arguments { return arguments{usage: "[COMMAND…]", rest: &c.Argv} }

func (c *runCommand) flags(t translate) flags {
	onFatal := choiceFlag(&c.OnFatal, "on-fatal", "OMSINIT_ON_FATAL",
		t("stay, or exit with its status, when an essential program is FATAL"), "stay", "exit")
	port := textFlag(&c.Metrics, "metrics-port",
		t("serve the metrics to Prometheus on this port of 127.0.0.1, or on ADDRESS:PORT"))
	port.EnvVars, port.DefaultText = []string{"OMSINIT_METRICS_PORT"}, t("none")
	port.Action = must(func(at string) bool {
		return at == "" || metrics.ListenAddress(at) != ""
	}, func(at string) msg.Message {
		return msg.M("--metrics-port (OMSINIT_METRICS_PORT) is a port from 1 to 65535,"+
			" or an IP address of this host and a port (10.0.0.1:9187), not %q", at)
	})
	return flags{onFatal, tsdbOptionalFlag(t, &c.TSDBOptional), port, pageFlag(t, &c.Page)}
}

// Run supervises until the container ends, or becomes the COMMAND.
func (c *runCommand) Run(ctx context.Context, _ *app) error {
	if len(c.Argv) > 0 {
		return &execError{supervise.Exec(c.Argv)}
	}
	timeout, err := supervise.ParseStopTimeout(os.Getenv("OMSINIT_STOP_TIMEOUT"))
	if err != nil {
		return usage(msg.M("%v", err))
	}
	return ended(c.flow().Boot(ctx, flow.BootOptions{
		ExitOnFatal: c.OnFatal == "exit", Metrics: metrics.ListenAddress(c.Metrics), StopTimeout: timeout,
		NoPage: c.Page == "off",
	}))
}

// trialCommand is `omsinit trial`.
type trialCommand struct {
	target
	trial.Options
	Page string
}

func (c *trialCommand) flags(t translate) flags {
	return flags{
		listFlag(&c.Set, "set", t("set KEY=VALUE of config.yaml, for example nginx_server_port=18089")),
		numberFlag(&c.MetaDBPort, "metadb-port", trial.DefaultMetaDBPort,
			t("serve the trial MetaDB on this port of 127.0.0.1")),
		pageFlag(t, &c.Page),
	}
}

// Run supervises until the trial ends.
func (c *trialCommand) Run(ctx context.Context, _ *app) error {
	c.NoPage = c.Page == "off"
	return ended(trial.Run(ctx, c.node, c.target.Options, c.Options))
}
