// Package page shows in a browser how far the node is: on a port that one of the programs is to have, as long as that
// program does not run, and on a socket behind it, for when the program answers that it cannot go on. Nothing can be
// changed there.
package page

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"omsinit/internal/listener"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// Place is where the page is to be found.
type Place struct {
	Port    int
	Program string // the one that is to have the port
	// CertFile and KeyFile are for HTTPS, "" for HTTP.
	CertFile, KeyFile string
}

// Options are what a page needs to know.
type Options struct {
	// Where returns the place. It is asked whenever something has happened to the node.
	Where func() Place
	// Socket is where the program that has the port finds the page.
	Socket string
	Lang   msg.Lang    // for browsers that ask for neither language
	Hint   msg.Message // what a person does when the setup task needs one
	// Status returns what is to be shown, and Warn tells a person of something.
	Status func() api.Status
	Warn   func(msg.Message)
	Log    *slog.Logger
}

// Page is a page that is shown, see Open.
type Page struct {
	Options
	nudges chan struct{} // holds a token when something has happened
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{} // one for each connection
	events chan struct{} // one for each that follows
	socket *server

	mu    sync.Mutex
	place Place
	port  *server     // nil while it is not open
	used  string      // the certificate that it has
	away  int         // programs that have the port
	tries int         // in vain, since the port was given back
	timer *time.Timer // of the next try
	said  string      // the last warning

	look snapshot
}

// The bounds of what strangers can take.
const (
	mostConnections = 64
	mostFollowers   = 16
)

// Open shows the page until ctx ends or it is closed.
func Open(ctx context.Context, o Options) *Page {
	p := &Page{Options: o, nudges: make(chan struct{}, 1), slots: make(chan struct{}, mostConnections),
		events: make(chan struct{}, mostFollowers)}
	p.place = p.where()
	p.ctx, p.cancel = context.WithCancel(ctx)
	if l, err := listenSocket(o.Socket); err != nil {
		o.Log.Warn("the page cannot be shown behind the console's port", "error", err)
	} else {
		p.socket = p.serve(l, nil)
	}
	p.show(p.place)
	go p.follow()
	return p
}

// listenSocket makes the socket, which others may use: they see there what they see on the port.
func listenSocket(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() == fs.ModeSocket {
		err = os.Remove(path) // a killed run has left it: the lock of the run is ours
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o666)
}

// Close ends it.
func (p *Page) Close() {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close()
	if p.socket != nil {
		p.socket.Close()
	}
}

// Look is called when something has happened that may have to do with the place.
func (p *Page) Look() {
	select {
	case p.nudges <- struct{}{}:
	default:
	}
}

// Port returns the port that the page is shown on, 0 while a program has it.
func (p *Page) Port() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.port == nil {
		return 0
	}
	return p.place.Port
}

// Yield frees the port before a program is started that is to have it; all are those that are supervised. back is to be
// called when it has ended.
func (p *Page) Yield(starts program.Program, all []program.Program) (back func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.place.belongsTo(starts) &&
		(starts.Early || slices.ContainsFunc(all, p.place.belongsTo)) {
		return func() {}
	}
	p.away++
	p.close()
	return sync.OnceFunc(func() {
		p.mu.Lock()
		p.away--
		p.tries = 0
		p.mu.Unlock()
		p.Look()
	})
}

// belongsTo reports whether a program is to have the port. Where none is, it may be any.
func (w Place) belongsTo(p program.Program) bool { return p.Name == w.Program || p.Port() == w.Port }

// follow moves the page along with its place.
func (p *Page) follow() {
	for {
		select {
		case <-p.nudges:
			p.show(p.where())
		case <-p.ctx.Done():
			return
		}
	}
}

// where asks for the place, and keeps a panic there from ending PID 1: the zero Place is none.
func (p *Page) where() (place Place) {
	defer func() {
		if r := recover(); r != nil {
			p.Log.Error("it is not known where to show the page", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	return p.Where()
}

// show opens or moves the port, unless a program has it.
func (p *Page) show(place Place) {
	var certificate *tls.Certificate
	used := ""
	if place.CertFile != "" {
		loaded, err := tls.LoadX509KeyPair(place.CertFile, place.KeyFile)
		if err == nil {
			certificate, used = &loaded, string(loaded.Certificate[0])
		} else {
			p.Log.Warn("the page is shown over HTTP", "error", err)
		}
	}
	p.mu.Lock()
	warning := p.move(place, certificate, used)
	p.mu.Unlock()
	if !warning.IsZero() {
		p.Warn(warning)
	}
}

// move returns what a person is to be told. Callers hold the lock.
func (p *Page) move(place Place, certificate *tls.Certificate, used string) (warning msg.Message) {
	if p.port != nil && place == p.place && used == p.used {
		return
	}
	if p.away > 0 || place.Port == 0 || p.ctx.Err() != nil {
		return
	}
	p.close()
	p.place, p.used = place, used
	l, err := net.Listen("tcp", ":"+strconv.Itoa(place.Port))
	if err == nil {
		p.Log.Info("the page is open", "port", place.Port, "https", certificate != nil)
		p.port = p.serve(l, certificate)
		return
	}
	// What is left of the program may still be ending.
	const most = 5
	if p.tries++; p.tries <= most && errors.Is(err, syscall.EADDRINUSE) {
		p.timer = time.AfterFunc(100*time.Millisecond<<p.tries, p.Look)
		return
	}
	p.Log.Warn("the page cannot be shown", "error", err)
	text := msg.M("warning: how the first start goes is not shown in the browser: %v", err)
	if h := listener.Find(place.Port, nil); h.Process != nil {
		text = msg.M(
			"warning: how the first start goes is not shown in the browser: port %d is held by process %d (%s)",
			place.Port, h.Process.PID, h.Process.Command)
	}
	if said := text.String(); said != p.said {
		p.said, warning = said, text
	}
	return warning
}

// close frees the port, at once. Callers hold the lock.
func (p *Page) close() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if p.port != nil {
		p.port.Close()
		p.port = nil
	}
}

// server is one that answers on a listener.
type server struct {
	http.Server
	listener net.Listener
}

// Close frees the address before it returns. The server by itself would not when it has yet to begin.
func (s *server) Close() {
	s.listener.Close()
	s.Server.Close()
}

// serve answers on a listener.
func (p *Page) serve(l net.Listener, certificate *tls.Certificate) *server {
	g := &gate{Listener: l, slots: p.slots}
	if certificate != nil {
		g.tls = &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
	}
	const soon = 5 * time.Second
	s := &server{listener: l, Server: http.Server{Handler: http.HandlerFunc(p.answer), ConnContext: withConn,
		MaxHeaderBytes: 16 << 10, ReadTimeout: soon, IdleTimeout: 2 * soon,
		ErrorLog: slog.NewLogLogger(p.Log.Handler(), slog.LevelDebug)}}
	go func() {
		if err := s.Serve(g); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			p.Log.Error("the page does not answer any more", "error", err)
		}
	}()
	return s
}
