package flow

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"omsinit/check"
	"omsinit/init/metadb/backup"
	"omsinit/init/upgrade"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/metrics"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// ignoreEnv lists findings that are warnings, as Options.Ignore does.
const ignoreEnv = "OMSINIT_IGNORE"

// check is step 1.
func (f *Flow) check(ctx context.Context) error {
	in, err := f.checkInput()
	if err != nil {
		return err
	}
	in.TryWrites = !finished(f.Node) // what the accounts may do is not tried again on a finished node
	in.Running = f.progress.checking
	report, _ := check.Run(ctx, in)
	if ctx.Err() != nil {
		return ctx.Err() // what was found is that it was interrupted
	}
	f.print(func(w io.Writer) { report.Print(w, f.lang) })
	f.warned = true
	f.progress.found(report.Findings())
	return report.Err()
}

// CheckOptions are what Check offers beyond step 1.
type CheckOptions struct {
	Offline  bool          // only what stands in the file
	Deadline time.Duration // of each check; 0 is check.DefaultDeadline
	LookOnly bool          // not what the accounts may write, which takes throw-away databases
}

// Check is step 1 alone. It changes nothing, but for throw-away databases that it removes again. A *UsageError is about
// the IDs to ignore.
func (f *Flow) Check(ctx context.Context, o CheckOptions) (report check.Report, err error) {
	var in check.Input
	if o.Offline {
		in, err = f.checkFile()
	} else if f.pack, err = f.Pack(); err == nil {
		in, err = f.checkInput()
	}
	if err != nil {
		return report, err
	}
	in.Offline, in.Deadline, in.TryWrites = o.Offline, o.Deadline, !o.LookOnly
	in.Restorable = f.restorable
	report, _ = check.Run(ctx, in)
	return report, interrupted(ctx)
}

// interrupted returns an error when checks were cut: what they found is worth nothing then.
func interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return msg.Errorf("the check was interrupted")
	}
	return nil
}

// checkFile is what the checks of the file alone look at.
func (f *Flow) checkFile() (check.Input, error) {
	ignored, err := check.ParseIgnored(append(slices.Clone(f.Ignore), os.Getenv(ignoreEnv))...)
	if err != nil {
		return check.Input{}, &UsageError{msg.M("%v", err)}
	}
	return check.Input{ConfigFile: f.ConfigFile, Load: f.Load, Ignore: ignored}, nil
}

// checkInput is what all checks look at.
func (f *Flow) checkInput() (check.Input, error) {
	in, err := f.checkFile()
	if err != nil {
		return in, err
	}
	ignored, err := check.ParseIgnored(f.pack.Ignore...)
	if err != nil {
		return in, msg.Errorf("cannot use the key ignore of the pack (%s): %w", f.pack.Source("pack.yaml"), err)
	}
	if f.TSDBOptional {
		ignored = append(ignored, tsdbChecks...)
	}
	in.Ignore = append(in.Ignore, ignored...)
	in.Layout, in.HostIP, in.Environ = f.Layout, f.HostIP, os.Environ()
	in.Upgrade, in.UpgradeMode = f.IsUpgrade, f.UpgradeMode
	in.Release, in.Tables = f.pack.Release, map[config.Role][]string{}
	for _, role := range config.Roles {
		in.Tables[role] = f.pack.Tables(role)
	}
	in.Uses, in.Demands, in.Suiting = f.uses, backup.Demands, f.pack.Suiting
	in.TooLong = f.tooLong
	in.ProgramFiles = f.programFiles
	in.OwnPrograms, in.OwnPort = f.ownPrograms, f.ownPort
	in.TSDB, in.TSDBWrite = metrics.Check, metrics.CheckWrite
	if f.IsUpgrade == "true" { // another release is what is wanted then
		in.UpgradeGates = f.upgradeGates
	} else {
		in.Gate = func(ctx context.Context, cfg *config.Config) error { return upgrade.Gate(ctx, cfg, f.pack) }
	}
	return in, nil
}

// programFiles returns what is wrong with the program files; nothing when step 3 has yet to write them.
func (f *Flow) programFiles() ([]finding.Finding, error) {
	d, err := program.Load(f.Layout.SupervisordConf(), rootEnv(f.Layout))
	if errors.Is(err, program.ErrNoDefinitions) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !f.Layout.Relocated() { // elsewhere every program runs as whoever started it
		d.CheckUsers()
	}
	return d.Findings, nil
}

// ProgramLogs returns the files into which PID 1 writes the output of each program, for when it does not answer.
func ProgramLogs(l layout.Layout) (map[string][]string, error) {
	d, err := program.Load(l.SupervisordConf(), rootEnv(l))
	if err != nil {
		return nil, err
	}
	logs := map[string][]string{}
	for _, p := range d.Programs {
		logs[p.FullName()] = []string{p.Stderr.Path, p.Stdout.Path}
	}
	return logs, nil
}

// uses returns the rights in the MetaDB that all parts of this program need.
func (f *Flow) uses(cfg *config.Config) ([]database.Use, error) {
	uses, err := f.metadbStep(cfg).Uses()
	return slices.Concat(uses, backup.Uses(cfg), upgrade.Uses(cfg)), err
}

// tooLong returns the values that do not fit into the columns that step 5 writes them to.
func (f *Flow) tooLong(ctx context.Context, db *sql.DB, cfg *config.Config) ([]finding.Finding, error) {
	room, err := f.metadbStep(cfg).Room(ctx, db)
	if err != nil {
		return nil, err
	}
	return f.resourceStep(cfg).TooLong(room)
}

// restorable tries what a backup and a restore do, as the plan of an upgrade does.
func (f *Flow) restorable(ctx context.Context, cfg *config.Config) ([]finding.Finding, error) {
	j := backupJob(f.metadbStep(cfg), "")
	var err error
	if j.Uses, err = f.uses(cfg); err != nil {
		return nil, err
	}
	return j.Probe(ctx)
}

// ownPrograms returns the components that PID 1 runs, with their first processes.
func (f *Flow) ownPrograms(ctx context.Context) map[string]int {
	status, err := f.ownStatus(ctx)
	if err != nil {
		return nil
	}
	return processes(status)
}

// ownPort returns the port on which PID 1 shows its page.
func (f *Flow) ownPort(ctx context.Context) int {
	status, err := f.ownStatus(ctx)
	if err != nil {
		return 0
	}
	return status.PagePort
}

// ownStatus asks PID 1, whatever the deadline of a check: without the answer its programs would be taken for strangers.
func (f *Flow) ownStatus(ctx context.Context) (*api.Status, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	return f.client.Status(ctx)
}

func processes(status *api.Status) map[string]int {
	pids := map[string]int{}
	for _, p := range status.Programs {
		if p.PID > 0 {
			pids[p.Name] = p.PID
		}
	}
	return pids
}
