package source

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"omsinit/internal/atomicfile"
	"omsinit/internal/msg"
)

// authority signs a certificate for the CM, by which the recorder speaks for it. It lives as long as the recording, its
// key is in no file, and only the recorded command is told to trust it.
type authority struct {
	dir    string // of the file with everybody whom the command may trust
	config *tls.Config
}

// systemRoots are where the certificates are that a Linux trusts.
var systemRoots = []string{os.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}

func newAuthority(host string) (*authority, error) {
	failed := func(err error) (*authority, error) {
		return nil, msg.Errorf("cannot make a certificate for recording: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return failed(err)
	}
	certificate := x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:   pkix.Name{CommonName: "omsinit pack capture"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(host); ip != nil {
		certificate.IPAddresses = []net.IP{ip}
	} else {
		certificate.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, &certificate, &certificate, &key.PublicKey, key)
	if err != nil {
		return failed(err)
	}
	a := &authority{config: &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	if a.dir, err = atomicfile.TempDir("record"); err != nil {
		return failed(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for _, name := range systemRoots {
		if roots, err := os.ReadFile(name); err == nil {
			text = slices.Concat(text, roots)
			break
		}
	}
	if err := os.WriteFile(a.file(), text, 0o644); err != nil {
		a.Close()
		return failed(err)
	}
	// The command may run parts of itself as another user.
	if err := os.Chmod(a.dir, 0o755); err != nil {
		a.Close()
		return failed(err)
	}
	return a, nil
}

func (a *authority) file() string { return filepath.Join(a.dir, "trusted.pem") }

func (a *authority) Close() { _ = os.RemoveAll(a.dir) }

// Env returns the variables that say whom to trust, to OpenSSL and Python, Python's requests, curl, git and Node.
func (a *authority) Env() (out []string) {
	for _, name := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} {
		out = append(out, name+"="+a.file())
	}
	return out
}

// tunnels answers requests for a tunnel, and hands everything else to next. The authority, where there is one, speaks
// for the CM; tunnels to others are noted and connected.
func tunnels(cm string, a *authority, next http.Handler, note func(to string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodConnect {
			next.ServeHTTP(w, req)
			return
		}
		var out net.Conn
		if own := a != nil && req.Host == cm; !own {
			note("https://" + req.Host)
			var err error
			if out, err = net.DialTimeout("tcp", req.Host, dialTime); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			defer out.Close()
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
			return
		}
		if out == nil {
			served := &served{conn: tls.Server(conn, a.config), closed: make(chan struct{})}
			inside := &http.Server{Handler: next, ReadHeaderTimeout: 30 * time.Second}
			_ = inside.Serve(served)
			return
		}
		go func() { _, _ = io.Copy(out, conn); out.Close() }()
		_, _ = io.Copy(conn, out)
	})
}

// served is a listener with one connection, which ends with it.
type served struct {
	conn   net.Conn
	taken  bool
	closed chan struct{}
	once   sync.Once
}

func (s *served) Accept() (net.Conn, error) {
	if !s.taken {
		s.taken = true
		return &servedConn{s.conn, s}, nil
	}
	<-s.closed
	return nil, net.ErrClosed
}

func (s *served) Addr() net.Addr { return s.conn.LocalAddr() }

func (s *served) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

type servedConn struct {
	net.Conn
	listener *served
}

func (c *servedConn) Close() error {
	err := c.Conn.Close()
	return errors.Join(err, c.listener.Close())
}
