package check

import (
	"cmp"
	"context"
	"database/sql"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// DefaultDeadline is how long a check may take without --deadline.
const DefaultDeadline = 5 * time.Second

// Input is everything the checks look at.
type Input struct {
	Layout layout.Layout
	// ConfigFile is the path of config.yaml; "-" means the standard input.
	ConfigFile string
	// Load returns the configuration, its warnings, or what is wrong with it; nil reads ConfigFile.
	Load func() (*config.Config, []finding.Finding, error)
	// HostIP is OMS_HOST_IP, empty when it is not set.
	HostIP string
	// Upgrade is the text of IS_UPGRADE, empty when it is not set.
	Upgrade string
	// UpgradeMode is the text of OMSINIT_UPGRADE, empty when it is not set.
	UpgradeMode string
	// UpgradeGates returns what stands against an upgrade; nil: it is not asked.
	UpgradeGates func(context.Context, *config.Config) ([]finding.Finding, error)
	// Environ is the environment, as os.Environ returns it.
	Environ []string
	// Release is the OMS release of the pack, such as 4.2.3-CE.
	Release string
	// Tables are those that the pack creates in each database. A database that has one of them belongs to OMS, whether
	// it is a documented one or not.
	Tables map[config.Role][]string
	// Suiting returns what is known about a server as the MetaDB of the release, nil when that is nothing.
	Suiting func(kind, version string) *pack.Server
	// Uses returns the rights in the MetaDB that an initialisation, backups, restores and upgrades need; nil: only what
	// can be tried in a throw-away database is looked at.
	Uses func(*config.Config) ([]database.Use, error)
	// Demands returns what the objects that the databases hold demand of the account beyond Uses; nil: it is not asked.
	// It is asked where other rights are lacking.
	Demands func(context.Context, *sql.DB, *config.Config) (database.Demands, error)
	// TooLong returns the values of the configuration that do not fit into the columns of the MetaDB that they are
	// written to; nil: it is not asked.
	TooLong func(context.Context, *sql.DB, *config.Config) ([]finding.Finding, error)
	// Restorable returns what stands against a backup of the databases, or its restore, as a trial without rows finds
	// it; nil: it is not tried.
	Restorable func(context.Context, *config.Config) ([]finding.Finding, error)
	// Offline checks the file alone: nothing of the host or the network.
	Offline bool
	// TryWrites tries what the account may do in the MetaDB and in the time-series database, with a throw-away database
	// in each.
	TryWrites bool
	// Ignore are the IDs of findings that are warnings instead of errors.
	Ignore Ignored
	// OwnPrograms returns the components that run already, with their first processes: a port that the right one of
	// them holds, or a process below it, is not in the way.
	OwnPrograms func(context.Context) map[string]int
	// OwnPort returns the port that PID 1 itself holds until a component has it, 0 for none; nil for the same.
	OwnPort func(context.Context) int
	// Running is told when a check begins and when it has ended, side by side with others; nil tells nobody.
	Running func(id string, title msg.Message, runs bool)
	// ProgramFiles returns what is wrong with the program files that are there.
	ProgramFiles func() ([]finding.Finding, error)
	// Gate returns an error when the MetaDB belongs to another release.
	Gate func(context.Context, *config.Config) error
	// TSDB tries the time-series database as configured, TSDBWrite whether it takes a database and a point.
	TSDB, TSDBWrite func(context.Context, *config.Config) error
	// Programs returns how the components of this node are; CM returns nil when a CM answers at an address. Both are
	// for Cluster.
	Programs func(context.Context) (Programs, error)
	CM       func(ctx context.Context, url string) error
	// Scheme returns whether https or http is spoken at an address; for Cluster.
	Scheme func(ctx context.Context, address string) (string, error)
	// HeartbeatAge is the age of a node's last heartbeat from which it is an error; 0 is the age from which OMS itself
	// calls a host down.
	HeartbeatAge time.Duration
	// Deadline of each check; 0 means DefaultDeadline.
	Deadline time.Duration

	// now, addresses, system and findProgram are the clock, the network addresses, the root of /proc and /sys, and
	// where programs are; tests have their own.
	now         func() time.Time
	addresses   func() ([]net.Addr, error)
	system      string
	findProgram func(name string) (string, error)
}

func (in *Input) setDefaults() {
	in.Deadline = cmp.Or(in.Deadline, DefaultDeadline)
	in.system = cmp.Or(in.system, "/")
	if in.now == nil {
		in.now = time.Now
	}
	if in.addresses == nil {
		in.addresses = net.InterfaceAddrs
	}
	if in.findProgram == nil {
		in.findProgram = layout.FindProgram
	}
	if in.Load == nil {
		in.Load = func() (*config.Config, []finding.Finding, error) { return config.Load(in.ConfigFile) }
	}
}

// kernel reads a file of /proc or /sys, "" when it cannot be read.
func (in *Input) kernel(path string) string {
	data, err := os.ReadFile(filepath.Join(in.system, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
