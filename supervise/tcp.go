package supervise

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/msg"
)

// TCPServer is the [inet_http_server] section. The OMS image has one on
// 0.0.0.0:8084 without a password (oms-facts §3), on the host's own network.
type TCPServer struct {
	Address  string // host:port to listen on, loopback when there is no password
	username string
	password string // {SHA}hex for a hash, as in Supervisor
}

// readTCP reads [inet_http_server]. Without both a user name and a password
// the port is opened on loopback only, whatever the file says.
func (b *definitionsBuilder) readTCP() *TCPServer {
	s := b.in.sections["inet_http_server"]
	if s == nil {
		return nil
	}
	r := b.reader(s)
	t := &TCPServer{username: r.text("username", ""), password: r.text("password", "")}
	written := strings.TrimSpace(r.text("port", ""))
	host, port := "", written
	if i := strings.LastIndexByte(written, ':'); i >= 0 {
		host, port = strings.Trim(written[:i], "[]"), written[i+1:]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		b.problem(s, "port", msg.M("%q is not an address such as 127.0.0.1:8084", written))
		return nil
	}
	if host == "*" {
		host = ""
	}
	if (t.username == "" || t.password == "") && !loopback(host) {
		t.username, t.password = "", ""
		host = "127.0.0.1"
		b.warn(s, "port", msg.M("%s would let anybody on the network stop programs; the port is opened on 127.0.0.1 only, as long as no username and password are set", written))
	}
	t.Address = net.JoinHostPort(host, port)
	return t
}

// open reports whether everybody who reaches the port may use it.
func (t *TCPServer) open() bool { return t.username == "" || t.password == "" }

// tcpPort is the open TCP port; it follows the program files.
type tcpPort struct {
	settings TCPServer
	http     http.Server
	listener net.Listener
}

// openTCP opens, moves or closes the TCP port as the definitions in use say.
// A port that is taken is no reason not to start: the socket is there.
func (s *Supervisor) openTCP(d *Definitions) {
	s.tcpLock.Lock()
	defer s.tcpLock.Unlock()
	if s.tcpHandler == nil || s.isClosing() {
		return
	}
	if s.tcp != nil {
		if d.TCP != nil && *d.TCP == s.tcp.settings {
			return
		}
		s.tcp.http.Close()
		s.tcp = nil
	}
	var problem error
	if d.TCP != nil {
		if s.tcp, problem = listenTCP(*d.TCP, s.tcpHandler, s.log); problem != nil {
			s.log.Error("the TCP control port is not open", "error", problem)
		}
	}
	s.mu.Lock()
	s.tcpProblem = problem
	s.mu.Unlock()
}

func (s *Supervisor) closeTCP() {
	s.tcpLock.Lock()
	defer s.tcpLock.Unlock()
	if s.tcp != nil {
		s.tcp.http.Close()
		s.tcp = nil
	}
}

func listenTCP(t TCPServer, handler http.Handler, log *slog.Logger) (*tcpPort, error) {
	l, err := net.Listen("tcp", t.Address)
	if err != nil {
		return nil, msg.Errorf("cannot open the TCP control port, use the control socket: %w", err)
	}
	p := &tcpPort{settings: t, listener: l}
	p.http = http.Server{Handler: t.guard(handler), ReadHeaderTimeout: ioTimeout, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() {
		if err := p.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the TCP control port does not answer any more", "error", err)
		}
	}()
	return p, nil
}

// guard asks for the password. Without one it keeps out what a web page could
// make a browser on this host send.
func (t TCPServer) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.open() {
			host, _, err := net.SplitHostPort(r.Host)
			if err != nil {
				host = r.Host
			}
			if !loopback(strings.Trim(host, "[]")) || r.Header.Get("Origin") != "" {
				http.Error(w, "only for programs on this host", http.StatusForbidden)
				return
			}
		} else if name, password, ok := r.BasicAuth(); !ok || !t.admits(name, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="default"`)
			http.Error(w, "user name and password are wrong", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (t TCPServer) admits(name, password string) bool {
	want, given := t.password, password
	if hash, ok := strings.CutPrefix(t.password, "{SHA}"); ok {
		sum := sha1.Sum([]byte(password)) // Supervisor's own choice
		want, given = strings.ToLower(hash), hex.EncodeToString(sum[:])
	}
	sameName := subtle.ConstantTimeCompare([]byte(name), []byte(t.username))
	return sameName&subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}
