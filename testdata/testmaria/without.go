package testmaria

import (
	"bytes"
	"io"
	"net"
)

// Without returns a port on which the server does not know a function, so that
// it answers like one that never had it: OceanBase, for instance, had no
// GET_LOCK for a long time. Other errors are as they are.
func (s *Server) Without(function string) (port int) {
	s.t.Helper()
	// A name of the same length keeps the packets what they are.
	known := []byte(function)
	unknown := append(bytes.Clone(known[:len(known)-1]), '_')
	return s.relay(func(client, server net.Conn) {
		go func() {
			defer client.Close()
			_, _ = io.Copy(client, server)
		}()
		b := make([]byte, 64<<10)
		for {
			n, err := client.Read(b) // a client writes a packet at once
			if _, werr := server.Write(bytes.ReplaceAll(b[:n], known, unknown)); err != nil || werr != nil {
				return
			}
		}
	})
}
