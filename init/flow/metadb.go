package flow

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/init/upgrade"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// metadbStep is step 2 on this node. It goes by the address as far as that is known.
func (f *Flow) metadbStep(cfg *config.Config) *metadb.Step {
	return &metadb.Step{
		Config: cfg, Pack: f.pack, LockTimeout: f.LockTimeout, Node: f.Address(cfg), Tool: f.Build, Log: f.say,
	}
}

// metadb is step 2.
func (f *Flow) metadb(ctx context.Context) error {
	cfg, err := f.need()
	if err != nil {
		return err
	}
	result, err := Migrate(ctx, f.metadbStep(cfg))
	if err == nil && !result.Changed() && result.Deviating == 0 {
		f.say(msg.M("the databases %s are up to date",
			msg.List([]string{cfg.RMDatabase, cfg.CMDatabase, cfg.HeartbeatDatabase})))
	}
	return err
}

// Migrate runs step 2, behind the gate of releases.
func Migrate(ctx context.Context, s *metadb.Step) (metadb.Result, error) {
	if err := upgrade.Gate(ctx, s.Config, s.Pack); err != nil {
		return metadb.Result{}, err
	}
	return s.Apply(ctx)
}

// MetaDB returns step 2 for the operations on the MetaDB alone. What it says goes to standard error.
func (f *Flow) MetaDB() (*metadb.Step, error) {
	cfg, err := f.open()
	if err != nil {
		return nil, err
	}
	return f.metadbStep(cfg), nil
}

// Backup returns the job of a backup in, or a restore from, a folder.
func (f *Flow) Backup(dir string) (*backup.Job, error) {
	s, err := f.MetaDB()
	if err != nil {
		return nil, err
	}
	return backupJob(s, dir), nil
}

func backupJob(s *metadb.Step, dir string) *backup.Job {
	return &backup.Job{Config: s.Config, Dir: dir, Node: s.Node, LockTimeout: s.LockTimeout, Tool: s.Tool, Log: s.Log}
}

// ReinitMetaDB drops the three databases, after a backup of whatever there is, and creates them again with a step of
// MetaDB. The name is that of the rm database, as a person typed it; nothing happens when it is another. The backup
// goes to dir, or to a new folder of the run mount; the result is its folder, empty when there was nothing to back up.
func (f *Flow) ReinitMetaDB(
	ctx context.Context, s *metadb.Step, name, dir string, progress func(backup.Progress),
) (string, error) {
	if name != s.Config.RMDatabase {
		return "", s.Drop(ctx, name) // which refuses
	}
	if dir == "" {
		dir = filepath.Join(f.Layout.BackupDir(), f.Now().Format(time.DateOnly+"T150405"))
	}
	j := backupJob(s, dir)
	j.Partial, j.Progress = true, progress
	_, err := j.Backup(ctx)
	if errors.Is(err, backup.ErrNothing) {
		dir, err = "", nil
	}
	if err != nil {
		return "", err
	}
	err = s.Drop(ctx, name)
	if err == nil {
		err = j.Forget(ctx)
	}
	if err == nil {
		_, err = s.Apply(ctx)
	}
	return dir, err
}
