package flow

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"omsinit/capture"
	"omsinit/capture/behave"
	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/init/component"
	"omsinit/init/metadb"
	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/node"
	"omsinit/internal/pack"
	"omsinit/supervise/client"
)

// CaptureOptions are what a capture, or the proof of a pack, is asked for.
type CaptureOptions struct {
	capture.Options
	// From is the bundle of the installation; empty is the one at the root.
	From string
	// Compare are bundles of further installations, with commas.
	Compare string
	// Synthetic also renders a pack for configurations that no installation has.
	Synthetic bool
	// Boot boots a pack instead, at the root.
	Boot bool
	// Advise only asks for a second configuration.
	Advise bool
	// NoMetaDB leaves the databases out.
	NoMetaDB bool
	// Record is a command whose calls to the CM are recorded first.
	Record string
	// WatchRestart restarts the programs, to see which files they open.
	WatchRestart bool
}

// Others are the bundles of Compare.
func (o CaptureOptions) Others() []string {
	return strings.FieldsFunc(o.Compare, func(r rune) bool { return r == ',' })
}

// Capture learns a pack from the installation at the root, or from a bundle.
func (f *Flow) Capture(ctx context.Context, o CaptureOptions) (r *report.Report, err error) {
	defer func() { err = nothingKept(ctx, err) }()
	if o.From != "" && (o.Record != "" || o.WatchRestart) {
		return nil, &UsageError{msg.M("--record and --watch-restart belong to the command that writes the bundle")}
	}
	j, done, err := f.captureJob(ctx, o, o.Out)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := f.watch(ctx, j.From, o); err != nil {
		return nil, err
	}
	return j.Run(ctx)
}

// nothingKept is the error of an interrupted capture, which leaves nothing behind.
func nothingKept(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Advise prints the config.yaml of a further installation that decides what this one, or those of bundles, leave open.
func (f *Flow) Advise(ctx context.Context, o CaptureOptions) (err error) {
	defer func() { err = nothingKept(ctx, err) }()
	var have []*source.Installation
	for _, file := range append([]string{o.From}, o.Others()...) {
		if file == "" {
			continue
		}
		i, done, err := source.OpenBundle(ctx, file)
		if err != nil {
			return err
		}
		defer done()
		have = append(have, i)
	}
	if o.From == "" {
		cfg, err := f.Config()
		if err != nil {
			return err
		}
		have = append([]*source.Installation{{Tree: f.Layout, Config: cfg}}, have...)
	}
	text, err := capture.Advise(have, f.Lang)
	if err == nil {
		_, err = f.Out.Write(text)
	}
	return err
}

// Bundle writes everything that a capture reads of the installation at the root into one file, with its passwords.
func (f *Flow) Bundle(ctx context.Context, o CaptureOptions, file string) (err error) {
	defer func() { err = nothingKept(ctx, err) }()
	if o.Out != "" || o.From != "" || o.Compare != "" || o.Diff != "" {
		return &UsageError{msg.M("--bundle only reads this container: it goes with neither --out, nor --from, nor --compare, nor --diff")}
	}
	if _, err := os.Lstat(file); err == nil && !o.Force {
		return msg.Errorf("%s is there already, and is not overwritten; name a new file, or give --force", file)
	}
	j, done, err := f.captureJob(ctx, o, file)
	if err != nil {
		return err
	}
	defer done()
	if err := f.watch(ctx, j.From, o); err != nil {
		return err
	}
	if !initialised(f.Layout) {
		f.fail(msg.M("warning: %s is not there, so the initialisation of this installation has not finished, and a pack made of it lacks what was not done; look at the last lines of docker logs", f.Layout.InitFlag()))
	}
	var snapshot *tables.Snapshot
	if t := j.From.Tables(); t != nil {
		if snapshot, err = tables.Take(ctx, t); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	err = j.From.Pack(ctx, &b, snapshot, o.Files)
	if err == nil {
		err = atomicfile.WriteLocked(file, b.Bytes())
	}
	if err != nil {
		return msg.Errorf("cannot write the bundle %s: %w", file, err)
	}
	f.say(msg.M("written: %s; it holds the passwords of this installation: remove it once the pack is made", file))
	return nil
}

// VerifyPack compares what a pack makes with what the installation has; or boots it at the root, which must be thrown
// away afterwards, and looks at what it does.
func (f *Flow) VerifyPack(ctx context.Context, o CaptureOptions, dir string) (r report.Result, err error) {
	defer func() { err = nothingKept(ctx, err) }()
	p, err := pack.Open(dir)
	if err != nil {
		return r, err
	}
	if o.Boot && o.From == "" {
		return r, &UsageError{msg.M("name the bundle of the captured installation with --from: the pack is booted beside its databases")}
	}
	j, done, err := f.captureJob(ctx, o, dir)
	if err != nil {
		return r, err
	}
	defer done()
	if r.Booted = o.Boot; !o.Boot {
		r.Differences, err = j.Verify(ctx, p, o.Synthetic)
		return r, err
	}
	proof := behave.Proof{Layout: f.Layout, Pack: p, Dir: dir, Installations: j.Installations(),
		Client: f.client, Log: f.fail}
	r.Differences, err = proof.Run(ctx)
	return r, err
}

// captureJob hands the steps that a capture proves itself with to it, which writes into a file or folder. done closes
// what was opened.
func (f *Flow) captureJob(ctx context.Context, o CaptureOptions, into string) (j *capture.Job, done func(), err error) {
	// Of captures that were killed.
	if err := errors.Join(atomicfile.Sweep(nil), atomicfile.SweepLocked(filepath.Dir(into))); err != nil {
		f.fail(leftBehind(err))
	}
	var from *source.Installation
	closers := []func(){}
	closeAll := func() {
		for _, c := range closers {
			c()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	open := func(file string) (*source.Installation, error) {
		i, close, err := source.OpenBundle(ctx, file)
		if err == nil {
			closers = append(closers, close)
		}
		return i, err
	}
	if o.From != "" {
		from, err = open(o.From)
	} else {
		from, err = f.here(ctx, o.WatchRestart)
	}
	if err != nil {
		return nil, nil, err
	}
	j = &capture.Job{
		Options: o.Options, From: from, Check: component.Check, Log: f.fail,
		Scratch: func(ctx context.Context, cfg *config.Config, p *pack.Pack) error {
			step := metadb.Step{Config: cfg, Pack: p, LockTimeout: f.LockTimeout, Node: from.HostIP, Tool: f.Build}
			_, err := step.Apply(ctx)
			return err
		},
	}
	for _, file := range o.Others() {
		other, err := open(file)
		if err != nil {
			return nil, nil, err
		}
		if j.Second == nil {
			j.Second = other
		} else {
			j.Others = append(j.Others, other)
		}
	}
	if !o.NoMetaDB {
		if from.DB, err = f.captureDatabase(ctx, from); err != nil {
			return nil, nil, err
		}
		if from.DB != nil {
			closers = append(closers, func() { from.DB.Close() })
		}
	}
	return j, closeAll, nil
}

// watch records the calls of a command to the CM, where there is one, and finds out who writes to the tables meanwhile.
func (f *Flow) watch(ctx context.Context, from *source.Installation, o CaptureOptions) (err error) {
	if from.Bundle != nil {
		return nil
	}
	r := source.Recorder{CM: from.Config.CMURL}
	watch := tables.Watch{From: tables.Live{DB: from.DB, Config: from.Config}}
	if from.DB != nil {
		if err := watch.Start(ctx); err != nil {
			return err
		}
		r.Before, r.After = func() { watch.Before(ctx) }, func() { watch.After(ctx) }
	}
	if o.Record != "" {
		if from.Calls, err = r.Run(ctx, o.Record, f.Err); err != nil {
			return err
		}
	}
	if from.DB != nil {
		from.Writers, err = watch.End(ctx)
	}
	return err
}

// here is the installation at the root, with what runs in it, which may be restarted.
func (f *Flow) here(ctx context.Context, restart bool) (*source.Installation, error) {
	from, err := installation(f.Node)
	if err != nil {
		return nil, err
	}
	if !from.Tree.Relocated() {
		from.Created = source.CreatedAt()
	}
	if from.Programs, err = f.runningPrograms(ctx); err != nil {
		f.fail(msg.M("the program files cannot be used, so none is captured: %v", err))
	}
	if restart {
		err := from.WatchRestart(ctx, from.Look(ctx).Files, func(name string) error {
			f.say(msg.M("restarting %s, to see which files it opens", name))
			longer, cancel := outlasting(ctx, restartTime)
			defer cancel()
			return f.client.Restart(longer, []string{name}, client.OperationOptions{}, nil)
		})
		if err == nil {
			from.Programs, err = f.runningPrograms(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	from.Observe()
	return from, nil
}

// restartTime is how long whoever interrupts waits until a program that is being restarted runs again.
const restartTime = 30 * time.Second

// outlasting returns a context that ends some time after another one does.
func outlasting(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return longer, func() { stop(); cancel() }
}

// installation is an OMS that the old scripts initialised, with its configuration.
func installation(n *node.Node) (*source.Installation, error) {
	cfg, err := n.Config()
	if err != nil {
		return nil, err
	}
	ip := n.Address(cfg)
	if ip == "" {
		return nil, msg.Errorf("it is not known which of cm_nodes the installation of %s is: set OMS_HOST_IP to its address", n.ConfigFile)
	}
	return &source.Installation{Tree: n.Layout, Config: cfg, HostIP: ip}, nil
}

// askTime bounds questions whose answer a capture can do without.
const askTime = 5 * time.Second

// captureDatabase opens the MetaDB of an installation. That of a bundle need not answer here.
func (f *Flow) captureDatabase(ctx context.Context, from *source.Installation) (*sql.DB, error) {
	db, err := database.Open(from.Config, "", database.As(from.HostIP))
	if err != nil || from.Bundle == nil {
		return db, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, nil
	}
	return db, nil
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
