package flow

import (
	"context"
	"database/sql"
	"time"

	"omsinit/capture"
	"omsinit/capture/prove"
	"omsinit/capture/source"
	"omsinit/init/component"
	"omsinit/init/metadb"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/node"
	"omsinit/internal/pack"
)

// CaptureOptions are what a capture, or the proof of a pack, is asked for.
type CaptureOptions struct {
	capture.Options
	// Compare is the folder of a second installation's files; empty is none.
	Compare string
	// CompareHostIP is that installation's OMS_HOST_IP.
	CompareHostIP string
	// NoMetaDB leaves the databases out.
	NoMetaDB bool
	// Record is a command whose calls to the CM are recorded first.
	Record string
	// CompareRecord is the same of the second installation.
	CompareRecord string
}

// Capture learns a pack from the installation at the root.
func (f *Flow) Capture(ctx context.Context, o CaptureOptions) (*capture.Report, error) {
	j, done, err := f.captureJob(ctx, o)
	if err != nil {
		return nil, err
	}
	defer done()
	if o.Record != "" {
		r := source.Recorder{CM: j.From.Config.CMURL}
		if j.Calls, err = r.Run(ctx, o.Record, f.Err); err != nil {
			return nil, err
		}
	}
	if o.CompareRecord != "" && j.Second != nil {
		r := source.Recorder{CM: j.Second.Config.CMURL}
		if j.SecondCalls, err = r.Run(ctx, o.CompareRecord, f.Err); err != nil {
			return nil, err
		}
	}
	return j.Run(ctx)
}

// VerifyPack compares what a pack makes with what the installation has.
func (f *Flow) VerifyPack(ctx context.Context, o CaptureOptions, dir string) ([]capture.Difference, error) {
	p, err := pack.Open(dir)
	if err != nil {
		return nil, err
	}
	j, done, err := f.captureJob(ctx, o)
	if err != nil {
		return nil, err
	}
	defer done()
	return j.Verify(ctx, p)
}

// captureJob hands the steps that a capture proves itself with to it. done closes what was opened.
func (f *Flow) captureJob(ctx context.Context, o CaptureOptions) (j *capture.Job, done func(), err error) {
	from, err := installation(f.Node)
	if err != nil {
		return nil, nil, err
	}
	j = &capture.Job{
		Options: o.Options, From: from, Check: component.Check, Log: f.say,
		Scratch: func(ctx context.Context, cfg *config.Config, p *pack.Pack) error {
			step := metadb.Step{Config: cfg, Pack: p, LockTimeout: f.LockTimeout, Node: from.HostIP, Tool: f.Build}
			_, err := step.Apply(ctx)
			return err
		},
	}
	if o.Compare != "" {
		second := node.New(node.Given{Layout: layout.New(o.Compare), HostIP: o.CompareHostIP})
		if j.Second, err = installation(second); err != nil {
			return nil, nil, err
		}
	}
	if j.Programs, err = f.runningPrograms(ctx); err != nil {
		f.say(msg.M("the program files cannot be used, so none is captured: %v", err))
	}
	if o.NoMetaDB {
		return j, func() {}, nil
	}
	if j.DB, err = database.Open(from.Config, "", database.As(from.HostIP)); err != nil {
		return nil, nil, err
	}
	j.SecondDB = f.secondDatabase(ctx, j.Second)
	return j, func() {
		j.DB.Close()
		if j.SecondDB != nil {
			j.SecondDB.Close()
		}
	}, nil
}

// installation is an OMS that the old scripts initialised, with its configuration.
func installation(n *node.Node) (*source.Installation, error) {
	cfg, err := n.Config()
	if err != nil {
		return nil, err
	}
	ip := n.Address(cfg)
	if ip == "" {
		return nil, msg.Errorf("it is not known which of cm_nodes the installation of %s is: set OMS_HOST_IP to its address, and for the second one --compare-host-ip", n.ConfigFile)
	}
	return &source.Installation{Tree: n.Layout, Config: cfg, HostIP: ip}, nil
}

// askTime bounds questions whose answer a capture can do without.
const askTime = 5 * time.Second

// secondDatabase opens the MetaDB of the second installation, if it answers.
func (f *Flow) secondDatabase(ctx context.Context, second *source.Installation) *sql.DB {
	if second == nil {
		return nil
	}
	db, err := database.Open(second.Config, "")
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		f.say(msg.M("the MetaDB of the second installation does not answer, so rows of settings are not compared: %v", database.Explain(second.Config, err)))
		return nil
	}
	return db
}

// runningPrograms reads the program files, and asks whoever supervises what runs.
func (f *Flow) runningPrograms(ctx context.Context) (source.Programs, error) {
	programs, err := source.ReadPrograms(f.Layout, rootEnv(f.Layout))
	if err != nil {
		return programs, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	status, err := f.client.Status(ctx)
	if err != nil {
		return programs, nil // nobody supervises, so nothing runs
	}
	running := byName(status)
	for i, p := range programs.List {
		programs.List[i].PID = running[p.Name].PID
	}
	return programs, nil
}

// LintPack looks for faults of the pack in a folder.
func LintPack(dir string) ([]prove.Fault, error) {
	p, err := pack.Open(dir)
	if err != nil {
		return []prove.Fault{{Severity: "error", File: "pack.yaml", Text: msg.M("%v", err)}}, nil
	}
	l := prove.Linter{Pack: p, Compare: func(a, b string) (int, error) {
		x, err := metadb.ParseVersion(a)
		if err != nil {
			return 0, err
		}
		y, err := metadb.ParseVersion(b)
		return x.Compare(y), err
	}}
	return l.Lint()
}

// DiffPacks returns how the second pack differs from the first.
func DiffPacks(a, b string) ([]prove.Change, error) {
	x, err := pack.Open(a)
	if err != nil {
		return nil, err
	}
	y, err := pack.Open(b)
	if err != nil {
		return nil, err
	}
	return prove.Diff(x, y, component.Unified)
}
