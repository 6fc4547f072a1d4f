package check

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"syscall"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// supervisorctlPort is where the old supervisord listens. It is fixed (docs/oms-facts.md §3).
const supervisorctlPort = 8084

// portsFree tries to listen on each port. With --net host they are ports of the host, so anything may hold them
// (docs/oms-facts.md §3, §11). The components listen on all addresses, so that is what is tried: a holder of the port
// on one address is in the way as well.
func portsFree(ctx context.Context, n *node, f *found) {
	// Asked anew for each port that is taken: programs may be starting just now.
	groups := func() []int {
		if n.OwnGroups == nil {
			return nil
		}
		return n.OwnGroups(ctx)
	}
	try := listen
	if len(groups()) > 0 {
		try = lookUp
	}
	for _, p := range n.cfg.Ports() {
		fix := msg.M("stop what holds the port, or set another %s in config.yaml", p.Key)
		holder, err := try(ctx, p.Number)
		facts := []finding.Fact{fact("key", p.Key), fact("port", p.Number)}
		switch {
		case err == nil:
		case !errors.Is(err, syscall.EADDRINUSE):
			f.error("port.bind", msg.M("%s: cannot listen on port %d: %v", p.Key, p.Number, err), fix, facts...)
		case holder == nil:
			f.error("port.in-use", msg.M("%s: port %d is already in use", p.Key, p.Number), fix, facts...)
		case !slices.Contains(groups(), holder.group):
			f.error("port.in-use",
				msg.M("%s: port %d is already in use by process %d (%s)", p.Key, p.Number, holder.pid, holder.command),
				fix, append(facts, fact("pid", holder.pid), fact("command", holder.command))...)
		}
	}
	n.supervisorctl(ctx, f, groups)
}

// supervisorctl is about the one port that config.yaml cannot change. PID 1 serves its socket instead, so a port that
// is taken only matters to scripts that use it.
func (n *node) supervisorctl(ctx context.Context, f *found, groups func() []int) {
	if n.Layout.Relocated() {
		return
	}
	holder, err := listen(ctx, supervisorctlPort)
	if err == nil || !errors.Is(err, syscall.EADDRINUSE) || holder != nil && slices.Contains(groups(), holder.group) {
		return
	}
	m := msg.M("port %d is already in use", supervisorctlPort)
	facts := []finding.Fact{fact("port", supervisorctlPort)}
	if holder != nil {
		m = msg.M("port %d is already in use by process %d (%s)", supervisorctlPort, holder.pid, holder.command)
		facts = append(facts, fact("pid", holder.pid), fact("command", holder.command))
	}
	f.warning("port.supervisorctl", m,
		msg.M("stop what holds the port if anything of yours talks to supervisord there"), facts...)
}

// lookUp is listen for a node whose components run or are starting: for the moment that listen takes the port, one of
// them could not have it.
func lookUp(_ context.Context, port int) (*listener, error) {
	if holder, taken := findListener(port); taken {
		return holder, syscall.EADDRINUSE
	}
	return nil, nil
}

// listen tries a port; when it is in use it returns the holder, or nil when that is unknown.
func listen(ctx context.Context, port int) (*listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err == nil {
		return nil, l.Close()
	}
	holder, _ := findListener(port)
	return holder, err
}
