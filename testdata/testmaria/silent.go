package testmaria

import (
	"net"
	"strconv"
	"sync/atomic"
)

// SilentTo returns a port that leads to another one, that of the server or of a relay, until silence is called. From
// then on nothing passes any more, neither way, and no connection is closed until the test ends: the network is gone.
func (s *Server) SilentTo(target int) (port int, silence func()) {
	s.t.Helper()
	var silent atomic.Bool
	over := make(chan struct{})
	s.t.Cleanup(func() { close(over) })
	pass := func(to, from net.Conn) {
		b := make([]byte, 64<<10)
		for {
			n, err := from.Read(b)
			if silent.Load() {
				<-over
				return
			}
			if _, werr := to.Write(b[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	port = s.relayTo(net.JoinHostPort(s.Host, strconv.Itoa(target)), func(client, server net.Conn) {
		back := make(chan struct{})
		go func() {
			pass(client, server)
			client.Close()
			close(back)
		}()
		pass(server, client)
		server.Close()
		<-back
	})
	return port, func() { silent.Store(true) }
}
