package flow

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/metrics"
	"omsinit/supervise/engine"
)

// tsdbChecks are the findings of step 1 about the TSDB.
var tsdbChecks = []string{"tsdb.connect", "tsdb.write"}

// tsdb is what step 3 does about the TSDB: only one that has taken a point and
// given it back is told to the components. The configuration is what the files
// are made from.
func (r *run) tsdb(ctx context.Context, cfg *config.Config) (*config.Config, metrics.Applied, error) {
	into := r.pack.TSDB
	if !cfg.TSDBEnabled {
		return cfg, metrics.NewApplied(metrics.Off, nil, cfg, into), nil
	}
	parts, err := r.wiring(cfg).Run(ctx)
	if ctx.Err() != nil {
		return nil, metrics.Applied{}, ctx.Err()
	}
	for _, p := range parts {
		if p.Result == metrics.Created || p.Result == metrics.Skipped {
			r.say(p.Message)
		}
	}
	if err == nil {
		if parts[len(parts)-1].Result == metrics.Done { // else it was said what could not be tried
			r.say(msg.M("the time-series database at %s takes points and gives them back", cfg.TSDBURL))
		}
		return cfg, metrics.NewApplied(metrics.On, nil, cfg, into), nil
	}
	if !r.TSDBOptional {
		return nil, metrics.Applied{}, msg.Errorf("the components cannot be told of the time-series database: %w; %v", err, parts[len(parts)-1].Fix)
	}
	r.fail(msg.M("warning: the time-series database is left out (--tsdb-optional): %v", err))
	r.say(msg.M("nothing is reported; once the time-series database passes its check, `omsinit init` switches it on"))
	return without(cfg), metrics.NewApplied(metrics.LeftOut, err, cfg, into), nil
}

func (r *run) wiring(cfg *config.Config) *metrics.Wiring {
	return &metrics.Wiring{Config: cfg, Into: r.pack.TSDB, Node: cfg.NodeAddress(r.HostIP), Now: r.Now}
}

// without is the same configuration with the TSDB switched off.
func without(cfg *config.Config) *config.Config {
	off := *cfg
	off.TSDBEnabled = false
	return &off
}

// PlannedTSDB is what step 3 would do about the TSDB.
type PlannedTSDB struct {
	// State is on, off or left_out; empty when the step would fail.
	State string `json:"state"`
	// Create are the database and the retention policy that are missing.
	Create []string `json:"create"`
}

// tsdb looks at the TSDB and gives the configuration that the files would be
// made from.
func (p *Planned) tsdb(ctx context.Context, r *run, cfg *config.Config) *config.Config {
	p.TSDB = PlannedTSDB{State: metrics.Off, Create: []string{}}
	if !cfg.TSDBEnabled {
		return cfg
	}
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	parts, err := r.wiring(cfg).Look(ctx)
	switch {
	case err == nil:
		p.TSDB.State = metrics.On
		for _, part := range parts {
			if part.Result != metrics.Missing {
				continue
			}
			if part.Name == "database" {
				p.TSDB.Create = append(p.TSDB.Create, r.pack.TSDB.Database)
			}
			p.TSDB.Create = append(p.TSDB.Create, r.pack.TSDB.RetentionPolicy)
		}
		return cfg
	case r.TSDBOptional:
		p.TSDB.State = metrics.LeftOut
		p.edits = append(p.edits, msg.M("leave the time-series database out (--tsdb-optional): %v", err))
		return without(cfg)
	}
	p.TSDB.State = ""
	p.unknown("tsdb", err)
	return cfg
}

// companion reports how the node is doing, in the process of PID 1.
func companion(o Options, port int) *engine.Companion {
	r := metrics.New(metrics.Options{
		ConfigFile: o.ConfigFile, AppliedFile: o.Layout.TSDBState(), Version: o.Build, Port: port,
		Node:   func(cfg *config.Config) string { return cfg.NodeAddress(o.HostIP) },
		Mounts: []metrics.Mount{{Name: "logs", Path: o.Layout.LogDir()}, {Name: "store", Path: o.Layout.StoreDir()}, {Name: "run", Path: o.Layout.RunDir()}},
	})
	return &engine.Companion{Handlers: r.Handlers(), Warnings: r.Warnings,
		Run: func(ctx context.Context, look func() engine.Observation, log *slog.Logger) {
			r.Run(ctx, func() metrics.Observation { return observed(look()) }, log)
		}}
}

// observed puts what PID 1 sees into the words of the reporter.
func observed(o engine.Observation) metrics.Observation {
	out := metrics.Observation{StartedAt: o.StartedAt, SetupState: o.SetupState, Programs: make([]metrics.Program, len(o.Programs))}
	for i, p := range o.Programs {
		out.Programs[i] = metrics.Program{Name: p.Name, State: int(p.State), StateName: p.State.String(), PID: p.PID,
			StartedAt: p.StartedAt, Ready: p.Ready, Starts: p.Starts, LostBytes: p.LostBytes}
	}
	return out
}

// reportStep tells the reporter in PID 1 how a step ended. Nobody may be there,
// or a Python supervisord, which does not want to know.
func (r *run) reportStep(ctx context.Context, name string, took time.Duration, failed bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = r.client.Call(ctx, http.MethodPost, metrics.StepPath, metrics.Step{Name: name, Seconds: took.Seconds(), Failed: failed}, &struct{}{})
}

// CheckMetrics tries the TSDB as step 3 does, and changes nothing but for a
// point, or a throw-away database.
func CheckMetrics(ctx context.Context, o Options) (metrics.Verdict, error) {
	o.setDefaults()
	r := &run{Options: o, output: &output{lang: o.Lang, out: o.Err, errOut: o.Err}}
	var err error
	if r.pack, err = pack.Open(o.PackDir); err != nil {
		return metrics.Verdict{}, err
	}
	cfg, err := configOf(o)
	if err != nil {
		return metrics.Verdict{}, err
	}
	applied, _ := metrics.LoadApplied(o.Layout.TSDBState())
	if !cfg.TSDBEnabled {
		return metrics.NewVerdict(cfg, applied, nil), nil
	}
	w := r.wiring(cfg)
	w.LookOnly = true
	parts, _ := w.Run(ctx)
	if ctx.Err() != nil {
		return metrics.Verdict{}, msg.Errorf("the check was interrupted")
	}
	return metrics.NewVerdict(cfg, applied, parts), nil
}

// Metrics asks PID 1 what is being reported.
func Metrics(ctx context.Context, o Options) (metrics.Report, error) {
	var report metrics.Report
	err := Client(o.Layout).Call(ctx, http.MethodGet, metrics.ReportPath, nil, &report)
	return report, err
}

// MetricsText asks PID 1 for the figures in the text form of Prometheus.
func MetricsText(ctx context.Context, o Options) (string, error) {
	return Client(o.Layout).Text(ctx, metrics.TextPath)
}
