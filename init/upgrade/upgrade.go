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
	"slices"
	"time"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/init/upgrade/hosts"
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

// proveLimits are what a restore on trial may take in full; beyond them the structure of everything and a sample of the
// rows are restored.
var proveLimits = backup.Limits{Time: 15 * time.Minute, Space: 20 << 30}

// Options are what an upgrade is told.
type Options struct {
	// From states the release of an installation that records none.
	From string
	// AutoHA switches high availability off before, and on again after.
	AutoHA bool
	// Confirmed names the steps by hand that were done (pack.Route.Requires).
	Confirmed []string
	// OthersRun allows other nodes to run meanwhile, as they do while nodes are upgraded in place, one after the other.
	// What they write after the backup is lost when that must be restored.
	OthersRun bool
	// KeepFailed leaves a failed upgrade as it is, instead of restoring.
	KeepFailed bool
	// Prove is how much of the backup is restored on trial before the first
	// change; empty leaves it to the size of the backup.
	Prove backup.ProofMode
	// Unattended is a run that nobody asked for, at the start of a container. It
	// does not repeat what failed, and does not undo what people did.
	Unattended bool
	// Heartbeats names heartbeat databases that are not found by themselves.
	Heartbeats []string
	// Hosts makes the plan name the commands of each host.
	Hosts hosts.Options
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
	// StoppedOwn: this run has stopped the programs of this node already, so that its sign of life means nothing.
	StoppedOwn bool
	// Uses are the rights that all who use the databases need.
	Uses []database.Use
	// Log takes messages; it may be nil.
	Log func(msg.Message)
	Now func() time.Time

	// fault is asked before and after each stage; tests fail or die there.
	fault func(at string) error
}

// Programs stops what uses the MetaDB, and starts it again.
type Programs interface {
	// Running names those of the programs that have a process, or are about to be started.
	Running(ctx context.Context, names []string) ([]string, error)
	Stop(ctx context.Context, names []string) error
	// Start returns when they are ready.
	Start(ctx context.Context, names []string) error
}

func (u *Upgrade) log(m msg.Message) {
	if u.Log != nil {
		u.Log(m)
	}
}

func (u *Upgrade) warn(err error) {
	if err != nil {
		u.log(msg.M("warning: %v", err))
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

// step is the migration of the schema of a region.
func (u *Upgrade) step(region *config.Config) *metadb.Step {
	return &metadb.Step{Config: region, Pack: u.Pack, From: u.From, Node: u.Node, Tool: u.Tool,
		LockTimeout: u.LockTimeout, Log: u.Log}
}

// configs returns the configuration of this region, and what is needed of those
// of the others: they differ in their heartbeat databases.
func (u *Upgrade) configs(heartbeats []string) []*config.Config {
	out := []*config.Config{u.Config}
	for _, name := range heartbeats {
		if name != u.Config.HeartbeatDatabase {
			c := *u.Config
			c.HeartbeatDatabase = name
			out = append(out, &c)
		}
	}
	return out
}

// pending lists what the migrations of regions send.
func (u *Upgrade) pending(ctx context.Context, regions []*config.Config) (out []metadb.Statements, err error) {
	for _, c := range regions {
		statements, err := u.step(c).Statements(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(statements, func(st metadb.Statements) bool {
			return c != u.Config && st.Kind != config.Heartbeat
		})...)
	}
	return out, nil
}

// find lists the databases that a backup holds.
func (u *Upgrade) find(ctx context.Context, db *sql.DB) (out []backup.Database, err error) {
	found, err := u.job("").Find(ctx, db)
	for _, d := range found {
		out = append(out, *d)
	}
	return out, err
}

// job is a backup in, or a restore from, a folder.
func (u *Upgrade) job(dir string) *backup.Job {
	return &backup.Job{Config: u.Config, Dir: dir, Heartbeats: u.Heartbeats, Node: u.Node, LockTimeout: u.LockTimeout,
		Tool: u.Tool, Uses: u.Uses, Log: u.Log, Progress: u.Progress}
}

func (u *Upgrade) keep() int { return cmp.Or(max(u.Keep, 0), DefaultKeep) }
