package check

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"syscall"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/listener"
	"omsinit/internal/msg"
)

// supervisorctlPort is where the old supervisord listens. It is fixed (docs/oms-facts.md §3).
const supervisorctlPort = 8084

// portsFree tries to listen on each port. With --net host they are ports of the host, so anything may hold them
// (docs/oms-facts.md §3, §11). The components listen on all addresses, so that is what is tried: a holder of the port
// on one address is in the way as well.
func portsFree(ctx context.Context, n *node, f *found) {
	named := func() map[string]int {
		if n.OwnPrograms == nil {
			return nil
		}
		return n.OwnPrograms(ctx)
	}
	programs := func() []int { return slices.Collect(maps.Values(named())) }
	find := listen
	if len(programs()) > 0 {
		// For the moment that listen takes a port, a program that is starting could not have it.
		find = func(_ context.Context, port int, programs func() []int) (listener.Holder, error) {
			return findAfter(port, programs), nil
		}
	}
	for _, p := range n.cfg.Ports() {
		fix := msg.M("stop what holds the port, or set another %s in config.yaml", p.Key)
		holder, err := find(ctx, p.Number, programs)
		facts := []finding.Fact{fact("key", p.Key), fact("port", p.Number)}
		switch {
		case err != nil:
			f.error("port.bind", msg.M("%s: cannot listen on port %d: %v", p.Key, p.Number, err), fix, facts...)
		case holder.Own:
			f.ofAnother(p, named())
		case !holder.Taken, n.OwnPort != nil && n.OwnPort(ctx) == p.Number:
		case holder.Process == nil:
			f.error("port.in-use", msg.M("%s: port %d is already in use", p.Key, p.Number), fix, facts...)
		default:
			f.error("port.in-use", msg.M("%s: port %d is already in use by process %d (%s)", p.Key, p.Number,
				holder.Process.PID, holder.Process.Command), fix, append(facts, holderFacts(holder.Process)...)...)
		}
	}
	n.supervisorctl(ctx, f, programs)
}

// ofAnother warns of a port that another component of this node holds: a CM that was started while nginx was down has
// nginx's port on loopback, for Jetty's stop command (docs/oms-facts.md §14.2). Step 4 restarts both.
func (f *found) ofAnother(p config.Port, programs map[string]int) {
	holder := listener.HeldBy(p.Number, programs)
	if holder == "" || holder == p.Program {
		return
	}
	f.warning("port.other-component", msg.M("%s: port %d is held by %s, and so %s cannot have it", p.Key, p.Number,
		holder, p.Program),
		msg.M("omsinit restart %s %s", p.Program, holder), fact("key", p.Key), fact("port", p.Number),
		fact("program", holder))
}

// holderFacts are the facts about a process that is in the way.
func holderFacts(p *listener.Process) []finding.Fact {
	return []finding.Fact{fact("pid", p.PID), fact("command", p.Command)}
}

// supervisorctl is about the one port that config.yaml cannot change. PID 1 serves its socket instead, so a port that
// is taken only matters to scripts that use it.
func (n *node) supervisorctl(ctx context.Context, f *found, programs func() []int) {
	if n.Layout.Relocated() {
		return
	}
	holder, err := listen(ctx, supervisorctlPort, programs)
	if err != nil || !holder.Taken || holder.Own {
		return
	}
	if p := holder.Process; p != nil && p.PID == 1 { // it has opened the port for [inet_http_server]
		return
	}
	m := msg.M("port %d is already in use", supervisorctlPort)
	facts := []finding.Fact{fact("port", supervisorctlPort)}
	if p := holder.Process; p != nil {
		m = msg.M("port %d is already in use by process %d (%s)", supervisorctlPort, p.PID, p.Command)
		facts = append(facts, holderFacts(p)...)
	}
	f.warning("port.supervisorctl", m,
		msg.M("stop what holds the port if anything of yours talks to supervisord there"), facts...)
}

// listen tries a port; when it is in use it returns the holder. The error is another reason why it cannot be had.
func listen(ctx context.Context, port int, programs func() []int) (listener.Holder, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err == nil {
		return listener.Holder{}, l.Close()
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return listener.Holder{}, err
	}
	holder := findAfter(port, programs)
	holder.Taken = true
	return holder, nil
}

// findAfter asks for the programs that run after it has seen that a port is taken: they may be starting just now.
func findAfter(port int, programs func() []int) listener.Holder {
	if holder := listener.Find(port, nil); !holder.Taken {
		return holder
	}
	return listener.Find(port, nil, programs()...)
}
