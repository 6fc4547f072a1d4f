package control

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// tcpPort is the TCP port of Supervisor's interface. It follows the program files.
type tcpPort struct {
	handler http.Handler
	log     *slog.Logger
	places  *places

	mu       sync.Mutex
	settings program.TCPServer
	http     *http.Server // nil when it is not open
	closed   bool
}

// Follow opens, moves or closes the port as the program files say; t is nil for none.
func (p *tcpPort) Follow(t *program.TCPServer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.http != nil && t != nil && *t == p.settings {
		return nil
	}
	if p.http != nil {
		p.http.Close()
		p.http = nil
	}
	if t == nil {
		return nil
	}
	server, err := listenTCP(*t, p.handler, p.places, p.log)
	if err != nil {
		return err
	}
	p.http, p.settings = server, *t
	return nil
}

// Close closes the port for good.
func (p *tcpPort) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.http != nil {
		p.http.Close()
		p.http = nil
	}
}

func listenTCP(t program.TCPServer, handler http.Handler, places *places,
	log *slog.Logger) (*http.Server, error) {
	l, err := net.Listen("tcp", t.Address)
	if err != nil {
		return nil, msg.Errorf("cannot open the TCP control port, use the control socket: %w", err)
	}
	server := &http.Server{Handler: guard(t, handler), ReadHeaderTimeout: api.IoTimeout, IdleTimeout: api.IoTimeout,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() {
		if err := server.Serve(guarded{l, places}); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the TCP control port does not answer any more", "error", err)
		}
	}()
	return server, nil
}

// guard asks for the password. Without one it keeps out what a web page could
// make a browser on this host send.
func guard(t program.TCPServer, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.Open() {
			host, _, err := net.SplitHostPort(r.Host)
			if err != nil {
				host = r.Host
			}
			if !program.IsLoopback(strings.Trim(host, "[]")) || r.Header.Get("Origin") != "" {
				http.Error(w, "only for programs on this host", http.StatusForbidden)
				return
			}
		} else if name, password, ok := r.BasicAuth(); !ok || !t.Allows(name, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="default"`)
			http.Error(w, "user name and password are wrong", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
