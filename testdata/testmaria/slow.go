package testmaria

import (
	"io"
	"net"
	"time"
)

// Slow returns a port at which the server greets after so long, as one does that looks for the client's name first.
func (s *Server) Slow(delay time.Duration) (port int) {
	s.t.Helper()
	return s.relay(func(client, server net.Conn) {
		go func() {
			time.Sleep(delay)
			_, _ = io.Copy(client, server)
			client.Close()
		}()
		_, _ = io.Copy(server, client)
	})
}

// Keyless returns a port at which the server has no key for caching_sha2_password.
func (s *Server) Keyless() (port int) {
	s.t.Helper()
	const askForKey = 2
	return s.relay(func(client, server net.Conn) {
		go func() {
			_, _ = io.Copy(client, server)
			client.Close()
		}()
		for {
			p, err := packet(client)
			if err != nil {
				return
			}
			if len(p) == 5 && p[3] > 0 && p[4] == askForKey {
				refusal := refusal{number: 1045, state: "28000", message: "Access denied"}
				answer := refusal.packet()
				answer[3] = p[3] + 1
				_, _ = client.Write(answer)
				return
			}
			if _, err := server.Write(p); err != nil {
				return
			}
		}
	})
}
