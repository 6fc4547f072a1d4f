package flow

import (
	"context"
	"log/slog"
	"net/http"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/metrics"
	"omsinit/supervise/engine"
)

// tsdbChecks are the findings of step 1 about the TSDB.
var tsdbChecks = []string{"tsdb.connect", "tsdb.write"}

// tsdb is what step 3 does about the TSDB: only one that has taken a point and given it back is told to the components.
// It returns the configuration that the files are made from.
func (f *Flow) tsdb(ctx context.Context, cfg *config.Config) (*config.Config, metrics.Applied, error) {
	into := f.pack.TSDB
	if !cfg.TSDBEnabled {
		return cfg, metrics.NewApplied(metrics.Off, nil, cfg, into), nil
	}
	parts, err := f.wiring(cfg).Run(ctx)
	if ctx.Err() != nil {
		return nil, metrics.Applied{}, ctx.Err()
	}
	for _, p := range parts {
		if p.Result == metrics.Created || p.Result == metrics.Skipped {
			f.say(p.Message)
		}
	}
	if err == nil {
		if parts[len(parts)-1].Result == metrics.Done { // else it was said what could not be tried
			f.say(msg.M("the time-series database at %s takes points and gives them back", cfg.TSDBURL))
		}
		return cfg, metrics.NewApplied(metrics.On, nil, cfg, into), nil
	}
	if !f.TSDBOptional {
		return nil, metrics.Applied{}, msg.Errorf("the components cannot be told of the time-series database: %w; %v",
			err, parts[len(parts)-1].Fix)
	}
	f.fail(msg.M("warning: the time-series database is left out (--tsdb-optional): %v", err))
	f.say(msg.M("nothing is reported; once the time-series database passes its check, `omsinit init` switches it on"))
	return without(cfg), metrics.NewApplied(metrics.LeftOut, err, cfg, into), nil
}

func (f *Flow) wiring(cfg *config.Config) *metrics.Wiring {
	return &metrics.Wiring{Config: cfg, Into: f.pack.TSDB, Node: f.Address(cfg), Now: f.Now}
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

// planTSDB looks at the TSDB, and returns the configuration that the files would be made from.
func (p *Planned) planTSDB(ctx context.Context, f *Flow, cfg *config.Config) *config.Config {
	p.TSDB = PlannedTSDB{State: metrics.Off, Create: []string{}}
	if !cfg.TSDBEnabled {
		return cfg
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	parts, err := f.wiring(cfg).Look(ctx)
	switch {
	case err == nil:
		p.TSDB.State = metrics.On
		for _, part := range parts {
			if part.Result != metrics.Missing {
				continue
			}
			if part.Name == "database" {
				p.TSDB.Create = append(p.TSDB.Create, f.pack.TSDB.Database)
			}
			p.TSDB.Create = append(p.TSDB.Create, f.pack.TSDB.RetentionPolicy)
		}
		return cfg
	case f.TSDBOptional:
		p.TSDB.State = metrics.LeftOut
		p.edits = append(p.edits, msg.M("leave the time-series database out (--tsdb-optional): %v", err))
		return without(cfg)
	}
	p.TSDB.State = ""
	p.unknown("tsdb", err)
	return cfg
}

// companion reports how the node is doing, and watches whose the MetaDB is, in the process of PID 1.
func (f *Flow) companion(listen string) *engine.Companion {
	r := metrics.New(metrics.Options{
		ConfigFile: f.ConfigFile, AppliedFile: f.Layout.TSDBState(), Version: f.Build, Listen: listen, Node: f.Address,
		Mounts: []metrics.Mount{
			{Name: "logs", Path: f.Layout.LogDir()}, {Name: "store", Path: f.Layout.StoreDir()},
			{Name: "run", Path: f.Layout.RunDir()},
		},
	})
	w := f.newWatch()
	return &engine.Companion{Handlers: r.Handlers(),
		Warnings: func() []msg.Message {
			w.Ask()
			return r.Warnings()
		},
		Run: func(ctx context.Context, look func() engine.Observation, log *slog.Logger) {
			go w.Run(ctx, look, log)
			r.Run(ctx, func() metrics.Observation { return observed(look()) }, log)
		}}
}

// observed puts what PID 1 sees into the words of the reporter.
func observed(o engine.Observation) metrics.Observation {
	out := metrics.Observation{StartedAt: o.StartedAt, SetupState: o.SetupState,
		Programs: make([]metrics.Program, len(o.Programs))}
	for i, p := range o.Programs {
		out.Programs[i] = metrics.Program{Name: p.Name, State: int(p.State), StateName: p.State.String(), PID: p.PID,
			StartedAt: p.StartedAt, Ready: p.Ready, Starts: p.Starts, LostBytes: p.LostBytes}
	}
	return out
}

// CheckMetrics tries the TSDB as step 3 does, and changes nothing but for a point, or a throw-away database.
func (f *Flow) CheckMetrics(ctx context.Context) (metrics.Verdict, error) {
	cfg, err := f.open()
	if err != nil {
		return metrics.Verdict{}, err
	}
	applied, _ := metrics.LoadApplied(f.Layout.TSDBState())
	if !cfg.TSDBEnabled {
		return metrics.NewVerdict(cfg, applied, nil), nil
	}
	w := f.wiring(cfg)
	w.LookOnly = true
	parts, _ := w.Run(ctx)
	return metrics.NewVerdict(cfg, applied, parts), interrupted(ctx)
}

// Metrics asks PID 1 what is being reported.
func (f *Flow) Metrics(ctx context.Context) (report metrics.Report, err error) {
	err = f.client.Call(ctx, http.MethodGet, metrics.ReportPath, nil, &report)
	return report, err
}

// MetricsText asks PID 1 for the figures in the text form of Prometheus.
func (f *Flow) MetricsText(ctx context.Context) (string, error) {
	return f.client.Text(ctx, metrics.TextPath)
}
