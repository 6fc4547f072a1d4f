package flow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	"omsinit/internal/pack"
	"omsinit/supervise/program"
)

// CaptureOptions are what a capture, or the proof of a pack, is given beside
// Options.
type CaptureOptions struct {
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

	Release, Since, Out string
	Force               bool
	Files, Keep, Rows   []string
}

// Capture learns a pack from the installation at the root.
func Capture(ctx context.Context, o Options, c CaptureOptions) (*capture.Report, error) {
	j, done, err := captureJob(ctx, o, c)
	if err != nil {
		return nil, err
	}
	defer done()
	if c.Record != "" {
		r := source.Recorder{CM: j.From.Config.CMURL}
		if j.Calls, err = r.Run(ctx, c.Record, o.Err); err != nil {
			return nil, err
		}
	}
	if c.CompareRecord != "" && j.Second != nil {
		r := source.Recorder{CM: j.Second.Config.CMURL}
		if j.SecondCalls, err = r.Run(ctx, c.CompareRecord, o.Err); err != nil {
			return nil, err
		}
	}
	return j.Run(ctx)
}

// VerifyPack compares what a pack makes with what the installation has.
func VerifyPack(ctx context.Context, o Options, c CaptureOptions, dir string) ([]capture.Difference, error) {
	p, err := pack.Open(dir)
	if err != nil {
		return nil, err
	}
	j, done, err := captureJob(ctx, o, c)
	if err != nil {
		return nil, err
	}
	defer done()
	return j.Verify(ctx, p)
}

// captureJob hands the steps that a capture proves itself with to it. done
// closes what was opened.
func captureJob(ctx context.Context, o Options, c CaptureOptions) (j *capture.Job, done func(), err error) {
	o.setDefaults()
	say := func(m msg.Message) { fmt.Fprintln(o.Err, m.In(o.Lang)) }
	from, err := installation(o.Layout, o.ConfigFile, o.HostIP)
	if err != nil {
		return nil, nil, err
	}
	j = &capture.Job{From: from, Release: c.Release, Since: c.Since, Out: c.Out, Force: c.Force, Files: c.Files, Keep: c.Keep, Rows: c.Rows,
		Check: component.Check, Log: say,
		Load: func(conf, root string) error {
			_, err := program.Load(conf, "OMSINIT_ROOT="+root)
			return err
		},
		Scratch: func(ctx context.Context, cfg *config.Config, p *pack.Pack) error {
			step := metadb.Step{Config: cfg, Pack: p, LockTimeout: o.LockTimeout, Node: from.HostIP, Tool: o.Build}
			_, err := step.Apply(ctx)
			return err
		},
	}
	if c.Compare != "" {
		l := layout.New(c.Compare)
		if j.Second, err = installation(l, l.ConfigFile(), c.CompareHostIP); err != nil {
			return nil, nil, err
		}
	}
	if j.Programs, err = runningPrograms(ctx, o); err != nil {
		say(msg.M("the program files cannot be used, so none is captured: %v", err))
	}
	done = func() {}
	if c.NoMetaDB {
		return j, done, nil
	}
	if j.DB, err = database.Open(from.Config, "", database.As(from.HostIP)); err != nil {
		return nil, nil, err
	}
	j.SecondDB = secondDatabase(ctx, j.Second, say)
	return j, func() {
		j.DB.Close()
		if j.SecondDB != nil {
			j.SecondDB.Close()
		}
	}, nil
}

// installation reads the configuration of an OMS.
func installation(l layout.Layout, file, hostIP string) (*source.Installation, error) {
	cfg, _, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	ip := cfg.NodeAddress(hostIP)
	if ip == "" {
		return nil, msg.Errorf("it is not known which of cm_nodes the installation of %s is: set OMS_HOST_IP to its address, and for the second one --compare-host-ip", file)
	}
	return &source.Installation{Tree: l, Config: cfg, HostIP: ip}, nil
}

// askTime bounds questions whose answer a capture can do without.
const askTime = 5 * time.Second

// secondDatabase opens the MetaDB of the second installation, if it answers.
func secondDatabase(ctx context.Context, second *source.Installation, say func(msg.Message)) *sql.DB {
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
		say(msg.M("the MetaDB of the second installation does not answer, so rows of settings are not compared: %v", database.Explain(second.Config, err)))
		return nil
	}
	return db
}

// runningPrograms reads the program files, and asks whoever supervises what runs.
func runningPrograms(ctx context.Context, o Options) (capture.Programs, error) {
	conf := o.Layout.SupervisordConf()
	d, err := loadPrograms(o.Layout)
	if errors.Is(err, program.ErrNoDefinitions) {
		return capture.Programs{}, nil
	}
	if err != nil {
		return capture.Programs{}, err
	}
	out := capture.Programs{Conf: conf, Files: d.Files}
	pids := map[string]int{}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if status, err := Client(o.Layout).Status(ctx); err == nil {
		for _, p := range status.Programs {
			pids[p.Name] = p.PID
		}
	}
	for _, p := range d.Programs {
		out.List = append(out.List, capture.Program{Name: p.FullName(), Directory: p.Directory, User: p.User, Command: p.Command, Files: p.Files, PID: pids[p.FullName()]})
	}
	for i, name := range out.Files {
		if abs, err := filepath.Abs(name); err == nil {
			out.Files[i] = abs
		}
	}
	return out, nil
}

// loadPrograms reads the program files of a tree. Those of a copy of a container
// name each other by their paths there, which are other files here.
func loadPrograms(l layout.Layout) (*program.Definitions, error) {
	conf := l.SupervisordConf()
	data, err := os.ReadFile(conf)
	if err != nil || !l.Relocated() {
		return program.Load(conf, rootEnv(l))
	}
	dir, err := os.MkdirTemp("", "omsinit-capture-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	moved := filepath.Join(dir, filepath.Base(conf))
	data = capture.MoveIncludes(data, func(name string) string {
		switch {
		case !filepath.IsAbs(name):
			return filepath.Join(filepath.Dir(conf), name)
		case strings.HasPrefix(name, l.Root()+"/"):
			return name
		}
		return l.Path(name)
	})
	if err := os.WriteFile(moved, data, 0o600); err != nil {
		return nil, err
	}
	d, err := program.Load(moved, rootEnv(l))
	if err == nil {
		d.Files[0] = conf
	}
	return d, err
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

// DiffPacks gives how the second pack differs from the first.
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
