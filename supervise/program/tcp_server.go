package program

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"strconv"
	"strings"

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
func (b *builder) readTCP() *TCPServer {
	s := b.in.sections["inet_http_server"]
	if s == nil {
		return nil
	}
	r := b.reader(s)
	t := &TCPServer{username: r.Text("username", ""), password: r.Text("password", "")}
	written := strings.TrimSpace(r.Text("port", ""))
	r.reportUnknown()
	host, port := "", written
	if i := strings.LastIndexByte(written, ':'); i >= 0 {
		host, port = strings.Trim(written[:i], "[]"), written[i+1:]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		r.report("port", msg.M("%q is not an address such as 127.0.0.1:8084", written))
		return nil
	}
	if host == "*" {
		host = ""
	}
	if (t.username == "" || t.password == "") && !IsLoopback(host) {
		t.username, t.password = "", ""
		host = "127.0.0.1"
		b.in.warn(s, "port", msg.M("%s would let anybody on the network stop programs; the port is opened on 127.0.0.1 only, as long as no username and password are set", written),
			msg.Message{})
	}
	t.Address = net.JoinHostPort(host, port)
	return t
}

// Open reports whether everybody who reaches the port may use it.
func (t *TCPServer) Open() bool { return t.username == "" || t.password == "" }

// Allows reports whether a user name and a password are those of the port.
func (t TCPServer) Allows(name, password string) bool {
	want, given := t.password, password
	if hash, ok := strings.CutPrefix(t.password, "{SHA}"); ok {
		sum := sha1.Sum([]byte(password)) // Supervisor's own choice
		want, given = strings.ToLower(hash), hex.EncodeToString(sum[:])
	}
	sameName := subtle.ConstantTimeCompare([]byte(name), []byte(t.username))
	return sameName&subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}
