package testmaria

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"regexp"
	"sync"
)

// oceanBaseVersion is what the greeting says.
const oceanBaseVersion = "5.7.25-OceanBase_CE-v4.2.1.8"

// refusals are what OceanBase in MySQL mode answers to what it lacks: the lob
// sentence is documented (oms-facts §4 and §11), the lock function was missing
// for a long time (github.com/prisma/orm/issues/18508).
var refusals = sync.OnceValue(func() []refusal {
	return []refusal{
		{regexp.MustCompile(`(?i)\b(GET_LOCK|RELEASE_LOCK|IS_USED_LOCK)\s*\(`), 1305, "42000",
			"FUNCTION does not exist"},
		{regexp.MustCompile(`(?is)^\s*ALTER\s+TABLE\b.*\bMODIFY\b.*\b(text|longtext|mediumtext|blob|longblob)\b`), 1235,
			"0A000", "Modify large text/lob column not supported"},
		{regexp.MustCompile(`(?is)\bFOREIGN\s+KEY\b|^\s*CREATE\s+TRIGGER\b|^\s*ALTER\b.*\bALGORITHM\b|^\s*CHECKSUM\b`),
			1235, "0A000", "Not supported feature or function"},
	}
})

type refusal struct {
	query   *regexp.Regexp
	number  uint16
	state   string
	message string
}

// OceanBase returns a port that answers like a MySQL tenant of OceanBase: it
// greets as one and refuses what that does not know. All the rest the server
// does.
func (s *Server) OceanBase() (port int) {
	s.t.Helper()
	return s.relay(func(client, server net.Conn) {
		greeting, err := packet(server)
		if err != nil {
			return
		}
		// Protocol 10, the version up to a zero byte, then what must stay.
		if end := bytes.IndexByte(greeting[4:], 0); greeting[4] == 10 && end > 0 {
			body := append([]byte{10}, oceanBaseVersion...)
			body = append(body, greeting[4+end:]...)
			greeting = append([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), greeting[3]},
				body...)
		}
		if _, err := client.Write(greeting); err != nil {
			return
		}
		go func() {
			defer client.Close()
			_, _ = io.Copy(client, server)
		}()
		for {
			p, err := packet(client)
			if err != nil {
				return
			}
			if r := refused(p); r != nil {
				_, err = client.Write(r.packet())
			} else {
				_, err = server.Write(p)
			}
			if err != nil {
				return
			}
		}
	})
}

// packet reads a packet with its header.
func packet(from io.Reader) ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, err
	}
	p := make([]byte, 4+(int(header[0])|int(header[1])<<8|int(header[2])<<16))
	copy(p, header)
	_, err := io.ReadFull(from, p[4:])
	return p, err
}

func refused(p []byte) *refusal {
	const query = 3
	if len(p) < 6 || p[3] != 0 || p[4] != query {
		return nil
	}
	for _, r := range refusals() {
		if r.query.Match(p[5:]) {
			return &r
		}
	}
	return nil
}

func (r *refusal) packet() []byte {
	body := binary.LittleEndian.AppendUint16([]byte{0xff}, r.number)
	body = append(body, "#"+r.state+r.message...)
	return append([]byte{byte(len(body)), byte(len(body) >> 8), 0, 1}, body...)
}

// relay accepts connections until the test ends and hands each to serve
// together with one to the server. Both are closed when serve returns.
func (s *Server) relay(serve func(client, server net.Conn)) (port int) {
	return s.relayTo(s.Addr(), serve)
}

func (s *Server) relayTo(addr string, serve func(client, server net.Conn)) (port int) {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatalf("testmaria: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", addr)
			if err != nil {
				client.Close()
				continue
			}
			go func() {
				defer client.Close()
				defer server.Close()
				serve(client, server)
			}()
		}
	}()
	s.t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}
