package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// longestQueue is how long a client waits for another one to leave before it is sent away.
const longestQueue = 2 * time.Second

// places are those that clients may take at the same time, on all listeners together, and one descriptor kept for the
// client who comes when there is none left: it is the one who can be told.
type places struct {
	taken chan struct{}

	mu    sync.Mutex
	spare *os.File // nil while a client has it
}

func newPlaces() *places {
	p := &places{taken: make(chan struct{}, api.MostClients)}
	p.keepSpare()
	return p
}

func (p *places) keepSpare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spare == nil {
		p.spare, _ = os.Open(os.DevNull)
	}
}

// giveSpare frees the descriptor, and reports whether there was one.
func (p *places) giveSpare() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spare == nil {
		return false
	}
	p.spare.Close()
	p.spare = nil
	return true
}

// guarded is a listener whose clients need a place.
type guarded struct {
	net.Listener
	places *places
}

// Accept returns the next client who has found a place. The others are told that there is none.
func (g guarded) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if none := errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE); none && g.places.giveSpare() {
			if conn, err = g.Listener.Accept(); err != nil {
				g.places.keepSpare()
			}
		}
		if err != nil {
			return nil, err
		}
		select {
		case g.places.taken <- struct{}{}:
			return &placed{Conn: conn, places: g.places}, nil
		case <-time.After(longestQueue):
			turnAway(conn)
			g.places.keepSpare()
		}
	}
}

// turnAway answers without looking at the request.
func turnAway(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = conn.Read(make([]byte, 16<<10)) // what is closed with something unread takes the answer along
	text, err := json.Marshal(api.Failure{Error: msg.NewText(
		msg.M("PID 1 has %d clients already, and takes no more at the same time; try again in a moment",
			api.MostClients))})
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

// placed is a client with a place.
type placed struct {
	net.Conn
	places *places
	once   sync.Once
}

func (c *placed) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		<-c.places.taken
		c.places.keepSpare()
	})
	return err
}
