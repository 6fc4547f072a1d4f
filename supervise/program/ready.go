package program

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"slices"
	"strconv"

	"omsinit/internal/listener"
	"omsinit/internal/msg"
)

// Ready asks the readiness probe of a program whose first process is pid. An answer proves that the program is ready
// when it comes from the program: what is left of an earlier run, or a stranger, may hold its port.
func (p *Program) Ready(ctx context.Context, run CommandRunner, pid int) (ready bool, answer msg.Message) {
	if ready, answer = p.Probe.Ask(ctx, run); !ready {
		return false, answer
	}
	switch h := p.Listener(pid); {
	case h.Own, !h.Taken: // what is taken by nobody is handed on by the kernel
		return true, answer
	case h.Process == nil:
		return false, msg.M("%s is answered by a process that does not belong to the program, and cannot be seen from here", p.Probe.String())
	default:
		return false, msg.M("%s is answered by process %d (%s), which does not belong to the program", p.Probe.String(),
			h.Process.PID, h.Process.Command)
	}
}

// Listener returns who holds the port that the readiness probe connects to, when it is one of this host that must be
// the program's own, and whether that is the program with this first process.
func (p *Program) Listener(pid int) (h listener.Holder) {
	if p.Probe == nil || p.Probe.AnyProcess {
		return h
	}
	address, port := p.Probe.port()
	if port == 0 || !onThisHost(address) {
		return h
	}
	return listener.Find(port, address, pid)
}

// Port returns the port that the program is ready on when it listens there itself, 0 for none.
func (p *Program) Port() int {
	if p.Probe == nil || p.Probe.AnyProcess {
		return 0
	}
	_, port := p.Probe.port()
	return port
}

// port returns the address and the port that the probe connects to, 0 for none. Names but localhost are not looked up.
func (p *Probe) port() (net.IP, int) {
	host, port, _ := net.SplitHostPort(p.TCP)
	if u, err := url.Parse(p.HTTP); p.HTTP != "" && err == nil {
		host, port = u.Hostname(), cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	number, _ := strconv.Atoi(port)
	return net.ParseIP(host), number
}

// onThisHost reports whether an address is one of this host's.
func onThisHost(ip net.IP) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	addresses, _ := net.InterfaceAddrs()
	return ip != nil && slices.ContainsFunc(addresses, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	})
}
