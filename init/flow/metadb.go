package flow

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/init/upgrade"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// MetaDB gives step 2 for the commands that work on the MetaDB alone. What it
// says goes to standard error.
func MetaDB(o Options) (*metadb.Step, error) {
	o.setDefaults()
	log := func(m msg.Message) { fmt.Fprintln(o.Err, m.In(o.Lang)) }
	cfg, err := configOf(o)
	if err != nil {
		return nil, err
	}
	p, err := pack.Open(o.PackDir)
	if err != nil {
		return nil, err
	}
	return &metadb.Step{Config: cfg, Pack: p, LockTimeout: o.LockTimeout, Node: cfg.NodeAddress(o.HostIP), Tool: o.Build, Log: log}, nil
}

// MetaDBBackup gives the job of a backup in, or a restore from, a folder.
func MetaDBBackup(o Options, dir string) (*backup.Job, error) {
	s, err := MetaDB(o)
	if err != nil {
		return nil, err
	}
	return jobOf(s, dir), nil
}

func jobOf(s *metadb.Step, dir string) *backup.Job {
	return &backup.Job{Config: s.Config, Dir: dir, Node: s.Node, LockTimeout: s.LockTimeout, Tool: s.Tool, Log: s.Log}
}

// Migrate is step 2 alone, behind the gate of releases.
func Migrate(ctx context.Context, s *metadb.Step) (metadb.Result, error) {
	if err := upgrade.Gate(ctx, s.Config, s.Pack); err != nil {
		return metadb.Result{}, err
	}
	return s.Apply(ctx)
}

// ReinitMetaDB drops the three databases, after a backup of whatever there is,
// and creates them again. The name is that of the rm database, as a person
// typed it; nothing happens when it is another. It gives the folder of the
// backup, "" when there was nothing to back up.
func ReinitMetaDB(ctx context.Context, o Options, s *metadb.Step, name, dir string, progress func(backup.Progress)) (string, error) {
	o.setDefaults()
	if name != s.Config.RMDatabase {
		return "", s.Drop(ctx, name) // which refuses
	}
	if dir == "" {
		dir = filepath.Join(o.Layout.BackupDir(), o.Now().Format(time.DateOnly+"T150405"))
	}
	j := jobOf(s, dir)
	j.Partial, j.Progress = true, progress
	_, err := j.Backup(ctx)
	if errors.Is(err, backup.ErrNothing) {
		dir, err = "", nil
	}
	if err != nil {
		return "", err
	}
	if err := s.Drop(ctx, name); err != nil {
		return dir, err
	}
	_, err = s.Apply(ctx)
	return dir, err
}
