// Package diagnose hands a node to the doctor, and makes the support bundle of it: it puts the rooms behind both
// together.
package diagnose

import (
	"context"
	"strings"
	"time"

	"omsinit/check"
	"omsinit/doctor"
	"omsinit/init/component"
	"omsinit/init/flow"
	"omsinit/internal/msg"
	"omsinit/internal/node"
	"omsinit/internal/pack"
)

// deadline is that of each check within a diagnosis, which must not take longer than doctor.Limit in all: to log in
// at a MetaDB may take several of them.
const deadline = 1400 * time.Millisecond

// Patient is a node that is looked at. Nothing is changed.
type Patient struct {
	*node.Node
	options flow.Options
}

// New returns a node to look at: what its parts say beside their results is dropped.
func New(n *node.Node, o flow.Options) *Patient {
	quiet := n.Given
	quiet.Out, quiet.Err = nil, nil
	return &Patient{node.New(quiet), o}
}

// flow returns the operations on the node; each value for one at a time.
func (p *Patient) flow() *flow.Flow { return flow.New(p.Node, p.options) }

// Doctor collects what can be known about the node, and ranks what may be wrong. What the accounts may write is not
// tried.
func (p *Patient) Doctor(ctx context.Context, since time.Duration) (doctor.Diagnosis, error) {
	if err := p.read(ctx); err != nil {
		return doctor.Diagnosis{}, err
	}
	d := doctor.Run(ctx, p.doctorInput(since))
	if ctx.Err() != nil {
		return d, msg.Errorf("the check was interrupted")
	}
	return d, nil
}

// patience is how long config.yaml is waited for; tests have a shorter one.
var patience = check.DefaultDeadline

// read reads config.yaml, unless the file system that it is on hangs. Without the file nothing is said: which texts are
// secrets would not be known.
func (p *Patient) read(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		p.Snapshot()
		close(done)
	}()
	late := time.After(patience)
	if p.ConfigFile == "-" {
		late = nil // a person may be typing
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return msg.Errorf("the check was interrupted")
	case <-late:
		return msg.Errorf("cannot read the configuration %s: %w", p.ConfigFile,
			msg.Errorf("no answer within %s; see whether the file system that it is on hangs", patience))
	}
}

func (p *Patient) doctorInput(since time.Duration) doctor.Input {
	in := doctor.Input{
		Layout: p.Layout, Build: p.Build, Since: since, Now: p.Now, Status: flow.Client(p.Layout).Status,
		Check: func(ctx context.Context) (check.Report, error) {
			return whole(p.flow().Check(ctx, flow.CheckOptions{Deadline: deadline, LookOnly: true}))
		},
		Cluster: func(ctx context.Context) (check.Report, error) {
			return whole(p.flow().ClusterCheck(ctx, flow.ClusterOptions{Deadline: deadline}))
		},
		Logs:     func() (map[string][]string, error) { return flow.ProgramLogs(p.Layout) },
		Files:    func(context.Context) (doctor.Files, error) { return p.files() },
		Schema:   p.schema,
		History:  p.history,
		Symptoms: pack.BuiltinSymptoms,
		Mask:     p.masker().Text,
	}
	if k, err := p.Pack(); err == nil {
		in.Release, in.Symptoms, in.Programs = k.Release, k.Symptoms, k.Restart
	}
	if cfg, err := p.Config(); err == nil {
		in.Config, in.Address = cfg, p.Address(cfg)
	}
	return in
}

// whole takes a report that was cut for what was found until then.
func whole(report check.Report, err error) (check.Report, error) {
	if report.Results != nil {
		err = nil
	}
	return report, err
}

// files returns what step 3 would change.
func (p *Patient) files() (doctor.Files, error) {
	result, err := p.flow().PlanFiles()
	if err != nil {
		return doctor.Files{}, err
	}
	out := doctor.Files{Changed: []string{}, Edited: []string{}}
	for _, file := range result.Files {
		out.Changed = append(out.Changed, file.Path)
	}
	for _, k := range result.Kept {
		out.Edited = append(out.Edited, k.Path+keysOf(k))
	}
	out.Edited = append(out.Edited, result.Saved...)
	return out, nil
}

func keysOf(k component.Kept) string {
	if len(k.Keys) == 0 {
		return ""
	}
	return " (" + strings.Join(k.Keys, ", ") + ")"
}

// schema compares the databases with the schema of the pack.
func (p *Patient) schema(ctx context.Context) (out doctor.Schema, err error) {
	step, err := p.flow().MetaDB()
	if err != nil {
		return out, err
	}
	status, err := step.Status(ctx)
	if err != nil {
		return out, err
	}
	out = doctor.Schema{Recorded: status.Recorded, Pending: []string{}, Missing: []string{}, Changed: []string{},
		Problems: []string{}}
	for _, d := range status.Databases {
		for _, m := range d.Missing {
			out.Missing = append(out.Missing, d.Name+"."+m.What)
		}
		for _, c := range d.Changed {
			out.Changed = append(out.Changed, d.Name+"."+c.What)
		}
		for _, file := range d.Files {
			if file.State != "done" && file.State != "absent" {
				out.Pending = append(out.Pending, d.Name+" "+file.Version+" ("+file.State+")")
			}
		}
		if d.Problem != "" {
			out.Problems = append(out.Problems, d.Problem)
		}
	}
	return out, nil
}

func (p *Patient) history() ([]doctor.Version, error) {
	versions, err := component.NewHistory(p.Layout).List()
	var out []doctor.Version
	for _, v := range versions {
		entry := doctor.Version{ID: v.ID, Reason: v.Reason}
		for _, file := range v.Files {
			entry.Files = append(entry.Files, file.Path)
		}
		out = append(out, entry)
	}
	return out, err
}
