package page

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// gate lets so many connections in as there are slots, and closes the others.
type gate struct {
	net.Listener
	slots chan struct{}
	tls   *tls.Config // nil for plain HTTP
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case g.slots <- struct{}{}:
			return &conn{Conn: c, tls: g.tls, leave: sync.OnceFunc(func() { <-g.slots })}, nil
		default:
			c.Close()
		}
	}
}

// conn is a connection that may turn out to be one of TLS: whoever comes with http:// to a port of https:// gets an
// answer too.
type conn struct {
	net.Conn // never changed: it may be closed from anywhere
	tls      *tls.Config
	leave    func()

	// stream is what is read and written, known from the first byte on. Until then nothing is written.
	stream net.Conn
	secure bool
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	switch {
	case c.tls == nil:
		return c.Conn.Read(b)
	case c.stream != nil:
		return c.stream.Read(b)
	}
	first := make([]byte, 1)
	if _, err := c.Conn.Read(first); err != nil {
		return 0, err
	}
	began := &begun{Conn: c.Conn, first: first}
	const handshake = 0x16 // ContentType of RFC 8446
	if c.secure = first[0] == handshake; c.secure {
		c.stream = tls.Server(began, c.tls)
	} else {
		c.stream = began
	}
	return c.stream.Read(b)
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if c.stream != nil {
		return c.stream.Write(b)
	}
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// begun is a connection whose first byte was read already.
type begun struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (c *begun) Read(b []byte) (int, error) {
	if len(c.first) == 0 || len(b) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.first)
	c.first = c.first[n:]
	return n, nil
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// plain reports whether a request came over plain HTTP to a port of HTTPS.
func plain(ctx context.Context) bool {
	c, ok := ctx.Value(connKey{}).(*conn)
	return ok && c.tls != nil && !c.secure
}

// writeTime bounds the writing of a piece of an answer.
const writeTime = 5 * time.Second
