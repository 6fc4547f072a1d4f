// Package node is what one command is given once: the paths of this node, a
// snapshot of its config.yaml, the pack, its address, the clock, the language
// and where to write. config.yaml and the pack are opened when they are first
// asked for, and never again.
package node

import (
	"cmp"
	"fmt"
	"io"
	"sync"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Given is what the command line and the environment say about the node.
type Given struct {
	Layout layout.Layout
	// ConfigFile is the path of config.yaml; empty means that of the layout.
	ConfigFile string
	// PackDir is the folder that is laid over the built-in pack; empty means
	// that of the layout.
	PackDir string
	// HostIP is OMS_HOST_IP, empty when it is not set.
	HostIP string
	// IsUpgrade is the text of IS_UPGRADE, empty when it is not set.
	IsUpgrade string
	// UpgradeMode is the text of OMSINIT_UPGRADE, empty when it is not set. With "auto" an upgrade that is due is done
	// without IsUpgrade.
	UpgradeMode string
	// Build is omsinit's own version: another build may render other files.
	Build string
	Lang  msg.Lang
	// Out takes results, Err everything else that a person is to read; nil
	// discards it.
	Out, Err io.Writer
	// Stdin is what "-" means as ConfigFile; nil where it means nothing.
	Stdin io.Reader
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Node is the node that a command works on, see New.
type Node struct {
	Given

	mu       sync.Mutex
	snapshot *Snapshot
	pack     *pack.Pack
}

// New returns a node. It opens nothing.
func New(g Given) *Node {
	g.ConfigFile = cmp.Or(g.ConfigFile, g.Layout.ConfigFile())
	g.PackDir = cmp.Or(g.PackDir, g.Layout.PackDir())
	if g.Out == nil {
		g.Out = io.Discard
	}
	if g.Err == nil {
		g.Err = io.Discard
	}
	if g.Now == nil {
		g.Now = time.Now
	}
	return &Node{Given: g}
}

// Again returns the node without its snapshot: whoever asks it sees config.yaml and the certificates as they are now.
// The pack does not change in a container.
func (n *Node) Again() *Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	again := New(n.Given)
	again.pack = n.pack
	return again
}

// Tell writes a message to Err, beside the results of the command.
func (n *Node) Tell(m msg.Message) {
	fmt.Fprintln(n.Err, m.In(n.Lang))
}

// Pack returns the pack, which is opened once. A pack with a fault is an error
// each time.
func (n *Node) Pack() (*pack.Pack, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pack != nil {
		return n.pack, nil
	}
	p, err := pack.Open(n.PackDir)
	n.pack = p
	return p, err
}

// Address returns the address that this node goes by, empty when it is unknown.
func (n *Node) Address(cfg *config.Config) string { return cfg.NodeAddress(n.HostIP) }
