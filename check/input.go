package check

import (
	"cmp"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
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
	// UpgradeGates returns what stands against an upgrade; nil: it is not asked.
	UpgradeGates func(context.Context, *config.Config) ([]finding.Finding, error)
	// Environ is the environment, as os.Environ returns it.
	Environ []string
	// Release is the OMS release of the pack, such as 4.2.3-CE.
	Release string
	// Tables are those that the pack creates in each database. A database that has one of them belongs to OMS, whether
	// it is a documented one or not.
	Tables map[config.Role][]string
	// Offline checks the file alone: nothing of the host or the network.
	Offline bool
	// TryWrites tries what the account may do in the MetaDB and in the time-series database, with a throw-away database
	// in each.
	TryWrites bool
	// Ignore are the IDs of findings that are warnings instead of errors.
	Ignore Ignored
	// OwnGroups returns the process groups of the components that run already: a port that one of them holds is not in
	// the way.
	OwnGroups func(context.Context) []int
	// Gate returns an error when the MetaDB belongs to another release.
	Gate func(context.Context, *config.Config) error
	// TSDB tries the time-series database as configured, TSDBWrite whether it takes a database and a point.
	TSDB, TSDBWrite func(context.Context, *config.Config) error
	// Programs returns how the components of this node are; CM returns nil when a CM answers at an address. Both are
	// for Cluster.
	Programs func(context.Context) (Programs, error)
	CM       func(ctx context.Context, url string) error
	// HeartbeatAge is the age of a node's last heartbeat from which it is an error; 0 is the age from which OMS itself
	// calls a host down.
	HeartbeatAge time.Duration
	// Deadline of each check; 0 means DefaultDeadline.
	Deadline time.Duration

	// now, addresses and system are the clock, the network addresses and the root of /proc and /sys; tests have their
	// own.
	now       func() time.Time
	addresses func() ([]net.Addr, error)
	system    string
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
