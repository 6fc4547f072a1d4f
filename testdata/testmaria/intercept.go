package testmaria

import (
	"io"
	"net"
)

// Fate is what becomes of a statement on its way to the server.
type Fate struct {
	// Cut closes the connection instead of sending it, CutAfter as soon as it
	// was sent: the server may work on it all the same.
	Cut, CutAfter bool
	// Instead is sent in its place; empty: it is sent as it is.
	Instead string
}

// Intercept returns a port that leads to the server, and asks about the text of
// each statement on its way. The other way is left alone.
func (s *Server) Intercept(ask func(statement string) Fate) (port int) {
	s.t.Helper()
	const comQuery = 3
	return s.relay(func(client, server net.Conn) {
		go func() {
			defer client.Close()
			_, _ = io.Copy(client, server)
		}()
		for {
			p, err := packet(client)
			if err != nil {
				return
			}
			fate := Fate{}
			if len(p) > 5 && p[3] == 0 && p[4] == comQuery {
				fate = ask(string(p[5:]))
			}
			if fate.Cut {
				return
			}
			if text := fate.Instead; text != "" {
				n := len(text) + 1
				p = append([]byte{byte(n), byte(n >> 8), byte(n >> 16), 0, comQuery}, text...)
			}
			if _, err := server.Write(p); err != nil || fate.CutAfter {
				return
			}
		}
	})
}
