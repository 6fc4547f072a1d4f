package check

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/registry"
)

// DefaultDeadline is how long a check may take when nobody says otherwise.
const DefaultDeadline = 5 * time.Second

// Input is everything the checks look at.
type Input struct {
	Layout layout.Layout
	// ConfigFile is the path of config.yaml; "-" means the standard input.
	ConfigFile string
	// Load returns the configuration, its warnings, or what is wrong with it; nil
	// reads ConfigFile.
	Load func() (*config.Config, []finding.Finding, error)
	// HostIP is OMS_HOST_IP, empty when it is not set.
	HostIP string
	// Upgrade is the text of IS_UPGRADE, empty when it is not set.
	Upgrade string
	// UpgradeGates finds what stands against an upgrade; nil: it is not asked.
	UpgradeGates func(context.Context, *config.Config) ([]finding.Finding, error)
	// Environ is the environment, as os.Environ gives it.
	Environ []string
	// Release is the OMS release of the pack, such as 4.2.3-CE.
	Release string
	// Tables are those that the pack creates, by rm, cm and hb. A database that
	// has one of them belongs to OMS, whether it is a documented one or not.
	Tables map[string][]string
	// Offline checks the file alone: nothing of the host or the network.
	Offline bool
	// TryWrites tries what the account may do in the MetaDB and in the
	// time-series database, with a throw-away database in each.
	TryWrites bool
	// Ignore are the IDs of findings that are warnings instead of errors.
	Ignore Ignored
	// OwnGroups gives the process groups of the components that run already:
	// a port that one of them holds is not in the way.
	OwnGroups func(context.Context) []int
	// Gate decides whether the MetaDB at hand belongs to this release.
	Gate func(context.Context, *config.Config) error
	// TSDB tries the time-series database as configured, TSDBWrite whether it
	// takes a database and a point.
	TSDB, TSDBWrite func(context.Context, *config.Config) error
	// Programs says how the components of this node are, and CM whether a CM
	// answers at an address: for Cluster.
	Programs func(context.Context) (Programs, error)
	CM       func(ctx context.Context, url string) error
	// HeartbeatAge is how old the heartbeat of a node may be that is there; 0
	// means registry.Alive.
	HeartbeatAge time.Duration
	// Deadline of each check; 0 means DefaultDeadline.
	Deadline time.Duration

	// now, addresses and system are the clock, the network addresses and the
	// root of /proc and /sys; tests have their own.
	now       func() time.Time
	addresses func() ([]net.Addr, error)
	system    string
}

func (in *Input) setDefaults() {
	if in.Deadline == 0 {
		in.Deadline = DefaultDeadline
	}
	if in.HeartbeatAge == 0 {
		in.HeartbeatAge = registry.Alive
	}
	if in.now == nil {
		in.now = time.Now
	}
	if in.addresses == nil {
		in.addresses = net.InterfaceAddrs
	}
	if in.system == "" {
		in.system = "/"
	}
	if in.Load == nil {
		in.Load = func() (*config.Config, []finding.Finding, error) { return config.Load(in.ConfigFile) }
	}
}

// kernel reads a file of /proc or /sys, "" when it is not there.
func (in *Input) kernel(path string) string {
	data, err := os.ReadFile(filepath.Join(in.system, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
