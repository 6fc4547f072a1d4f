// Package upgrade brings an installation from one release to the next, and
// back: the gate of releases, the plan, the journalled stages, the backup that
// they begin with, the restore that follows a failure, and the rollback.
//
// Source of the rules: oms-facts §7.
package upgrade

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// DefaultKeep is how many backups are kept, those in use apart.
const DefaultKeep = 3

// DefaultLockTimeout is how long to wait for another node that upgrades: it
// dumps, changes and starts before it is done.
const DefaultLockTimeout = 2 * time.Hour

// Options are what an upgrade is told.
type Options struct {
	// From states the release of an installation that records none.
	From string
	// AutoHA switches high availability off before, and on again after.
	AutoHA bool
	// Confirmed names the steps by hand that were done (pack.Route.Requires).
	Confirmed []string
	// KeepFailed leaves a failed upgrade as it is, instead of restoring.
	KeepFailed bool
	// Unattended is a run that nobody asked for, at the start of a container. It
	// does not repeat what failed, and does not undo what people did.
	Unattended bool
	// Heartbeats names heartbeat databases that are not found by themselves.
	Heartbeats []string
	// Keep is how many backups are kept; 0 means DefaultKeep.
	Keep int
	// LockTimeout is how long to wait for another node; 0 means DefaultLockTimeout.
	LockTimeout time.Duration
	// Progress takes how far a backup or a restore is; it may be nil.
	Progress func(backup.Progress)
}

// Upgrade is an upgrade with everything it touches.
type Upgrade struct {
	Options
	// Config is what ConfigText says, which is what ConfigFile held.
	Config     *config.Config
	ConfigFile string
	ConfigText []byte
	Pack       *pack.Pack
	Layout     layout.Layout
	// Node names this node in the journal, usually its IP address; Tool is the
	// version of omsinit.
	Node, Tool string
	Programs   Programs
	// Log takes messages; it may be nil.
	Log func(msg.Message)
	Now func() time.Time

	// fault is asked before and after each stage; tests fail or die there.
	fault func(at string) error
}

// Programs stops what uses the MetaDB.
type Programs interface {
	// Running names those of the programs that have a process.
	Running(ctx context.Context, names []string) ([]string, error)
	Stop(ctx context.Context, names []string) error
}

func (u *Upgrade) log(m msg.Message) {
	if u.Log != nil {
		u.Log(m)
	}
}

func (u *Upgrade) now() time.Time {
	if u.Now != nil {
		return u.Now()
	}
	return time.Now()
}

func (u *Upgrade) open() (*sql.DB, error) {
	return database.Open(u.Config, "", database.As(u.Node), database.CountFoundRows)
}

// step is the migration of the schema.
func (u *Upgrade) step() *metadb.Step {
	return &metadb.Step{Config: u.Config, Pack: u.Pack, Node: u.Node, Tool: u.Tool, LockTimeout: u.LockTimeout,
		Log: u.Log}
}

// job is a backup in, or a restore from, a folder.
func (u *Upgrade) job(dir string) *backup.Job {
	return &backup.Job{Config: u.Config, Dir: dir, Heartbeats: u.Heartbeats, Node: u.Node, LockTimeout: u.LockTimeout,
		Tool: u.Tool, Log: u.Log, Progress: u.Progress}
}

func (u *Upgrade) keep() int { return cmp.Or(max(u.Keep, 0), DefaultKeep) }
