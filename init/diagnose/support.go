package diagnose

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"omsinit/doctor"
	"omsinit/init/flow"
	"omsinit/internal/database"
	"omsinit/internal/pack"
	"omsinit/internal/registry"
	"omsinit/metrics"
	"omsinit/support"
)

// SupportOptions are what a bundle can be told.
type SupportOptions struct {
	Since     time.Duration
	Anonymize bool
	// Out is a file or a folder; "" chooses one.
	Out string
	// Stream takes the bundle in the place of a file; nil writes one.
	Stream io.Writer
	DryRun bool
}

// Support makes the bundle for somebody who helps. It works without PID 1, the MetaDB, a usable config.yaml or a
// disk.
func (p *Patient) Support(ctx context.Context, o SupportOptions) (support.Listed, error) {
	if err := p.read(ctx); err != nil {
		return support.Listed{}, err
	}
	b := support.New(p.supportInput(o))
	listed := b.List()
	write := func(w io.Writer) error { return b.Write(ctx, w) }
	var err error
	switch {
	case o.DryRun:
	case o.Stream != nil:
		err = write(o.Stream)
	default:
		listed.File, listed.Size, err = b.Save(o.Out, write)
	}
	return listed, err
}

func (p *Patient) supportInput(o SupportOptions) support.Input {
	in := support.Input{
		Layout: p.Layout, Build: p.Build, Lang: p.Lang, Now: p.Now, Since: o.Since, Anonymize: o.Anonymize,
		Mask:     p.masker(),
		Diagnose: func(ctx context.Context) doctor.Diagnosis { return doctor.Run(ctx, p.doctorInput(o.Since)) },
		More: map[string]func(context.Context) ([]byte, error){
			"metrics.json": func(ctx context.Context) ([]byte, error) {
				report, err := p.flow().Metrics(ctx)
				return indentedJSON(report, err)
			},
			"metadb.json": func(ctx context.Context) ([]byte, error) {
				step, err := p.flow().MetaDB()
				if err != nil {
					return nil, err
				}
				status, err := step.Status(ctx)
				return indentedJSON(status, err)
			},
		},
	}
	in.Logs, _ = pack.BuiltinSymptoms()
	k, err := p.Pack()
	in.Files = support.Configuration(p.Layout, k, p.ConfigFile, p.ConfigFile+flow.BackupSuffix)
	if err == nil {
		if own, err := k.Symptoms(); err == nil {
			in.Logs = own
		}
	}
	cfg, err := p.Config()
	if err != nil {
		return in
	}
	in.Config = cfg
	in.Memory = func(ctx context.Context) (samples []support.Sample, err error) {
		applied, _ := metrics.LoadApplied(p.Layout.TSDBState())
		past, err := metrics.MemoryHistory(ctx, cfg, applied, p.Address(cfg), o.Since, max(10*time.Second, o.Since/500))
		for _, s := range past {
			samples = append(samples, support.Sample(s))
		}
		return samples, err
	}
	in.Heartbeats = func(ctx context.Context) (samples []support.Sample, err error) {
		db, err := database.Open(cfg, "")
		if err != nil {
			return nil, err
		}
		defer db.Close()
		past, err := registry.CountBeats(ctx, db, cfg.HeartbeatDatabase, o.Since)
		for _, c := range past {
			samples = append(samples, support.Sample{At: c.At, Value: float64(c.Count)})
		}
		return samples, database.Explain(cfg, err)
	}
	return in
}

func indentedJSON(v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(v, "", "  ")
}
