package e2e

import (
	"net"
	"sync"
	"testing"
)

// relay is a network between a node and its MetaDB that can be cut. While it is
// cut nothing gets through and nobody is told: packets are lost, connections
// are neither refused nor closed.
type relay struct {
	port   int
	target string
	mu     sync.Mutex
	whole  chan struct{} // closed while the network is whole
	conns  map[net.Conn]bool
}

func newRelay(t testing.TB, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{port: l.Addr().(*net.TCPAddr).Port, target: target, whole: make(chan struct{}),
		conns: map[net.Conn]bool{}}
	close(r.whole)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.keep(c)
			wg.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.heal()
		r.drop()
		wg.Wait()
	})
	return r
}

func (r *relay) keep(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = true
}

func (r *relay) serve(client net.Conn) {
	defer client.Close()
	r.wait()
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	r.keep(server)
	go func() { r.pump(server, client); server.Close(); client.Close() }()
	r.pump(client, server)
	server.Close()
}

func (r *relay) pump(to, from net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		r.wait()
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *relay) wait() {
	r.mu.Lock()
	whole := r.whole
	r.mu.Unlock()
	<-whole
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.whole = make(chan struct{})
}

// heal lets new connections through; those of before are broken.
func (r *relay) heal() {
	r.drop()
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.whole:
	default:
		close(r.whole)
	}
}

func (r *relay) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
		delete(r.conns, c)
	}
}
