// Package control answers on the control socket, in JSON and in Supervisor's XML-RPC, and on Supervisor's TCP port.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"omsinit/supervise/operation"
)

const (
	longestSocketPath = 107 // of sun_path, without the final zero
	longestTimeout    = 24 * time.Hour
)

// Server answers on the control socket: JSON under /v1/, Supervisor's XML-RPC
// at /RPC2 and its log streams at /logtail/.
type Server struct {
	s        *engine.Supervisor
	listener net.Listener
	http     http.Server
	tcp      *tcpPort
	done     chan struct{}
}

// Listen creates the control socket, mode 0600 from its first moment.
func Listen(s *engine.Supervisor) (*Server, error) {
	path := s.Settings().SocketPath
	if len(path) > longestSocketPath {
		return nil, msg.Errorf("the control socket path %s has %d bytes, and a socket can have at most %d; choose a shorter one in [unix_http_server] file",
			path, len(path), longestSocketPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, msg.Errorf("cannot create the folder of the control socket: %w", err)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := listenPrivately(path)
	if err != nil {
		return nil, msg.Errorf("cannot listen on the control socket: %w", err)
	}
	places := newPlaces()
	srv := &Server{s: s, listener: guarded{l, places}, done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", srv.status)
	mux.HandleFunc("POST /v1/update", srv.update)
	mux.HandleFunc("POST /v1/start", srv.operate(api.Start))
	mux.HandleFunc("POST /v1/stop", srv.operate(api.Stop))
	mux.HandleFunc("POST /v1/restart", srv.operate(api.Restart))
	mux.HandleFunc("POST /v1/setup", srv.setup)
	mux.HandleFunc("POST /v1/shutdown", srv.shutdown)
	addCompanion(mux, s.Settings().Companion)
	// What Supervisor has, it has on the TCP port as well; ours is for the
	// socket only, which has a mode.
	shared := http.NewServeMux()
	shared.Handle("/RPC2", newRPCService(s))
	shared.HandleFunc("GET /logtail/{name}", srv.logtail)
	shared.HandleFunc("GET /logtail/{name}/{stream}", srv.logtail)
	shared.HandleFunc("GET /mainlogtail", srv.mainlogtail)
	mux.Handle("/RPC2", shared)
	mux.Handle("GET /logtail/", shared)
	mux.Handle("GET /mainlogtail", shared)
	srv.tcp = &tcpPort{handler: srv.bounded(shared), log: s.Logger(), places: places}
	srv.http = http.Server{Handler: srv.bounded(mux), ReadHeaderTimeout: api.IoTimeout, IdleTimeout: api.IoTimeout,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.Logger().Handler(), slog.LevelWarn)}
	return srv, nil
}

// removeStale removes the socket that a killed run left behind, and nothing
// else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return msg.Errorf("cannot look at the control socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return msg.Errorf("cannot listen on %s: there is something else than a socket; remove it", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return msg.Errorf("cannot listen on %s: another supervisor answers there; stop it first", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return msg.Errorf("cannot tell whether another supervisor uses the control socket: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return msg.Errorf("cannot remove the control socket of a killed run: %w", err)
	}
	return nil
}

// listenPrivately makes a socket that nobody else can connect to at any
// moment: in a folder of its own, and moved to its place with the right mode.
// (A umask would be shared with everything else in this process, and a thread
// with its own needs unshare, which Docker forbids by default.)
func listenPrivately(path string) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	private := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: private, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by that name it is gone; close removes it
	if err := errors.Join(os.Chmod(private, 0o600), os.Rename(private, path)); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Serve answers from now on, also on the TCP port that the program files ask for.
func (srv *Server) Serve() {
	go srv.serve()
	srv.s.OpenPort(srv.tcp)
}

func (srv *Server) serve() {
	defer close(srv.done)
	if err := srv.http.Serve(srv.listener); !errors.Is(err, http.ErrServerClosed) {
		srv.s.Logger().Error("the control socket does not answer any more", "error", err)
	}
}

// Close removes the socket, and gives answers in progress a moment.
func (srv *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	srv.tcp.Close()
	_ = srv.http.Shutdown(ctx)
	_ = srv.http.Close()
	<-srv.done
	_ = os.Remove(srv.s.Settings().SocketPath)
}

// bounded limits what a request may send and how long it may take to.
func (srv *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(api.IoTimeout))
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // of the request before
		r.Body = http.MaxBytesReader(w, r.Body, api.BodyLimit)
		defer srv.s.Answered()
		next.ServeHTTP(w, r)
	})
}

// slow ends the read deadline once the request is there, so that a long
// answer is not cut.
func slow(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(api.IoTimeout))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that went away is no error
}

func refuse(w http.ResponseWriter, status int, err error) {
	reply(w, status, api.Failure{Error: msg.ErrorText(err)})
}

func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		refuse(w, http.StatusBadRequest, msg.Errorf("the request is not understood: %v", err))
		return false
	}
	slow(w)
	return true
}

func (srv *Server) status(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, srv.s.Status())
}

func (srv *Server) update(w http.ResponseWriter, r *http.Request) {
	slow(w)
	ctx, cancel := context.WithTimeout(srv.s.Lifetime(), api.DefaultTimeout)
	defer cancel()
	result, err := srv.s.Reload(ctx)
	if err != nil {
		refuse(w, http.StatusConflict, err)
		return
	}
	reply(w, http.StatusOK, result)
}

func (srv *Server) setup(w http.ResponseWriter, r *http.Request) {
	var report api.SetupReport
	if !decode(w, r, &report) {
		return
	}
	if err := srv.s.ReportSetup(report); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, struct{}{})
}

func (srv *Server) shutdown(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, struct {
		PID int `json:"pid"`
	}{os.Getpid()})
	srv.s.Logger().Info("a client asked for the shutdown")
	srv.s.Terminate()
}

func (srv *Server) operate(v api.Verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req api.OperationRequest
		if !decode(w, r, &req) {
			return
		}
		events := make(chan api.Event, 256)
		o, err := srv.s.Operation(v, req, func(e api.Event) {
			select {
			case events <- e:
			default: // a client that does not read must not hold up the programs
			}
		})
		if err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		timeout := api.DefaultTimeout
		if req.TimeoutSeconds > 0 {
			timeout = min(time.Duration(req.TimeoutSeconds)*time.Second, longestTimeout)
		}
		srv.stream(w, r, o, events, timeout)
	}
}

// stream runs an operation and writes its events, one JSON object per line.
// The operation goes on when the client leaves: half a restart is a stopped
// program.
func (srv *Server) stream(w http.ResponseWriter, r *http.Request, o *operation.Operation, events <-chan api.Event,
	timeout time.Duration) {
	result := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(srv.s.Lifetime(), timeout)
		defer cancel()
		result <- o.Run(ctx)
	}()
	w.Header().Set("Content-Type", "application/x-ndjson")
	control := http.NewResponseController(w)
	encoder := json.NewEncoder(w)
	send := func(v any) bool {
		_ = control.SetWriteDeadline(time.Now().Add(api.IoTimeout))
		return encoder.Encode(v) == nil && control.Flush() == nil
	}
	for {
		select {
		case e := <-events:
			if !send(e) {
				return
			}
		case err := <-result:
			for len(events) > 0 {
				if !send(<-events) {
					return
				}
			}
			if err != nil {
				srv.s.Logger().Error("an operation failed", "error", err)
			}
			send(api.OperationEnd{Done: true, Error: msg.ErrorText(err)})
			return
		case <-r.Context().Done():
			return
		}
	}
}

// addCompanion adds the handlers of the companion.
func addCompanion(mux *http.ServeMux, c *engine.Companion) {
	if c == nil {
		return
	}
	for pattern, handler := range c.Handlers {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(api.IoTimeout))
			handler.ServeHTTP(w, r)
		})
	}
}
